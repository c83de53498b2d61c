"""Limits of a cluster: circuit breakers, protocol options and keep-alive.

Envoy's own limits (1,024 connections, 3 retries) never apply: what no rule limits is written out as unlimited, as Istio
does.
"""

from __future__ import annotations

from pidalio.envoy import messages as pb
from pidalio.envoy.header_case import keep_case
from pidalio.envoy.outlier import error_matcher
from pidalio.envoy.values import duration
from pidalio.ir import ClusterPlan, ConnectionPoolPlan, Discovery, KeepalivePlan, RetryBudgetPlan, UpstreamProtocol

UNLIMITED = 2**32 - 1
_MILLISECONDS = 1000


def circuit_breakers(pool: ConnectionPoolPlan, budget: RetryBudgetPlan | None) -> pb.CircuitBreakers:
    """Return the limits of all instances together."""
    thresholds = pb.CircuitBreakers.Thresholds(
        max_connections=_limit(pool.max_connections),
        max_pending_requests=_limit(pool.max_pending_requests),
        max_requests=_limit(pool.max_requests),
        max_retries=_limit(pool.max_retries),
    )
    if budget is not None:
        thresholds.retry_budget.budget_percent.value = budget.percent
        thresholds.retry_budget.min_retry_concurrency.value = budget.min_concurrency
        if budget.interval is not None:
            thresholds.retry_budget.budget_interval.CopyFrom(duration(budget.interval))
    return pb.CircuitBreakers(thresholds=[thresholds])


def _limit(value: int | None) -> pb.UInt32Value:
    return pb.UInt32Value(value=UNLIMITED if value is None else value)


def protocol_options(plan: ClusterPlan) -> pb.UpstreamHttpProtocolOptions | None:
    """Return which HTTP is spoken to instances and for how long; None where Envoy's defaults are meant."""
    pool, options = plan.pool, pb.UpstreamHttpProtocolOptions()
    common = options.common_http_protocol_options
    if pool.max_requests_per_connection is not None:
        common.max_requests_per_connection.value = pool.max_requests_per_connection
    if pool.idle_timeout is not None:
        common.idle_timeout.CopyFrom(duration(pool.idle_timeout))
    if pool.max_connection_duration is not None:
        common.max_connection_duration.CopyFrom(duration(pool.max_connection_duration))
    if plan.outlier is not None and plan.outlier.error_statuses:
        options.outlier_detection.error_matcher.CopyFrom(error_matcher(plan.outlier.error_statuses))
    if plan.protocol is UpstreamProtocol.HTTP1 and not plan.keeps_case and options == pb.UpstreamHttpProtocolOptions():
        return None
    _set_protocol(options, plan)
    if plan.discovery is Discovery.DYNAMIC_FORWARD_PROXY:
        # Without TLS they do nothing, but Envoy refuses such a cluster's options without them.
        options.upstream_http_protocol_options.auto_sni = True
        options.upstream_http_protocol_options.auto_san_validation = True
    return options


def _set_protocol(options: pb.UpstreamHttpProtocolOptions, plan: ClusterPlan) -> None:
    match plan.protocol:
        case UpstreamProtocol.HTTP1:
            http1 = options.explicit_http_config.http_protocol_options
            http1.SetInParent()
            if plan.keeps_case:
                keep_case(http1)
        case UpstreamProtocol.DOWNSTREAM:
            received = options.use_downstream_protocol_config
            received.http_protocol_options.SetInParent()
            if plan.keeps_case:
                keep_case(received.http_protocol_options)
            options.use_downstream_protocol_config.http2_protocol_options.SetInParent()
        case UpstreamProtocol.HTTP2:
            http2 = options.explicit_http_config.http2_protocol_options
            http2.SetInParent()
            if plan.pool.max_streams is not None:
                http2.max_concurrent_streams.value = plan.pool.max_streams
            if plan.pool.pings is not None:
                http2.connection_keepalive.interval.CopyFrom(duration(plan.pool.pings.interval))
                http2.connection_keepalive.timeout.CopyFrom(duration(plan.pool.pings.timeout))


def tcp_keepalive(plan: KeepalivePlan) -> pb.TcpKeepalive:
    """Return the keep-alive of connections, in whole seconds, at least one."""
    message = pb.TcpKeepalive()
    if plan.probes is not None:
        message.keepalive_probes.value = plan.probes
    if plan.time is not None:
        message.keepalive_time.value = max(1, plan.time // _MILLISECONDS)
    if plan.interval is not None:
        message.keepalive_interval.value = max(1, plan.interval // _MILLISECONDS)
    return message
