"""What an Envoy took out of its own pools: by active checks, and by outlier detection, and for what.

Outlier detection writes each ejection and return to a file, which costs nothing while nothing happens; the file says
for what, and when. Who is out now is read from Envoy itself, of the clusters concerned only, so that an instance that
was removed meanwhile is not out for ever. Failed checks write no file: their counters are looked at, which exist only
for clusters that are checked.
Invariant: what was told last is what Envoy said last; an Envoy that ends has forgotten all.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Final, TypeAlias

import msgspec

from pidalio.agent.admin import Admin, Host
from pidalio.agent.envoy_supervisor import EnvoySupervisor
from pidalio.errors import EnvoyUnresponsive
from pidalio.model import Sight, Source

Seen: TypeAlias = Callable[[tuple[Sight, ...]], Awaitable[None]]
Key: TypeAlias = tuple[str, str, Source]

_LOOK_EVERY, _COUNTERS_EVERY = 0.5, 5.0
_KEPT: Final = 600.0
"""For how many seconds a return is told."""
_MOST_RETURNS: Final = 100
_LARGEST_FILE: Final = 1 << 20
_MOST_NAMED = 20
_CHECKS = r"\.health_check\.(failure|healthy)$"
_FOR_WHAT = {
    "CONSECUTIVE_5XX": "consecutive 5xx",
    "CONSECUTIVE_GATEWAY_FAILURE": "consecutive gateway errors (502, 503, 504)",
    "CONSECUTIVE_LOCAL_ORIGIN_FAILURE": "consecutive failures to connect or to answer in time",
    "SUCCESS_RATE": "fewer successes than others",
    "SUCCESS_RATE_LOCAL_ORIGIN": "fewer connections than others",
    "FAILURE_PERCENTAGE": "too large a share of errors",
    "FAILURE_PERCENTAGE_LOCAL_ORIGIN": "too large a share of failures to connect",
}


class Event(msgspec.Struct, frozen=True):
    """One line of the file of ejections, as far as it is read."""

    type: str
    cluster_name: str
    upstream_url: str
    action: str
    num_ejections: int = 0
    enforced: bool = True

    @property
    def reason(self) -> str:
        """Return for what it was ejected, and how often by now."""
        what = _FOR_WHAT.get(self.type, self.type.lower().replace("_", " "))
        return what if self.num_ejections < 2 else f"{what} ({self.num_ejections} times by now)"


class Lookout:
    """Watches one Envoy; `seen` is told everything that is out, and what came back lately, whenever that changed."""

    def __init__(self, supervisor: EnvoySupervisor, seen: Seen, *, now: Callable[[], float] = time.time) -> None:
        self._supervisor, self._seen, self._now = supervisor, seen, now
        self._file = _Tail(supervisor.files.ejections)
        self._reasons: dict[tuple[str, str], str] = {}
        self._out: dict[Key, Sight] = {}
        self._back: list[Sight] = []
        self._told: tuple[Sight, ...] = ()
        self._counters: dict[str, int] = {}
        self._next_counters = 0.0

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            await self.look()

    async def look(self) -> None:
        """Look once, and tell what changed."""
        envoy = self._supervisor.envoy
        if envoy is None or not self._supervisor.ready.is_set():
            self._forget()
        else:
            with contextlib.suppress(EnvoyUnresponsive):  # it is looked at again, or it ended
                await self._ask(envoy.admin)
        now = self._now()
        self._back = [one for one in self._back if now - one.until < _KEPT][-_MOST_RETURNS:]
        told = (*self._out.values(), *self._back)
        if told != self._told:
            self._told = told
            await self._seen(told)

    async def _ask(self, admin: Admin) -> None:
        """Ask Envoy about the clusters in which something may have changed."""
        events = self._file.events()
        for event in events:
            self._reasons[event.cluster_name, event.upstream_url] = event.reason
        concerned = {event.cluster_name for event in events}
        concerned |= {cluster for cluster, _, source in self._out if source is Source.OUTLIER}
        if await self._counters_changed(admin):
            self._take(await admin.hosts(), None)
        elif concerned:
            named = concerned if len(concerned) <= _MOST_NAMED else set()
            self._take(await admin.hosts(named), named or None)

    async def _counters_changed(self, admin: Admin) -> bool:
        """Tell whether some checked instance may have come or gone; asked seldom, and more seldom where it is slow."""
        begun = time.monotonic()
        if begun < self._next_counters:
            return False
        former, self._counters = self._counters, await admin.stats(_CHECKS)
        ended = time.monotonic()
        self._next_counters = ended + max(_COUNTERS_EVERY, 50 * (ended - begun))
        return former != self._counters

    def _take(self, hosts: Iterable[Host], clusters: set[str] | None) -> None:
        """Take over who is out in `clusters` (None: in all of them)."""
        now, found = self._now(), dict[Key, str]()
        for host in hosts:
            if host.failed_check:
                found[host.cluster, host.address, Source.CHECK] = host.failed_check
            if host.is_ejected:
                reason = self._reasons.get((host.cluster, host.address), "errors")
                found[host.cluster, host.address, Source.OUTLIER] = reason
        for key in [key for key in self._out if key not in found and (clusters is None or key[0] in clusters)]:
            self._back.append(msgspec.structs.replace(self._out.pop(key), until=now))
        for key, reason in found.items():
            known = self._out.get(key)
            self._out[key] = Sight(*key, reason, known.since if known else now)

    def _forget(self) -> None:
        self._file.begin_anew()
        self._out, self._back, self._reasons, self._counters = {}, [], {}, {}
        self._next_counters = 0.0


class _Tail:
    """What is appended to a file; it is emptied when it grew large."""

    def __init__(self, path: Path) -> None:
        self._path, self._read = path, 0

    def begin_anew(self) -> None:
        """Note that the file is another one."""
        self._read = 0

    def events(self) -> list[Event]:
        """Return what came since the last call; half a line is left for the next."""
        try:
            if self._path.stat().st_size == self._read:
                return []
            with self._path.open("r+b") as file:
                file.seek(self._read)
                whole, newline, _ = file.read().rpartition(b"\n")
                self._read += len(whole) + len(newline)
                if self._read > _LARGEST_FILE:  # who is out is read from Envoy: a line that comes in between is no loss
                    file.truncate(0)
                    self._read = 0
        except FileNotFoundError:
            return []
        return [event for line in whole.splitlines() if (event := _event(line)) and event.enforced]


def _event(line: bytes) -> Event | None:
    try:
        return msgspec.json.decode(line, type=Event)
    except msgspec.DecodeError:  # an empty line between two events
        return None
