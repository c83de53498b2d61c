"""A cluster as a proxyless gRPC client can use it: `ClusterPlan` in, `GrpcClusterPlan` out.

gRPC balances by round robin or by a hash ring, keeps one connection to each instance, and ejects instances by the
percentage of calls that failed, not by errors in a row. What gets lost is told by `grpc_lacks`.
Source of the rules: gRPC's proposals A27, A32, A37, A42 and A50; Istio's generator leaves outlier detection out.
"""

import msgspec

from pidalio.ir import (
    AssignmentPlan,
    ClusterPlan,
    Discovery,
    EndpointPlan,
    GrpcAssignmentPlan,
    GrpcClusterPlan,
    GrpcOutlierPlan,
    LoadBalancing,
    OutlierPlan,
)

HASHING = frozenset({LoadBalancing.RING_HASH, LoadBalancing.MAGLEV})
_DNS = frozenset({Discovery.STRICT_DNS, Discovery.LOGICAL_DNS})
_RING = 1024
_ENVOYS_5XX = 5


def grpc_cluster(plan: ClusterPlan) -> GrpcClusterPlan | None:
    """Return the cluster; None where gRPC has no way to find its instances."""
    dns = _only_name(plan) if plan.discovery in _DNS else None
    if plan.discovery is not Discovery.EDS and dns is None:
        return None
    ring = plan.table_size if plan.load_balancing is LoadBalancing.RING_HASH else 0
    return GrpcClusterPlan(
        plan.name,
        ring_size=ring or _RING if plan.load_balancing in HASHING else 0,
        max_requests=plan.pool.max_requests,
        outlier=_outlier(plan.outlier) if plan.outlier else None,
        dns=dns,
        origins=plan.origins,
    )


def _only_name(plan: ClusterPlan) -> tuple[str, int] | None:
    localities = plan.assignment.localities if plan.assignment else ()
    found = [one for locality in localities for one in locality.endpoints]
    return (found[0].address, found[0].port) if len(found) == 1 else None


def _outlier(plan: OutlierPlan) -> GrpcOutlierPlan | None:
    """Return the nearest that gRPC has to errors in a row: as many calls in one interval, none of which went well."""
    first = _ENVOYS_5XX if plan.consecutive_5xx is None else plan.consecutive_5xx
    counts = (first, plan.consecutive_gateway, plan.consecutive_local if plan.split_local else None)
    stated = [count for count in counts if count]
    if not stated:
        return None
    return GrpcOutlierPlan(min(stated), plan.interval, plan.base_ejection_time, plan.max_ejection_percent)


def grpc_assignment(plan: AssignmentPlan) -> GrpcAssignmentPlan:
    """Return the endpoints, each address once and in priorities without gaps: gRPC refuses anything else.

    Instances with a name for TLS are left out: gRPC's clusters cannot ask each for a name of its own.
    """
    seen: set[tuple[str, int]] = set()
    parts = [
        (each, tuple(one for one in each.endpoints if not one.tls_name and _is_new(one, seen)))
        for each in plan.localities
    ]
    places = {number: place for place, number in enumerate(sorted({each.priority for each, rest in parts if rest}))}
    localities = tuple(
        msgspec.structs.replace(
            each,
            endpoints=rest,
            weight=each.weight or sum(one.weight for one in rest),
            priority=places[each.priority],
        )
        for each, rest in parts
        if rest
    )
    return GrpcAssignmentPlan(msgspec.structs.replace(plan, localities=localities))


def _is_new(one: EndpointPlan, seen: set[tuple[str, int]]) -> bool:
    address = (one.address, one.port)
    known = address in seen
    seen.add(address)
    return not known
