"""`apply`, `collect`, scratch mode, and what failures leave behind."""

import gc
import sys
import weakref
from typing import Any

import pytest

from pidalio.derive import Changes, Database, QueriesFailed, Table, derived

ROWS: Table[str, int] = Table("rows")
LINKS: Table[str, str] = Table("links")


@derived
def inverse(world: Database, key: str) -> int:
    return 100 // (ROWS.get(world, key) or 0)


@derived
def guarded(world: Database, key: str) -> int:
    return inverse(world, key) if ROWS.get(world, key) else -1


@derived
def caught(world: Database, key: str) -> int:
    try:
        return inverse(world, key)
    except ZeroDivisionError:
        return -1


@derived(output=True)
def total(world: Database) -> int:
    return sum(guarded(world, key) for key in ROWS.keys(world))


@derived(output=True)
def strict(world: Database, key: str) -> int:
    return inverse(world, key)


@derived(output=True)
def followed(world: Database, key: str) -> int | None:
    link = LINKS.get(world, key)
    return ROWS.get(world, key) if link is None else followed(world, link)


def world_of(**rows: int) -> Database:
    world = Database()
    world.apply({ROWS: rows})
    return world


def test_changes_hold_the_outputs_that_differ_with_old_and_new() -> None:
    world = world_of(a=1, b=2, c=50)
    assert (total(world), strict(world, "a"), strict(world, "b")) == (152, 100, 50)
    changes = world.apply({ROWS: {"a": 2}})
    assert changes == Changes(
        generation=2,
        outputs={(strict, ("a",)): (100, 50), (total, ()): (152, 102)},
        ran=[("inverse", ("a",)), ("guarded", ("a",)), ("strict", ("a",)), ("total", ())],
    )


def test_no_change_is_no_generation() -> None:
    world = world_of(a=1)
    total(world)
    assert world.apply({ROWS: {"a": 1, "zoe": None}, LINKS: {}}) == Changes(generation=1, outputs={}, ran=[])


def test_several_tables_change_at_once() -> None:
    world = world_of(a=1, b=2)
    assert followed(world, "a") == 1
    changes = world.apply({LINKS: {"a": "b"}, ROWS: {"b": 3}})
    assert changes.outputs == {(followed, ("a",)): (1, 3)}
    assert [name for name, _ in changes.ran] == ["followed", "followed"]


def test_an_answer_that_is_no_longer_asked_for_may_raise() -> None:
    world = world_of(a=1)
    assert guarded(world, "a") == 100
    changes = world.apply({ROWS: {"a": 0}})
    assert [name for name, _ in changes.ran] == ["inverse", "guarded"]
    assert guarded(world, "a") == -1
    assert world.describe().nodes == 1


def test_who_catches_depends_on_what_raised() -> None:
    world = world_of(a=0)
    assert caught(world, "a") == -1
    world.apply({ROWS: {"a": 5}})
    assert caught(world, "a") == 20
    world.apply({ROWS: {"a": 0}})
    assert caught(world, "a") == -1


def test_exceptions_are_raised_again_by_running_again() -> None:
    world = world_of(a=0)
    ran: list[str] = []
    world.trace = lambda query, _args: ran.append(query.name)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            inverse(world, "a")
    assert ran == ["inverse", "inverse"]
    assert world.describe().nodes == 0


def test_a_failing_output_raises_from_apply_after_all_else_is_settled_and_until_it_answers() -> None:
    world = world_of(a=1, b=1)
    strict(world, "a"), strict(world, "b")
    with pytest.raises(QueriesFailed, match=r"raised: strict\('a',\)") as caught:
        world.apply({ROWS: {"a": 0, "b": 2}})
    assert [type(error) for error in caught.value.exceptions] == [ZeroDivisionError]
    assert caught.value.changes.outputs == {(strict, ("b",)): (100, 50)}
    assert strict(world, "b") == 50
    with pytest.raises(QueriesFailed) as caught:
        world.apply({ROWS: {"b": 4}})
    assert caught.value.changes.outputs == {(strict, ("b",)): (50, 25)}
    assert world.apply({ROWS: {"a": 5}}).outputs == {(strict, ("a",)): (100, 20)}
    assert world.apply({}).outputs == {}


