"""What is live of one platform: the only place of a follower that changes rows of the mesh.

Invariants: what is used comes before what uses it, removals go the other way; health that goes up and down must stay up
before it counts; the event loop gets its turn in the midst of anything large.
"""

import asyncio
import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, Final

from pidalio.derive import Table
from pidalio.model import Report
from pidalio.platforms.following.gathering import TOGETHER
from pidalio.platforms.following.judging import Slot
from pidalio.platforms.following.steadying import Steadying
from pidalio.platforms.following.takes import Takes
from pidalio.store import tables

_ORDER: Final = (tables.WORKLOADS, tables.ENDPOINTS, tables.SERVICES, tables.ALIASES)
"""What is used comes before what uses it."""


class Live:
    """The rows of the platform `name`; `changed` is called after each change."""

    def __init__(self, name: str, mesh: Takes, changed: Callable[[], None]) -> None:
        self._name, self._mesh, self._changed = name, mesh, changed
        self._steadying = Steadying()
        self._freeing: asyncio.TimerHandle | None = None

    @property
    def rows(self) -> Mapping[Slot, Any]:
        """Return all of them."""
        return self._mesh.fed(self._name)

    def reports(self) -> Iterator[Report]:
        """Yield whose health goes up and down."""
        yield from self._steadying.reports(self._name)

    async def publish(
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
            self.feed([item for item in some if item[0] not in newer] if newer else some)
            await asyncio.sleep(0)

    def feed(self, items: Iterable[tuple[Slot, Any]]) -> None:
        """Make changes live in one step."""
        live, now = self.rows, asyncio.get_running_loop().time()
        steadied = [(slot, self._steadying.steady(slot, live.get(slot), row, now)) for slot, row in items]
        self._mesh.feed(self._name, by_table(steadied))
        self._changed()
        self._free_later()

    def close(self) -> None:
        """Stop the clock."""
        if self._freeing is not None:
            self._freeing.cancel()
            self._freeing = None

    def _free_later(self) -> None:
        """Believe those that are well again when they have been so for long enough."""
        self.close()
        if (soonest := self._steadying.soonest) is not None:
            self._freeing = asyncio.get_running_loop().call_at(soonest, self._free)

    def _free(self) -> None:
        now = asyncio.get_running_loop().time()
        self._mesh.feed(self._name, by_table(self._steadying.due(self.rows, now)))
        self._changed()
        self._free_later()


def by_table(items: Iterable[tuple[Slot, Any]]) -> dict[Table[Any, Any], dict[Any, Any]]:
    """Return rows by table and key."""
    rows: dict[Table[Any, Any], dict[Any, Any]] = {}
    for (table, key), row in items:
        rows.setdefault(table, {})[key] = row
    return rows


def _chunks(items: Iterable[tuple[Slot, Any]]) -> Iterator[list[tuple[Slot, Any]]]:
    rest = iter(items)
    while some := list(itertools.islice(rest, TOGETHER)):
        yield some
