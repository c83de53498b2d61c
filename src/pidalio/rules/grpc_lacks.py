"""What rules ask for and a proxyless gRPC client cannot do: told by name, for it does the rest without it.

Invariant: every field of a route or cluster is either followed (`grpc_routes`, `grpc_clusters`), without meaning for
calls of gRPC, or told here (tests/unit/rules/test_grpc_lacks.py has the list).
"""

from collections.abc import Iterator

import msgspec

from pidalio.ir import (
    ClusterPlan,
    ConnectionPoolPlan,
    DirectResponsePlan,
    Discovery,
    ForwardPlan,
    HashKind,
    HeaderEdits,
    LoadBalancing,
    MatchPlan,
    RedirectPlan,
    RetryPlan,
    RoutePlan,
    VirtualHostPlan,
)
from pidalio.model import Origin
from pidalio.rules.grpc_clusters import grpc_cluster
from pidalio.rules.grpc_routes import CALL, MOST_ABSENT, STATUSES, UNSEEN

_BY_ITSELF = frozenset({"connect-failure", "refused-stream", "reset-before-request", "retriable-status-codes"})
"""Conditions of retries that gRPC's own ways cover, or that are told with the status codes."""
_NOTHING = ConnectionPoolPlan()


class Lack(msgspec.Struct, frozen=True, order=True, gc=False):
    """What gRPC cannot do ("rewrite paths") and what happens instead; `origin` is the part of a rule that asks."""

    origin: Origin
    what: str
    instead: str


def table_lacks(plan: VirtualHostPlan) -> tuple[Lack, ...]:
    """Return what gets lost of a virtual host, each once."""
    requests = (route for route in plan.routes if not route.match.connect and route.origin is not None)
    return tuple(dict.fromkeys(lack for route in requests for lack in _of_route(route)))


def cluster_lacks(plan: ClusterPlan) -> tuple[Lack, ...]:
    """Return what gets lost of a cluster, each once."""
    return tuple(dict.fromkeys(_of_cluster(plan)))


def _of_route(route: RoutePlan) -> Iterator[Lack]:
    origin = route.origin
    if origin is None:
        return
    for what in _unknown_conditions(route.match):
        yield Lack(origin, what, "the route matches no call")
    match route.action:
        case RedirectPlan():
            yield Lack(origin, "redirect", "calls that match fail as UNAVAILABLE")
        case DirectResponsePlan(reason=""):
            yield Lack(origin, "answer by itself", "calls that match fail as UNAVAILABLE")
        case ForwardPlan() as forward:
            yield from _of_forward(forward, origin)
    yield from _of_headers(route.request_headers, route.response_headers, origin)


def _unknown_conditions(match: MatchPlan) -> Iterator[str]:
    for name in sorted({one.name for one in match.headers if one.name in UNSEEN}):
        yield f"match on {name}"
    if match.claims:
        yield "match on claims of a token"
    if sum(one.invert and one.missing_as_empty for one in match.headers) > MOST_ABSENT:
        yield f"match on more than {MOST_ABSENT} headers of withoutHeaders"


def _of_forward(forward: ForwardPlan, origin: Origin) -> Iterator[Lack]:
    if forward.prefix_rewrite is not None or forward.regex_rewrite is not None:
        yield Lack(origin, "rewrite paths", "calls keep theirs")
    if forward.host_rewrite or any(one.host_rewrite for one in forward.clusters):
        yield Lack(origin, "rewrite the authority", "calls keep theirs")
    for mirror in forward.mirrors:
        yield Lack(mirror.origin or origin, "mirror", "no copies are sent")
    if forward.sticky is not None:
        yield Lack(forward.sticky.origin or origin, "keep users with a version", "it is drawn for each call")
    for one in forward.hashes:
        if one.kind is not HashKind.HEADER:
            yield Lack(one.origin or origin, f"hash by {one.kind.value.lower()}", "that part of the key is left out")
    if forward.retry is not None and forward.retry.origin is not None:
        yield from _of_retry(forward.retry.for_method(CALL), forward.retry.origin)
    for cluster in forward.clusters:
        yield from _of_headers(cluster.request_headers, cluster.response_headers, cluster.origin or origin)


def _of_retry(plan: RetryPlan, origin: Origin) -> Iterator[Lack]:
    unknown = [one for one in plan.retry_on if one not in STATUSES | _BY_ITSELF]
    if plan.status_codes:
        unknown.append("HTTP status codes")
    if unknown:
        yield Lack(origin, f"retry on {', '.join(unknown)}", "other conditions hold")
    if plan.per_try_timeout is not None:
        yield Lack(origin, "limit each try", "the timeout of the whole call holds")


def _of_headers(request: HeaderEdits, response: HeaderEdits, origin: Origin) -> Iterator[Lack]:
    if request or response:
        yield Lack(origin, "change headers", "they stay as they are")


def _of_cluster(plan: ClusterPlan) -> Iterator[Lack]:
    origin = plan.origin or (Origin(plan.service) if plan.service else None)
    if origin is None:
        return
    if grpc_cluster(plan) is None:
        how = "look up several names" if plan.discovery is not Discovery.DYNAMIC_FORWARD_PROXY else "look up any name"
        yield Lack(origin, f"{how} for {plan.host}", "calls fail as UNAVAILABLE")
    if plan.lb_origin and plan.load_balancing in (LoadBalancing.LEAST_REQUEST, LoadBalancing.RANDOM):
        name = plan.load_balancing.value.lower().replace("_", " ")
        yield Lack(plan.lb_origin, f"balance by {name}", "it goes round robin")
    if plan.lb_origin and plan.load_balancing is LoadBalancing.MAGLEV:
        yield Lack(plan.lb_origin, "hash by Maglev", "it uses a hash ring")
    if plan.warmup is not None:
        yield Lack(plan.lb_origin or origin, "warm up instances", "new ones get their full share")
    if msgspec.structs.replace(plan.pool, max_requests=None, origin=None) != _NOTHING:
        yield Lack(plan.pool.origin or origin, "limit connections or their age", "only http2MaxRequests counts")
    if plan.zone_aware is not None:
        yield Lack(plan.zone_aware.origin or origin, "balance zones", "all instances of its region get the same")
    if plan.proxy_protocol is not None:
        yield Lack(origin, "begin connections with a PROXY header", "the server would wait for it in vain")
    if plan.instance_ca:
        yield Lack(origin, "ask each instance for a name of its own", "those that speak TLS are left out")
    if plan.health_check is not None:
        yield Lack(plan.health_check.origin, "check instances", "the platform's and the agents' word holds")
    if plan.retry_budget is not None:
        yield Lack(plan.retry_budget.origin or origin, "keep a retry budget", "gRPC throttles retries its own way")
