"""What is said of Mesos to the mesh: services that changed, or all that there is.

Invariants: what was worked out is said, or worked out again: whoever is interrupted (another master leads, a question
failed) leaves nothing half said behind; one at a time publishes; the event loop gets its turn in the midst of it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from pidalio.platforms.adapter import Feed, Rows
from pidalio.platforms.mesos import mapping
from pidalio.platforms.mesos.book import Book
from pidalio.platforms.mesos.instances import SERVICE
from pidalio.platforms.mesos.master import Told, listed
from pidalio.platforms.mesos.naming import Names
from pidalio.platforms.offers import Offer, became, offered

_TOGETHER: Final = 100
"""Tasks or services that are worked out in one step."""


class Publishing:
    """Says to `feed` what `book` has; `read_again` asks every source once more."""

    def __init__(self, feed: Feed, book: Book, told: Told, read_again: Callable[[], Awaitable[None]]) -> None:
        self._feed, self._book, self._told, self._read_again = feed, book, told, read_again
        self._names = Names()
        self._offers: dict[str, Offer] = {}
        self._nameless: dict[str, str] = {}
        self._is_said = False
        self._one = asyncio.Lock()
        book.dirty |= {*book.specs, *book.members, *book.held}

    async def publish(self, *, is_whole: bool) -> None:
        """Say what changed; with `is_whole`, because a source was read as a whole, as all that there is."""
        async with self._one:
            was_said, self._is_said = self._is_said, False
            await self.place(self._book.changes())
            await self._find_addresses(is_whole=is_whole)
            former, now = await self._changes()
            if not was_said or (is_whole and (former or now)):
                await self._feed.complete(offered(self._feed.name, self._offers.values()), self._again)
            elif former or now:
                self._feed.change(became(self._feed.name, former, now))
            self._is_said = True

    async def place(self, keys: Iterable[str]) -> None:
        """Work tasks out anew, a little at a time."""
        for number, key in enumerate(list(keys)):
            self._book.place(key)
            if number % _TOGETHER == _TOGETHER - 1:
                await asyncio.sleep(0)

    async def _again(self) -> Rows:
        """Read every source once more, and return all that there is."""
        await self._read_again()
        await self.place(self._book.changes())
        await self._changes()
        return offered(self._feed.name, self._offers.values())

    async def _changes(self) -> tuple[list[Offer], list[Offer]]:
        """Work out the services that changed, and return those of before and of now."""
        book = self._book
        former: list[Offer] = []
        now: list[Offer] = []
        dirty, book.dirty = book.dirty, set()
        try:
            for number, group in enumerate(dirty):
                before, after = self._offers.pop(group, None), book.offer(group)
                self._note(group, after)
                if after is not None:
                    self._offers[group] = after
                if before != after:
                    former += [before] if before else []
                    now += [after] if after else []
                if number % _TOGETHER == _TOGETHER - 1:
                    await asyncio.sleep(0)
        except BaseException:
            book.dirty |= dirty
            raise
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

    def _note(self, group: str, made: Offer | None) -> None:
        if made is None and group in self._book.specs and self._book.specs[group].ports:
            self._nameless[group] = f"no host name results from its label {SERVICE} or the setting hostname"
        elif self._nameless.pop(group, None) is None:
            return
        self._told("services", listed(self._nameless))
