"""When a platform's answer is not believed: one that would take nearly all it showed away, all at once.

An outage of a registry looks like a mesh without instances. What is held back is kept beside what is live, until the
platform shows enough again, or the operator says that it is meant (`pidalio release`).
Invariant: what single agents or users say of single things is never held back; only whole deliveries are judged.
Source of the idea: Netflix Eureka's self-preservation; design record 0016 says what differs.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any, Final, TypeAlias, TypeGuard

import msgspec

from pidalio.api.load import Loaded
from pidalio.model import Endpoint, Health, Report, Severity, Workload
from pidalio.store.change import Change

MINIMUM_HEALTHY: Final = 20
"""Percent of the healthy instances that a platform showed which must remain; `ServerSettings` may say otherwise."""
_LEAST: Final = 2
"""One that goes alone is no outage."""

ALL: Final = frozenset(Health)
WELL: Final = frozenset({Health.HEALTHY, Health.UNKNOWN})
Units: TypeAlias = Mapping[str, Loaded | None]


class Held(msgspec.Struct, frozen=True):
    """A delivery that was not believed: what it said, and how to take it over after all."""

    message: str
    change: Callable[[], Change]


class Guard:
    """What each source delivered and is not believed; `minimum` is in percent, 0 believes everything."""

    def __init__(self, minimum: int = MINIMUM_HEALTHY) -> None:
        self.minimum = minimum
        self._held: dict[str, Held] = {}
        self._gone: dict[str, Units] = {}

    def is_believed(self, before: int, after: int) -> bool:
        """Tell whether so many healthy instances may become so few in one step."""
        return before < _LEAST or after * 100 >= self.minimum * before

    def feed(
        self,
        source: str,
        former: Mapping[Any, Any],
        rows: Mapping[Any, Mapping[Any, Any]],
        change: Callable[[], Change],
        *,
        confirmed: bool = False,
    ) -> bool:
        """Tell whether all that a platform has now is believed, beside its `former` rows; else hold it back.

        When the platform has `confirmed` what it lacks, only what it still shows is judged: what became of its health.
        """
        new = {(table, key): row for table, by_key in rows.items() for key, row in by_key.items()}
        had = _instances(former, WELL)
        before = len(had & _instances(new) if confirmed else had)
        return self.weigh(source, before, len(_instances(new, WELL)), change)

    def weigh(self, source: str, before: int, after: int, change: Callable[[], Change]) -> bool:
        """Tell whether a platform's healthy instances may become so few; else hold back what it has now."""
        if self.is_believed(before, after):
            return True
        what = f"{source} shows {after} healthy instances where it showed {before}"
        self._held[source] = Held(what, change)
        return False

    def files(self, source: str, former: Mapping[str, bool], units: Units, change: Callable[[Units], Change]) -> Units:
        """Return what of `units` is believed; `former` says of each known unit whether it holds objects.

        While all files are gone, what was in them stays; a file that comes back brings the removal of others with it.
        """
        together = {**self._gone.get(source, {}), **units}
        before = [name for name, holds in former.items() if holds]
        left = [name for name in before if name not in together]
        left += [name for name, loaded in together.items() if loaded is not None and loaded.parsed]
        if left or len(before) < _LEAST or not self.minimum:
            return together
        self._gone[source] = together
        self._held[source] = Held(f"all {len(before)} files that held objects are gone", lambda: change(together))
        return {}

    def hold(self, source: str, message: str, change: Callable[[], Change]) -> None:
        """Hold a delivery back until it is confirmed, or somebody says that it is meant."""
        self._held[source] = Held(message, change)

    def held(self, source: str) -> Held | None:
        """Return the delivery of a source that is held back, None where there is none."""
        return self._held.get(source)

    def took(self, source: str) -> None:
        """Note that what a source says is live: nothing of it is held back."""
        self._held.pop(source, None)
        self._gone.pop(source, None)

    def reports(self) -> tuple[Report, ...]:
        """Return a report for each delivery that is held back."""
        return tuple(kept(source, held.message) for source, held in sorted(self._held.items()))


def kept(source: str, what: str) -> Report:
    """Return the report that a source's last word is not believed."""
    message = f"{what}: what was known last stays in force; if it is meant, say `pidalio release {source}`"
    return Report(Severity.WARNING, "kept-last-known", message)


def _instances(rows: Mapping[Any, Any], health: Collection[Health] = ALL) -> set[tuple[Any, str, int]]:
    return {(slot, *instance) for slot, row in rows.items() for instance in instances(row, health)}


def instances(row: Any, health: Collection[Health] = ALL) -> set[tuple[str, int]]:
    """Return address and port of each instance with such a health that a row shows (port 0: a whole workload)."""
    if isinstance(row, Workload):
        return {(row.address, 0)} if row.address and row.health in health else set()
    if isinstance(row, tuple):
        return {(one.address, one.port) for one in row if _is_endpoint(one) and one.health in health}
    return set()


def _is_endpoint(one: Any) -> TypeGuard[Endpoint]:
    return isinstance(one, Endpoint)
