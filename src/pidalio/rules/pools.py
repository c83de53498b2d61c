"""Limits of a cluster: ConnectionPoolSettings in, `ClusterPlan` with limits out; the same for all directions.

Source of the rules: Istio's documented ConnectionPoolSettings (reference §1.2): what a block leaves out is unlimited or
the mesh's, never another block's.
"""

import msgspec

from pidalio.api.traffic_policy import (
    ConnectionPoolSettings,
    H2UpgradePolicy,
    HTTPSettings,
    RetryBudget,
    TcpKeepalive,
    TCPSettings,
)
from pidalio.derive import Database
from pidalio.ir import ClusterPlan, ConnectionPoolPlan, KeepalivePlan, PingPlan, RetryBudgetPlan, UpstreamProtocol
from pidalio.model import Mode, Origin, Port, Profile, Protocol
from pidalio.rules import destination_rules
from pidalio.rules.mesh import ClusterSettings
from pidalio.rules.policies import Stated
from pidalio.rules.resilience import Resilience
from pidalio.rules.services import ServiceId
from pidalio.rules.visibility import Client

_TCP, _HTTP = TCPSettings(), HTTPSettings()


def limited(wide: ClusterSettings, plan: ClusterPlan, stated: Stated[ConnectionPoolSettings] | None) -> ClusterPlan:
    """Return `plan` with the limits of `stated`, as a whole; what is `wide`, the mesh's, fills it."""
    tcp = (stated.value.tcp if stated else None) or _TCP
    http = (stated.value.http if stated else None) or _HTTP
    timeout, origin = wide.connect_timeout, wide.connect_timeout_origin
    if stated and tcp.connect_timeout is not None:
        timeout, origin = tcp.connect_timeout, _inside(stated.origin, "tcp.connectTimeout")
    return msgspec.structs.replace(
        plan,
        buffer_limit=wide.buffer_limit,
        keeps_case=wide.keeps_case,
        connect_timeout=timeout,
        connect_timeout_origin=origin,
        protocol=UpstreamProtocol.DOWNSTREAM if http.use_client_protocol else plan.protocol,
        pool=ConnectionPoolPlan(
            max_connections=tcp.max_connections or None,
            max_pending_requests=http.http1_max_pending_requests or None,
            max_requests=http.http2_max_requests or None,
            max_retries=http.max_retries or None,
            max_requests_per_connection=http.max_requests_per_connection or None,
            max_streams=http.max_concurrent_streams or None,
            idle_timeout=tcp.idle_timeout if http.idle_timeout is None else http.idle_timeout,
            max_connection_duration=tcp.max_connection_duration,
            keepalive=_keepalive(wide, tcp.tcp_keepalive, stated.origin if stated else None),
            pings=_pings(http),
            origin=stated.origin if stated else None,
        ),
    )


def _inside(outer: Origin | None, path: str) -> Origin | None:
    return Origin(outer.object, f"{outer.path}.{path}") if outer else None


def _keepalive(wide: ClusterSettings, own: TcpKeepalive | None, block: Origin | None) -> KeepalivePlan | None:
    """Return the mesh's keep-alive with the parts that the rule states; None where neither asks for any."""
    stated = [one for one in (own, wide.keepalive) if one]
    if not stated:
        return None
    return KeepalivePlan(
        probes=next((one.probes for one in stated if one.probes), None),
        time=next((one.time for one in stated if one.time is not None), None),
        interval=next((one.interval for one in stated if one.interval is not None), None),
        origin=_inside(block, "tcp.tcpKeepalive") if own else wide.keepalive_origin,
    )


def _pings(http: HTTPSettings) -> PingPlan | None:
    stated = http.http2_keep_alive
    if stated is None or stated.interval is None or stated.timeout is None:
        return None
    return PingPlan(stated.interval, stated.timeout)


def upstream_protocol(declared: Protocol, mode: Mode = Mode.EXPLICIT) -> UpstreamProtocol:
    """Return what instances are spoken to in: what the port declares, else at sidecars what the caller speaks."""
    if declared.is_http2:
        return UpstreamProtocol.HTTP2
    as_received = declared is Protocol.UNSUPPORTED and mode is not Mode.GATEWAY
    return UpstreamProtocol.DOWNSTREAM if as_received else UpstreamProtocol.HTTP1


def upgraded(
    wide: ClusterSettings, plan: ClusterPlan, port: Port, stated: Stated[ConnectionPoolSettings] | None
) -> ClusterPlan:
    """Return `plan` spoken to in HTTP/2 where a rule says so for the port, or the mesh for ports declared HTTP."""
    http = (stated.value.http if stated else None) or _HTTP
    wanted = http.h2_upgrade_policy is H2UpgradePolicy.UPGRADE
    if http.h2_upgrade_policy is H2UpgradePolicy.DEFAULT and not http.use_client_protocol:
        wanted = port.protocol is Protocol.HTTP and wide.upgrades_to_http2
    return msgspec.structs.replace(plan, protocol=UpstreamProtocol.HTTP2) if wanted else plan


def retry_budget_plan(
    stated: Stated[RetryBudget] | None, limits: Stated[ConnectionPoolSettings] | None, holds: Resilience
) -> RetryBudgetPlan | None:
    """Return the bound of concurrent retries, None where nothing asks for it.

    The profile's stands where no rule bounds retries at all, by a budget or by a number.
    """
    if stated is None:
        bounded = bool(limits and limits.value.http and limits.value.http.max_retries)
        return None if bounded or holds.profile is not Profile.SAFE else RetryBudgetPlan(origin=holds.origin)
    percent, least = stated.value.percent, stated.value.min_retry_concurrency
    return RetryBudgetPlan(
        percent=20.0 if percent is None else percent,
        min_concurrency=3 if least is None else least,
        interval=stated.value.budget_interval or None,
        origin=stated.origin,
    )


class TcpTimeouts(msgspec.Struct, frozen=True, gc=False):
    """How long a proxied connection may be idle and last, in milliseconds; None is Envoy's own."""

    idle: int | None = None
    duration: int | None = None


def tcp_timeouts(world: Database, view: Client, identity: ServiceId) -> TcpTimeouts:
    """Return what the host's rule says of connections that are not HTTP: ports and subsets have no say here."""
    rows = destination_rules.rows_for(world, view, identity)
    stated = next((row.spec.traffic_policy for row in rows if row.spec.traffic_policy), None)
    tcp = stated.connection_pool.tcp if stated and stated.connection_pool else None
    return TcpTimeouts(tcp.idle_timeout, tcp.max_connection_duration) if tcp else TcpTimeouts()
