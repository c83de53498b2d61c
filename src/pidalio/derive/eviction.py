"""Owns the forgetting of what nobody needs: answers, inputs without readers, shared values without users.

Invariant: what a root needs, directly or through others, stays, with its value and its edges.
Reference counts suffice, for the graph has no cycles; the cost is one glance per node, and work for what goes.
"""

from collections.abc import Hashable, Iterable

from pidalio.derive.changes import Call
from pidalio.derive.graph import Cell, Node, unlink
from pidalio.derive.table import Rows
from pidalio.derive.wave import Wave


def evict_nodes(wave: Wave, roots: Iterable[Call]) -> None:
    """Drop every node that no root needs, and what the wave remembers of it."""
    kept = set(roots)
    loose: list[Cell] = [node for memo in wave.memos.values() for node in memo.values() if not node.readers]
    went: set[object] = set()
    while loose:
        node = loose.pop()
        if isinstance(node, Node) and (node.query, node.args) not in kept:
            del wave.memos[node.query][node.args]
            went.add(node.query)
            loose += unlink(node)
    wave.before = {call: old for call, old in wave.before.items() if call in kept}
    for query in [query for query in wave.memos if query in went]:
        wave.memos[query] = dict(wave.memos[query])  # a dict that only loses entries keeps its room
        used = {id(node.value) for node in wave.memos[query].values()}
        pool = wave.pools.pop(query, {})
        if pool := {value: value for value in pool if id(value) in used}:
            wave.pools[query] = pool
        if not wave.memos[query]:
            del wave.memos[query]


def evict_inputs(rows: Rows) -> None:
    """Drop the cells of a table and its indexes that no node reads."""
    rows.cells = _read(rows.cells)
    for entries in rows.indexes.values():
        entries.cells = _read(entries.cells)


def _read(cells: dict[Hashable, Cell]) -> dict[Hashable, Cell]:
    unread = sum(not cell.readers for cell in cells.values())
    return {name: cell for name, cell in cells.items() if cell.readers} if unread else cells
