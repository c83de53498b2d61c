"""Mesos as a platform: the master's stream, Marathon's reads and events, and Mesos-DNS, joined and published.

Invariants: each source fails and comes back by itself, and what the others say goes on; nothing is published as all
that there is before each source was read, has failed once, or has had its time.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from pidalio.errors import PlatformUnavailable
from pidalio.model import Report, Severity
from pidalio.platforms.adapter import Feed
from pidalio.platforms.mesos.book import Book
from pidalio.platforms.mesos.enumerating import Dns
from pidalio.platforms.mesos.invalidation import EVERYTHING
from pidalio.platforms.mesos.leading import leading
from pidalio.platforms.mesos.marathon import Marathon
from pidalio.platforms.mesos.master import Master
from pidalio.platforms.mesos.publishing import Publishing
from pidalio.platforms.mesos.settings import MesosSettings
from pidalio.platforms.mesos.talking import Talking
from pidalio.platforms.pausing import again_and_again

_PATIENCE: Final = 10.0
"""Seconds that each source has for its first answer before what others say is published without it."""
_DEBOUNCE: Final = 0.1
"""Seconds in which Marathon's events gather before what they name is read."""
_FAILED_READ: Final = 5.0
_CODES: Final = {
    "state": "mesos-unreadable",
    "event": "mesos-unreadable",
    "apps": "mesos-unreadable",
    "marathon-event": "mesos-unreadable",
    "dns": "mesos-unreadable",
    "failover": "mesos-failover",
    "events": "mesos-no-events",
    "names": "mesos-no-address",
    "services": "mesos-no-service",
    "fallback": "mesos-fallback",
}


class MesosAdapter:
    """Follows one Mesos."""

    def __init__(self, settings: MesosSettings) -> None:
        self._settings = settings
        self._book: Book | None = None

    async def run(self, feed: Feed) -> None:
        """Follow it until cancelled."""
        if self._book is None:
            self._book = Book(self._settings)
            self._book.remember(feed.known())
        async with Talking(self._settings) as talking:
            await _Following(self._settings, self._book, talking, feed).run()


