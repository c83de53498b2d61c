"""Buckets: nobody moves but users of a version whose share fell, whatever the history of weights."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pidalio.store.buckets import BUCKETS, Layout, Range, relayout, shares

_NAMES = ("v1", "v2", "v3", "v4", "v5")
_WEIGHTS = st.dictionaries(st.sampled_from(_NAMES), st.integers(0, 1000), min_size=1).filter(
    lambda one: any(one.values())
)


def owners(layout: Layout) -> list[str]:
    return [one.owner for one in layout for _ in range(one.start, one.end)]


def counts(layout: Layout) -> dict[str, int]:
    found: dict[str, int] = {}
    for one in layout:
        found[one.owner] = found.get(one.owner, 0) + one.end - one.start
    return found


def moved(before: Layout, after: Layout) -> dict[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = {}
    for old, new in zip(owners(before), owners(after), strict=True):
        if old != new:
            found[old, new] = found.get((old, new), 0) + 1
    return found


def two(v1: int, v2: int) -> dict[str, int]:
    return {"v1": v1, "v2": v2}


def three(v1: int, v2: int, v3: int) -> dict[str, int]:
    return {**two(v1, v2), "v3": v3}


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ({"v1": 9, "v2": 1}, {"v1": 9000, "v2": 1000}),
        ({"v1": 90, "v2": 10}, {"v1": 9000, "v2": 1000}),
        ({"v1": 1, "v2": 1, "v3": 1}, {"v1": 3334, "v2": 3333, "v3": 3333}),
        ({"v1": 2, "v2": 1}, {"v1": 6667, "v2": 3333}),
        ({"v1": 0, "v2": 7}, {"v1": 0, "v2": 10000}),
        ({"v1": 999_999, "v2": 1}, {"v1": 10000, "v2": 0}),
        ({"v1": 1, "v2": 1, "v3": 9998 * 2}, {"v1": 1, "v2": 1, "v3": 9998}),
        ({"v1": 4_294_967_294, "v2": 1}, {"v1": 10000, "v2": 0}),
    ],
)
def test_weights_are_brought_to_ten_thousand(weights, expected):
    assert shares(weights) == expected


def test_no_weight_at_all_is_a_programmer_mistake():
    with pytest.raises(ValueError, match="above zero"):
        shares({"v1": 0})


def test_the_first_layout_is_in_order_of_names():
    assert relayout((), {"v2": 10, "v1": 90}) == (Range("v1", 0, 9000), Range("v2", 9000, 10000))


def test_a_growing_canary_takes_from_the_other_and_gives_the_same_users_back():
    ten = relayout((), two(90, 10))
    twenty = relayout(ten, two(80, 20))
    assert moved(ten, twenty) == {("v1", "v2"): 1000}
    assert relayout(twenty, two(9, 1)) == ten


def test_two_canaries_grow_at_the_cost_of_the_first_only():
    before = relayout((), three(80, 10, 10))
    after = relayout(before, three(60, 20, 20))
    assert moved(before, after) == {("v1", "v2"): 1000, ("v1", "v3"): 1000}


def test_a_removed_version_leaves_its_users_to_those_that_grow():
    before = relayout((), {"a": 1, "b": 1})
    middle = relayout(before, {"a": 1, "c": 1})
    after = relayout(middle, {"b": 1, "c": 1})
    assert moved(before, middle) == {("b", "c"): 5000}
    assert moved(middle, after) == {("a", "b"): 5000}


@given(_WEIGHTS, st.sampled_from(_NAMES), st.integers(1, 1000))
@settings(deadline=None)
def test_more_weight_never_means_fewer_buckets_and_gives_none_to_others(weights, name, more):
    before = shares(weights)
    after = shares({**weights, name: weights.get(name, 0) + more})
    assert after[name] >= before.get(name, 0)
    assert all(after[other] <= before[other] for other in before if other != name)


@given(_WEIGHTS, st.integers(2, 50))
@settings(deadline=None)
def test_only_ratios_count(weights, factor):
    assert shares({name: weight * factor for name, weight in weights.items()}) == shares(weights)


@given(_WEIGHTS)
@settings(deadline=None)
def test_shares_are_the_nearest_whole_numbers_of_buckets(weights):
    total = sum(weights.values())
    assert sum(shares(weights).values()) == BUCKETS
    assert all(
        abs(count - BUCKETS * weights[name] / total) <= (len(weights) + 1) / 2
        for name, count in shares(weights).items()
    )


@given(st.lists(_WEIGHTS, min_size=1, max_size=12))
@settings(max_examples=200, deadline=None)
def test_through_any_history_only_users_of_shrinking_versions_move(history):
    layout: Layout = ()
    for weights in history:
        before, layout = layout, relayout(layout, weights)
        had, has = counts(before), counts(layout)
        assert has == {name: count for name, count in shares(weights).items() if count}
        assert owners(layout) == owners(relayout(before, dict(reversed(weights.items()))))
        assert relayout(layout, weights) == layout
        assert [one.start for one in layout[1:]] == [one.end for one in layout[:-1]]
        assert all(one.owner != other.owner for one, other in pairwise(layout))
        if before:
            changes = moved(before, layout)
            assert all(has.get(old, 0) < had[old] for old, _ in changes)
            assert sum(changes.values()) == sum(max(0, had[name] - has.get(name, 0)) for name in had)


@given(st.lists(_WEIGHTS, min_size=40, max_size=40))
@settings(max_examples=20, deadline=None)
def test_ranges_stay_few(history):
    layout: Layout = ()
    for weights in history:
        layout = relayout(layout, weights)
    assert len(layout) <= 20


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100)).filter(any), min_size=1, max_size=30))
@settings(deadline=None)
def test_two_versions_never_have_more_than_a_seam_between_them(history):
    layout: Layout = ()
    for one, other in history:
        layout = relayout(layout, two(one, other))
    assert len(layout) <= 3
