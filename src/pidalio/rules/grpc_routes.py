"""A virtual host as a proxyless gRPC client can follow it: `VirtualHostPlan` in, `GrpcTablePlan` out.

A condition is kept, said in another way, or decided here, so that a route that gRPC follows holds for exactly the
calls that it holds for in Envoy. A condition that gRPC cannot check makes a route that matches nothing; an action that
it does not have makes a route whose calls fail. What gets lost is told by `grpc_lacks`.
Source of the rules: how gRPC's xDS client matches (proposal A28): every call is a POST of `/service/method` without
query; an inverted comparison of a missing header does not hold; prefixes that end inside a path element are allowed.
"""

import itertools
from collections.abc import Iterator

import msgspec

from pidalio.ir import (
    DirectResponsePlan,
    ForwardPlan,
    GrpcRetryPlan,
    GrpcRoutePlan,
    GrpcTablePlan,
    HashKind,
    HeaderMatch,
    MatchKind,
    MatchPlan,
    PathKind,
    PathMatch,
    RedirectPlan,
    RetryPlan,
    RoutePlan,
    StringPattern,
    VirtualHostPlan,
)
from pidalio.ir.pattern import satisfied
from pidalio.model import Origin

METHOD = ":method"
CALL = "POST"
"""The method of every call."""
UNSEEN = frozenset({":authority", ":scheme", "user-agent"})
"""Headers that gRPC adds after it has chosen a route."""
STATUSES = frozenset({"cancelled", "deadline-exceeded", "internal", "resource-exhausted", "unavailable"})
"""The conditions of retries that gRPC knows."""
MOST_ABSENT = 5
"""Conditions on absent headers in one match: each doubles the number of routes."""
_PRESENT = StringPattern(MatchKind.PRESENT)


def grpc_table(name: str, plan: VirtualHostPlan, otherwise: str) -> GrpcTablePlan:
    """Return the table called `name`; where `plan` has nothing for requests, calls go to the cluster `otherwise`."""
    requests = [route for route in plan.routes if not route.match.connect]
    routes = [each for route in requests for each in _routes(route)]
    if not requests and otherwise:
        routes = [GrpcRoutePlan(MatchPlan(), ((otherwise, 1),))]
    return GrpcTablePlan(name, plan.domains, tuple(routes))


def _routes(route: RoutePlan) -> Iterator[GrpcRoutePlan]:
    match route.action:
        case ForwardPlan() as forward:
            made = _forward(route, forward)
        case RedirectPlan() | DirectResponsePlan():
            made = GrpcRoutePlan(MatchPlan(), (), origins=_origins(route))
    for match in matches(route.match):
        yield msgspec.structs.replace(made, match=match)


def _forward(route: RoutePlan, forward: ForwardPlan) -> GrpcRoutePlan:
    shares = [(one.cluster, one.weight) for one in forward.clusters if one.weight]
    only = len(forward.clusters) == 1
    return GrpcRoutePlan(
        MatchPlan(),
        ((forward.clusters[0].cluster, 1),) if only else tuple(shares),
        timeout=forward.timeout,
        retry=_retry(forward.retry) if forward.retry else None,
        hash_headers=tuple(one.name for one in forward.hashes if one.kind is HashKind.HEADER),
        fault=route.fault,
        origins=_origins(route),
    )


def _origins(route: RoutePlan) -> tuple[Origin, ...]:
    found = [route.origin]
    if isinstance(route.action, ForwardPlan):
        found += (one.origin for one in route.action.clusters)
    return tuple(dict.fromkeys(one for one in found if one is not None))


def _retry(plan: RetryPlan) -> GrpcRetryPlan | None:
    known = tuple(one for one in plan.for_method(CALL).retry_on if one in STATUSES)
    return GrpcRetryPlan(plan.attempts, known, plan.backoff) if known and plan.attempts else None


def matches(plan: MatchPlan) -> Iterator[MatchPlan]:
    """Yield matches that together hold for the calls that `plan` holds for; none where that is no call, or unknown."""
    path = _path(plan.path)
    if plan.query or plan.claims or plan.connect or path is None:
        return
    choices = [_choices(one) for one in plan.headers]
    if sum(len(one) > 1 for one in choices) > MOST_ABSENT:
        return
    for chosen in itertools.product(*choices):
        yield MatchPlan(path, tuple(one for one in chosen if one is not None))


def _path(path: PathMatch) -> PathMatch | None:
    """Return the path in gRPC's words, None where no call has such a path; whole elements are said by their length."""
    if path.kind is not PathKind.SEGMENTS:
        return path
    whole = path.value.rstrip("/")
    depth = whole.count("/")
    if depth > 2:
        return None
    if depth == 2:
        return PathMatch(PathKind.EXACT, whole, path.ignore_case)
    return PathMatch(PathKind.PREFIX, f"{whole}/", path.ignore_case)


def _choices(header: HeaderMatch) -> tuple[HeaderMatch | None, ...]:
    """Return the conditions of which one must hold: None is one that always does, no choice one that never does."""
    if header.name == METHOD:
        return (None,) if satisfied(header.pattern, CALL) != header.invert else ()
    if header.name in UNSEEN:
        return ()
    if not (header.invert and header.missing_as_empty):
        return (header,)
    present = msgspec.structs.replace(header, missing_as_empty=False)
    if satisfied(header.pattern, ""):
        return (present,)
    return (HeaderMatch(header.name, _PRESENT, invert=True), present)
