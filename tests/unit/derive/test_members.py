"""A sorted set that changes a little, against a set that is sorted each time."""

from hypothesis import given
from hypothesis import strategies as st

from pidalio.derive.members import Members


@given(st.lists(st.tuples(st.integers(0, 40), st.booleans()), max_size=200), st.integers(0, 60))
def test_members_are_what_was_put_in_and_not_taken_out(flips: list[tuple[int, bool]], start: int) -> None:
    members, truth = Members(), set[int]()
    for key in range(100, 100 + start):
        members.flip(key, present=True)
        truth.add(key)
    for key, read in flips:
        members.flip(key, present=key not in truth)
        truth ^= {key}
        assert members.size == len(truth)
        if read:
            assert members.in_order() == tuple(sorted(truth))
    assert members.in_order() == tuple(sorted(truth))


def test_the_tuple_is_the_same_object_until_a_change() -> None:
    members = Members()
    for key in range(100):
        members.flip(key, present=True)
    order = members.in_order()
    assert members.in_order() is order
    members.flip(50, present=False)
    assert members.in_order() == (*range(50), *range(51, 100))
