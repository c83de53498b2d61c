"""How one platform is: what `pidalio platforms` shows, and what is told while something is wrong.

Invariant: everything here is about the platform as a whole; what a message says of one of its services is told under a
topic of its own.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import msgspec

from pidalio.model import Report, Severity, Workload, printable
from pidalio.platforms.following.judging import Slot
from pidalio.store import tables

_LONGEST: Final = 300
"""Characters of an error that are shown."""
_NAMED: Final = (tables.SERVICES, tables.ALIASES)
"""What is counted as services."""


class Standing(msgspec.Struct, frozen=True):
    """A platform at this moment; times are seconds since the epoch, 0.0 for never.

    `state` is `starting` (not read yet), `synced`, `stale` (it does not answer: what was known last is in force) or
    `held` (its answer is not believed).
    """

    name: str
    kind: str
    state: str
    synced: float = 0.0
    heard: float = 0.0
    since: float = 0.0
    error: str = ""
    services: int = 0
    instances: int = 0
    objects: int = 0
    reports: tuple[Report, ...] = ()


class Told:
    """What is known of how a platform is."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self.synced = 0.0
        self.heard = 0.0
        self.lost_since = 0.0
        self.error = ""
        self.held = ""
        self.restored = False
        self._topics: dict[str, tuple[Report, ...]] = {}

    def hear(self) -> None:
        """Note that the platform is there."""
        self.heard = self._clock()
        self.lost_since = 0.0
        self.error = ""

    def lose(self, why: str) -> None:
        """Note that it cannot be followed now."""
        if not self.lost_since:
            self.lost_since = self._clock()
        self.error = printable(why)[:_LONGEST]

    def sync(self) -> None:
        """Note that everything was read once."""
        self.hear()
        self.synced = self.heard

    def tell(self, topic: str, reports: tuple[Report, ...]) -> None:
        """Make `reports` all that stands about `topic`."""
        if reports:
            self._topics[topic] = reports
        else:
            self._topics.pop(topic, None)

    @property
    def state(self) -> str:
        """Return the word for it."""
        if self.held:
            return "held"
        if self.lost_since and (self.synced or self.restored):
            return "stale"
        return "synced" if self.synced else "starting"

    def reports(self, name: str) -> Iterator[Report]:
        """Yield what there is to tell."""
        if self.held:
            yield Report(Severity.WARNING, "platform-held", f"{name}: {self.held}")
        if self.lost_since:
            yield self._lost(name)
        for _, reports in sorted(self._topics.items()):
            yield from reports

    def _lost(self, name: str) -> Report:
        if self.synced or self.restored:
            message = f"{name} cannot be followed: {self.error}; what was known of it last stays in force"
            return Report(Severity.WARNING, "platform-stale", message)
        return Report(Severity.ERROR, "platform-not-read", f"{name} was never read: {self.error}")


def counted(rows: Mapping[Slot, Any]) -> tuple[int, int]:
    """Return how many services and instances rows show; instances that share an address count each."""
    services = 0
    names: dict[str, str] = {}
    others: set[tuple[str, str]] = set()  # instances that share an address with the first one of it
    for (table, _), row in rows.items():
        services += table in _NAMED
        if table is tables.ENDPOINTS:
            for one in row:
                if names.setdefault(one.address, one.workload) != one.workload:
                    others.add((one.address, one.workload))
        elif isinstance(row, Workload) and row.address and row.address not in names:
            names[row.address] = row.name
    return services, len(names) + len(others)
