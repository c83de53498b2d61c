"""What an Envoy counts, kept for a minute, and told while a fault campaign concerns it.

Nothing is told while none does: a mesh of thousands of proxies has nothing to hear. What is told then begins with the
minute before, so that there is something to compare with.
Invariant: whether a campaign concerns this Envoy is read from its own runtime, where the shares are or are not.
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

import msgspec

from pidalio.agent.envoy_supervisor import EnvoySupervisor
from pidalio.errors import EnvoyUnresponsive, PidalioError
from pidalio.model import Tally

Tell: TypeAlias = Callable[[tuple[Tally, ...]], Awaitable[None]]

_EVERY: Final = 5.0
"""Seconds between two looks: as often as Envoy brings its histograms up to date."""
_KEPT: Final = 13
_AFTER: Final = 2
"""Looks that are told when a campaign has ended: the second has the histograms of the first one's calls for certain."""


class TallyKeeper:
    """Counts what passes one Envoy; `tell` gets what it was not told yet. `now` is a steady clock, in seconds."""

    def __init__(self, supervisor: EnvoySupervisor, tell: Tell, *, now: Callable[[], float] = time.monotonic) -> None:
        self._supervisor, self._tell, self._now = supervisor, tell, now
        self._untold: deque[tuple[float, Tally]] = deque(maxlen=_KEPT)
        self._owed = 0

    async def run(self) -> None:
        """Count until cancelled."""
        while True:
            await self._supervisor.ready.wait()
            await self.look()
            await asyncio.sleep(_EVERY)

    async def look(self) -> None:
        """Look once, and tell what there is to tell: also when a campaign has just ended."""
        envoy = self._supervisor.envoy
        if envoy is None or not self._supervisor.ready.is_set():
            self._untold.clear()  # a new Envoy counts from 0
            return
        with contextlib.suppress(EnvoyUnresponsive):  # it is looked at again, or it ended
            self._untold.append((self._now(), await envoy.admin.tally()))
            self._owed = _AFTER + 1 if await envoy.admin.is_lent_faults() else self._owed
            if self._owed:
                self._owed -= 1
                await self._told()

    async def _told(self) -> None:
        now = self._now()
        with contextlib.suppress(PidalioError):  # away, or older than this operation: told again with the next
            await self._tell(tuple(msgspec.structs.replace(one, age=now - at) for at, one in self._untold))
            self._untold.clear()
