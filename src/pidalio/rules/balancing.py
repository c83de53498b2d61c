"""How a cluster chooses an instance: LoadBalancerSettings in, `ClusterPlan` with its load balancer out.

Source of the rules: Istio's documented LoadBalancerSettings (reference §1.2): least request unless stated, and a ring
of 1,024 where a hash states no algorithm.
"""

import msgspec

from pidalio.api.traffic_policy import ConsistentHashLB, LoadBalancerSettings, SimpleLB
from pidalio.ir import ClusterPlan, LoadBalancing, WarmupPlan
from pidalio.rules.policies import Stated

_SIMPLE = {SimpleLB.ROUND_ROBIN: LoadBalancing.ROUND_ROBIN, SimpleLB.RANDOM: LoadBalancing.RANDOM}
_WARMS_UP = frozenset({LoadBalancing.ROUND_ROBIN, LoadBalancing.LEAST_REQUEST})
_RING_MIN, _RING_MAX = 1024, 8_388_608


def balanced(plan: ClusterPlan, stated: Stated[LoadBalancerSettings] | None, *, in_turn: bool = False) -> ClusterPlan:
    """Return `plan` with the load balancer that is stated, else round robin where the service's platform wants it."""
    if stated is None:
        return msgspec.structs.replace(plan, load_balancing=LoadBalancing.ROUND_ROBIN) if in_turn else plan
    settings = stated.value
    if settings.consistent_hash:
        policy, size = _hashing(settings.consistent_hash)
    else:
        policy, size = _SIMPLE.get(settings.simple or SimpleLB.UNSPECIFIED, LoadBalancing.LEAST_REQUEST), 0
    chosen = settings.consistent_hash or settings.simple
    return msgspec.structs.replace(
        plan,
        load_balancing=policy,
        table_size=size,
        warmup=_warmup(settings) if policy in _WARMS_UP else None,
        lb_origin=stated.origin if chosen else None,
    )


def _hashing(stated: ConsistentHashLB) -> tuple[LoadBalancing, int]:
    if stated.maglev:
        return LoadBalancing.MAGLEV, stated.maglev.table_size
    size = stated.ring_hash.minimum_ring_size if stated.ring_hash else stated.minimum_ring_size or _RING_MIN
    return LoadBalancing.RING_HASH, min(size, _RING_MAX)


def _warmup(stated: LoadBalancerSettings) -> WarmupPlan | None:
    if stated.warmup is None:
        return WarmupPlan(stated.warmup_duration_secs) if stated.warmup_duration_secs else None
    if stated.warmup.duration is None:
        return None
    percent, aggression = stated.warmup.minimum_percent, stated.warmup.aggression
    return WarmupPlan(
        window=stated.warmup.duration,
        min_percent=10.0 if percent is None else percent,
        aggression=1.0 if aggression is None else aggression,
    )
