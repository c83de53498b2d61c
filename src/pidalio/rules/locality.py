"""Which instances are preferred: endpoints in, groups with priorities and weights out.

Source of the rules: Istio's documented locality load balancing (reference §2.9): `distribute` gives localities shares
and the others nothing; failover orders them by nearness, or by labels in common, into priorities from 0 without gaps.
Where zones are balanced it orders regions alone, and within labels in common, for Envoy knows the zones (documented
with ZoneAwareLoadBalancerSetting).
"""

from collections.abc import Iterable, Mapping, Sequence
from math import ceil

import msgspec

from pidalio.api.traffic_policy import Distribute, Failover, ZoneAwareLbSetting
from pidalio.ir import EndpointPlan, LocalityPlan
from pidalio.model import Endpoint, Locality
from pidalio.rules.vantage import Preference, Vantage, placed

_STEPS = 5
"""How many levels nearness has: same subzone, same zone, same region, elsewhere, and where a failover does not lead."""
_HEAVIEST = 2**32 - 1
"""What all instances together may weigh for an Envoy: heavier ones are cut to an equal part of it."""


def arranged(endpoints: Iterable[Endpoint], setting: Preference | None, vantage: Vantage) -> tuple[LocalityPlan, ...]:
    """Return endpoints in groups, as a proxy at `vantage` prefers them; without a setting none is preferred.

    A group weighs as much as its members, unless `distribute` says otherwise.
    """
    shares = setting.distribute if setting and not isinstance(setting, ZoneAwareLbSetting) else ()
    wanted = setting.failover_priority if setting and not shares else ()
    own = dict(vantage.labels)
    groups: dict[tuple[int, Locality], list[Endpoint]] = {}
    for one in endpoints:
        groups.setdefault((_unlike(one, wanted, own), one.locality), []).append(one)
    heaviest = _HEAVIEST // max(1, sum(map(len, groups.values())))
    if setting is None or shares:
        placed_groups = sorted(groups.items(), key=lambda each: each[0])
        plans = tuple(_plan(members, where, heaviest) for (_, where), members in placed_groups)
        return _distributed(plans, shares, vantage.locality) if shares else plans
    levels = {group: _level(group, setting, vantage.locality) for group in groups}
    ranks = {level: rank for rank, level in enumerate(sorted(set(levels.values())))}
    ordered = sorted(groups, key=lambda group: (levels[group], group))
    return tuple(_plan(groups[group], group[1], heaviest, ranks[levels[group]]) for group in ordered)


def _plan(members: Sequence[Endpoint], where: Locality, heaviest: int, priority: int = 0) -> LocalityPlan:
    plans = tuple(
        EndpointPlan(
            one.address,
            one.port,
            min(max(one.weight, 1), heaviest),
            one.health,
            one.workload,
            one.labels,
            one.tls_name,
        )
        for one in members
    )
    return LocalityPlan(plans, where, sum(one.weight for one in plans), priority)


def _unlike(one: Endpoint, wanted: Sequence[str], own: Mapping[str, str]) -> int:
    """Return how early the labels in order of importance differ: 0 never, else the more the earlier."""
    labels = placed(one.labels, one.locality, one.network, one.node) if wanted else {}
    for position, entry in enumerate(wanted):
        name, overridden, value = entry.partition("=")
        if labels.get(name, "") != (value if overridden else own.get(name, "")):
            return len(wanted) - position
    return 0


def _level(group: tuple[int, Locality], setting: Preference, near: Locality) -> int:
    unlike, where = group
    if isinstance(setting, ZoneAwareLbSetting):
        return unlike * _STEPS + (_between(near.region, where.region, setting.failover) if near.region else 0)
    if near == Locality() or (setting.failover_priority and not setting.failover):
        return unlike * _STEPS
    return unlike * _STEPS + _distance(near, where, setting.failover)


def _distance(near: Locality, where: Locality, failover: Sequence[Failover]) -> int:
    if near.region != where.region:
        return _between(near.region, where.region, failover)
    if near.zone != where.zone:
        return 2
    return 0 if near.subzone == where.subzone else 1


def _between(near: str, region: str, failover: Sequence[Failover]) -> int:
    """Return how far another region is: where its failover leads, or does not; 0 for the same."""
    if near == region:
        return 0
    to = next((one.to for one in failover if one.from_ == near), region)
    return 3 if to == region else 4


def _distributed(
    plans: tuple[LocalityPlan, ...], rules: Sequence[Distribute], near: Locality
) -> tuple[LocalityPlan, ...]:
    """Return the groups with the shares of the first rule for callers in `near`; others lose their endpoints."""
    rule = next((one for one in rules if _within(near, one.from_)), None)
    if rule is None:
        return plans
    result = []
    left = list(plans)
    for target, share in rule.to:
        chosen = [one for one in left if _within(one.locality, target)]
        left = [one for one in left if one not in chosen]
        total = sum(one.weight for one in chosen)
        result += [msgspec.structs.replace(one, weight=ceil(one.weight * share / total)) for one in chosen]
    return tuple(sorted(result, key=lambda one: one.locality))


def _within(where: Locality, pattern: str) -> bool:
    """Tell whether a locality fits `region/zone/subzone`, of which the end may be left out or `*`."""
    region, zone, subzone = (*pattern.split("/"), "", "")[:3]
    return region in ("*", where.region) and zone in ("", "*", where.zone) and subzone in ("", "*", where.subzone)
