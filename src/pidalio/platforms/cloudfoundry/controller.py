"""The Cloud Controller in the adapter: read every few minutes, and asked about who is silent.

Invariant: whatever it answers, or does not, instances are followed as messages say; what it said last stays.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from pidalio.errors import PlatformUnavailable
from pidalio.platforms.adapter import Feed
from pidalio.platforms.cloudfoundry import complaints
from pidalio.platforms.cloudfoundry.api import Api
from pidalio.platforms.cloudfoundry.directory import Directory
from pidalio.platforms.cloudfoundry.registry import Entry
from pidalio.platforms.cloudfoundry.settings import CloudFoundrySettings
from pidalio.platforms.pausing import again_and_again

_SOON: Final = 10.0
"""Seconds after the last time at the earliest, when an app is met that was not known then."""


class Controller:
    """What the adapter asks of the Cloud Controller, where there is one (`is_there`)."""

    def __init__(self, settings: CloudFoundrySettings, directory: Directory) -> None:
        self._settings, self._directory = settings, directory
        self._api = Api(settings)
        self._read = asyncio.Event()
        self._due = 0.0
        self._last = 0.0
        self._hurried = asyncio.Event()
        self._asked_for: set[str] = set()

    @property
    def is_there(self) -> bool:
        """Tell whether there is one to ask."""
        return bool(self._settings.api)

    async def wait_read(self) -> None:
        """Wait until it was read once."""
        if self.is_there:
            await self._read.wait()

    async def close(self) -> None:
        """Close the connections to it."""
        await self._api.close()

    async def run(self, feed: Feed, news: Callable[[], None]) -> None:
        """Read it for ever, and say `news` after each time; what goes wrong is told."""
        if not self.is_there:
            await asyncio.Event().wait()
        now = asyncio.get_running_loop().time

        async def turn() -> None:
            await self._until_due(now)
            self._last = now()
            self._hurried.clear()
            known = await self._api.read()
            if self._settings.stats:
                known = msgspec.structs.replace(known, unroutable=await self._unroutable())
            self._due = self._last + _SOON if self._hurried.is_set() else now() + self._settings.reconcile
            self._directory.learn(known)
            self._asked_for -= known.apps.keys()
            self._read.set()
            feed.tell("api")
            news()

        def failed(error: PlatformUnavailable) -> None:
            feed.tell("api", complaints.of_api(str(error), was_read=self._read.is_set()))

        await again_and_again(turn, failed)

    def met(self, app: str) -> None:
        """Know that an app is registered; one that it does not know yet is reason to read it soon, once."""
        if not app or app in self._asked_for or app in self._directory.known.apps:
            return
        self._asked_for.add(app)
        self._due = min(self._due, self._last + _SOON)
        self._hurried.set()

    async def _until_due(self, now: Callable[[], float]) -> None:
        while (left := self._due - now()) > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._hurried.wait()
                    self._hurried.clear()

    async def who_is_gone(self, silent: Iterable[Entry]) -> list[Entry] | None:
        """Return those that do not run any more; None when it cannot be known now.

        An unnamed process says nothing, nor does an API that does not name the instances that run.
        """
        found: list[Entry] = []
        by_process: dict[str, list[Entry]] = {}
        for one in silent:
            if process := dict(one.instance.tags).get("process_id", ""):
                by_process.setdefault(process, []).append(one)
        try:
            for process, entries in by_process.items():
                running = await self._api.instances(process) or {}
                if "" in running:
                    return None
                found += [one for one in entries if one.instance.guid and one.instance.guid not in running]
        except PlatformUnavailable:
            return None  # told when it is read whole, soon
        return found

    async def _unroutable(self) -> frozenset[str]:
        """Return the instances that run and must not be routed to."""
        tags = (dict(one.instance.tags) for one in list(self._directory.registry.entries.values()))
        found: set[str] = set()
        for process in sorted({each.get("process_id", "") for each in tags} - {""}):
            running = await self._api.instances(process) or {}
            found.update(guid for guid, is_routable in running.items() if not is_routable)
        return frozenset(found)
