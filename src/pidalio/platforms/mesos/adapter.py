"""Mesos as a platform: the master's stream, Marathon's reads and events, and Mesos-DNS, joined and published.

Invariants: each source fails and comes back by itself, and what the others say goes on; nothing is published as all
that there is before each source was read, or has failed once; the loop is never held by a large state.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from pidalio.errors import PlatformUnavailable
from pidalio.model import Report, Severity
from pidalio.platforms.adapter import Feed, Rows
from pidalio.platforms.mesos import dns, mapping, words
from pidalio.platforms.mesos.book import Book
from pidalio.platforms.mesos.instances import SERVICE, Instance
from pidalio.platforms.mesos.invalidation import EVERYTHING
from pidalio.platforms.mesos.leading import leading
from pidalio.platforms.mesos.marathon import Marathon
from pidalio.platforms.mesos.master import Master, listed
from pidalio.platforms.mesos.naming import Names
from pidalio.platforms.mesos.settings import MesosSettings
from pidalio.platforms.mesos.talking import Talking
from pidalio.platforms.offers import Offer, became, offered
from pidalio.platforms.pausing import again_and_again

_TOGETHER: Final = 100
"""Tasks or services that are worked out in one step."""
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
        self._names = Names()
        self._offers: dict[str, Offer] = {}
        self._publishing = asyncio.Lock()
        self._failing: dict[str, str] = {}
        stated = {"master": settings.master, "marathon": settings.marathon, "dns": settings.mesos_dns}
        self._sources = [
            name for name, value in stated.items() if value and (name != "dns" or not _has_better(settings))
        ]
        self._untried = set(self._sources)
        self._is_whole = False
        self._events_error = ""
        self._nameless: dict[str, str] = {}
        self._master: Master | None = None
        self._marathon = Marathon(book, talking, self._told)

    async def run(self) -> None:
        """Run all sources, until cancelled or one of them has a mistake."""
        book = self._book
        book.dirty |= {*book.specs, *book.members, *book.held}
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
                    await self._place(book.everything())
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
        answer = await self._talking.whole("GET", url)
        try:
            told = msgspec.json.decode(answer, type=dns.Enumerated)
        except msgspec.MsgspecError as error:
            raise PlatformUnavailable(f"{url}: its answer is not that of Mesos-DNS: {words.first(error)}") from error
        found: dict[str, Instance] = {}
        broken: dict[str, str] = {}
        specs = {**self._book.known_specs(), **self._book.specs}
        for framework in told.frameworks:
            for number, raw in enumerate(framework.tasks or ()):
                try:
                    one = dns.instance_of(msgspec.json.decode(raw, type=dns.DnsTask), framework.name, specs)
                except msgspec.MsgspecError as error:
                    broken[f"{framework.name} task {number}"] = words.first(error)
                    continue
                if one is not None:
                    found[one.id] = one
                if number % _TOGETHER == _TOGETHER - 1:
                    await asyncio.sleep(0)
        self._book.put_found(found)
        self._told("dns", listed(broken))
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
            await self._place(self._book.everything())
            await self._well("master", is_whole=True)
        else:
            await self._publish(is_whole=False)

    async def _publish(self, *, is_whole: bool) -> None:
        """Publish what changed; as all there is when a source was read as a whole, and each was tried."""
        async with self._publishing:
            await self._place(self._book.changes())
            if self._untried:
                return
            await self._find_addresses(is_whole=is_whole)
            if is_whole or not self._is_whole:
                await self._complete()
            else:
                former, now = await self._changes()
                if rows := became(self._feed.name, former, now):
                    self._feed.change(rows)
            self._say_how_it_is()

    async def _complete(self) -> None:
        """Say all that there is, where it is something else than before, or nobody knows."""
        former, now = await self._changes()
        if self._is_whole and not former and not now:
            return
        if not (self._book.master_live or self._book.marathon_live or self._book.found or "dns" in self._sources):
            return  # nothing was ever read: what an earlier process knew stays
        await self._feed.complete(offered(self._feed.name, self._offers.values()), self._again)
        self._is_whole = True

    async def _again(self) -> Rows:
        """Read every source once more, and return all that there is."""
        if self._master is not None and self._book.master_live:
            await self._master.read_again()
        if self._settings.marathon and self._book.marathon_live:
            await self._marathon.read_again()
        await self._place(self._book.changes())
        await self._changes()
        return offered(self._feed.name, self._offers.values())

    async def _changes(self) -> tuple[list[Offer], list[Offer]]:
        """Work out the services that changed, and return those of before and of now."""
        book = self._book
        former: list[Offer] = []
        now: list[Offer] = []
        dirty, book.dirty = book.dirty, set()
        for number, group in enumerate(dirty):
            before, after = self._offers.pop(group, None), book.offer(group)
            self._note_service(group, after)
            if after is not None:
                self._offers[group] = after
            if before != after:
                former += [before] if before else []
                now += [after] if after else []
            if number % _TOGETHER == _TOGETHER - 1:
                await asyncio.sleep(0)
        return former, now

    async def _find_addresses(self, *, is_whole: bool) -> None:
        """Look up hosts that are known by name only: those of services that changed, or all of them."""
        book = self._book
        if is_whole:
            wanted = book.hosts_by_name()
            self._names.forget_others(wanted)
        else:
            members = (book.instances[key] for group in book.dirty for key in book.members.get(group, ()))
            wanted = mapping.names_to_look_up(members, lambda name: name in book.addresses or name in book.looked_up)
        if not wanted and not is_whole:
            return
        await self._names.look_up(wanted)
        book.found_addresses({name: self._names.addresses[name] for name in wanted & self._names.addresses.keys()})
        failed = {name: why for name, why in self._names.failed.items() if name not in book.looked_up}
        why = "is not in DNS here, so its tasks are not called; state agents' addresses (--ip, --hostname)"
        self._told("names", f"agent {listed(failed)}: {why}" if failed else "")

    def _note_service(self, group: str, made: Offer | None) -> None:
        if made is None and group in self._book.specs and self._book.specs[group].ports:
            self._nameless[group] = f"no host name results from its label {SERVICE} or the setting hostname"
        elif self._nameless.pop(group, None) is None:
            return
        self._told("services", listed(self._nameless))

    async def _place(self, keys: Iterable[str]) -> None:
        """Work tasks out anew, a little at a time."""
        for number, key in enumerate(list(keys)):
            self._book.place(key)
            if number % _TOGETHER == _TOGETHER - 1:
                await asyncio.sleep(0)


def _has_better(settings: MesosSettings) -> bool:
    return bool(settings.master or settings.marathon)
