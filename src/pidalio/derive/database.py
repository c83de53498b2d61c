"""Owns the rows of all tables, and `apply`, the only door through which they change.

Invariant: rows, indexes and answers change together or not at all, and after every `apply`,
also one that raised, each query answers what it would answer from scratch.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from pidalio.derive.changes import Call, Changes, QueriesFailed, Stats
from pidalio.derive.eviction import evict_inputs, evict_nodes
from pidalio.derive.graph import Cell
from pidalio.derive.table import AnyTable, Entries, Rows
from pidalio.derive.wave import Wave


class _Tables(dict[AnyTable, Rows]):
    def __missing__(self, table: AnyTable) -> Rows:
        rows = self[table] = Rows()
        return rows


class _Edit(NamedTuple):
    rows: Rows
    key: Any
    row: Any
    flips: list[tuple[Entries, Any, bool]]


class Database(Wave):
    """One world: rows, and everything derived from them. Not for use by several threads at once.

    With `memo=False` it is the oracle: answers last for one generation only, and nothing is recorded.
    `trace(query, args)` is called whenever a query runs.
    """

    __slots__ = ("tables",)

    def __init__(self, *, memo: bool = True) -> None:
        super().__init__(memo=memo)
        self.tables = _Tables()

    def apply(self, changes: Mapping[AnyTable, Mapping[Any, Any]]) -> Changes:
        """Set rows (None deletes), bring every memoised answer up to date, and report which outputs differ.

        A row equal to the old one is no change. Raise QueriesFailed, with everything settled and the rows in,
        when output queries raise; raise whatever an index function raises before anything has changed.
        """
        self._outside_queries("apply")
        edits = list(_edits(self.tables, changes))
        self.ran = []
        if edits:
            self.generation += 1
            for edit in edits:
                for cell in _commit(edit):
                    self.schedule(cell.readers)
        if edits and not self.memo:
            self.memos.clear()
        self.settle()
        return self._report()

    def collect(self, roots: Iterable[Call]) -> None:
        """Forget every answer that no call in `roots`, pairs of query and arguments, needs."""
        self._outside_queries("collect")
        self.settle()  # if an interrupt cut the last wave short
        evict_nodes(self, roots)
        for rows in self.tables.values():
            evict_inputs(rows)

    def describe(self) -> Stats:
        """Count what is held; it looks at every node."""
        nodes = [node for memo in self.memos.values() for node in memo.values()]
        cells = [*(rows.cells for rows in self.tables.values())]
        cells += [entries.cells for rows in self.tables.values() for entries in rows.indexes.values()]
        return Stats(
            nodes=len(nodes),
            edges=sum(len(node.sources) for node in nodes),
            inputs=sum(map(len, cells)),
            rows=sum(len(rows.rows) for rows in self.tables.values()),
        )

    def __del__(self) -> None:
        # Nodes and cells point at each other, out of the cycle collector's sight.
        for memo in self.memos.values():
            for node in memo.values():
                node.sources = node.readers = ()

    def _outside_queries(self, what: str) -> None:
        if self.running:
            raise RuntimeError(f"{what} was called inside {self.running[-1]}: queries only read")

    def _report(self) -> Changes:
        outputs: dict[Call, tuple[Any, Any]] = {}
        failed: dict[Call, Exception] = {}
        for (query, args), old in list(self.before.items()):
            try:
                new = query(self, *args)
            except Exception as error:  # noqa: BLE001 - raised below, once all others are heard
                failed[query, args] = error
                continue
            del self.before[query, args]
            if new is not old and new != old:
                outputs[query, args] = (old, new)
        changes = Changes(self.generation, outputs if self.memo else None, self.ran or [])
        self.ran = None
        if failed:
            names = ", ".join(f"{query.name}{args!r}" for query, args in failed)
            raise QueriesFailed(f"raised: {names}", list(failed.values()), changes)
        return changes


def _edits(tables: _Tables, changes: Mapping[AnyTable, Mapping[Any, Any]]) -> Iterable[_Edit]:
    """Find the rows that differ, and what that means to the indexes in use; nothing is changed yet."""
    for table, rows in changes.items():
        content = tables[table]
        for key, row in rows.items():
            old = content.rows.get(key)
            if old is row or old == row:
                continue
            flips: list[tuple[Entries, Any, bool]] = []
            for index, entries in content.indexes.items():
                were = {} if old is None else dict.fromkeys(index.function(key, old))
                are = {} if row is None else dict.fromkeys(index.function(key, row))
                flips += [(entries, index_key, False) for index_key in were if index_key not in are]
                flips += [(entries, index_key, True) for index_key in are if index_key not in were]
            yield _Edit(content, key, row, flips)


def _commit(edit: _Edit) -> list[Cell]:
    """Make one edit, and return the cells of the inputs that it changed."""
    if edit.row is None:
        del edit.rows.rows[edit.key]
    else:
        edit.rows.rows[edit.key] = edit.row
    cell = edit.rows.cells.get(edit.key)
    touched = [] if cell is None else [cell]
    for entries, index_key, present in edit.flips:
        touched += entries.flip(index_key, edit.key, present=present)
    return touched
