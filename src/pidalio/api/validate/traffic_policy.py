"""TrafficPolicy: load balancing, pools, ejection, TLS (reference §1.2)."""

from collections.abc import Sequence

from pidalio.api.findings import Findings
from pidalio.api.traffic_policy import (
    ConnectionPoolSettings,
    H2UpgradePolicy,
    HTTPSettings,
    OutlierDetection,
    PortTrafficPolicy,
    TCPSettings,
    TrafficPolicy,
)
from pidalio.api.validate.client_tls import check_client_tls
from pidalio.api.validate.load_balancer import check_load_balancer
from pidalio.api.validate.values import check_not_negative, check_port, check_positive, check_range

PORTS_MAX = 4096


def check_policy(policy: TrafficPolicy, path: str, found: Findings) -> None:
    """Note everything that is wrong with a policy."""
    if policy == TrafficPolicy():
        found.error("empty-policy", path, "a policy has at least one setting: fill it or remove it")
    _check_settings(policy, path, found)
    if len(policy.port_level_settings) > PORTS_MAX:
        found.error("out-of-range", f"{path}.portLevelSettings", f"at most {PORTS_MAX} ports can be set")
    for index, port in enumerate(policy.port_level_settings):
        _check_port_policy(port, f"{path}.portLevelSettings[{index}]", found)
    _check_unique_ports(policy.port_level_settings, path, found)
    if policy.tunnel and policy.proxy_protocol:
        found.error("oneof-conflict", f"{path}.proxyProtocol", "tunnel and proxyProtocol exclude each other: keep one")
    if policy.tunnel:
        if policy.tunnel.protocol not in {"", "CONNECT", "POST"}:
            found.error(
                "unknown-value", f"{path}.tunnel.protocol", f"{policy.tunnel.protocol!r} is not CONNECT or POST"
            )
        if not policy.tunnel.target_host:
            found.error("missing-field", f"{path}.tunnel.targetHost", "a tunnel leads to a host")
        check_port(policy.tunnel.target_port, f"{path}.tunnel.targetPort", found)
    if policy.retry_budget:
        check_range(policy.retry_budget.percent or 0, 0, 100, f"{path}.retryBudget.percent", found)
        least = policy.retry_budget.min_retry_concurrency or 0
        check_not_negative(least, f"{path}.retryBudget.minRetryConcurrency", found)


def check_pool(pool: ConnectionPoolSettings, path: str, found: Findings) -> None:
    """Note a pool without settings, or with settings that contradict each other."""
    if pool.tcp is None and pool.http is None:
        found.error("bad-pool", path, "a connection pool has settings for tcp or http: add one")
    if pool.tcp:
        _check_tcp(pool.tcp, f"{path}.tcp", found)
    if pool.http:
        _check_http(pool.http, f"{path}.http", found)


def check_outlier(outlier: OutlierDetection, path: str, found: Findings) -> None:
    """Note ejection settings that contradict each other."""
    for name, number in (
        ("consecutiveErrors", outlier.consecutive_errors),
        ("consecutiveLocalOriginFailures", outlier.consecutive_local_origin_failures),
        ("consecutiveGatewayErrors", outlier.consecutive_gateway_errors),
        ("consecutive5xxErrors", outlier.consecutive_5xx_errors),
    ):
        check_not_negative(number or 0, f"{path}.{name}", found)
    check_positive(outlier.interval, f"{path}.interval", found)
    check_positive(outlier.base_ejection_time, f"{path}.baseEjectionTime", found)
    check_range(outlier.max_ejection_percent, 0, 100, f"{path}.maxEjectionPercent", found)
    check_range(outlier.min_health_percent, 0, 100, f"{path}.minHealthPercent", found)
    for index, code in enumerate(outlier.outlier_detection_http_error_codes):
        if not (code.isdigit() and 100 <= int(code) <= 599):
            where = f"{path}.outlierDetectionHttpErrorCodes[{index}]"
            found.error("bad-outlier", where, f"{code!r} is not a status from 100 to 599")
    if outlier.consecutive_local_origin_failures and not outlier.split_external_local_origin_errors:
        message = "this counts only with splitExternalLocalOriginErrors: true"
        found.error("bad-outlier", f"{path}.consecutiveLocalOriginFailures", message)


def _check_settings(policy: TrafficPolicy | PortTrafficPolicy, path: str, found: Findings) -> None:
    if policy.load_balancer:
        check_load_balancer(policy.load_balancer, f"{path}.loadBalancer", found)
    if policy.connection_pool:
        check_pool(policy.connection_pool, f"{path}.connectionPool", found)
    if policy.outlier_detection:
        check_outlier(policy.outlier_detection, f"{path}.outlierDetection", found)
    if policy.tls:
        check_client_tls(policy.tls, f"{path}.tls", found)


def _check_port_policy(policy: PortTrafficPolicy, path: str, found: Findings) -> None:
    if policy.port is None:
        found.error("missing-field", f"{path}.port", "name the port: port: {number: 8080}")
    else:
        check_port(policy.port.number, f"{path}.port.number", found)
    _check_settings(policy, path, found)


def _check_unique_ports(policies: Sequence[PortTrafficPolicy], path: str, found: Findings) -> None:
    seen: set[int] = set()
    for index, policy in enumerate(policies):
        number = policy.port.number if policy.port else 0
        if number and number in seen:
            message = f"port {number} is set twice; only the first counts: merge them"
            found.warning("duplicate-value", f"{path}.portLevelSettings[{index}].port", message)
        seen.add(number)


def _check_tcp(tcp: TCPSettings, path: str, found: Findings) -> None:
    check_not_negative(tcp.max_connections, f"{path}.maxConnections", found)
    if tcp.tcp_keepalive:
        check_not_negative(tcp.tcp_keepalive.probes, f"{path}.tcpKeepalive.probes", found)
    check_positive(tcp.connect_timeout, f"{path}.connectTimeout", found)
    check_positive(tcp.max_connection_duration, f"{path}.maxConnectionDuration", found)


def _check_http(http: HTTPSettings, path: str, found: Findings) -> None:
    for name, number in (
        ("http1MaxPendingRequests", http.http1_max_pending_requests),
        ("http2MaxRequests", http.http2_max_requests),
        ("maxRequestsPerConnection", http.max_requests_per_connection),
        ("maxRetries", http.max_retries),
    ):
        check_not_negative(number, f"{path}.{name}", found)
    check_range(http.max_concurrent_streams, 0, 2**31 - 1, f"{path}.maxConcurrentStreams", found)
    if http.use_client_protocol and http.h2_upgrade_policy is H2UpgradePolicy.UPGRADE:
        message = "useClientProtocol and h2UpgradePolicy: UPGRADE exclude each other: keep one"
        found.error("bad-pool", f"{path}.useClientProtocol", message)
    keep_alive = http.http2_keep_alive
    if keep_alive and (keep_alive.interval is None or keep_alive.timeout is None):
        found.error("bad-pool", f"{path}.http2KeepAlive", "interval and timeout are both needed")
    elif keep_alive:
        check_positive(keep_alive.interval, f"{path}.http2KeepAlive.interval", found)
        check_positive(keep_alive.timeout, f"{path}.http2KeepAlive.timeout", found)
