"""Owns what the engine tells about itself: what a change did, and how large the graph is."""

from collections.abc import Hashable, Sequence
from typing import Any, Self

import msgspec

from pidalio.derive.query import AnyQuery

Args = tuple[Hashable, ...]
Call = tuple[AnyQuery, Args]


class Changes(msgspec.Struct, frozen=True):
    """What one `apply` did.

    `outputs` maps each output whose value differs from what was last reported to (old, new);
    None means that nothing is known, and every output is to be asked for again (scratch mode).
    `ran` lists the queries that ran, in order, as (name, arguments).
    """

    generation: int
    outputs: dict[Call, tuple[Any, Any]] | None
    ran: list[tuple[str, Args]]


class QueriesFailed(ExceptionGroup[Exception]):
    """Output queries raised; everything else is settled, and `changes` says what changed.

    The rows are in. The failed outputs are asked again at each later `apply`, until they answer or are collected.
    """

    changes: Changes

    def __new__(cls, message: str, errors: Sequence[Exception], changes: Changes) -> Self:
        """Make the group; it needs all three parts before it exists."""
        group = super().__new__(cls, message, errors)
        group.changes = changes
        return group

    def derive(self, errors: Sequence[Exception], /) -> "QueriesFailed":  # type: ignore[override]  # of errors only
        """Return the same failure with a part of its errors, for `except*`."""
        return QueriesFailed(self.message, errors, self.changes)


class Stats(msgspec.Struct, frozen=True):
    """The size of the graph: memoised answers, edges between them and to inputs, inputs that were read, rows."""

    nodes: int
    edges: int
    inputs: int
    rows: int
