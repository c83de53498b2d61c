"""What each kind of read wakes on, and what tables and indexes answer."""

from collections.abc import Callable
from typing import Any

import pytest

from pidalio.derive import Database, Index, Query, Table, derived

PEOPLE: Table[str, tuple[str, int]] = Table("people")
BY_TOWN: Index[str, str, tuple[str, int]] = PEOPLE.index("by_town", lambda _key, row: (row[0],))
BY_LETTER: Index[str, str, tuple[str, int]] = PEOPLE.index("by_letter", lambda key, _row: list(key))


@derived
def row(world: Database, key: str) -> tuple[str, int] | None:
    return PEOPLE.get(world, key)


@derived
def everyone(world: Database) -> tuple[str, ...]:
    return PEOPLE.keys(world)


@derived
def of_town(world: Database, town: str) -> tuple[str, ...]:
    return BY_TOWN.keys(world, town)


@derived
def towns(world: Database) -> tuple[str, ...]:
    return BY_TOWN.index_keys(world)


@pytest.fixture
def world() -> Database:
    world = Database()
    world.apply({PEOPLE: {"ann": ("rome", 1), "bob": ("oslo", 2), "cid": ("rome", 3)}})
    return world


READS: dict[str, Callable[[Database], Any]] = {
    "a row": lambda world: row(world, "ann"),
    "an absent row": lambda world: row(world, "zoe"),
    "all keys": everyone,
    "an index key": lambda world: of_town(world, "rome"),
    "an empty index key": lambda world: of_town(world, "bonn"),
    "index keys": towns,
}
WAKES: list[tuple[str, dict[str, tuple[str, int] | None], set[str]]] = [
    ("an equal row", {"ann": ("rome", 1)}, set()),
    ("a field", {"ann": ("rome", 9)}, {"a row"}),
    ("another row's field", {"bob": ("oslo", 9)}, set()),
    ("a move to a new town", {"ann": ("bonn", 1)}, {"a row", "an index key", "an empty index key", "index keys"}),
    ("the last of a town goes", {"bob": None}, {"all keys", "index keys"}),
    ("one of a town goes", {"cid": None}, {"all keys", "an index key"}),
    ("an absent row comes", {"zoe": ("oslo", 4)}, {"an absent row", "all keys"}),
    ("an absent row is deleted", {"zoe": None}, set()),
    ("another town comes", {"dan": ("kyiv", 4)}, {"all keys", "index keys"}),
]


@pytest.mark.parametrize(("edit", "woken"), [case[1:] for case in WAKES], ids=[case[0] for case in WAKES])
def test_a_change_wakes_exactly_the_readers_of_what_changed(
    world: Database, edit: dict[str, tuple[str, int] | None], woken: set[str]
) -> None:
    queries = {name: Query(read, output=False, intern=False) for name, read in READS.items()}
    for name, query in queries.items():
        query.name = name
        query(world)
    for read in (lambda: row(world, "ann"), lambda: row(world, "zoe")):
        read()
    ran: list[str] = []
    world.trace = lambda query, _args: ran.append(query.name)
    before = {name: query(world) for name, query in queries.items()}
    world.apply({PEOPLE: edit})
    changed = {name for name, query in queries.items() if query(world) != before[name]}
    assert changed == woken
    assert {name for name in ran if name in queries} == woken


def test_keys_are_sorted_and_the_tuple_is_shared_until_it_changes(world: Database) -> None:
    assert PEOPLE.keys(world) == ("ann", "bob", "cid")
    assert BY_TOWN.keys(world, "rome") == ("ann", "cid")
    assert BY_TOWN.index_keys(world) == ("oslo", "rome")
    shared = PEOPLE.keys(world)
    world.apply({PEOPLE: {"ann": ("rome", 7)}})
    assert PEOPLE.keys(world) is shared
    world.apply({PEOPLE: {"abe": ("rome", 7)}})
    assert PEOPLE.keys(world) == ("abe", "ann", "bob", "cid")


def test_an_index_may_give_several_keys_none_or_one_twice(world: Database) -> None:
    assert BY_LETTER.keys(world, "b") == ("bob",)
    assert BY_LETTER.keys(world, "n") == ("ann",)
    world.apply({PEOPLE: {"": ("rome", 0), "nan": ("rome", 0), "ann": None}})
    assert BY_LETTER.keys(world, "n") == ("nan",)
    assert BY_LETTER.index_keys(world) == ("a", "b", "c", "d", "i", "n", "o")
    world.apply({PEOPLE: {"bob": None}})
    assert BY_LETTER.keys(world, "b") == ()
    assert BY_LETTER.index_keys(world) == ("a", "c", "d", "i", "n")


def test_an_index_declared_after_the_rows_came_is_complete(world: Database) -> None:
    late = PEOPLE.index("late", lambda _key, row: (row[1],))
    assert late.index_keys(world) == (1, 2, 3)
    world.apply({PEOPLE: {"ann": ("rome", 3)}})
    assert late.keys(world, 3) == ("ann", "cid")


def test_an_index_function_that_raises_leaves_everything_as_it_was(world: Database) -> None:
    picky = PEOPLE.index("picky", lambda _key, row: (100 // row[1],))
    assert picky.keys(world, 50) == ("bob",)
    with pytest.raises(ZeroDivisionError):
        world.apply({PEOPLE: {"abe": ("rome", 1), "bob": ("oslo", 0), "cid": None}})
    assert world.generation == 1
    assert PEOPLE.keys(world) == ("ann", "bob", "cid")
    assert picky.index_keys(world) == (33, 50, 100)


def test_keys_without_an_order_raise_at_the_reader_and_heal() -> None:
    mixed: Table[Any, int] = Table("mixed")
    world = Database()
    names = Query(mixed.keys, output=False, intern=False)
    world.apply({mixed: {"a": 1}})
    assert names(world) == ("a",)
    world.apply({mixed: {1: 1}})
    with pytest.raises(TypeError):
        names(world)
    world.apply({mixed: {1: None, "b": 2}})
    assert names(world) == ("a", "b")


def test_reads_outside_queries_leave_nothing(world: Database) -> None:
    PEOPLE.get(world, "ann")
    PEOPLE.keys(world)
    BY_TOWN.keys(world, "rome")
    BY_TOWN.index_keys(world)
    assert (world.describe().nodes, world.describe().edges, world.describe().inputs) == (0, 0, 0)


def test_worlds_share_declarations_and_nothing_else(world: Database) -> None:
    other = Database()
    assert PEOPLE.keys(other) == ()
    assert towns(other) == ()
    assert towns(world) == ("oslo", "rome")
