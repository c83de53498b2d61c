"""Between the entries of this control plane and the store that all of them share: who writes what, and who gives way.

A *claim* (a new stream, a new registration) is written over whatever there is; an *update* and a *removal* only over
what this control plane wrote itself. So the last who hears an instance has it, each claim counts once, and nobody
removes what another owns.
Invariant: while the store does not answer everything goes on with what is known, and nothing is removed.
"""

import asyncio
import contextlib
import enum
import itertools
import logging
from collections.abc import Mapping
from typing import Final, Protocol

from pidalio.errors import PlatformUnavailable
from pidalio.platforms.pausing import Pause
from pidalio.platforms.vm.entry import Entry, EntryStore, Stored, Superseded

_TOGETHER: Final = 64
"""Entries that are written at once."""
_log = logging.getLogger(__name__)


class Wish(enum.Enum):
    """What this control plane wants of an entry."""

    UPDATE = "update"
    CLAIM = "claim"
    REMOVE = "remove"


class Book(Protocol):
    """The entries as they are in the mesh here."""

    def entry(self, identity: str) -> Entry | None:
        """Return an entry, None where it is not known."""

    def adopt(self, identity: str, entry: Entry) -> None:
        """Take over what the store says of an entry."""

    def removed(self, identity: str, *, by_us: bool) -> None:
        """Take note that an entry is gone from the store, as this control plane wished or not."""

    def missing(self, identity: str) -> None:
        """Take note that the store, read anew, lacks an entry that it had."""

    def living(self, planes: frozenset[str]) -> None:
        """Take note of the control planes that live."""