class _Following:
    """One run: its sources, and what was published."""

    def __init__(self, settings: MesosSettings, book: Book, talking: Talking, feed: Feed) -> None:
        self._settings, self._book, self._talking, self._feed = settings, book, talking, feed
        self._failing: dict[str, str] = {}
        stated = {"master": settings.master, "marathon": settings.marathon, "dns": settings.mesos_dns}
        self._sources = [
            name for name, value in stated.items() if value and (name != "dns" or not _has_better(settings))
        ]
        self._untried = set(self._sources)
        self._events_error = ""
        self._publishing = Publishing(feed, book, self._told, self._read_again)
        self._master: Master | None = None
        self._marathon = Marathon(book, talking, self._told)
        self._dns = Dns(book, talking, self._told)

    async def run(self) -> None:
        """Run all sources, until cancelled or one of them has a mistake."""
        book = self._book
        async with leading(self._settings, self._failed("master")) as leads, asyncio.TaskGroup() as group:
            if self._settings.master:
                self._master = Master(book, self._talking, leads, self._published, self._told)
                group.create_task(again_and_again(self._master.turn, self._failed("master")))
                group.create_task(self._settle())
            if self._settings.marathon:
                group.create_task(again_and_again(self._read_marathon, self._failed("marathon")))
                group.create_task(again_and_again(self._listen, self._without_events))
            if self._settings.mesos_dns:
                failed = self._without_fallback if _has_better(self._settings) else self._failed("dns")
                group.create_task(again_and_again(self._read_dns, failed))
            await asyncio.sleep(_PATIENCE)
            if self._untried:  # one that hangs does not keep back what others say
                self._untried.clear()
                await self._publish(is_whole=True)
            await asyncio.Event().wait()

    # Sources.

    async def _read_marathon(self) -> None:
        """Read Marathon as often as there is something to read."""
        book, reread = self._book, self._settings.reread
        while True:
            is_whole = await self._marathon.read()
            self._told("events", self._events_error)
            if is_whole:
                book.marathon_live = True
                book.release(is_settled=False)
                if book.is_marathons_word_final == book.master_live:
                    book.is_marathons_word_final = not book.master_live
                    await self._publishing.place(book.everything())
            await self._well("marathon", is_whole=is_whole)
            await self._marathon.stale(reread)
            await asyncio.sleep(_DEBOUNCE)

    async def _listen(self) -> None:
        """Hear Marathon's events; each time they are asked for anew, everything is read."""
        await self._marathon.listen(self._with_events)

    def _with_events(self) -> None:
        self._events_error = ""

    def _without_events(self, error: PlatformUnavailable) -> None:
        """Read Marathon, which says whether it is gone as a whole, or has no events only."""
        every = f"Marathon is read every {self._settings.reread:g} s instead"
        self._events_error = f"Marathon's events cannot be had: {error}; {every}"
        self._marathon.make_stale({EVERYTHING})

    async def _read_dns(self) -> None:
        """Ask Mesos-DNS while nothing better answers."""
        url = f"{self._settings.mesos_dns.rstrip('/')}/v1/enumerate"
        while True:
            if self._needs_fallback():
                await self._take_dns(url)
            else:
                self._told("fallback", "")
                if self._book.found:
                    self._book.put_found({})
                    await self._published(False)
            await asyncio.sleep(self._settings.reread if self._book.found else min(_FAILED_READ, self._settings.reread))

    async def _take_dns(self, url: str) -> None:
        self._book.put_found(await self._dns.read(url))
        if _has_better(self._settings):
            why = "neither the master nor Marathon answers: Mesos-DNS tells what is new, without labels and health"
            self._told("fallback", why)
            await self._published(False)
        else:
            await self._well("dns", is_whole=True)

    def _without_fallback(self, error: PlatformUnavailable) -> None:
        self._told("fallback", f"neither the master nor Marathon answers, nor does Mesos-DNS: {error}")

    def _needs_fallback(self) -> bool:
        """Tell whether nothing better than Mesos-DNS answers."""
        better = [name for name in self._sources if name != "dns"]
        return all(name in self._failing for name in better)

    async def _settle(self) -> None:
        """Look every second whether what is kept after a failover can be let go."""
        while True:
            await asyncio.sleep(1.0)
            if self._master is not None and (self._book.cluster.doubtful or self._book.held):
                self._master.settle()
                await self._published(False)

    # What is told.

    async def _well(self, source: str, *, is_whole: bool) -> None:
        was_failing = self._failing.pop(source, None) is not None
        self._untried.discard(source)
        await self._publish(is_whole=is_whole or was_failing)

    def _failed(self, source: str) -> Callable[[PlatformUnavailable], None]:
        def failed(error: PlatformUnavailable) -> None:
            self._failing[source] = str(error)
            self._untried.discard(source)
            if source == "marathon":
                self._book.marathon_live = False
                self._told("events", "")
            self._say_how_it_is()

        return failed

    def _say_how_it_is(self) -> None:
        if not self._failing:
            self._feed.heard()
            return
        why = "; ".join(self._failing.values())
        well = [name for name in self._sources if name not in self._failing and name not in self._untried]
        self._feed.lost(f"{why}; tasks are followed by {' and '.join(well)} alone" if well else why)

    def _told(self, topic: str, why: str) -> None:
        if not why:
            self._feed.tell(topic)
            return
        code = _CODES[topic]
        severity = Severity.INFO if code == "mesos-failover" else Severity.WARNING
        self._feed.tell(topic, Report(severity, code, f"{self._feed.name}: {why}"))

    # What is published.

    async def _published(self, is_whole: bool) -> None:
        """Publish what the master told."""
        if is_whole:
            await self._publishing.place(self._book.everything())
            await self._well("master", is_whole=True)
        else:
            await self._publish(is_whole=False)

    async def _publish(self, *, is_whole: bool) -> None:
        """Publish once each source was tried and anything was read: till then what an earlier process knew stays."""
        book = self._book
        if self._untried or not (book.master_live or book.marathon_live or book.found or "dns" in self._sources):
            return
        await self._publishing.publish(is_whole=is_whole)
        self._say_how_it_is()

    async def _read_again(self) -> None:
        """Read what answers once more."""
        if self._master is not None and self._book.master_live:
            await self._master.read_again()
        if self._book.marathon_live:
            await self._marathon.read_again()


def _has_better(settings: MesosSettings) -> bool:
    return bool(settings.master or settings.marathon)
