"""What a decorated function is: callable as before, named, hashable, and computed once."""

import pytest

from pidalio.derive import Cycle, Database, Table, derived

NUMBERS: Table[str, int] = Table("numbers")


@derived
def number(world: Database, key: str) -> int:
    """Return the number under a key, or 0."""
    return NUMBERS.get(world, key) or 0


@derived
def rounded(world: Database, key: str) -> int:
    return number(world, key) // 10 * 10


@derived(intern=True)
def sign(world: Database, key: str) -> tuple[int, ...]:
    return (rounded(world, key),)


@derived
def ping(world: Database, key: str) -> int:
    return pong(world, key) + 1


@derived
def pong(world: Database, key: str) -> int:
    return ping(world, key) + 1 if number(world, key) else 0


def world_of(**rows: int) -> Database:
    world = Database()
    world.apply({NUMBERS: rows})
    return world


def test_a_query_keeps_name_and_docstring_and_is_hashable() -> None:
    assert number.name == "number"
    assert number.__doc__ == "Return the number under a key, or 0."
    assert {number: 1}[number] == 1
    assert number != rounded


def test_it_runs_once_for_each_arguments() -> None:
    world = world_of(a=11)
    ran: list[object] = []
    world.trace = lambda query, args: ran.append((query.name, args))
    assert [rounded(world, "a"), rounded(world, "a"), rounded(world, "b")] == [10, 10, 0]
    assert ran == [("rounded", ("a",)), ("number", ("a",)), ("rounded", ("b",)), ("number", ("b",))]


def test_arguments_have_no_names() -> None:
    with pytest.raises(TypeError, match="number: pass arguments by position"):
        number(Database(), key="a")


def test_an_equal_result_stops_the_wave_and_keeps_the_old_object() -> None:
    world = world_of(a=11)
    old = sign(world, "a")
    assert world.apply({NUMBERS: {"a": 12}}).ran == [("number", ("a",)), ("rounded", ("a",))]
    assert sign(world, "a") is old


def test_interned_equal_results_of_different_arguments_are_one_object() -> None:
    world = world_of(a=11, b=12, c=30)
    assert sign(world, "a") is sign(world, "b")
    assert sign(world, "c") is not sign(world, "a")
    world.apply({NUMBERS: {"c": 15}})
    assert sign(world, "c") is sign(world, "a")


def test_a_cycle_names_its_members_in_order_and_heals() -> None:
    world = world_of(a=1)
    with pytest.raises(Cycle, match=r"^ping\('a'\) → pong\('a'\) → ping\('a'\)$"):
        ping(world, "a")
    world.apply({NUMBERS: {"a": 0}})
    assert ping(world, "a") == 1
    world.apply({NUMBERS: {"a": 2}})
    with pytest.raises(Cycle, match=r"^pong\('a'\) → ping\('a'\) → pong\('a'\)$"):
        pong(world, "a")


def test_a_cycle_is_found_in_scratch_mode_too() -> None:
    world = Database(memo=False)
    world.apply({NUMBERS: {"a": 1}})
    with pytest.raises(Cycle, match="ping"):
        ping(world, "a")
    world.apply({NUMBERS: {"a": 0}})
    assert ping(world, "a") == 1
