"""Envoy's arithmetic of zones, case by case; tests/traffic/tables/zones.py has the same on real Envoy."""

import pytest

from pidalio.ir import AssignmentPlan, EndpointPlan, LocalityPlan, ZoneAwarePlan
from pidalio.model import Health, Locality
from pidalio.simulate.zones import zone_shares


def places(written: str) -> tuple[LocalityPlan, ...]:
    """Read `a2 b1-1`: two healthy instances in zone a, one in b that is healthy and one that is not."""
    found = []
    for each in written.split():
        healthy, _, ill = each[1:].partition("-")
        members = [EndpointPlan("x", 1)] * int(healthy) + [EndpointPlan("x", 1, health=Health.UNHEALTHY)] * int(
            ill or 0
        )
        found.append(LocalityPlan(tuple(members), Locality("r", each[0])))
    return tuple(found)


def shares(
    callers: str, upstream: str, *, own: str = "a", least: int = 1, threshold: int = 0
) -> dict[str, float] | None:
    local = AssignmentPlan("local_cluster", places(callers))
    found = zone_shares(ZoneAwarePlan(least), places(upstream), Locality("r", own), local, threshold)
    return None if found is None else {where.zone: share for where, share in found.items() if share}


@pytest.mark.parametrize(
    ("callers", "upstream", "expected"),
    [
        ("a1 b1", "a1 b1", {"a": 1}),
        ("a1 b1", "a9 b1", {"a": 1}),
        ("a1 b1", "a1 b3", {"a": 0.5, "b": 0.5}),
        ("a4 b1", "a4 b4 c2", {"a": 0.5, "b": 0.25, "c": 0.25}),
        ("a1 b1", "b1 c1", {"c": 1}),
        ("a1 b1", "a0-5 b1 c1", {"c": 1}),
        ("a0-3 b1", "a1 b9", {"a": 1}),
        ("a0-3 b1", "b5 c5", {"c": 1}),
        ("a1 b3", "a1 c3", {"a": 1}),
        ("a1 b1 c1", "a1 b1 c1", {"a": 1}),
        ("a3 b3 c3", "b1 c1 d1", {"d": 1}),
    ],
)
def test_shares(callers, upstream, expected):
    assert shares(callers, upstream) == pytest.approx(expected)


def test_parts_are_ten_thousandths_rounded_down():
    assert shares("a1 b1", "a2 b4") == pytest.approx({"a": 0.6666, "b": 0.3334})


def test_what_rounding_leaves_over_goes_to_all_alike():
    """Two of three zones have the same part of callers and instances, and the third is the caller's, rounded down."""
    assert shares("b1 c2 a0-1", "b2 c4") == pytest.approx({"b": 0.5, "c": 0.5})


@pytest.mark.parametrize(
    ("callers", "upstream", "limits"),
    [
        ("", "a1 b1", {}),
        ("a5", "a1 b1", {}),
        ("b1 c1", "a1 b1", {}),
        ("a1 b1", "a5", {}),
        ("a1 b1", "a5 b0-5", {}),
        ("a1 b1", "a1 b1", {"least": 3}),
        ("a1 b1", "a1 b1-1", {"least": 3}),
        ("a1-3 b1-3", "a1 b1", {"threshold": 50}),
        ("a1 b1", "a1 b1", {"own": ""}),
    ],
    ids=[
        "no callers",
        "callers in one zone",
        "none like here",
        "one zone",
        "one healthy zone",
        "too few",
        "too few well",
        "callers ill",
        "nowhere",
    ],
)
def test_zones_do_not_count(callers, upstream, limits):
    own = limits.pop("own", "a")
    local = AssignmentPlan("local_cluster", places(callers))
    where = Locality("r", own) if own else Locality()
    plan = ZoneAwarePlan(limits.pop("least", 1))
    assert zone_shares(plan, places(upstream), where, local, limits.pop("threshold", 0)) is None


def test_without_a_local_cluster_zones_do_not_count():
    assert zone_shares(ZoneAwarePlan(1), places("a1 b1"), Locality("r", "a"), None, 0) is None
