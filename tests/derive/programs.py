"""Random programs of queries over random tables, for hypothesis: small, total in their reads, free to be wrong.

A program is a list of bodies; query `i` evaluates body `i` for one small argument.
Bodies read rows (absent ones too), members, index keys and other queries (any of them: cycles happen),
choose what they read by what they read, cut off early, raise, and catch.
In a layered program queries call later ones only, so that fewer end in a cycle.
"""

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from pidalio.derive import Changes, Cycle, Database, Index, QueriesFailed, Query, Table
from pidalio.derive.graph import TOP, Node

ARGS = 3
KEYS = 4
VALUES = 6


class Boom(Exception):
    """What the programs raise and catch."""


class World:
    """A program's declarations: two tables, two indexes, and its queries."""

    def __init__(self, bodies: list[tuple[Any, bool, bool]], *, layered: bool = False) -> None:
        self.layered = layered
        self.size = len(bodies)
        self.tables: list[Table[int, int]] = [Table("left"), Table("right")]
        self.indexes: list[Index[int, int, int]] = [
            self.tables[0].index("parity", lambda _key, row: (row % 2,)),
            self.tables[1].index("divisors", lambda _key, row: [n for n in (2, 3, 5) if row % n == 0]),
        ]
        self.queries = [self._query(n, *body) for n, body in enumerate(bodies)]
        self.calls = [(query, (arg,)) for query in self.queries for arg in range(ARGS)]

    def _query(self, number: int, body: Any, output: bool, intern: bool) -> "Query[[int], Any]":
        def function(world: Database, arg: int) -> Any:
            return self.evaluate(world, aimed, arg)

        aimed = self._aimed(body, number)

        function.__name__ = f"q{number}"
        return Query(function, output=output, intern=intern)

    def _aimed(self, body: Any, caller: int) -> Any:
        """Resolve whom calls mean: any query, or in a layered program a later one (the last ones call nobody)."""
        if not isinstance(body, tuple):
            return body
        if body[0] != "call":
            return tuple(self._aimed(part, caller) for part in body)
        lowest = caller + 1 if self.layered else 0
        key = self._aimed(body[2], caller)
        return ("call", lowest + body[1] % (self.size - lowest), key) if lowest < self.size else key

    def evaluate(self, world: Database, body: Any, arg: int) -> Any:
        match body:
            case int():
                return body
            case "arg":
                return arg
            case ("row", table, key):
                row = self.tables[table].get(world, number(self.evaluate(world, key, arg)) % KEYS)
                return -1 if row is None else row
            case ("rows", table):
                return self.tables[table].keys(world)
            case ("members", index, key):
                return self.indexes[index].keys(world, number(self.evaluate(world, key, arg)) % VALUES)
            case ("index_keys", index):
                return self.indexes[index].index_keys(world)
            case ("call", query, key):
                return self.queries[query](world, number(self.evaluate(world, key, arg)) % ARGS)
            case ("half", inner):
                return number(self.evaluate(world, inner, arg)) // 2
            case ("pair", one, two):
                return (self.evaluate(world, one, arg), self.evaluate(world, two, arg))
            case ("sum", one, two):
                return number(self.evaluate(world, one, arg)) + number(self.evaluate(world, two, arg))
            case ("if", condition, yes, no):
                return self.evaluate(world, yes if number(self.evaluate(world, condition, arg)) % 2 else no, arg)
            case ("all", inner):
                return tuple(self.evaluate(world, inner, key) for key in self.tables[0].keys(world))
            case ("raise", condition):
                if number(self.evaluate(world, condition, arg)) % 2:
                    raise Boom
                return 0
            case ("try", inner, otherwise):
                try:
                    return self.evaluate(world, inner, arg)
                except Boom:
                    return self.evaluate(world, otherwise, arg)
        raise AssertionError(body)


def number(value: Any) -> int:
    return value if isinstance(value, int) else sum(map(number, value))


def bodies() -> st.SearchStrategy[Any]:
    small = st.one_of(st.just("arg"), st.integers(0, KEYS - 1))
    read = st.tuples(st.just("row"), st.integers(0, 1), small)
    call = st.tuples(st.just("call"), st.integers(0, 7), small)
    leaves = st.one_of(
        small,
        read,
        call,
        call,
        st.tuples(st.just("rows"), st.integers(0, 1)),
        st.tuples(st.just("members"), st.integers(0, 1), small),
        st.tuples(st.just("index_keys"), st.integers(0, 1)),
    )

    def grown(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        return st.one_of(
            st.tuples(st.just("call"), st.integers(0, 7), inner),
            st.tuples(st.just("row"), st.integers(0, 1), inner),
            st.tuples(st.just("half"), inner),
            st.tuples(st.just("pair"), inner, inner),
            st.tuples(st.just("sum"), inner, inner),
            st.tuples(st.just("sum"), st.tuples(st.just("raise"), st.one_of(read, inner)), inner),
            st.tuples(st.just("if"), st.one_of(read, inner), inner, inner),
            st.tuples(st.just("if"), st.one_of(call, inner), inner, inner),
            st.tuples(st.just("all"), inner),
            st.tuples(st.just("try"), st.one_of(call, inner), inner),
        )

    return grown(st.one_of(leaves, grown(st.one_of(leaves, grown(leaves)))))


def programs() -> st.SearchStrategy[list[tuple[Any, bool, bool]]]:
    return st.lists(st.tuples(bodies(), st.booleans(), st.booleans()), min_size=3, max_size=8)


def edits() -> st.SearchStrategy[dict[int, dict[int, int | None]]]:
    rows = st.dictionaries(
        st.integers(0, KEYS - 1), st.one_of(st.none(), st.integers(0, VALUES - 1)), min_size=1, max_size=3
    )
    return st.dictionaries(st.integers(0, 1), rows, min_size=1)


def steps() -> st.SearchStrategy[tuple[str, Any]]:
    calls = st.lists(st.integers(0, 8 * ARGS - 1), max_size=4)
    return st.one_of(
        st.tuples(st.just("apply"), edits()),
        st.tuples(st.just("apply"), edits()),
        st.tuples(st.just("ask"), calls),
        st.tuples(st.just("collect"), calls),
    )


def answer(ask: Callable[[], Any]) -> Any:
    """Return what a call returns, or the type of what it raises."""
    try:
        return ask()
    except (Boom, Cycle) as error:
        return type(error)


def applied(world: Database, edit: Any) -> tuple[Changes, bool]:
    """Apply, and return what changed also when outputs failed."""
    try:
        return world.apply(edit), False
    except QueriesFailed as failure:
        return failure.changes, True


def nodes(world: Database) -> list[Node]:
    return [node for memo in world.memos.values() for node in memo.values()]


def check_graph(world: Database) -> None:
    """Check the invariants that the docstrings of `graph` and `wave` state."""
    assert world.floor == TOP
    assert world.frame is None
    assert not world.running
    assert not world._heap
    known = nodes(world)
    cells = [cell for rows in world.tables.values() for cell in rows.cells.values()]
    cells += [
        cell for rows in world.tables.values() for entries in rows.indexes.values() for cell in entries.cells.values()
    ]
    read = [(source, node) for node in known for source in node.sources]
    told = [(cell, reader) for cell in cells + known for reader in cell.readers]
    assert set(read) == set(told)
    assert len(read) == len(told) == len(set(told))
    assert all(source.height < node.height for source, node in read)
    assert all(node.stamp >= 0 for node in known)
