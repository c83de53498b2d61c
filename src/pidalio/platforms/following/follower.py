"""One platform in the mesh: runs its adapter for ever, and carries what it says into the store.

Invariants: what is known of a platform stays in force, in memory and on disk, until the platform itself says otherwise;
a suspicious answer counts when it is given twice; changes come in order, and many at once as one; the event loop is
given its turn in the midst of anything large.
It stands between an `Adapter` (as its `Feed`) and the control plane (`Takes`). Source: design record 0020.
"""

import asyncio
import contextlib
import functools
import itertools
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec

from pidalio.api.load import Loaded
from pidalio.api.parse import Skipped, parse
from pidalio.api.places import Places
from pidalio.api.yaml_reader import Document
from pidalio.derive import Table
from pidalio.errors import PidalioError, PlatformUnavailable
from pidalio.model import Report, Severity, Workload
from pidalio.platforms.adapter import Adapter, Rows, Tree
from pidalio.platforms.following import kept
from pidalio.platforms.following.judging import Comparison, Slot, compared, healthy
from pidalio.platforms.following.state import Standing, Told
from pidalio.platforms.following.steadying import Steadying
from pidalio.platforms.pausing import Pause
from pidalio.platforms.turns import Turns, stepped
from pidalio.store import tables

_TOGETHER: Final = 200
"""Rows that are compiled in one step."""
_COMPARED: Final = 500
"""Rows of an answer that are taken up before the event loop gets its turn."""
_ORDER: Final = (tables.WORKLOADS, tables.ENDPOINTS, tables.SERVICES, tables.ALIASES)
"""What is used comes before what uses it; removals go the other way."""
_NAMED: Final = (tables.SERVICES, tables.ALIASES)
"""What is counted as services."""
_log = logging.getLogger(__name__)


class Takes(Protocol):
    """What a follower needs of the control plane."""

    def feed(self, source: str, rows: Rows) -> int:
        """Take over changed rows."""

    def fed(self, source: str) -> Mapping[Slot, Any]:
        """Return the rows that are live of a source."""

    def believes(self, source: str, before: int, after: int, rows: Callable[[], Rows]) -> bool:
        """Tell whether so many healthy instances may become so few; else hold `rows` back, all that there is now."""

    def hold(self, source: str, rows: Callable[[], Rows], message: str) -> None:
        """Hold all that a source has back, until it is believed, or somebody releases it."""

    def holds_back(self, source: str) -> bool:
        """Tell whether something of a source is held back."""

    async def take_objects(self, source: str, units: Mapping[str, Loaded | None]) -> None:
        """Take over a source's rule objects; raise `Unavailable` when they cannot be recorded."""


class Pace(msgspec.Struct, frozen=True):
    """How long things take, in seconds.

    `patience` passes before a suspicious answer is asked for again, `gather` for changes that come together, `keep`
    between two times that what is known is written (longer where writing takes a twentieth of it).
    """

    patience: float = 2.0
    gather: float = 0.02
    keep: float = 0.5


