"""Instances that register themselves: each is part of the mesh for as long as its lease is renewed or its stream lives.

Invariant: an instance is live exactly while somebody hears it, or while nearly all are silent: then it is our own
network that is gone, and what was known last stays. Nothing ends because *we* were away: what an earlier process knew
runs once more in full, what another control plane heard stays while it is gone for a while, and while the shared store
does not answer nothing is removed. All times are of this process's own steady clock.
It stands between agents, proxies and the store of entries on one side, and the mesh's `agents` rows on the other.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Final

import msgspec

from pidalio.errors import Conflict, NotFound, UsageError
from pidalio.model import Health, Report, Severity, Word
from pidalio.platforms.vm.contests import Contests
from pidalio.platforms.vm.entry import KIND, SOURCE, Bound, Entry, EntryStore
from pidalio.platforms.vm.file_store import FileStore
from pidalio.platforms.vm.held import Feeds, Held, Times
from pidalio.platforms.vm.refusing import refuse_unusable
from pidalio.platforms.vm.sharing import Sharing, Wish
from pidalio.store import tables
from pidalio.store.guarding import kept

LONGEST: Final = 3600.0
"""The longest lease, in seconds."""
_log = logging.getLogger(__name__)


class Registrations:
    """Every registered instance; `me` is the id of this control plane among those that share the store.

    `believed(before, after)` tells whether so many instances may become so few because they are silent; `dropped` is
    told whenever an instance is gone, with the streams that it was heard by.
    """

    def __init__(
        self,
        mesh: Feeds,
        store: EntryStore | None = None,
        *,
        me: str = "here",
        times: Times = Times(),  # noqa: B008 - frozen
        believed: Callable[[int, int], bool] = lambda _before, _after: True,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.times, self.me = times, me
        self.dropped: Callable[[set[int]], None] = lambda _: None
        self.sharing = Sharing(store or FileStore(), self, me, min(5.0, times.grace / 2))
        self._mesh, self._believed, self._clock = mesh, believed, clock
        self._held: dict[str, Held] = {}
        self._silent: set[str] = set()
        self._contests = Contests(
            times,
            changed=self._feed,
            lost=self._let_go,
            is_gone=lambda one: bool(one.disconnected_at) or one.id in self._silent,
            is_known=lambda identity: identity in self._held,
        )
        self._claims = self._contests.claims
        self._planes: frozenset[str] = frozenset()

    async def start(self, seconds: float) -> None:
        """Take over what is known, and follow the store; wait for it at most so many seconds."""
        self.sharing.start()
        try:
            async with asyncio.timeout(seconds):
                await self.sharing.read.wait()
        except TimeoutError:
            _log.warning("registered instances are not known yet: %s", self.sharing.error or "the store is slow")

    async def close(self) -> None:
        """Stop the clocks; what is registered stays in the store for the next process."""
        for held in self._held.values():
            held.stop()
        self._contests.close()
        await self.sharing.close()

    # What agents say

    def register(self, identity: str, entry: Entry) -> int:
        """Add, change or renew an instance with a lease; return the generation that holds it.

        Raise `UsageError` for an id, a lease or an instance that makes no sense, `Conflict` when another identity holds
        it or another instance has its address.
        """
        if identity != entry.id:
            raise UsageError(f"{identity} is not the instance's name and namespace: say {entry.id}")
        refuse_unusable(entry.workload)
        if not self.times.shortest <= entry.lease <= LONGEST:
            raise UsageError(f"a lease is between {self.times.shortest:g} and {LONGEST:g} seconds")
        self._refuse_other_holder(identity, entry.holder)
        self._contests.refuse_beaten(entry)
        self._hear(identity, msgspec.structs.replace(entry, bound=Bound.LEASE))
        self._run_out(identity, entry.lease)
        return self._generation

    def deregister(self, identity: str, holder: str = "") -> int:
        """Remove an instance; raise `NotFound` when there is none, `Conflict` when another identity holds it."""
        if identity not in self._held:
            raise NotFound(f"no instance {identity} is registered")
        self._refuse_other_holder(identity, holder)
        entry = self._held[identity].entry
        self._drop(identity)
        if entry.owner == self.me:
            self.sharing.want(identity, Wish.REMOVE)
        else:
            self.sharing.take_out(msgspec.structs.replace(entry, owner=self.me))
        return self._generation

    async def settled(self, identity: str) -> None:
        """Wait until the store has what was said of an instance, for a moment at most."""
        await self.sharing.settled(identity, self.times.answer)

    # What streams say

    def connect(self, stream: int, entry: Entry) -> None:
        """Add an instance that lives as long as a stream; raise as `register` does."""
        identity = entry.id
        refuse_unusable(entry.workload)
        self._refuse_other_holder(identity, entry.holder)
        self._contests.refuse_beaten(entry)
        known = self._held.get(identity)
        if entry.checked:  # until it is told, nobody knows; what was told over a former stream counts
            told = known.entry if known is not None and known.entry.checked else None
            health = told.workload.health if told else Health.UNHEALTHY
            word = told.word if told else Word(Health.UNHEALTHY, "no health was told yet", self._clock())
            workload = msgspec.structs.replace(entry.workload, health=health)
            entry = msgspec.structs.replace(entry, workload=workload, word=word)
        self._hear(identity, msgspec.structs.replace(entry, bound=Bound.STREAM), is_claim=True)
        held = self._held[identity]
        held.streams.add(stream)
        held.stop()

    def disconnect(self, stream: int, identity: str) -> None:
        """Note that a stream ended: its instance is gone after the grace time, unless it comes back."""
        held = self._held.get(identity)
        if held is None or stream not in held.streams:
            return
        held.streams.discard(stream)
        held.heard = asyncio.get_running_loop().time()
        if held.streams or held.entry.owner != self.me:
            return
        self._change(identity, msgspec.structs.replace(held.entry, disconnected_at=self._clock()))
        self._run_out(identity, self.times.grace)
        self._contests.ended(identity)

    def tell_health(self, identity: str, error: str | None) -> None:
        """Note what an instance's own agent found of its health: None is well."""
        held = self._held.get(identity)
        if held is None or not held.entry.checked or held.entry.owner != self.me:
            return
        health = Health.HEALTHY if error is None else Health.UNHEALTHY
        entry = held.entry
        if entry.workload.health is health and entry.word is not None and entry.word.reason == (error or ""):
            return
        workload = msgspec.structs.replace(entry.workload, health=health)
        self._change(
            identity,
            msgspec.structs.replace(entry, workload=workload, word=Word(health, error or "", self._clock())),
        )

    # What is asked

    def release(self) -> int:
        """Remove the instances that are silent; raise `NotFound` when there are none."""
        if not self._silent:
            raise NotFound("no instance is kept whose agent is silent: `pidalio status` shows what is held back")
        for identity in sorted(self._silent):
            self._drop(identity)
            self.sharing.want(identity, Wish.REMOVE)
        return self._generation

    def reports(self) -> Iterator[Report]:
        """Yield what there is to tell of instances, and what their agents tell."""
        yield from self.standing()
        for held in self._held.values():
            yield from held.entry.reports

    def standing(self) -> Iterator[Report]:
        """Yield what there is to tell of registered instances as such."""
        if self.sharing.error:
            message = f"{self.sharing.store.name}: {self.sharing.error}; registered instances stay as last known"
            yield Report(Severity.WARNING, "registrations-not-shared", message)
        if self._silent:
            yield kept(SOURCE, f"{len(self._silent)} of {len(self._own())} registered instances fell silent at once")
        yield from self._claims.reports()

    def word(self, identity: str) -> Word | None:
        """Return what its agent says of an instance's health; None where it is not registered, or told nothing."""
        known = self._held.get(identity)
        return known.entry.word if known else None

    def entries(self) -> Iterable[Entry]:
        """Return every entry that is known."""
        return tuple(held.entry for held in self._held.values())

    @property
    def silent(self) -> int:
        """Return how many are kept although nobody hears them."""
        return len(self._silent)

    def __len__(self) -> int:
        return len(self._held)

    # What the store says: the methods of `Book`.

    def entry(self, identity: str) -> Entry | None:
        """Return an entry, None where it is not known."""
        held = self._held.get(identity)
        return held.entry if held else None

    def adopt(self, identity: str, entry: Entry) -> None:
        """Take over an entry that another control plane wrote, or an earlier process of this one."""
        held = self._held.get(identity)
        if held is not None and held.entry.owner == entry.owner == self.me:
            return  # an echo
        if held is not None and held.streams and (entry.disconnected_at or entry.owner == self.me):
            self._claim(identity)  # its other stream ended, or the store knows less than before: the one here lives
            return
        former = held.entry if held is not None else None
        held = self._put(identity, entry)
        held.stop()
        self._silent.discard(identity)
        self._contests.settle(entry, former)
        if entry.owner == self.me:
            lease = self.times.grace if entry.bound is Bound.STREAM else entry.lease
            self._run_out(identity, lease + self.times.window)
        elif entry.owner not in self._planes:
            self._run_out(identity, self.times.orphan)
        self._feed(identity)

    def removed(self, identity: str, *, by_us: bool) -> None:
        """Take an instance out that is gone from the store; one that is heard here is written again."""
        held = self._held.get(identity)
        if held is None:
            return
        if not by_us and (held.streams or self._is_renewed(held)):
            self._claim(identity)
        else:
            self._drop(identity)

    def missing(self, identity: str) -> None:
        """Write an instance again that is heard here; another's has its time to be written again."""
        held = self._held.get(identity)
        if held is None:
            return
        if held.entry.owner == self.me:
            self.sharing.want(identity, Wish.CLAIM)
        else:
            self._run_out(identity, self.times.grace + self.times.window)

    def living(self, planes: frozenset[str]) -> None:
        """Give those whose control plane is gone their time, and stop it for those whose is back."""
        before, self._planes = self._planes, planes
        for identity, held in self._held.items():
            owner = held.entry.owner
            if owner == self.me or (owner in before) == (owner in planes):
                continue
            if owner in planes:
                held.stop()
            else:
                self._run_out(identity, self.times.orphan)

    # How it is done

    @property
    def _generation(self) -> int:
        generation: int = self._mesh.world.generation
        return generation

    def _is_renewed(self, held: Held) -> bool:
        """Tell whether the lease of an instance runs here."""
        entry, now = held.entry, asyncio.get_running_loop().time()
        return entry.owner == self.me and entry.bound is Bound.LEASE and now - held.heard <= entry.lease

    def _own(self) -> list[Held]:
        return [held for held in self._held.values() if held.entry.owner == self.me]

    def _hear(self, identity: str, entry: Entry, *, is_claim: bool = False) -> None:
        """Take over an entry from who is heard now; write it where that is news to the store."""
        held = self._held.get(identity)
        known = held.entry if held is not None else None
        is_same = known is not None and known.owner == self.me and known.bound is entry.bound
        since = known.connected_at if known is not None and is_same and not is_claim else self._clock()
        entry = msgspec.structs.replace(entry, owner=self.me, connected_at=since)
        held = self._put(identity, entry)
        held.heard = asyncio.get_running_loop().time()
        self._silent.discard(identity)
        if is_claim or not is_same or self.sharing.wish(identity) is Wish.REMOVE:
            self.sharing.want(identity, Wish.CLAIM)
        elif entry != known:
            self.sharing.want(identity, Wish.UPDATE)
        self._contests.settle(entry, known)
        self._feed(identity)
        if self._silent and not self._is_silence_general():
            self._count_again()

    def _claim(self, identity: str) -> None:
        """Take an instance over that is heard here."""
        held = self._held[identity]
        entry = msgspec.structs.replace(held.entry, owner=self.me, connected_at=self._clock(), disconnected_at=0.0)
        if held.streams:
            held.stop()
        else:
            self._run_out(identity, entry.lease)
        self._change(identity, entry, Wish.CLAIM)

    def _change(self, identity: str, entry: Entry, wish: Wish = Wish.UPDATE) -> None:
        self._put(identity, entry)
        self.sharing.want(identity, wish)
        self._feed(identity)

    def _put(self, identity: str, entry: Entry) -> Held:
        held = self._held.get(identity)
        self._claims.put(entry, held.entry if held else None)
        if held is None:
            held = self._held[identity] = Held(entry, asyncio.get_running_loop().time())
        held.entry = entry
        return held

    def _feed(self, identity: str) -> None:
        held = self._held.get(identity)
        if held is None:
            return
        row = held.entry.workload if self._claims.is_live(identity) else None
        self._mesh.feed(SOURCE, {tables.WORKLOADS: {_key(held.entry): row}})

    def _drop(self, identity: str) -> None:
        held = self._held.pop(identity)
        held.stop()
        self._silent.discard(identity)
        freed = self._claims.drop(held.entry)
        self._mesh.feed(SOURCE, {tables.WORKLOADS: {_key(held.entry): None}})
        for one in freed:
            self._feed(one)
        self.dropped(held.streams)

    def _run_out(self, identity: str, seconds: float) -> None:
        held = self._held[identity]
        held.stop()
        held.end = asyncio.get_running_loop().call_later(seconds, self._expire, identity)

    def _expire(self, identity: str) -> None:
        """End an instance that nobody hears, unless that may be our own fault."""
        held = self._held[identity]
        if held.streams:
            self._claim(identity)  # who heard it last is gone
            return
        answers = self.sharing.answers_since(self.times.orphan)
        if answers is None or asyncio.get_running_loop().time() - answers < self.times.grace:
            self._run_out(identity, self.times.grace)  # another may hear it, and cannot say so
            return
        if held.entry.owner == self.me and self._is_silence_general():
            _log.warning("%s is heard no more, like nearly all others: it is kept as it was", identity)
            self._silent.add(identity)
            return
        _log.info("%s is heard no more", identity)
        self.sharing.want(identity, Wish.REMOVE)

    def _is_silence_general(self) -> bool:
        """Tell whether so few are heard that the fault is ours: half a lease is one call missed."""
        now = asyncio.get_running_loop().time()
        own = self._own()
        heard = sum(bool(each.streams) or now - each.heard <= self._lease(each.entry) / 2 for each in own)
        return not self._believed(len(own), heard)

    def _lease(self, entry: Entry) -> float:
        return self.times.grace if entry.bound is Bound.STREAM else entry.lease

    def _count_again(self) -> None:
        """Give the silent one more lease each: the others are back, and they may be about to be."""
        for identity in sorted(self._silent):
            self._run_out(identity, self._lease(self._held[identity].entry))
        self._silent.clear()

    def _let_go(self, identity: str) -> None:
        """Remove one that lost its address, if it is heard here: else who hears it does."""
        held = self._held.get(identity)
        if held is not None and held.entry.owner == self.me:
            self.sharing.want(identity, Wish.REMOVE)

    def _refuse_other_holder(self, identity: str, holder: str) -> None:
        known = self._held.get(identity)
        if known is not None and known.entry.holder != holder:
            who = known.entry.holder or "another caller"
            raise Conflict(f"{identity} is registered by {who}: wait until its lease ends")


def _key(entry: Entry) -> tuple[str, str, str]:
    return entry.workload.namespace, entry.workload.name, KIND
