"""All keys below a prefix, followed: read once as of one revision, then each change in order.

Where what was missed is gone (compaction), or etcd knows less than before (a cluster restored from a backup), all is
read anew. Invariant: a key is told of only by an answer that is complete, or by a watch that has missed nothing; a
watch that is silent while etcd has news is given up.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeAlias

from pidalio.errors import PlatformUnavailable
from pidalio.platforms.etcd.gateway import Gateway
from pidalio.platforms.etcd.messages import Event, Found
from pidalio.platforms.together import until_one_ends

_LOOK: Final = 10.0
"""Seconds between two looks at whether the watch still says all there is."""
_BEHIND: Final = 6
"""Looks in a row at which a watch that goes on may be behind: at each, something may just have changed."""

Whole: TypeAlias = Callable[[Found], Awaitable[None]]
Changes: TypeAlias = Callable[[Sequence[Event]], None]


class Keyspace:
    """The keys below `prefix`; an object that is followed again goes on where it was."""

    def __init__(self, prefix: str, *, look: float = _LOOK) -> None:
        self.prefix = prefix
        self._look = look
        self._revision = 0
        self._cluster = ""
        self._keys: set[bytes] = set()

    async def follow(
        self, etcd: Gateway, whole: Whole, changes: Changes, heard: Callable[[], None] = lambda: None
    ) -> None:
        """Tell `whole` and `changes` what there is until cancelled; raise `PlatformUnavailable` when it cannot go on.

        `heard` is called whenever etcd has said that nothing is missing.
        """
        if not await self._can_go_on(etcd):
            await self._read(etcd, whole)
        heard()
        while True:
            await until_one_ends(self._watch(etcd, changes), self._look_on(etcd, heard))
            await self._read(etcd, whole)  # what was missed is gone

    async def _can_go_on(self, etcd: Gateway) -> bool:
        if not self._revision:
            return False
        now = await etcd.newest(self.prefix)
        return now.header.cluster_id == self._cluster and now.header.revision >= self._revision

    async def _read(self, etcd: Gateway, whole: Whole) -> None:
        found = await etcd.range(self.prefix)
        self._revision = 0  # until it is taken over: what fails amid it is begun anew
        await whole(found)  # which may have read it again
        self._keys = {pair.key for pair in found.pairs.values()}
        self._revision, self._cluster = found.revision, found.cluster

    async def _watch(self, etcd: Gateway, changes: Changes) -> None:
        """Tell of changes; return when some of them are not to be had any more."""
        async for said in etcd.watch(self.prefix, self._revision + 1):
            if said.compact_revision:
                return
            if said.canceled:
                raise PlatformUnavailable(f"{etcd.name}: the watch ended: {said.cancel_reason or 'no reason is given'}")
            if said.events:
                changes(said.events)
                for event in said.events:
                    (self._keys.discard if event.is_deletion else self._keys.add)(event.kv.key)
                self._revision = said.events[-1].kv.mod_revision  # the header's may be of changes still to be said
            elif not said.created:
                self._revision = max(self._revision, said.header.revision)

    async def _look_on(self, etcd: Gateway, heard: Callable[[], None]) -> None:
        """Ask now and then what is there; return if that is less, or something else than the watch says.

        Raise when the watch says nothing.
        """
        behind: list[int] = []  # where the watch was, at each look since it knew all there is
        while True:
            await asyncio.sleep(self._look)
            now = await etcd.newest(self.prefix)
            if now.header.revision < self._revision or now.header.cluster_id != self._cluster:
                return
            newest = max((pair.mod_revision for pair in now.kvs), default=0)
            if newest <= self._revision and now.count == len(self._keys):
                behind.clear()
                heard()
            elif self._revision in behind:
                self._revision = 0  # for the history may be another one by now
                raise PlatformUnavailable(f"{etcd.name}: the watch says nothing, and there is news")
            elif len(behind) == _BEHIND:
                return
            else:
                behind.append(self._revision)
