"""Files and folders as a live source: from an edit on disk to parsed objects, within a fraction of a second.

Invariant: what was delivered and taken is what the files say, as soon as they can be believed; what cannot be taken
(a full disk) is offered again. Watching makes it fast, scanning by content makes it certain.
It stands between the file system and `Catalog.replace_all`.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import msgspec

from pidalio.api.load import Loaded
from pidalio.errors import Unavailable
from pidalio.model import Report, Severity
from pidalio.platforms.files.finding import Found
from pidalio.platforms.files.looking import Looker, failed
from pidalio.platforms.files.settling import Look, Patience, Settling
from pidalio.platforms.files.watching import Watch

Deliver: TypeAlias = Callable[[Mapping[str, Loaded | None]], Awaitable[None]]
"""Takes units by name, None for one that is gone; raises `Unavailable` to be asked again later."""

_WATCH_UNIT = "<watch>"


class Pace(msgspec.Struct, frozen=True):
    """How often files are looked at, in seconds of the event loop's clock.

    `scan` is the time between scans by content (longer where a scan takes more than a twentieth of it);
    `retry` is the time after which what was not taken is offered again.
    """

    scan: float = 3.0
    retry: float = 2.0


class FileSource:
    """Follow `paths` (files, or folders with all in them) for as long as `run` runs."""

    def __init__(
        self,
        paths: Sequence[str | Path],
        default_namespace: str = "default",
        patience: Patience = Patience(),  # noqa: B008 - frozen
        pace: Pace = Pace(),  # noqa: B008 - frozen
    ) -> None:
        self._looker = Looker(paths, default_namespace)
        self._settling = Settling(patience)
        self._pace = pace
        self._woken = asyncio.Event()
        self._watch = Watch(self._woken)
        self._next_scan = 0.0

    async def run(self, deliver: Deliver) -> None:
        """Deliver all that is there at once, also when that is nothing, and then what changes; end when cancelled.

        What belongs together comes in one call: a move between files is no removal.
        """
        try:
            while True:
                await self._turn(deliver)
        finally:
            await self._watch.stop()

    async def _turn(self, deliver: Deliver) -> None:
        """Look once, deliver what is believed, and wait for the next reason to look."""
        now = asyncio.get_running_loop().time
        started = now()
        self._woken.clear()
        is_scan = started >= self._next_scan
        removed = self._watch.take_removed()
        look, found = await asyncio.to_thread(self._looker.look, thorough=is_scan, removed=removed)
        if is_scan:
            self._next_scan = now() + max(self._pace.scan, 20 * (now() - started))
        units = self._settling.looked(self._with_complaint(look), now())
        wake = self._next_scan
        if (units or self._settling.is_first) and not await self._offer(deliver, units):
            wake = now() + self._pace.retry
        elif (pending := self._settling.next_look()) is not None:
            wake = min(wake, pending)
        await self._follow(found)
        await self._sleep(wake - now())

    async def _offer(self, deliver: Deliver, units: Mapping[str, Loaded | None]) -> bool:
        """Deliver `units` and tell whether they were taken."""
        try:
            await deliver(units)
        except Unavailable:
            return False  # who refused has told why; the files still say the same when asked again
        self._settling.accept(units)
        return True

    async def _follow(self, found: Found) -> None:
        """Watch what was found; what changed before the watch stood is found by looking once more."""
        if await self._watch.follow(found):
            self._woken.set()

    async def _sleep(self, seconds: float) -> None:
        # Not wait_for: in Python 3.11 it swallows a cancellation that comes together with the event.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(seconds, 0.0)):
                await self._woken.wait()

    def _with_complaint(self, look: Look) -> Look:
        """Add, as a unit of its own, that the system does not let us watch."""
        if not self._watch.complaint:
            return look
        message = f"changes are noticed every {self._pace.scan:g} s only: {self._watch.complaint}"
        report = Report(Severity.WARNING, "not-watched", message)
        return msgspec.structs.replace(look, units={**look.units, _WATCH_UNIT: failed(report)})
