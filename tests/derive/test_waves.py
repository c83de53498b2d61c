"""Which queries run for one change, in which order, and how often: once, lowest first, and no others."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.derive.programs import check_graph

from pidalio.derive import Cycle, Database, Index, Table, derived
from pidalio.derive.graph import Node

ROWS: Table[str, int] = Table("rows")
FLAGS: Table[str, bool] = Table("flags")
BY_TENS: Index[int, str, int] = ROWS.index("by_tens", lambda _key, row: (row // 10,))


@derived
def row(world: Database, key: str) -> int:
    return ROWS.get(world, key) or 0


@derived
def flag(world: Database, key: str) -> bool:
    return FLAGS.get(world, key) or False


@derived
def tens(world: Database, key: str) -> int:
    return row(world, key) // 10


@derived
def left(world: Database) -> int:
    return row(world, "a") + 1


@derived
def right(world: Database) -> int:
    return row(world, "a") + row(world, "b")


@derived(output=True)
def diamond(world: Database) -> int:
    return left(world) + right(world)


@derived(output=True)
def everything(world: Database) -> tuple[int, ...]:
    return tuple(tens(world, key) for key in ROWS.keys(world))


@derived
def chain(world: Database, length: int) -> int:
    return chain(world, length - 1) + 1 if length else row(world, "a")


@derived(output=True)
def switch(world: Database) -> int:
    return chain(world, 9) if flag(world, "long") else row(world, "a")


@derived(output=True)
def above_switch(world: Database) -> int:
    return switch(world) + row(world, "a")


@derived
def east(world: Database) -> int:
    return 1 if flag(world, "from east") else west(world) + 1


@derived
def west(world: Database) -> int:
    return east(world) + 1 if flag(world, "from east") else 1


@derived
def hidden_west(world: Database) -> int:
    return hidden_east(world) + 1 if tens(world, "a") else 1


@derived
def hidden_east(world: Database) -> int:
    return 1 if row(world, "a") else hidden_west(world) + 1


@derived
def members(world: Database, key: int) -> tuple[str, ...]:
    return BY_TENS.keys(world, key)


@derived
def risky(world: Database) -> int:
    if row(world, "a") == 13:
        raise ValueError
    return 1


@derived
def careful(world: Database) -> int:
    try:
        return risky(world)
    except ValueError:
        return 0


@derived
def late_reader(world: Database) -> int:
    return careful(world) if FLAGS.get(world, "late") else -1


@derived
def ladder(world: Database, rungs: int) -> int:
    return ladder(world, rungs - 1) + ladder(world, max(rungs - 2, 0)) if rungs else row(world, "a") * 0


@derived
def climber(world: Database) -> int:
    return ladder(world, 40) if FLAGS.get(world, "late") else -1


@derived
def whole(world: Database, key: int) -> int:
    return sum(part(world, 2) for _ in ROWS.keys(world))


@derived
def part(world: Database, key: int) -> int:
    return whole(world, key)


@derived
def offset(world: Database, n: int) -> int:
    return row(world, "a") + n


@pytest.fixture
def world() -> Database:
    world = Database()
    world.apply({ROWS: {"a": 11, "b": 22}})
    return world


def ran(world: Database, changes: dict[Any, Any]) -> list[str]:
    names = [name for name, _ in world.apply(changes).ran]
    check_graph(world)
    return names


def test_a_diamond_is_computed_once_after_both_its_sides(world: Database) -> None:
    assert diamond(world) == 45
    assert ran(world, {ROWS: {"a": 12}}) == ["row", "left", "right", "diamond"]
    assert diamond(world) == 47
    assert ran(world, {ROWS: {"b": 23}}) == ["row", "right", "diamond"]
    assert ran(world, {ROWS: {"a": 13, "b": 22}}) == ["row", "row", "left", "right", "diamond"]
    assert ran(world, {ROWS: {"a": 14, "b": 21}}) == ["row", "row", "left", "right", "diamond"]


def test_one_field_among_ten_thousand_children_runs_one_child() -> None:
    world = Database()
    world.apply({ROWS: {f"{n:05}": n for n in range(10_000)}})
    assert len(everything(world)) == 10_000
    before = everything(world)
    assert ran(world, {ROWS: {"05001": 5009}}) == ["row", "tens"]
    assert everything(world) is before
    assert ran(world, {ROWS: {"05001": 6000}}) == ["row", "tens", "everything"]
    assert ran(world, {ROWS: {"new": 7}}) == ["everything", "tens", "row"]


def test_a_query_that_turns_to_a_higher_one_reads_it_fresh_and_rises(world: Database) -> None:
    assert (chain(world, 9), above_switch(world)) == (20, 22)
    names = ran(world, {FLAGS: {"long": True}, ROWS: {"a": 12}})
    assert sorted(names) == sorted(["row", "flag", *["chain"] * 10, "switch", "above_switch"])
    assert above_switch(world) == 33
    node, upper = world.memos[switch][()], world.memos[above_switch][()]
    assert upper.height == node.height + 1 == world.memos[chain][9,].height + 2
    assert ran(world, {ROWS: {"a": 13}}) == ["row", *["chain"] * 10, "switch", "above_switch"]


def test_a_query_that_turns_to_a_lower_one_sinks(world: Database) -> None:
    world.apply({FLAGS: {"long": True}})
    above_switch(world)
    ran(world, {FLAGS: {"long": False}})
    assert world.memos[switch][()].height == 2
    assert ran(world, {ROWS: {"a": 12}})[:3] == ["row", "chain", "switch"]


def test_edges_follow_also_when_the_result_is_equal(world: Database) -> None:
    world.apply({FLAGS: {"long": True}, ROWS: {"a": -9}})
    assert switch(world) == 0
    world.apply({FLAGS: {"long": False}, ROWS: {"a": 0}})
    assert ran(world, {FLAGS: {"unread": True}}) == []
    assert [name for name in ran(world, {ROWS: {"a": 5}}) if name == "switch"] == ["switch"]
    assert switch(world) == 5
    world.collect([(switch, ())])
    assert ran(world, {ROWS: {"a": 6}}) == ["row", "switch"]


@pytest.mark.parametrize(
    ("one", "other", "edit"),
    [
        (east, west, lambda on: {FLAGS: {"from east": on}}),
        (hidden_east, hidden_west, lambda on: {ROWS: {"a": 11 if on else 0}}),
    ],
    ids=["both read what turns it", "one learns of it from another"],
)
def test_two_queries_may_change_who_reads_whom(
    one: Callable[[Database], int], other: Callable[[Database], int], edit: Callable[[bool], dict[Any, Any]]
) -> None:
    world = Database()
    for on in (True, False, True, False, True):
        names = ran(world, edit(on))
        assert len(set(names)) == len(names)
        assert (one(world), other(world)) == ((1, 2) if on else (2, 1))
    assert max(node.height for memo in world.memos.values() for node in memo.values()) < 8


def test_what_raises_while_another_is_settled_is_no_source_of_the_one_that_asked(world: Database) -> None:
    assert (late_reader(world), careful(world)) == (-1, 1)
    assert ran(world, {FLAGS: {"late": True}, ROWS: {"a": 13}}) == ["late_reader", "row", "risky", "careful", "risky"]
    assert late_reader(world) == 0
    assert world.memos[late_reader][()].sources[1:] == (world.memos[careful][()],)


def test_a_cycle_that_appears_is_named_when_asked_and_gone_when_it_goes(world: Database) -> None:
    @derived
    def self_reading(world: Database) -> int:
        return partner(world) if row(world, "a") == 13 else 1

    @derived
    def partner(world: Database) -> int:
        return self_reading(world) + 1

    assert partner(world) == 2
    world.apply({ROWS: {"a": 13}})
    with pytest.raises(Cycle, match=r"partner\(\) → self_reading\(\) → partner\(\)"):
        partner(world)
    world.apply({ROWS: {"a": 14}})
    check_graph(world)
    assert partner(world) == 2


def test_a_cycle_that_appears_while_it_is_being_settled_is_not_taken_for_an_answer() -> None:
    world = Database()
    assert [part(world, key) for key in range(3)] == [0, 0, 0]
    world.apply({ROWS: {"a": 1}})
    check_graph(world)
    for key in range(3):
        with pytest.raises(Cycle):
            whole(world, key)
    world.apply({ROWS: {"a": None}})
    assert [part(world, key) for key in range(3)] == [0, 0, 0]


def test_what_is_settled_before_its_turn_is_walked_once() -> None:
    looked_at = 0

    class Counting(Database):
        def _refresh(self, node: Node) -> None:
            nonlocal looked_at
            looked_at += 1
            super()._refresh(node)

    world = Counting()
    assert (climber(world), ladder(world, 40)) == (-1, 0)
    assert ran(world, {FLAGS: {"late": True}, ROWS: {"a": 1}}) == ["climber", "row", "ladder"]
    assert looked_at < 3 * 40


def test_a_member_list_changes_only_with_its_members(world: Database) -> None:
    assert (members(world, 1), members(world, 9)) == (("a",), ())
    assert ran(world, {ROWS: {"a": 12}}) == []
    assert ran(world, {ROWS: {"a": 95}}) == ["members", "members"]
    assert (members(world, 1), members(world, 9)) == ((), ("a",))


def test_a_query_with_many_readers_wakes_each_once() -> None:
    world = Database()
    world.apply({ROWS: {"a": 1}})
    for n in range(100):
        offset(world, n)
    assert len(ran(world, {ROWS: {"a": 2}})) == 101
    world.collect([(offset, (n,)) for n in range(3)])
    assert len(ran(world, {ROWS: {"a": 3}})) == 4
    assert len(world.memos[row]["a",].readers) == 3
    assert isinstance(world.memos[row]["a",].readers, tuple)  # as small as it began


def test_an_interrupted_wave_is_resumed(world: Database) -> None:
    def interrupt(query: Any, _args: Any) -> None:
        if query is right:
            raise KeyboardInterrupt

    assert diamond(world) == 45
    world.trace = interrupt
    with pytest.raises(KeyboardInterrupt):
        world.apply({ROWS: {"a": 12}})
    world.trace = None
    assert diamond(world) == 47
    assert world.apply({}).outputs == {(diamond, ()): (45, 47)}
    check_graph(world)


def test_an_interrupt_loses_no_difference(world: Database) -> None:
    def interrupt(query: Any, _args: Any) -> None:
        if query is diamond:
            raise KeyboardInterrupt

    assert (diamond(world), switch(world)) == (45, 11)
    world.trace = interrupt
    with pytest.raises(KeyboardInterrupt):
        world.apply({ROWS: {"a": 12}})
    world.trace = None
    assert world.apply({ROWS: {"a": 13}}).outputs == {(diamond, ()): (45, 49), (switch, ()): (11, 13)}
