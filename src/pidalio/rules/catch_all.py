"""What becomes of requests and connections that nothing in a scope is declared for.

An explicit proxy resolves the host that was asked for; where connections are redirected, the address that was called
is known, and is called.
Source of the rules: Istio's documented outboundTrafficPolicy (reference §1.6, §2.4, §2.8, §2.11).
"""

from pidalio.ir import (
    DirectResponsePlan,
    ForwardPlan,
    HeaderEdits,
    HeaderMatch,
    MatchKind,
    MatchPlan,
    RoutePlan,
    StringPattern,
    TcpPlan,
    VirtualHostPlan,
    WeightedCluster,
)
from pidalio.model import Mode, Origin
from pidalio.rules import names
from pidalio.rules.visibility import OutboundPolicy

_LOOP_HEADER = "x-pidalio-passthrough"


def unknown_hosts(policy: OutboundPolicy, mode: Mode, *, is_named: bool, deaf: Origin | None = None) -> VirtualHostPlan:
    """Return the virtual host for requests to hosts that no other of the table has.

    `is_named` says that callers name the proxy, so that the address they called is its own; `deaf` is as in
    `ForwardPlan`.
    """
    if not policy.allows_any:
        return _block_all(policy.origin)
    if policy.through:
        return _pass_through(policy, deaf, is_named=is_named)
    if mode is Mode.EXPLICIT:
        return _resolve_all(names.PASSTHROUGH, policy.origin, deaf)
    if is_named:
        return _resolve_all(names.DYNAMIC_DNS, policy.origin, deaf)
    return _pass_through(policy, deaf, is_named=False)


def unknown_connections(policy: OutboundPolicy, access_log: str) -> TcpPlan:
    """Return what is done with redirected connections that no listener has a chain for."""
    cluster = (policy.through or names.PASSTHROUGH) if policy.allows_any else names.BLACKHOLE
    return TcpPlan(cluster, (WeightedCluster(cluster, 1, origin=policy.origin),), access_log)


def _block_all(origin: Origin | None) -> VirtualHostPlan:
    refusal = DirectResponsePlan(502, reason="no service has this host, and only registered ones are allowed")
    return VirtualHostPlan("block_all", ("*",), (RoutePlan(MatchPlan(), refusal, "block_all"),), origin=origin)


def _pass_through(policy: OutboundPolicy, deaf: Origin | None, *, is_named: bool) -> VirtualHostPlan:
    """Pass everything on by one cluster, the tunnels too that callers open who name the proxy."""
    cluster = policy.through or (names.DYNAMIC_DNS if policy.by_name else names.PASSTHROUGH)
    forward = ForwardPlan((WeightedCluster(cluster, 1, origin=policy.origin),), dynamic=policy.by_name, deaf=deaf)
    matches = [MatchPlan(connect=True), MatchPlan()] if is_named else [MatchPlan()]
    routes = tuple(RoutePlan(match, forward, "allow_any") for match in matches)
    return VirtualHostPlan("allow_any", ("*",), routes, origin=policy.origin)


def _resolve_all(cluster: str, origin: Origin | None, deaf: Origin | None) -> VirtualHostPlan:
    """Let unknown hosts through to the address that DNS gives for them, but never twice: that would be a loop."""
    again = HeaderMatch(_LOOP_HEADER, StringPattern(MatchKind.PRESENT))
    loop = DirectResponsePlan(502, reason="the request came back to a proxy of the mesh: no service has this host")
    forward = ForwardPlan((WeightedCluster(cluster, 1),), dynamic=True, deaf=deaf)
    mark = HeaderEdits(set=((_LOOP_HEADER, "1"),))
    return VirtualHostPlan(
        "allow_any",
        ("*",),
        (
            RoutePlan(MatchPlan(headers=(again,)), loop, "loop"),
            RoutePlan(MatchPlan(connect=True), forward, "allow_any"),
            RoutePlan(MatchPlan(), forward, "allow_any", request_headers=mark),
        ),
        origin=origin,
    )