class Sharing:
    """What is to be written, and what was read; `me` is the id of this control plane.

    It tries to reach the store at least every `most` seconds, so that all are back before anything is removed.
    """

    def __init__(self, store: EntryStore, book: Book, me: str, most: float = 5.0) -> None:
        self.store, self.me, self._most = store, me, most
        self.read = asyncio.Event()
        self._unread = self._unwritten = ""
        self._book = book
        self._since = 0.0
        self._planes: frozenset[str] = frozenset()
        self._awaited: frozenset[str] = frozenset()
        self._revisions: dict[str, int] = {}
        self._wishes: dict[str, Wish] = {}
        self._removed_at: dict[str, int] = {}
        self._goodbyes: dict[str, Entry] = {}
        self._later: dict[str, dict[int, Entry | None]] = {}
        self._work = asyncio.Event()
        self._done: dict[str, asyncio.Event] = {}
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def error(self) -> str:
        """Return why the store is not read, or not written, now; empty while it is."""
        return self._unread or self._unwritten

    def start(self) -> None:
        """Follow the store and write to it until `close`; of no effect when it does so already."""
        if not self._tasks:
            self._tasks = [
                asyncio.create_task(self._follow(), name="follow entries"),
                asyncio.create_task(self._write_on(), name="write entries"),
            ]

    async def close(self) -> None:
        """Write what is still to be written, if the store answers, and end."""
        if self._wishes and self._tasks and not self.error:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(2):
                    await asyncio.gather(*(self._when_done(one) for one in tuple(self._wishes)))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    def want(self, identity: str, wish: Wish) -> None:
        """Have an entry written as it is, or removed."""
        if wish is not Wish.REMOVE:
            self._goodbyes.pop(identity, None)
        if wish is not Wish.UPDATE or identity not in self._wishes:
            self._wishes[identity] = wish
        self.start()
        self._work.set()

    def take_out(self, entry: Entry) -> None:
        """Have an entry removed because its instance says goodbye, whoever hears it else."""
        self._goodbyes[entry.id] = entry
        self.want(entry.id, Wish.REMOVE)

    def wish(self, identity: str) -> Wish | None:
        """Return what is still to be written of an entry."""
        return self._wishes.get(identity)

    async def settled(self, identity: str, seconds: float) -> bool:
        """Wait until nothing of an entry is to be written, at most so many seconds; tell whether it is so."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._when_done(identity)
        return identity not in self._wishes

    def answers_since(self, patience: float) -> float | None:
        """Return since when (the loop's time) the store answers again after a failure; None while it does not.

        For so many seconds of `patience` it does not count as answering before those that lived back then do again.
        """
        now = asyncio.get_running_loop().time()
        return None if self.error or (self._awaited and now - self._since < patience) else self._since

    # What the store says: the methods of `Seen`.

    def whole(self, entries: Mapping[str, Stored], planes: frozenset[str]) -> None:
        """Compare all that the store has with what is known here."""
        self.living(planes)
        lacking = [name for name in self._revisions if name not in entries]
        for name in lacking:
            del self._revisions[name]
            if self._wishes.get(name) is Wish.REMOVE:
                self._removed(name)
            elif name not in self._wishes:
                self._book.missing(name)
        self._removed_at = {name: gone for name, gone in self._removed_at.items() if name in entries}
        for name, stored in entries.items():
            self._revisions.pop(name, None)  # of a store that was restored, revisions may be lower
            self.changed(name, stored.entry, stored.revision)
        if self._unread:  # claims that could not be written meanwhile come first
            self._since, self._unread = asyncio.get_running_loop().time(), ""
        self.read.set()

    def changed(self, identity: str, entry: Entry | None, revision: int) -> None:
        """Take over what another wrote, unless this control plane has the newer word."""
        if identity in self._later:  # being written: what comes first is known with the answer
            self._later[identity][revision] = entry
            return
        if revision <= self._revisions.get(identity, 0):
            return
        if (gone := self._removed_at.get(identity, 0)) >= revision:  # the echo of what was before, or of the removal
            if gone == revision:
                del self._removed_at[identity]
            return
        self._note(identity, entry, revision)
        wish = self._wishes.get(identity)
        if wish is Wish.CLAIM:
            return
        if entry is None:
            self._removed(identity)
        elif wish is None or self._is_of_another(entry):
            self._finish(identity)
            self._book.adopt(identity, entry)

    def living(self, planes: frozenset[str]) -> None:
        """Hand on which control planes live."""
        if not self._unread:
            self._planes = planes
        self._awaited -= planes
        self._book.living(planes)

    async def _follow(self) -> None:
        pause = Pause()
        now = asyncio.get_running_loop().time
        while True:
            begun = now()
            try:
                await self.store.follow(self)
            except Exception as error:  # noqa: BLE001 - what the mesh makes of an entry may fail, too: told, and read again
                gone = self._told(error)
                if not self._unread:
                    self._awaited = self._planes
                self._unread = str(gone)
                await asyncio.sleep(min(pause.after(now() - begun, gone), self._most))

    async def _write_on(self) -> None:
        pause = Pause()
        now = asyncio.get_running_loop().time
        while True:
            await self._work.wait()
            self._work.clear()
            begun = now()
            await self.read.wait()  # what is there is known before anything is written over it
            try:
                while self._wishes:
                    await self._write_some()
            except Exception as error:  # noqa: BLE001 - as above
                gone = self._told(error)
                self._unwritten = str(gone)
                self._work.set()
                await asyncio.sleep(min(pause.after(now() - begun, gone), self._most))
            else:
                pause.failures = 0
                if self._unwritten:
                    self._since, self._unwritten = now(), ""

    async def _write_some(self) -> None:
        """Write some of what is wished at once; raise when one of them fails, after all were tried."""
        some = tuple(itertools.islice(self._wishes, _TOGETHER))
        for found in await asyncio.gather(*map(self._write, some), return_exceptions=True):
            if found is not None:
                raise found

    async def _write(self, identity: str) -> None:
        """Write one entry as it is wished now; what is wished meanwhile stays to be written."""
        wish = self._wishes[identity]
        entry = None if wish is Wish.REMOVE else self._book.entry(identity)
        self._later[identity] = {}
        try:
            if wish is Wish.REMOVE and (goodbye := self._goodbyes.get(identity)):
                revision = await self.store.write(identity, goodbye, self._revisions.get(identity, 0))
                self._note(identity, goodbye, revision)  # whoever owned it gives way, and does not write it again
                if self._goodbyes.get(identity) is goodbye:
                    del self._goodbyes[identity]
            revision = await self.store.write(identity, entry, self._revisions.get(identity, 0))
        except Superseded as error:
            self._give_way(identity, wish, error.now)
        else:
            self._note(identity, entry, revision)
            if entry is None and self.store.name:
                self._removed_at[identity] = revision
            self._wrote(identity, wish, entry)
        finally:
            for number, seen in sorted(self._later.pop(identity).items()):
                self.changed(identity, seen, number)

    def _wrote(self, identity: str, wish: Wish, entry: Entry | None) -> None:
        if self._wishes.get(identity) is not wish:
            return
        if entry is None:
            self._removed(identity)
        elif self._book.entry(identity) is entry:
            self._finish(identity)
        else:
            self._wishes[identity] = Wish.UPDATE

    def _give_way(self, identity: str, wish: Wish, now: Stored | None) -> None:
        """Go on from what another wrote first: write again what is ours, leave what is theirs."""
        self._note(identity, now.entry if now else None, now.revision if now else 0)
        if self._wishes.get(identity) is not wish:
            return
        if now is None:
            if wish is Wish.REMOVE:
                self._removed(identity)
        elif wish is not Wish.CLAIM and self._is_of_another(now.entry):
            self._finish(identity)
            self._book.adopt(identity, now.entry)

    def _is_of_another(self, entry: Entry) -> bool:
        """Tell whether another control plane's word stands: not where the instance, as it was heard, said goodbye."""
        goodbye = self._goodbyes.get(entry.id)
        return entry.owner != self.me and not (goodbye and goodbye.connected_at == entry.connected_at)

    def _note(self, identity: str, entry: Entry | None, revision: int) -> None:
        if entry is None:
            self._revisions.pop(identity, None)
        else:
            self._revisions[identity] = revision

    def _removed(self, identity: str) -> None:
        by_us = self._wishes.get(identity) is Wish.REMOVE
        self._finish(identity)
        self._book.removed(identity, by_us=by_us)

    def _finish(self, identity: str) -> None:
        self._wishes.pop(identity, None)
        self._goodbyes.pop(identity, None)
        if (done := self._done.pop(identity, None)) is not None:
            done.set()

    async def _when_done(self, identity: str) -> None:
        while identity in self._wishes:
            await self._done.setdefault(identity, asyncio.Event()).wait()

    def _told(self, error: Exception) -> PlatformUnavailable:
        """Return why the store is not read or written, after the log has it."""
        if not isinstance(error, PlatformUnavailable):
            _log.error("sharing registered instances failed by a mistake", exc_info=error)
            return PlatformUnavailable(f"it failed by a mistake and is tried again: {error!r}")
        if not self.error:
            _log.warning("registered instances are not shared now: %s", error)
        return error
