"""Health as a platform says it, made steady: an instance that goes up and down is believed to be well only later.

Invariant: only a return to health waits (`model.damping` says how long); a fall counts at once, and which instances
there are is never touched: a late removal would lead requests to whoever has the address next.
It stands last before rows go live. Pure: it is told the time. Source: design records 0016 and 0020.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec

from pidalio.derive import Table
from pidalio.model import Endpoint, Health, Report, Severity, Workload
from pidalio.model.damping import Damping

Slot: TypeAlias = tuple[Table[Any, Any], Any]
Instance: TypeAlias = tuple[str, int, int]
"""Address, port and service's port of an endpoint; a workload is the only instance of its row."""
_WELL: Final = frozenset({Health.HEALTHY, Health.UNKNOWN})
_REMEMBERED: Final = 1000
"""So many rows with falls are remembered before those that do not count any more are looked for."""


class _Held(NamedTuple):
    """An instance that is well and not believed yet: what its platform says, until when, and how often it fell."""

    health: Health
    until: float
    falls: int


class Steadying:
    """The falls of one platform's instances, and those of them that are held back."""

    def __init__(self) -> None:
        self._falls: dict[Slot, dict[Instance, Damping]] = {}
        self._held: dict[Slot, dict[Instance, _Held]] = {}
        self._look_at = _REMEMBERED
        self._soonest = math.inf

    def steady(self, slot: Slot, former: Any, row: Any, now: float) -> Any:
        """Return `row` with the health that is believed; `former` is the live row in its place, None for none."""
        new = dict(_instances(row))
        if slot not in self._falls and Health.UNHEALTHY not in new.values():
            return row
        held = self._held.pop(slot, {})
        before = {key: held[key].health if key in held else health for key, health in _instances(former)}
        falls = {key: one for key, one in self._falls.pop(slot, {}).items() if key in new}
        waiting: dict[Instance, _Held] = {}
        for key, health in new.items():
            if health is Health.UNHEALTHY and before.get(key) in _WELL:
                falls.setdefault(key, Damping()).fell(now)
            elif health in _WELL and key in falls:
                if key in held:
                    waiting[key] = held[key]._replace(health=health)
                elif before.get(key) is Health.UNHEALTHY and (hold := falls[key].hold(now)):
                    waiting[key] = _Held(health, now + hold, falls[key].falls(now))
        if falls:
            self._falls[slot] = falls
            self._forget(now)
        waiting = {key: one for key, one in waiting.items() if one.until > now}
        if waiting:
            self._held[slot] = waiting
            self._soonest = min(self._soonest, *(one.until for one in waiting.values()))
        return _with_health(row, dict.fromkeys(waiting, Health.UNHEALTHY))

    def due(self, live: Mapping[Slot, Any], now: float) -> Iterator[tuple[Slot, Any]]:
        """Yield the rows, of those that are `live`, in which an instance is believed to be well from `now` on."""
        self._soonest = math.inf
        for slot, held in list(self._held.items()):
            freed = {key: one.health for key, one in held.items() if one.until <= now}
            left = {key: one for key, one in held.items() if key not in freed}
            if left:
                self._soonest = min(self._soonest, *(one.until for one in left.values()))
                self._held[slot] = left
            else:
                del self._held[slot]
            if freed and slot in live:
                yield slot, _with_health(live[slot], freed)

    @property
    def soonest(self) -> float | None:
        """Return when to look whether one that is held back is `due`, None where none is held."""
        return self._soonest if self._held else None

    def reports(self, platform: str) -> Iterable[Report]:
        """Return one line about those that are held back."""
        found = [(one.falls, slot, key) for slot, held in self._held.items() for key, one in held.items()]
        if not found:
            return ()
        falls, slot, key = max(found, key=lambda item: (item[0], item[1][1], item[2]))
        which = f"{key[0]}:{key[1]} of {slot[1][0]}" if key[0] else f"{slot[1][1]} of namespace {slot[1][0]}"
        more = f" ({len(found) - 1} more like it)" if len(found) > 1 else ""
        message = f"{platform}: {which} fell ill {falls} times in ten minutes{more}: it must stay well before it counts"
        return (Report(Severity.WARNING, "instance-flapping", message),)

    def _forget(self, now: float) -> None:
        """Forget falls that do not count any more, once there are many."""
        if len(self._falls) < self._look_at:
            return
        for slot, falls in list(self._falls.items()):
            if slot not in self._held and not any(one.falls(now) for one in falls.values()):
                del self._falls[slot]
        self._look_at = max(_REMEMBERED, 2 * len(self._falls))


def _instances(row: Any) -> Iterator[tuple[Instance, Health]]:
    if isinstance(row, Workload):
        yield ("", 0, 0), row.health
    elif isinstance(row, tuple):
        for one in row:
            if isinstance(one, Endpoint):
                yield (one.address, one.port, one.service_port), one.health


def _with_health(row: Any, health: Mapping[Instance, Health]) -> Any:
    if not health:
        return row
    if isinstance(row, Workload):
        return msgspec.structs.replace(row, health=health["", 0, 0])
    return tuple(
        msgspec.structs.replace(one, health=health[key])
        if (key := (one.address, one.port, one.service_port)) in health
        else one
        for one in row
    )
