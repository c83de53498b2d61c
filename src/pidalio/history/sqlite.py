"""The embedded history: one SQLite file, written by one thread, durable before it answers.

Invariant: what `record` returned is found again after a `kill -9` at any moment; what failed changed nothing.
It stands between the server's changes and the disk.
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import ParamSpec, TypeVar

from pidalio.errors import HistoryUnavailable
from pidalio.history import records
from pidalio.history.recording import record
from pidalio.history.records import Version
from pidalio.history.revision import Difference, Entry, Retention, Revision
from pidalio.history.schema import open_database, unavailable
from pidalio.model import ObjectRef
from pidalio.store.change import Write

P = ParamSpec("P")
T = TypeVar("T")


class SqliteHistory:
    """A `History` in one file; made by `open`.

    A call that is cancelled while the disk works may still take effect: it was not acknowledged.
    """

    def __init__(self, path: Path, retention: Retention, now: Callable[[], float]) -> None:
        self._path = path
        self._retention = retention
        self._now = now
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="history")
        self._database: sqlite3.Connection | None = None

    @classmethod
    async def open(
        cls,
        path: Path,
        retention: Retention = Retention(),  # noqa: B008 - frozen
        *,
        now: Callable[[], float] = time.time,
        wait: float = 1.0,
    ) -> "SqliteHistory":
        """Open or make the history at `path`, waiting up to `wait` seconds for another process to let go.

        Raise `HistoryUnavailable` when another process holds it, it is damaged, or it cannot be written.
        """
        history = cls(path, retention, now)
        try:
            await history._run(history._open, wait)
        except BaseException:
            history._thread.shutdown(wait=False)
            raise
        return history

    async def record(
        self,
        writes: Sequence[Write],
        author: str,
        message: str = "",
        *,
        complete: bool = False,
        expected: int | None = None,
    ) -> Revision:
        """Record `writes` as one revision; see `History`."""
        made = Revision(0, self._now(), author, message)
        work = partial(record, complete=complete, expected=expected)
        return await self._in_database(work, tuple(writes), made, self._retention)

    async def head(self) -> Revision:
        """Return the newest revision; see `History`."""
        return await self._in_database(records.head)

    async def list(self, limit: int = 50, before: int | None = None) -> tuple[Revision, ...]:
        """Return revisions, newest first; see `History`."""
        return await self._in_database(records.revisions, limit, before)

    async def get(self, number: int) -> tuple[Revision, tuple[Difference, ...]]:
        """Return a revision and what it changed; see `History`."""
        return await self._in_database(_get, number)

    async def state(self, number: int | None = None) -> tuple[Entry, ...]:
        """Return every object as of a revision; see `History`."""
        return await self._in_database(_state, number)

    async def diff(self, older: int, newer: int | None = None) -> tuple[Difference, ...]:
        """Return how two revisions differ; see `History`."""
        return await self._in_database(_diff, older, newer)

    async def close(self) -> None:
        """Let go of the file; see `History`."""
        database, self._database = self._database, None
        if database is not None:
            await self._run(database.close)
        self._thread.shutdown(wait=False)

    def _open(self, wait: float) -> None:
        self._database = open_database(self._path, wait)

    async def _run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, partial(work, *args, **kwargs))

    async def _in_database(self, work: Callable[..., T], *args: object) -> T:
        """Run `work(database, *args)` as one transaction in the history's thread."""
        if self._database is None:
            raise HistoryUnavailable(f"history {self._path} is closed")
        return await self._run(self._transact, self._database, work, *args)

    def _transact(self, database: sqlite3.Connection, work: Callable[..., T], *args: object) -> T:
        try:
            database.execute("BEGIN IMMEDIATE")
            result = work(database, *args)
            database.execute("COMMIT")
        except BaseException as error:
            _roll_back(database)
            if isinstance(error, sqlite3.Error):
                raise unavailable(self._path, error) from error
            raise
        return result


def _roll_back(database: sqlite3.Connection) -> None:
    """End the transaction, unless SQLite did so itself when it failed."""
    if database.in_transaction:
        database.execute("ROLLBACK")


def _get(database: sqlite3.Connection, number: int) -> tuple[Revision, tuple[Difference, ...]]:
    found = records.revision(database, number)
    return found, records.differences(database, records.steps(database, number))


def _state(database: sqlite3.Connection, number: int | None) -> tuple[Entry, ...]:
    return records.entries(database, _versions(database, number))


def _diff(database: sqlite3.Connection, older: int, newer: int | None) -> tuple[Difference, ...]:
    steps = records.compare(_versions(database, older), _versions(database, newer))
    return records.differences(database, steps)


def _versions(database: sqlite3.Connection, number: int | None) -> dict[ObjectRef, Version]:
    return records.live(database) if number is None else records.versions(database, number)
