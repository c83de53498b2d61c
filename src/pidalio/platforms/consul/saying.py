"""What one Consul is said to be: the word of all its datacenters together, in order.

Invariants: everything is said once each datacenter was read whole, and nothing is said to be all before; while a
suspicious answer is read again, no change overtakes it; a datacenter that is lost is told of until it is back.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final

from pidalio.derive import Table
from pidalio.errors import PlatformUnavailable
from pidalio.model import Report, Severity
from pidalio.platforms.adapter import Feed, Rows
from pidalio.platforms.consul.directory import Directory
from pidalio.platforms.offers import offered

_TOGETHER: Final = 500
"""Offers that become rows before the event loop gets its turn."""
_SHOWN: Final = 5


class Saying:
    """Says what a `Directory` holds; `datacenters` are those that must be read first."""

    def __init__(self, feed: Feed, directory: Directory, datacenters: Iterable[str]) -> None:
        self.directory = directory
        self._feed = feed
        self._unread = set(datacenters)
        self._lost: dict[str, str] = {}
        self._lock = asyncio.Lock()

    async def change(self) -> None:
        """Say what became different."""
        async with self._lock:
            self._changed()

    async def whole(self, datacenter: str, again: Callable[[], Awaitable[None]], *, is_all: bool) -> None:
        """Say that a datacenter was read whole; `is_all` is False where the token hides something of it.

        `again` reads it once more, with the strongest consistency.
        """

        async def rows() -> Rows:
            await again()
            return await self._rows()

        async with self._lock:
            self._unread.discard(datacenter)
            if self._unread or not is_all:
                self._changed()
            else:
                await self._feed.complete(await self._rows(), rows)
                self._changed()  # since the rows were made
            if not self._unread:
                self._feed.ready()
        self._how_it_is()

    def heard(self, datacenter: str) -> None:
        """Say that a datacenter is there."""
        self._lost.pop(datacenter, None)
        self._how_it_is()

    def lost(self, datacenter: str, error: PlatformUnavailable) -> None:
        """Say that a datacenter cannot be followed now."""
        self._lost[datacenter] = f"datacenter {datacenter}: {error}" if datacenter else str(error)
        self._how_it_is()

    def tell(self, topic: str, datacenter: str, code: str = "", message: str = "") -> None:
        """Make this all that stands to be told about a topic; without a code nothing does."""
        reports = (Report(Severity.WARNING, code, message),) if code else ()
        self._feed.tell(f"{topic}/{datacenter}", *reports)

    def _how_it_is(self) -> None:
        if self._lost:
            self._feed.lost("; ".join(text for _, text in sorted(self._lost.items())))
        else:
            self._feed.heard()

    def _changed(self) -> None:
        if rows := self.directory.changes():
            self._feed.change(rows)
        self._tell_services()

    def _tell_services(self) -> None:
        for name, reports in self.directory.told().items():
            self._feed.tell(f"service/{name}", *reports)

    async def _rows(self) -> Rows:
        """Return the rows of all offers."""
        rows: dict[Table[Any, Any], dict[Any, Any]] = {}
        offers = tuple(self.directory.offers())
        self.directory.changes()  # they are among the rows
        for start in range(0, max(len(offers), 1), _TOGETHER):
            made: Mapping[Table[Any, Any], Mapping[Any, Any]] = offered(
                self._feed.name, offers[start : start + _TOGETHER]
            )
            for table, by_key in made.items():
                rows.setdefault(table, {}).update(by_key)
            await asyncio.sleep(0)
        return rows


def few(names: Iterable[str]) -> str:
    """Return some of the names, and how many more there are."""
    every = sorted(names)
    more = len(every) - _SHOWN
    return ", ".join(every[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
