"""How callers are spread over the localities of a cluster whose zones are balanced.

Source: Envoy's documented zone aware routing, checked on Envoy 1.40: it compares, locality by locality, the share of
the upstream's healthy instances with the share of the caller's like (the local cluster), both in 1/10,000 rounded
down. It does nothing where there is nothing to compare: too few instances, one locality, or none of its own.
"""

from collections.abc import Mapping, Sequence

from pidalio.ir import AssignmentPlan, LocalityPlan, ZoneAwarePlan
from pidalio.model import Health, Locality

_WHOLE = 10_000


def zone_shares(
    plan: ZoneAwarePlan,
    upstream: Sequence[LocalityPlan],
    own: Locality,
    local: AssignmentPlan | None,
    threshold: int,
) -> Mapping[Locality, float] | None:
    """Return the share (0-1) of each locality of `upstream`, one priority's; None where zones make no difference.

    `threshold` is the percentage of the local cluster that must be healthy.
    """
    healthy = _healthy(upstream)
    callers = _healthy(local.localities) if local else {}
    known = {each.locality for each in local.localities} if local else set()
    if own == Locality() or own not in known or len(known) < _FEWEST or _is_ill(local, callers, threshold):
        return None
    if sum(healthy.values()) < plan.min_cluster_size or sum(map(bool, healthy.values())) < _FEWEST:
        return None
    return _divided(_parts(healthy), _parts(callers), own)


_FEWEST = 2
"""Localities that there must be on both sides."""


def _healthy(localities: Sequence[LocalityPlan]) -> dict[Locality, int]:
    found: dict[Locality, int] = {}
    for each in localities:
        count = sum(one.health in (Health.HEALTHY, Health.UNKNOWN) for one in each.endpoints)
        found[each.locality] = found.get(each.locality, 0) + count
    return found


def _is_ill(local: AssignmentPlan | None, callers: Mapping[Locality, int], threshold: int) -> bool:
    members = sum(len(each.endpoints) for each in local.localities) if local else 0
    return 100 * sum(callers.values()) < threshold * members


def _parts(counts: Mapping[Locality, int]) -> dict[Locality, int]:
    total = sum(counts.values())
    return {where: _WHOLE * count // total if total else 0 for where, count in counts.items()}


def _divided(room: Mapping[Locality, int], callers: Mapping[Locality, int], own: Locality) -> Mapping[Locality, float]:
    """Return all at home where there is room, else as much as there is room for, and the rest by room left over."""
    here, like = room.get(own, 0), callers.get(own, 0)
    if here > 0 and here >= like:
        return {where: float(where == own) for where in room}
    home = (_WHOLE * here // like) / _WHOLE if like and here else 0.0
    left = {where: max(0, part - callers.get(where, 0)) for where, part in room.items() if where != own}
    total = sum(left.values())
    if total == 0:  # by rounding alone: then all are equal
        some = [where for where, part in room.items() if part]
        return {where: (1 - home) / len(some) + home * (where == own) for where in some}
    return {own: home} | {where: (1 - home) * part / total for where, part in left.items()}
