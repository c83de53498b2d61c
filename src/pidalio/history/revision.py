"""The words of a history and the interface that every kind of history has.

A revision is a change of what users wrote, durable before it is acknowledged; its number only grows.
Invariant: an entry holds no contents of a Secret, only fingerprints of them.
"""

import enum
from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

from pidalio.model import ObjectRef
from pidalio.store.change import Owner, Write


class Action(enum.Enum):
    """What a revision did to an object; MOVED means another owner or file, with the same content."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"
    MOVED = "moved"


class Entry(msgspec.Struct, frozen=True):
    """An object as a revision holds it: its owner and the tree of `api.dump`."""

    ref: ObjectRef
    owner: Owner
    document: dict[str, Any]


class Difference(msgspec.Struct, frozen=True):
    """One object in two revisions; None where it does not exist."""

    ref: ObjectRef
    before: Entry | None
    after: Entry | None

    @property
    def action(self) -> Action:
        """Return what led from `before` to `after`."""
        if self.before is None:
            return Action.ADDED
        if self.after is None:
            return Action.REMOVED
        return Action.MOVED if self.before.document == self.after.document else Action.CHANGED


class Revision(msgspec.Struct, frozen=True):
    """One recorded change; `time` is in seconds since the epoch. Number 0 stands for the empty beginning."""

    number: int
    time: float = 0.0
    author: str = ""
    message: str = ""
    changes: tuple[tuple[ObjectRef, Action], ...] = ()


class Retention(msgspec.Struct, frozen=True):
    """How much is kept: the last `revisions`, and of these none older than `seconds` (None: of any age).

    The newest revision always stays, and so does what is live.
    """

    revisions: int = 1000
    seconds: float | None = None


class History(Protocol):
    """Keep revisions; every method raises `HistoryUnavailable`, with nothing changed, when it cannot."""

    async def record(
        self,
        writes: Sequence[Write],
        author: str,
        message: str = "",
        *,
        complete: bool = False,
        expected: int | None = None,
    ) -> Revision:
        """Record `writes` as one revision and return it once it is durable.

        Writes that change nothing are left out; when none is left, the newest revision is returned.
        With `complete`, `writes` are all the objects there are: others are recorded as removed.
        Raise `Conflict` when the newest revision is not `expected`.
        """

    async def head(self) -> Revision:
        """Return the newest revision."""

    async def list(self, limit: int = 50, before: int | None = None) -> tuple[Revision, ...]:
        """Return up to `limit` revisions, newest first, older than `before`."""

    async def get(self, number: int) -> tuple[Revision, tuple[Difference, ...]]:
        """Return a revision and what it changed; raise `NotFound` for one that is not kept."""

    async def state(self, number: int | None = None) -> tuple[Entry, ...]:
        """Return every object as of a revision (None: the newest), in order; raise `NotFound`."""

    async def diff(self, older: int, newer: int | None = None) -> tuple[Difference, ...]:
        """Return how the objects of two revisions differ (None: the newest), in order; raise `NotFound`."""

    async def close(self) -> None:
        """Give the history back; later calls raise `HistoryUnavailable`."""
