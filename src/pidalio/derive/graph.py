"""Owns the vertices of the dependency graph and its edges, in both directions.

A `Cell` stands for one input that somebody read, a `Node` for one memoised answer.
Invariants: `source.readers` holds a node exactly when `node.sources` holds that source,
and a node is higher than each of its sources (inputs have height 0).
Both are untracked by Python's cycle collector, which therefore never walks the graph;
whoever lets go of a node clears its edges (`unlink`, and `Database` at its end).
"""

from collections.abc import Hashable
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from pidalio.derive.query import AnyQuery

TOP: Final = 1 << 60  # above every height
DIRTY: Final = -1  # a source has changed: the node waits in the heap
RUNNING: Final = -2
GONE: Final = -3
NOT_RUN: Final = object()

_HEIGHT: Final = attrgetter("height")
_FEW: Final = 8  # up to here readers are a tuple: a fifth of the memory of a dict


class Cell(msgspec.Struct, eq=False, gc=False):
    """One input that was read: a row, the members of an index key, or the keys of an index."""

    readers: "tuple[Node, ...] | dict[Node, None]" = ()
    height: int = 0


class Node(Cell, eq=False, gc=False, kw_only=True):
    """One memoised answer: `sources` in order of first read; `stamp` is the generation it was found true in."""

    query: "AnyQuery"
    args: tuple[Hashable, ...]
    value: Any = NOT_RUN
    sources: tuple[Cell, ...] = ()
    stamp: int = RUNNING

    def __str__(self) -> str:
        return f"{self.query.name}({', '.join(map(repr, self.args))})"


def link(node: Node, sources: tuple[Cell, ...]) -> None:
    """Replace what `node` reads, and keep it below its readers."""
    if sources != node.sources:
        were, are = set(node.sources), set(sources)
        for source in node.sources:
            if source not in are:
                _remove_reader(source, node)
        for source in sources:
            if source not in were:
                _add_reader(source, node)
        node.sources = sources
    height = 1 + max(map(_HEIGHT, sources), default=0)
    rises, node.height = height > node.height, height
    if rises:
        _lift_readers(node)


def unlink(node: Node) -> list[Cell]:
    """Take `node` out of the graph and return the sources that nobody reads any more."""
    for source in node.sources:
        _remove_reader(source, node)
    unread = [source for source in node.sources if not source.readers]
    node.sources = ()
    node.stamp = GONE
    return unread


def _add_reader(source: Cell, node: Node) -> None:
    if isinstance(source.readers, dict):
        source.readers[node] = None
    elif len(source.readers) < _FEW:
        source.readers += (node,)
    else:
        source.readers = dict.fromkeys((*source.readers, node))


def _remove_reader(source: Cell, node: Node) -> None:
    if isinstance(source.readers, dict):
        source.readers.pop(node, None)
        if len(source.readers) <= _FEW // 2:
            source.readers = tuple(source.readers)
    else:
        source.readers = tuple(reader for reader in source.readers if reader is not node)


def _lift_readers(node: Node) -> None:
    raised: list[Node] = [node]
    while raised:
        low = raised.pop()
        for reader in low.readers:
            if reader.height <= low.height:
                reader.height = low.height + 1
                raised.append(reader)
