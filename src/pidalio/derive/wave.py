"""Owns the running of queries and the wave that a change sends through the graph, bottom-up by height.

Invariants, while a wave is under way: each node whose source has changed is DIRTY and in the heap;
no node below `floor` is DIRTY or RUNNING, so whatever is below may be read as it is, and all else goes through `fetch`.
Between waves `floor` is above everything, and a memoised answer costs two look-ups.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from contextlib import suppress
from heapq import heappop, heappush
from itertools import count
from typing import Any

from pidalio.derive.changes import Args, Call
from pidalio.derive.graph import DIRTY, GONE, NOT_RUN, RUNNING, TOP, Cell, Node, link, unlink
from pidalio.derive.query import AnyQuery


class Cycle(RuntimeError):
    """A query asked, through others, for itself; the message names them. It must not be caught inside a query."""


class Wave:
    """The memoised answers of one database, and what is running."""

    __slots__ = (
        "_heap",
        "_moment",
        "before",
        "floor",
        "frame",
        "generation",
        "memo",
        "memos",
        "pools",
        "ran",
        "running",
        "trace",
    )

    def __init__(self, *, memo: bool) -> None:
        self.memo = memo
        self.generation = 0
        self.trace: Callable[[AnyQuery, Args], None] | None = None
        self.memos: defaultdict[AnyQuery, dict[Args, Node]] = defaultdict(dict)
        self.floor = TOP
        self.frame: dict[Cell, None] | None = None  # what the running query has read, in order
        self.running: list[Node] = []
        self.ran: list[tuple[str, Args]] | None = None
        self.before: dict[Call, Any] = {}  # outputs that changed or failed: the value last reported
        self.pools: defaultdict[AnyQuery, dict[Any, Any]] = defaultdict(dict)
        self._heap: list[tuple[int, int, Node]] = []
        self._moment = count()

    def note(self, cells: dict[Hashable, Cell], name: Hashable) -> None:
        """Record that the running query, if any, read the input called `name` among `cells`."""
        if self.frame is not None:
            cell = cells.get(name)
            if cell is None:
                cell = cells[name] = Cell()
            self.frame[cell] = None

    def fetch(self, query: AnyQuery, args: Args, node: Node | None) -> Node:
        """Return the node of a call, true for the present rows: `node`, looked after, or a new one."""
        if node is None:
            node = self.memos[query][args] = Node(query=query, args=args, height=TOP)
            self._run(node)
        elif node.stamp == RUNNING:
            path = self.running[self.running.index(node) :]
            raise Cycle(" → ".join(map(str, [*path, node])))
        else:
            self._refresh(node)
            if node.stamp == GONE:  # looking after it ran it, by way of a cycle: ask again, and hear of it
                return self.fetch(query, args, self.memos[query].get(args))
        return node

    def schedule(self, readers: Iterable[Node]) -> None:
        """Mark nodes as to be run again; one that is running reads what is new by itself."""
        for node in readers:
            if node.stamp >= 0:
                node.stamp = DIRTY
                heappush(self._heap, (node.height, next(self._moment), node))

    def settle(self) -> None:
        """Run all that is scheduled, lowest first, until nothing differs."""
        while self._heap:
            height, _, node = heappop(self._heap)
            if node.stamp == DIRTY:  # else it was asked for before its turn, or dropped
                self.floor = height
                with suppress(
                    Exception
                ):  # the node is dropped; its readers are scheduled, and meet the error if they ask
                    self._run(node)
        self.floor = TOP

    def _refresh(self, node: Node) -> None:
        """Make a node true that is not below the wave: a reader came upon it before its turn."""
        if node.height > self.floor and node.stamp not in (DIRTY, self.generation):
            frame, self.frame = self.frame, None
            try:
                self._verify(node)
            finally:
                self.frame = frame
        if node.stamp == DIRTY:
            self._run(node)
        elif node.stamp != GONE:
            node.stamp = self.generation

    def _verify(self, node: Node) -> None:
        """Settle the sources of `node` in the order it read them, until one has changed.

        Up to there it would read the same again; so a source that is running now is a cycle, which its run will tell.
        """
        for source in node.sources:
            if source.height >= self.floor and isinstance(source, Node):
                if source.stamp == RUNNING:
                    self.schedule((node,))
                else:
                    with suppress(Exception):  # the source is dropped, and thereby `node` is scheduled
                        self._refresh(source)
                if node.stamp in (DIRTY, GONE):
                    return

    def _run(self, node: Node) -> None:
        outer = self.frame
        reads: dict[Cell, None] | None = {} if self.memo else None
        self.frame = reads
        self.running.append(node)
        node.stamp = RUNNING
        try:
            self._announce(node)
            value = self._shared(node, node.query.function(self, *node.args))
        except BaseException:
            if outer is not None and reads is not None:
                outer.update(reads)  # whoever catches it depends on what made it raise
            self._drop(node)
            raise
        finally:
            self.frame = outer
            self.running.pop()
        link(node, tuple(reads or ()))
        if value is not node.value:
            self._replace(node, value)
        node.stamp = self.generation

    def _announce(self, node: Node) -> None:
        if self.ran is not None:
            self.ran.append((node.query.name, node.args))
        if self.trace is not None:
            self.trace(node.query, node.args)

    def _shared(self, node: Node, value: Any) -> Any:
        """Return the object that stands for `value`: the old one when nothing changed."""
        if node.value is not NOT_RUN and (value is node.value or value == node.value):
            return node.value
        return self.pools[node.query].setdefault(value, value) if node.query.intern else value

    def _replace(self, node: Node, value: Any) -> None:
        old, node.value = node.value, value
        if old is not NOT_RUN:
            self._remember(node, old)
            self.schedule(node.readers)

    def _drop(self, node: Node) -> None:
        """Forget a node that raised, and wake those who read it."""
        if node.value is not NOT_RUN:
            self._remember(node, node.value)
        del self.memos[node.query][node.args]
        unlink(node)
        self.schedule(node.readers)

    def _remember(self, node: Node, old: Any) -> None:
        if node.query.output:
            self.before.setdefault((node.query, node.args), old)