def test_a_failing_output_can_be_split_by_type() -> None:
    world = world_of(a=1)
    strict(world, "a")
    seen: list[Any] = []
    try:
        world.apply({ROWS: {"a": 0}})
    except* ZeroDivisionError as group:
        seen.append(group)
    assert isinstance(seen[0], QueriesFailed)
    assert seen[0].changes.generation == 2


def test_a_failing_output_is_forgotten_when_collected() -> None:
    world = world_of(a=1)
    strict(world, "a")
    with pytest.raises(QueriesFailed):
        world.apply({ROWS: {"a": 0}})
    world.collect([])
    assert world.apply({ROWS: {"a": 3}}).outputs == {}


@derived
def meddling(world: Database) -> None:
    world.apply({ROWS: {"a": 9}})


@derived
def sweeping(world: Database) -> None:
    world.collect([])


def test_a_query_changes_nothing() -> None:
    world = world_of(a=1)
    with pytest.raises(RuntimeError, match=r"apply was called inside meddling\(\)"):
        meddling(world)
    with pytest.raises(RuntimeError, match=r"collect was called inside sweeping\(\)"):
        sweeping(world)
    assert ROWS.get(world, "a") == 1


def test_scratch_forgets_at_every_change_and_records_nothing() -> None:
    world = Database(memo=False)
    world.apply({ROWS: {"a": 1, "b": 2}})
    ran: list[str] = []
    world.trace = lambda query, _args: ran.append(query.name)
    assert (total(world), total(world)) == (150, 150)
    assert ran == ["total", "guarded", "inverse", "guarded", "inverse"]
    assert (world.describe().edges, world.describe().inputs) == (0, 0)
    assert world.apply({ROWS: {"b": 4}}) == Changes(generation=2, outputs=None, ran=[])
    assert total(world) == 125
    assert len(ran) == 10
    world.apply({ROWS: {"b": 4}})
    assert total(world) == 125
    assert len(ran) == 10


def test_collect_keeps_what_roots_need_and_drops_the_rest() -> None:
    world = world_of(a=1, b=2)
    total(world), strict(world, "a"), caught(world, "zoe")
    kept = inverse(world, "a")
    world.collect([(total, ())])
    assert {call.query.name for memo in world.memos.values() for call in memo.values()} == {
        "total",
        "guarded",
        "inverse",
    }
    ran: list[str] = []
    world.trace = lambda query, _args: ran.append(query.name)
    assert (total(world), inverse(world, "a")) == (150, kept)
    assert ran == []
    assert world.describe().inputs == 3  # two rows and the keys; the absent row is forgotten
    assert world.apply({ROWS: {"a": 4}}).outputs == {(total, ()): (150, 75)}
    world.collect([])
    assert (world.describe().nodes, world.describe().edges, world.describe().inputs) == (0, 0, 0)
    assert world.describe().rows == 2


def test_collect_keeps_a_root_that_is_under_no_other() -> None:
    world = world_of(a=1, b=2)
    total(world)
    world.collect([(guarded, ("a",)), (total, ("never", "asked"))])
    assert {(node.query.name, node.args) for memo in world.memos.values() for node in memo.values()} == {
        ("guarded", ("a",)),
        ("inverse", ("a",)),
    }
    assert world.apply({ROWS: {"b": 3}}).ran == []


@derived(intern=True)
def shape(world: Database, key: str) -> frozenset[int]:
    return frozenset({ROWS.get(world, key) or 0})


def test_values_that_nobody_holds_are_freed() -> None:
    world = world_of(a=1, b=2)
    held = weakref.ref(shape(world, "a"))
    shape(world, "b")
    world.collect([(shape, ("b",))])
    assert held() is None


def test_what_held_many_answers_gives_its_room_back() -> None:
    world = Database()
    for n in range(1000):
        caught(world, str(n))
    room = sys.getsizeof(world.memos[caught]), sys.getsizeof(world.tables[ROWS].cells)
    world.collect([(caught, ("7",))])
    assert sys.getsizeof(world.memos[caught]) < room[0] / 10
    assert sys.getsizeof(world.tables[ROWS].cells) < room[1] / 10


def test_a_dropped_world_frees_its_answers_without_the_cycle_collector_seeing_nodes() -> None:
    world = world_of(a=1)
    held = weakref.ref(shape(world, "a"))
    total(world)
    assert not any(gc.is_tracked(node) for memo in world.memos.values() for node in memo.values())
    del world
    gc.collect()
    assert held() is None
