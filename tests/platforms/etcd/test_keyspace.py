"""What a watch may leave out, and how it is found: an etcd of the test that says exactly what it is told to."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from pidalio.errors import PlatformUnavailable
from pidalio.platforms.etcd.keyspace import Keyspace
from pidalio.platforms.etcd.messages import Event, Found, Header, Pair, Range, WatchResult

PREFIX = "/services/"


class Scripted:
    """An etcd whose keys have the revisions in `keys`; `say` is what its watches say, None ends one.

    It answers who looks when the test says so (`looks`).
    """

    name = "etcd"

    def __init__(self, **keys: int) -> None:
        self.keys = keys
        self.revision = max(keys.values(), default=1)
        self.watched: list[int] = []
        self.reads = 0
        self.allowed, self.looked = asyncio.Semaphore(0), asyncio.Semaphore(0)
        self.say: asyncio.Queue[WatchResult | None] = asyncio.Queue()

    def pairs(self) -> dict[str, Pair]:
        return {f"{PREFIX}{name}": Pair(f"{PREFIX}{name}".encode(), b"", at) for name, at in self.keys.items()}

    async def range(self, prefix: str) -> Found:
        self.reads += 1
        return Found(self.revision, "c", self.pairs())

    async def newest(self, prefix: str) -> Range:
        await self.allowed.acquire()
        last = sorted(self.pairs().values(), key=lambda pair: pair.mod_revision)[-1:]
        self.looked.release()
        return Range(Header(self.revision, "c"), last, count=len(self.keys))

    async def watch(self, prefix: str, revision: int) -> AsyncIterator[WatchResult]:
        self.watched.append(revision)
        while (said := await self.say.get()) is not None:
            yield said
        raise PlatformUnavailable("the watch ended")

    def tell(self, *events: Event, revision: int = 0) -> None:
        self.say.put_nowait(WatchResult(Header(revision or self.revision, "c"), events=list(events)))

    async def looks(self, times: int) -> None:
        for _ in range(times):
            self.allowed.release()
            await self.looked.acquire()


class Told:
    """What a keyspace tells."""

    def __init__(self) -> None:
        self.keys: dict[str, int] = {}
        self.news = asyncio.Event()

    async def knows(self, **keys: int) -> None:
        await self._until(lambda: self.keys == keys)

    async def hears(self, **keys: int) -> None:
        await self._until(lambda: self.keys.items() >= keys.items())

    async def _until(self, is_so) -> None:
        async with asyncio.timeout(20):
            while not is_so():
                self.news.clear()
                await self.news.wait()

    async def whole(self, found: Found) -> None:
        self.keys = {key.removeprefix(PREFIX): pair.mod_revision for key, pair in found.pairs.items()}
        self.news.set()

    def changes(self, events) -> None:
        for event in events:
            self.keys[event.kv.key.decode().removeprefix(PREFIX)] = event.kv.mod_revision
        self.news.set()


def put(name: str, revision: int) -> Event:
    return Event(Pair(f"{PREFIX}{name}".encode(), b"", revision))


async def test_after_a_watch_that_broke_amid_many_changes_the_rest_comes():
    """A watch that catches up says them a thousand revisions at a time, each with the newest revision there is."""
    etcd, told, keys = Scripted(a=5), Told(), Keyspace(PREFIX)
    etcd.tell(put("b", 1000), revision=2500)
    etcd.tell(put("c", 1005), revision=2500)
    etcd.say.put_nowait(None)
    with pytest.raises(PlatformUnavailable):
        await keys.follow(etcd, told.whole, told.changes)
    etcd.revision = 2500
    etcd.allowed.release()
    etcd.say.put_nowait(None)
    with pytest.raises(PlatformUnavailable):
        await keys.follow(etcd, told.whole, told.changes)
    assert etcd.watched == [6, 1006]


@contextlib.asynccontextmanager
async def followed(keys: Keyspace, etcd: Scripted, whole, changes, heard=lambda: None):
    """Follow while the block runs; fail when it ends before."""
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        following = group.create_task(keys.follow(etcd, whole, changes, heard))
        yield
        assert not following.done()
        following.cancel()


async def test_an_answer_that_was_asked_for_again_is_what_is_known():
    """Else each look finds keys that it takes for missed ones."""
    etcd, told, keys, heard = Scripted(a=5), Told(), Keyspace(PREFIX, look=0), asyncio.Event()

    async def whole(found: Found) -> None:
        etcd.keys, etcd.revision = {"a": 5, "b": 6}, 6
        later = await etcd.range(PREFIX)
        found.pairs, found.revision = later.pairs, later.revision
        await told.whole(found)

    async with followed(keys, etcd, whole, told.changes, heard.set):
        await etcd.looks(1)
        heard.clear()
        await etcd.looks(2)
        await heard.wait()


async def test_a_watch_that_is_behind_and_goes_on_is_not_silent():
    """Where keys change all the time, each look may see one that the watch says a moment later."""
    etcd, told, keys = Scripted(a=5), Told(), Keyspace(PREFIX, look=0)
    async with followed(keys, etcd, told.whole, told.changes):
        await told.knows(a=5)
        for revision in (6, 7, 8):
            etcd.keys["a"] = etcd.revision = revision
            await etcd.looks(1)
            etcd.tell(put("a", revision))
            await told.knows(a=revision)


async def test_a_history_that_is_another_is_read_anew():
    """A cluster restored from a backup that was written to until it knows as much as before: no watch says its news."""
    etcd, told, keys = Scripted(a=5, b=8), Told(), Keyspace(PREFIX, look=0)
    following = asyncio.create_task(keys.follow(etcd, told.whole, told.changes))
    await told.knows(a=5, b=8)
    etcd.keys = {"a": 5, "c": 6, "d": 7}
    await etcd.looks(2)
    with pytest.raises(PlatformUnavailable, match="the watch says nothing, and there is news"):
        await asyncio.wait_for(following, 20)
    async with followed(keys, etcd, told.whole, told.changes):
        await told.knows(a=5, c=6, d=7)


async def test_a_watch_that_goes_on_and_left_something_out_is_found_out():
    etcd, told, keys = Scripted(a=5, b=5), Told(), Keyspace(PREFIX, look=0)
    async with followed(keys, etcd, told.whole, told.changes):
        await told.knows(a=5, b=5)
        del etcd.keys["b"]  # and nobody is told
        while "b" in told.keys:
            etcd.keys["a"] = etcd.revision = etcd.revision + 1
            etcd.tell(put("a", etcd.revision))
            await told.hears(a=etcd.revision)
            await etcd.looks(1)


async def test_an_answer_that_was_not_taken_over_is_asked_for_again():
    """Who takes it may know part of it: changes from before it would not be told as such any more."""
    etcd, told, keys = Scripted(a=5), Told(), Keyspace(PREFIX, look=0)
    etcd.say.put_nowait(None)
    with pytest.raises(PlatformUnavailable):
        await keys.follow(etcd, told.whole, told.changes)
    etcd.keys, etcd.revision = {"a": 3}, 3  # which is less than before

    async def whole(_: Found) -> None:
        raise PlatformUnavailable("it could not be asked twice")

    etcd.allowed.release()
    with pytest.raises(PlatformUnavailable, match="asked twice"):
        await keys.follow(etcd, whole, told.changes)
    etcd.keys, etcd.revision = {"a": 6}, 6
    etcd.allowed.release()
    async with followed(keys, etcd, told.whole, told.changes):
        await told.knows(a=6)
