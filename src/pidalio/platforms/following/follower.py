"""One platform in the mesh: runs its adapter for ever, and carries what it says into the store.

Invariants: what is known of a platform stays in force, in memory and on disk, until the platform itself says otherwise;
a suspicious answer counts when it is given twice; changes come in order, and many at once as one; the event loop is
given its turn in the midst of anything large.
It stands between an `Adapter` (as its `Feed`) and the control plane (`Takes`). Source: design record 0020.
"""

import asyncio
import contextlib
import functools
import logging
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from pidalio.derive import Table
from pidalio.errors import PidalioError, PlatformUnavailable
from pidalio.model import Report, Severity
from pidalio.platforms.adapter import Adapter, Rows, Tree
from pidalio.platforms.following.gathering import Gathering
from pidalio.platforms.following.judging import Comparison, Slot, compared, healthy
from pidalio.platforms.following.kept import Keeper, Known
from pidalio.platforms.following.live import Live, by_table
from pidalio.platforms.following.objects import Objects
from pidalio.platforms.following.state import Standing, Told, counted
from pidalio.platforms.following.takes import Takes
from pidalio.platforms.pausing import Pause
from pidalio.platforms.turns import Turns, stepped
from pidalio.store import tables

_COMPARED: Final = 500
"""Rows of an answer that are taken up before the event loop gets its turn."""
_log = logging.getLogger(__name__)


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
        self._rank, self._pace = rank, pace
        self._told = Told()
        self._ready = asyncio.Event()
        self._objects = Objects(name, mesh)
        self._keeper = Keeper(file, self._all_known, self.tell, pace.keep)
        self._live = Live(name, mesh, self._changed)
        self._gathering = Gathering(self._carry, pace.gather)
        self._newer: list[set[Slot]] = []
        self._withheld: dict[Slot, Any] | None = None
        self._counted: tuple[int, int] | None = None

    @property
    def name(self) -> str:
        """Return what the platform is called."""
        return self._name

    async def restore(self) -> None:
        """Take over what an earlier process knew; what cannot be read is told, and the platform read anew."""
        try:
            if (known := await self._keeper.read()) is None:
                return
            await self._live.publish([(slot, self._own(*slot, row)) for slot, row in known.rows.items()], ())
            with contextlib.suppress(PidalioError):  # told by the control plane; the platform says it again
                await self._objects.take(known.objects)
            self._told.restored = True
        except Exception as error:  # noqa: BLE001 - whatever is wrong with a file is no reason not to start
            message = f"{self._keeper.file}: what was known of {self._name} is not restored: {error}"
            _log.warning("%s", message)
            self.tell("restored", Report(Severity.WARNING, "platform-not-restored", message))

    async def run(self) -> None:
        """Follow until cancelled."""
        keeper = asyncio.create_task(self._keeper.run(), name=f"keep {self._name}")
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
            self._gathering.carry_now()
            self._live.close()
            await self._keeper.write()

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
        if self._counted is None:
            self._counted = counted(self._live.rows)
        services, instances = self._counted
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
            objects=len(self._objects.trees),
            reports=tuple(self.reports()),
        )

    def reports(self) -> Iterator[Report]:
        """Yield what there is to tell of the platform."""
        yield from self._told.reports(self._name)
        yield from self._live.reports()

    # What an adapter says: the methods of `Feed`.

    def known(self) -> Rows:
        """Return what stands in force."""
        self._gathering.carry_now()
        return by_table(self._live.rows.items())

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
        await self._gathering.carry_all()
        wanted, judged = await self._wanted(rows, about)
        found = await self._compared(wanted, judged)
        is_believed = True
        if why := found.loss or self._doubt(found, wanted, judged, newer):
            self._told.held = f"its answer lacks {why}: it is asked again before that counts"
            whole = functools.partial(self._whole, wanted, judged, newer)
            self._mesh.hold(self._name, whole, f"an answer of {self._name} lacks {why}")
            _log.warning("%s: %s", self._name, self._told.held)
            try:
                await asyncio.sleep(self._pace.patience)
                newer.clear()
                wanted, judged = await self._wanted(await again(), about)
            finally:
                self._told.held = ""
            await self._gathering.carry_all()
            found = await self._compared(wanted, judged)
            whole = functools.partial(self._whole, wanted, judged, newer)
            is_believed = self._mesh.believes(self._name, found.shown, found.after, whole)
        if is_believed:
            self._withheld = None
            await self._live.publish(found.different, found.gone, newer)
        else:
            self._withheld = {(table, key): row for table, by_key in whole().items() for key, row in by_key.items()}

    def change(self, rows: Rows) -> None:
        """Take over what became different."""
        for table, by_key in rows.items():
            for key, row in by_key.items():
                slot = (table, key)
                for newer in self._newer:
                    newer.add(slot)
                self._gathering.put(slot, self._own(table, key, row))
        self._gathering.carry_soon()

    async def objects(
        self, units: Mapping[str, Tree | None], *, complete: bool | Callable[[str], bool] = False
    ) -> None:
        """Take over rule objects, after what was said before them: they may name it."""
        await self._gathering.carry_all()
        if changed := self._objects.changes(units, complete):
            await self._objects.take(changed)
            self._keeper.changed()

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
        return await stepped(compared(dict(self._live.rows), wanted, about))

    def _whole(self, wanted: Mapping[Slot, Any], about: Callable[[Slot], bool], newer: Collection[Slot]) -> Rows:
        """Return all that the platform has with an answer, but for the slots of which something `newer` was said."""
        others = ((slot, row) for slot, row in self._live.rows.items() if slot in newer or not about(slot))
        return by_table((*others, *((slot, row) for slot, row in wanted.items() if slot not in newer)))

    def _doubt(
        self,
        found: Comparison,
        wanted: Mapping[Slot, Any],
        about: Callable[[Slot], bool],
        newer: Collection[Slot],
    ) -> str:
        """Return what the store's guard misses in an answer, in words, empty where it believes it."""
        whole = functools.partial(self._whole, wanted, about, newer)
        if self._mesh.believes(self._name, found.before, found.after, whole):
            return ""
        return "nearly all that was well"

    def _carry(self, items: list[tuple[Slot, Any]]) -> None:
        """Make changes live, and part of what is held back, which may be believed now."""
        self._live.feed(items)
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
            gone = [(slot, None) for slot in self._live.rows if slot not in whole]
            self._live.feed((*whole.items(), *gone))

    def _is_enough(self, withheld: Mapping[Slot, Any]) -> bool:
        """Tell whether what is held back shows enough again, as it is now."""
        before = healthy(self._live.rows.values())
        return self._mesh.believes(self._name, before, healthy(withheld.values()), lambda: by_table(withheld.items()))

    def _changed(self) -> None:
        self._counted = None
        self._keeper.changed()

    def _all_known(self) -> Known:
        return Known(dict(self._live.rows), dict(self._objects.trees))


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