class Follower:
    """Follows one platform; its `Feed`. `rank` is its place among the platforms, `file` where it is kept (or None)."""

    def __init__(
        self,
        name: str,
        kind: str,
        adapter: Adapter,
        mesh: Takes,
        *,
        rank: int = 1,
        file: Path | None = None,
        pace: Pace = Pace(),  # noqa: B008 - frozen
    ) -> None:
        self._name, self._kind, self._adapter, self._mesh = name, kind, adapter, mesh
        self._rank, self._file, self._pace = rank, file, pace
        self._told = Told()
        self._ready = asyncio.Event()
        self._objects: dict[str, Tree] = {}
        self._pending: dict[Slot, Any] = {}
        self._newer: list[set[Slot]] = []
        self._flush: asyncio.Handle | None = None
        self._flushed = 0.0
        self._withheld: dict[Slot, Any] | None = None
        self._steadying = Steadying()
        self._freeing: asyncio.TimerHandle | None = None
        self._counted: tuple[int, int, int] | None = None
        self._dirty = asyncio.Event()

    @property
    def name(self) -> str:
        """Return what the platform is called."""
        return self._name

    async def restore(self) -> None:
        """Take over what an earlier process knew; what cannot be read is told, and the platform read anew."""
        if self._file is None or not self._file.exists():
            return
        try:
            known = await asyncio.to_thread(kept.read, self._file)
        except (OSError, ValueError, LookupError, TypeError) as error:
            message = f"{self._file}: what was known of {self._name} is not restored: {error}"
            _log.warning("%s", message)
            self.tell("restored", Report(Severity.WARNING, "platform-not-restored", message))
            return
        self._told.restored = True
        await self._publish([(slot, self._own(*slot, row)) for slot, row in known.rows.items()], ())
        with contextlib.suppress(PidalioError):  # told by the control plane; the platform says it again
            await self._take_objects(known.objects)

    async def run(self) -> None:
        """Follow until cancelled."""
        keeper = asyncio.create_task(self._keep(), name=f"keep {self._name}")
        pause = Pause()
        now = asyncio.get_running_loop().time
        try:
            while True:
                begun = now()
                error = await self._run_adapter()
                self.lost(str(error))
                await asyncio.sleep(pause.after(now() - begun, error))
        finally:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)
            self._flush_now()
            if self._freeing is not None:
                self._freeing.cancel()
            await self._write()

    async def wait_ready(self) -> None:
        """Wait until everything was read once."""
        await self._ready.wait()

    @property
    def is_ready(self) -> bool:
        """Tell whether everything was read once."""
        return self._ready.is_set()

    def standing(self) -> Standing:
        """Return how the platform is."""
        told = self._told
        services, instances = self._count()
        return Standing(
            name=self._name,
            kind=self._kind,
            state="held" if self._withheld is not None and self._mesh.holds_back(self._name) else told.state,
            synced=told.synced,
            heard=told.heard,
            since=told.lost_since,
            error=told.error,
            services=services,
            instances=instances,
            objects=len(self._objects),
            reports=tuple(self.reports()),
        )

    def _count(self) -> tuple[int, int]:
        """Return how many services and instances are live; what did not change is not counted again."""
        fed = self._mesh.fed(self._name)
        if self._counted is None or self._counted[0] != len(fed):
            services = 0
            names: dict[str, str] = {}
            others: set[tuple[str, str]] = set()  # instances that share an address with the first one of it
            for (table, _), row in fed.items():
                services += table in _NAMED
                if table is tables.ENDPOINTS:
                    for one in row:
                        if names.setdefault(one.address, one.workload) != one.workload:
                            others.add((one.address, one.workload))
                elif isinstance(row, Workload) and row.address and row.address not in names:
                    names[row.address] = row.name
            self._counted = len(fed), services, len(names) + len(others)
        return self._counted[1:]

    def reports(self) -> Iterator[Report]:
        """Yield what there is to tell of the platform."""
        yield from self._told.reports(self._name)
        yield from self._steadying.reports(self._name)

    # What an adapter says: the methods of `Feed`.

    def known(self) -> Rows:
        """Return what stands in force."""
        self._flush_now()
        return _by_table(self._mesh.fed(self._name).items())

    async def complete(
        self,
        rows: Rows,
        again: Callable[[], Awaitable[Rows]],
        within: Collection[Table[Any, Any]] | None = None,
        where: Callable[[Any], bool] | None = None,
    ) -> None:
        """Take over all that there is of the tables `within`; ask `again` where it is suspiciously little."""
        newer: set[Slot] = set()
        self._newer.append(newer)
        try:
            await self._complete(rows, again, _about(within, where), newer)
        finally:
            self._newer = [one for one in self._newer if one is not newer]  # not an equal one of another answer
        if within is None:
            self.ready()
        self.heard()

    async def _complete(
        self, rows: Rows, again: Callable[[], Awaitable[Rows]], about: Callable[[Slot], bool], newer: set[Slot]
    ) -> None:
        """Take over an answer but for the slots of which something `newer` is said meanwhile."""
        await self._flush_all()
        wanted, about = await self._wanted(rows, about)
        found = await self._compared(wanted, about)
        is_believed = True
        if why := found.loss or self._doubt(found, wanted, about):
            self._told.held = f"its answer lacks {why}: it is asked again before that counts"
            whole = functools.partial(self._whole, wanted, about)
            self._mesh.hold(self._name, whole, f"an answer of {self._name} lacks {why}")
            _log.warning("%s: %s", self._name, self._told.held)
            try:
                await asyncio.sleep(self._pace.patience)
                newer.clear()
                wanted, about = await self._wanted(await again(), about)
            finally:
                self._told.held = ""
            await self._flush_all()
            found = await self._compared(wanted, about)
            whole = functools.partial(self._whole, wanted, about)
            is_believed = self._mesh.believes(self._name, found.shown, found.after, whole)
        if is_believed:
            self._withheld = None
            await self._publish(found.different, found.gone, newer)
        else:
            self._withheld = {(table, key): row for table, by_key in whole().items() for key, row in by_key.items()}

    def change(self, rows: Rows) -> None:
        """Take over what became different."""
        loop = asyncio.get_running_loop()
        for table, by_key in rows.items():
            for key, row in by_key.items():
                slot = (table, key)
                for newer in self._newer:
                    newer.add(slot)
                self._pending.pop(slot, None)
                self._pending[slot] = self._own(table, key, row)
        if self._pending and self._flush is None:
            wait = self._flushed + self._pace.gather - loop.time()
            self._flush = loop.call_soon(self._flush_some) if wait <= 0 else loop.call_later(wait, self._flush_some)

    async def objects(
        self, units: Mapping[str, Tree | None], *, complete: bool | Callable[[str], bool] = False
    ) -> None:
        """Take over rule objects, after what was said before them: they may name it."""
        await self._flush_all()
        changed = {name: tree for name, tree in units.items() if self._objects.get(name) != tree}
        if complete:
            is_about = complete if callable(complete) else lambda _: True
            changed |= {name: None for name in self._objects if name not in units and is_about(name)}
        if changed:
            await self._take_objects(changed)
            self._dirty.set()

    def ready(self) -> None:
        """Note that everything was read once."""
        self._told.sync()
        for topic in ("adapter", "restored"):
            self._told.tell(topic, ())
        self._ready.set()

    def heard(self) -> None:
        """Note that the platform is there."""
        self._told.hear()

    def lost(self, why: str) -> None:
        """Note that the platform cannot be followed now."""
        if why != self._told.error:
            _log.warning("%s: %s", self._name, why)
        self._told.lose(why)

    def tell(self, topic: str, *reports: Report) -> None:
        """Make `reports` all that stands about `topic`."""
        self._told.tell(topic, reports)

    async def _run_adapter(self) -> PlatformUnavailable:
        """Run the adapter until it ends, and return why it did."""
        try:
            await self._adapter.run(self)
        except asyncio.CancelledError:
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise
            return PlatformUnavailable("its adapter gave up")  # something that it waited for was cancelled
        except PlatformUnavailable as error:
            return error
        except PidalioError as error:
            return PlatformUnavailable(str(error), is_lasting=True)
        except Exception as error:  # noqa: BLE001 - an adapter may come from anybody: told, and run again
            if (gone := _unavailable(error)) is not None:
                return gone
            _log.exception("the adapter of %s ended by a mistake", self._name)
            message = f"the adapter of {self._name} ended by a mistake and is started again: {error!r}"
            self.tell("adapter", Report(Severity.ERROR, "platform-failed", message))
            return PlatformUnavailable(f"its adapter failed: {error!r}")
        return PlatformUnavailable("its adapter ended by itself")

    def _own(self, table: Table[Any, Any], _key: Any, row: Any) -> Any:
        """Return the row as this platform's: services carry its rank."""
        if table is tables.SERVICES and row is not None and row.rank != self._rank:
            return msgspec.structs.replace(row, rank=self._rank)
        return row

    async def _wanted(
        self, rows: Rows, about: Callable[[Slot], bool]
    ) -> tuple[dict[Slot, Any], Callable[[Slot], bool]]:
        """Return the rows of an answer by slot, and what it is about; what is held back of others goes with it."""
        turns = Turns()
        wanted: dict[Slot, Any] = {}
        for table, by_key in rows.items():
            for number, (key, row) in enumerate(by_key.items()):
                if row is not None:
                    wanted[table, key] = self._own(table, key, row)
                if number % _COMPARED == 0:
                    await turns.give()
        if self._withheld is None:
            return wanted, about
        return {**{slot: row for slot, row in self._withheld.items() if not about(slot)}, **wanted}, lambda _: True

    async def _compared(self, wanted: Mapping[Slot, Any], about: Callable[[Slot], bool]) -> Comparison:
        return await stepped(compared(dict(self._mesh.fed(self._name)), wanted, about))

    def _whole(self, wanted: Mapping[Slot, Any], about: Callable[[Slot], bool]) -> Rows:
        """Return all that the platform has with an answer."""
        others = ((slot, row) for slot, row in self._mesh.fed(self._name).items() if not about(slot))
        return _by_table((*others, *wanted.items()))

    def _doubt(self, found: Comparison, wanted: Mapping[Slot, Any], about: Callable[[Slot], bool]) -> str:
        """Return what the store's guard misses in an answer, in words, empty where it believes it."""
        whole = functools.partial(self._whole, wanted, about)
        if self._mesh.believes(self._name, found.before, found.after, whole):
            return ""
        return "nearly all that was well"

    async def _publish(
        self, different: Iterable[tuple[Slot, Any]], gone: Iterable[Slot], newer: Collection[Slot] = ()
    ) -> None:
        """Make rows live, then remove what is `gone`, a little at a time; not where something `newer` was said."""
        place = {table: number for number, table in enumerate(_ORDER)}
        placed: list[list[tuple[Slot, Any]]] = [[] for _ in range(2 * len(place) + 1)]
        for slot, row in different:
            placed[place.get(slot[0], len(place))].append((slot, row))
        for slot in gone:
            placed[-1 - place.get(slot[0], len(place))].append((slot, None))
        for some in _chunks(itertools.chain(*placed)):
            self._feed([item for item in some if item[0] not in newer] if newer else some)
            await asyncio.sleep(0)

    def _feed(self, items: Iterable[tuple[Slot, Any]]) -> None:
        live, now = self._mesh.fed(self._name), asyncio.get_running_loop().time()
        steadied = [(slot, self._steadying.steady(slot, live.get(slot), row, now)) for slot, row in items]
        self._mesh.feed(self._name, _by_table(steadied))
        self._counted = None
        self._dirty.set()
        self._free_later()

    def _free_later(self) -> None:
        """Believe those that are well again when they have been so for long enough."""
        soonest = self._steadying.soonest
        if self._freeing is not None:
            self._freeing.cancel()
            self._freeing = None
        if soonest is not None:
            self._freeing = asyncio.get_running_loop().call_at(soonest, self._free)

    def _free(self) -> None:
        now = asyncio.get_running_loop().time()
        self._mesh.feed(self._name, _by_table(self._steadying.due(self._mesh.fed(self._name), now)))
        self._dirty.set()
        self._free_later()

    def _flush_some(self) -> None:
        """Make pending changes live: so many in one step, the rest in the next turn of the loop."""
        loop = asyncio.get_running_loop()
        some = list(itertools.islice(self._pending.items(), _TOGETHER))
        for slot, _ in some:
            del self._pending[slot]
        self._flushed = loop.time()
        self._flush = loop.call_soon(self._flush_some) if self._pending else None
        self._carry(some)

    async def _flush_all(self) -> None:
        """Make all changes live that are pending now, a little at a time."""
        for _ in range(0, len(self._pending), _TOGETHER):
            if self._flush is not None:
                self._flush.cancel()
            self._flush_some()
            await asyncio.sleep(0)

    def _flush_now(self) -> None:
        """Make all pending changes live: a complete answer is compared with what is live."""
        if self._flush is not None:
            self._flush.cancel()
            self._flush = None
        some, self._pending = list(self._pending.items()), {}
        self._carry(some)

    def _carry(self, items: list[tuple[Slot, Any]]) -> None:
        """Make changes live, and part of what is held back, which may be believed now."""
        if not items:
            return
        self._feed(items)
        if self._withheld is None:
            return
        for slot, row in items:
            if row is None:
                self._withheld.pop(slot, None)
            else:
                self._withheld[slot] = row
        if not self._mesh.holds_back(self._name):
            self._withheld = None  # released: what was held back is live
        elif self._is_enough(self._withheld):
            whole, self._withheld = self._withheld, None
            gone = [(slot, None) for slot in self._mesh.fed(self._name) if slot not in whole]
            self._feed((*whole.items(), *gone))

    def _is_enough(self, withheld: Mapping[Slot, Any]) -> bool:
        """Tell whether what is held back shows enough again, as it is now."""
        before = healthy(self._mesh.fed(self._name).values())
        return self._mesh.believes(self._name, before, healthy(withheld.values()), lambda: _by_table(withheld.items()))

    async def _take_objects(self, units: Mapping[str, Tree | None]) -> None:
        turns = Turns()
        loaded: dict[str, Loaded | None] = {}
        for name, tree in units.items():
            loaded[name] = None if tree is None else _loaded(tree, self._name)
            await turns.give()
        await self._mesh.take_objects(self._name, loaded)
        for name, tree in units.items():
            if tree is None:
                self._objects.pop(name, None)
            else:
                self._objects[name] = tree

    async def _keep(self) -> None:
        """Write what is known, some time after it changed."""
        now = asyncio.get_running_loop().time
        while True:
            await self._dirty.wait()
            begun = now()
            await self._write()
            await asyncio.sleep(max(self._pace.keep, 20 * (now() - begun)))

    async def _write(self) -> None:
        if self._file is None or not self._dirty.is_set():
            return
        self._dirty.clear()
        try:
            await kept.write(self._file, kept.Known(dict(self._mesh.fed(self._name)), dict(self._objects)))
        except (OSError, ValueError, TypeError) as error:  # a disk, or an object that cannot be written as JSON
            self._dirty.set()
            message = f"what is known of {self._name} cannot be kept: {error}"
            self.tell("kept", Report(Severity.WARNING, "platform-not-kept", message))
        else:
            self.tell("kept")


