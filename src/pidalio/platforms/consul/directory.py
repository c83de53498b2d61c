"""What is known of Consul's services: the instances of each in every datacenter, and the offer that they are together.

Pure. Invariant: `offers` is always all that is known; what became different since it was last said waits in `changes`.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from pidalio.derive import Table
from pidalio.model import ObjectRef, Report, Severity
from pidalio.platforms.adapter import Rows
from pidalio.platforms.consul.instances import Seen
from pidalio.platforms.consul.offering import KIND, Offered, offered_as
from pidalio.platforms.consul.settings import ConsulSettings
from pidalio.platforms.offers import Offer, became

_NOTHING = Offered(None)


class Directory:
    """The services of one Consul in all datacenters that are followed."""

    def __init__(self, settings: ConsulSettings, platform: str) -> None:
        self._settings, self._platform = settings, platform
        self._instances: dict[str, dict[str, tuple[Seen, ...]]] = {}
        self._problems: dict[str, dict[str, tuple[str, ...]]] = {}
        self._offered: dict[str, Offered] = {}
        self._protocols: Mapping[str, str] = {}
        self._changes: dict[Table[Any, Any], dict[Any, Any]] = {}
        self._touched: set[str] = set()

    def names(self, datacenter: str) -> set[str]:
        """Return the services that a datacenter has."""
        return {name for name, places in self._instances.items() if datacenter in places}

    def instances(self, datacenter: str, name: str) -> tuple[Seen, ...] | None:
        """Return the instances of a service in a datacenter, None where it is not known there."""
        return self._instances.get(name, {}).get(datacenter)

    def put(self, datacenter: str, name: str, instances: tuple[Seen, ...], problems: tuple[str, ...] = ()) -> bool:
        """Make these all instances of a service in a datacenter; tell whether that changes anything."""
        self._problems.setdefault(name, {})[datacenter] = problems
        self._instances.setdefault(name, {})[datacenter] = instances
        return self._offer(name)

    def remove(self, datacenter: str, name: str) -> None:
        """Forget a service of a datacenter."""
        for table in (self._instances, self._problems):
            places = table.get(name, {})
            places.pop(datacenter, None)
            if not places:
                table.pop(name, None)
        self._offer(name)

    def speak(self, protocols: Mapping[str, str]) -> None:
        """Make these the protocols that Consul's own settings state, by service."""
        former, self._protocols = self._protocols, protocols
        for name in {*former, *protocols} & self._instances.keys():
            if former.get(name) != protocols.get(name):
                self._offer(name)

    def offers(self) -> Iterator[Offer]:
        """Yield all that is offered."""
        return (one.offer for one in tuple(self._offered.values()) if one.offer is not None)

    def changes(self) -> Rows:
        """Return what became different since this was asked last."""
        found, self._changes = self._changes, {}
        return found

    def told(self) -> dict[str, tuple[Report, ...]]:
        """Return what is to be told of each service about which that may have changed since this was asked last."""
        names, self._touched = self._touched, set()
        return {name: self._offered.get(name, _NOTHING).reports for name in sorted(names)}

    def _offer(self, name: str) -> bool:
        places = self._instances.get(name, {})
        every = [one for datacenter in sorted(places) for one in places[datacenter]]
        former = self._offered.pop(name, _NOTHING)
        now = offered_as(name, every, self._settings, self._protocols.get(name, "")) if places else _NOTHING
        ref = ObjectRef(KIND, self._settings.namespace, name)
        bad = tuple(
            Report(Severity.WARNING, "consul-bad-instance", problem, ref)
            for _, problems in sorted(self._problems.get(name, {}).items())
            for problem in problems
        )
        now = Offered(now.offer, (*bad, *now.reports))
        if places:
            self._offered[name] = now
        if now.reports != former.reports:
            self._touched.add(name)
        if now.offer == former.offer:
            return False
        rows = became(self._platform, *([one.offer] if one.offer else [] for one in (former, now)))
        for table, by_key in rows.items():
            self._changes.setdefault(table, {}).update(by_key)
        return True
