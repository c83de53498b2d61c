"""What is wrong with single messages and routes, in few lines: each said once, and taken back when it is mended.

Pure; times are seconds of a steady clock. Invariant: however much is wrong, what is told of it is bounded.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from pidalio.model import Report, Severity, printable
from pidalio.platforms.cloudfoundry.mapping import Mapped
from pidalio.platforms.cloudfoundry.registry import Entry

_MOST: Final = 20
_NAMED: Final = 5


class BadMessages:
    """Messages that mean nothing, by who they are about; the last `_MOST` of them."""

    def __init__(self) -> None:
        self._told: dict[str, tuple[str, float]] = {}

    def note(self, who: str, why: str, now: float) -> bool:
        """Note one; return whether what is told became different."""
        former = self._told.pop(who, None)
        self._told[who] = (why, now)
        if len(self._told) > _MOST:
            del self._told[next(iter(self._told))]
        return former is None or former[0] != why

    def mended(self, who: str) -> bool:
        """Note that somebody is understood; return whether that is news."""
        return bool(self._told) and self._told.pop(who, None) is not None

    def forget(self, now: float, after: float) -> bool:
        """Forget what was not repeated for `after` seconds; return whether there was any."""
        gone = [who for who, (_, at) in self._told.items() if now - at > after]
        for who in gone:
            del self._told[who]
        return bool(gone)

    def reports(self) -> list[Report]:
        """Return what is told."""
        return [
            _warning("cloudfoundry-message", f"a message{f' of {who}' if who else ''} is dropped: {why}")
            for who, (why, _) in self._told.items()
        ]


def of_routes(said: Mapping[str, Mapped]) -> list[Report]:
    """Return what there is to tell of all hosts together of which something was left out."""
    found = []
    if count := sum(one.unverified for one in said.values()):
        hosts = _some(host for host, one in said.items() if one.unverified)
        found.append(
            _warning(
                "cloudfoundry-unverified",
                f"{count} instances speak TLS and are left out, because nobody can verify them ({hosts}): state "
                "instanceCa, the CA of instance identities",
            )
        )
    if past := [route for one in said.values() for route in one.past_service]:
        found.append(
            _warning(
                "cloudfoundry-route-service",
                f"requests for {_some(past)} belong to a route service, which is not called here: their instances are "
                "left out; unbind it, or state unserved=bypass",
            )
        )
    if odd := {f"{option} ({host})" for host, one in said.items() for option in one.odd_options}:
        found.append(
            _warning("cloudfoundry-option", f"loadbalancing {_some(sorted(odd))} is not known: least requests count")
        )
    return found


def of_silence(silent: Iterable[Entry], interval: float, *, asked: bool) -> list[Report]:
    """Return what there is to tell of instances with TLS that nobody registers again."""
    found = [f"{one.instance.address}:{one.instance.port} of {one.instance.app or one.instance.guid}" for one in silent]
    if not found:
        return []
    then = "the API is asked about them" if asked else "they stay until somebody says that they are gone"
    message = f"{len(found)} instances were not registered again within {6 * interval:g} s ({_some(found)}): {then}"
    return [_warning("cloudfoundry-silent", message)]


def of_dropped() -> Report:
    """Return what there is to tell when messages were lost."""
    return _warning("cloudfoundry-dropped", "messages came faster than they were read, and some were lost")


def of_api(why: str, *, was_read: bool) -> Report:
    """Return what there is to tell when the API cannot be read."""
    stays = "names, labels and weights stay as they were"
    waits = "routes stay as they were before the start until it was read once"
    return _warning("cloudfoundry-api", f"{why}; {stays if was_read else waits}")


def _some(names: Iterable[str]) -> str:
    every = list(names)
    more = f" and {len(every) - _NAMED} more" if len(every) > _NAMED else ""
    return ", ".join(every[:_NAMED]) + more


def _warning(code: str, message: str) -> Report:
    return Report(Severity.WARNING, code, printable(message))