def _about(within: Collection[Table[Any, Any]] | None, where: Callable[[Any], bool] | None) -> Callable[[Slot], bool]:
    """Return what tells whether an answer is about a slot."""

    def is_about(slot: Slot) -> bool:
        return (within is None or slot[0] in within) and (where is None or where(slot[1]))

    return is_about


def _unavailable(error: BaseException) -> PlatformUnavailable | None:
    """Return the platform's failure where a group of tasks failed by nothing else."""
    if isinstance(error, BaseExceptionGroup):
        found = [_unavailable(one) for one in error.exceptions]
        return found[0] if all(found) else None
    return error if isinstance(error, PlatformUnavailable) else None


def _by_table(items: Iterable[tuple[Slot, Any]]) -> dict[Table[Any, Any], dict[Any, Any]]:
    rows: dict[Table[Any, Any], dict[Any, Any]] = {}
    for (table, key), row in items:
        rows.setdefault(table, {})[key] = row
    return rows


def _chunks(items: Iterable[tuple[Slot, Any]]) -> Iterator[list[tuple[Slot, Any]]]:
    rest = iter(items)
    while some := list(itertools.islice(rest, _TOGETHER)):
        yield some


def _loaded(tree: Tree, platform: str) -> Loaded:
    result = parse(Document(dict(tree), Places(platform, 0), ()))
    return Loaded((), (result,), ()) if isinstance(result, Skipped) else Loaded((result,), (), ())
