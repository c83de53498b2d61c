"""TrafficPolicy: load balancing, connection limits, ejection and TLS towards a destination (reference §1.2).

Used by DestinationRule, and in parts by Sidecar and MeshConfig.
"""

import enum
from typing import ClassVar

import msgspec

from pidalio.api.scalars import IntOrString, Message, Milliseconds, Number
from pidalio.api.strings import PortSelector


class SimpleLB(enum.Enum):
    """Load-balancing algorithms; UNSPECIFIED and LEAST_CONN mean LEAST_REQUEST."""

    UNSPECIFIED = "UNSPECIFIED"
    LEAST_CONN = "LEAST_CONN"
    RANDOM = "RANDOM"
    PASSTHROUGH = "PASSTHROUGH"
    ROUND_ROBIN = "ROUND_ROBIN"
    LEAST_REQUEST = "LEAST_REQUEST"


class H2UpgradePolicy(enum.Enum):
    """Whether HTTP/1.1 is upgraded to HTTP/2 upstream; DEFAULT follows the mesh."""

    DEFAULT = "DEFAULT"
    DO_NOT_UPGRADE = "DO_NOT_UPGRADE"
    UPGRADE = "UPGRADE"


class ClientTLSMode(enum.Enum):
    """TLS towards the destination."""

    DISABLE = "DISABLE"
    SIMPLE = "SIMPLE"
    MUTUAL = "MUTUAL"
    ISTIO_MUTUAL = "ISTIO_MUTUAL"


class ProxyProtocolVersion(enum.Enum):
    """Versions of the PROXY protocol."""

    V1 = "V1"
    V2 = "V2"


class CookieAttribute(Message, frozen=True):
    """An attribute of a generated cookie (`SameSite: Strict`)."""

    name: str = ""
    value: str = ""


class HTTPCookie(Message, frozen=True):
    """Hash by a cookie; with `ttl` set, generate it when it is absent."""

    name: str = ""
    path: str = ""
    ttl: Milliseconds | None = None
    attributes: tuple[CookieAttribute, ...] = ()


class RingHash(Message, frozen=True):
    """Ring-hash table; `minimum_ring_size` 0 means Envoy's own."""

    minimum_ring_size: int = 0


class MagLev(Message, frozen=True):
    """Maglev table; `table_size` 0 means 65537."""

    table_size: int = 0


class ConsistentHashLB(Message, frozen=True):
    """Choose the instance by a hash of the request."""

    oneofs: ClassVar[tuple[tuple[str, ...], ...]] = (
        ("http_header_name", "http_cookie", "use_source_ip", "http_query_parameter_name"),
        ("ring_hash", "maglev"),
    )

    http_header_name: str | None = None
    http_cookie: HTTPCookie | None = None
    use_source_ip: bool | None = None
    http_query_parameter_name: str | None = None
    ring_hash: RingHash | None = None
    maglev: MagLev | None = None
    minimum_ring_size: int = 0


class Distribute(Message, frozen=True):
    """Spread the traffic of `from_` localities over `to` localities by percent."""

    from_: str = ""
    to: tuple[tuple[str, int], ...] = ()


class Failover(Message, frozen=True):
    """Send the traffic of region `from_` to region `to` when its own instances fail."""

    from_: str = ""
    to: str = ""


class LocalityLoadBalancerSetting(Message, frozen=True):
    """Locality-aware balancing; `enabled` None inherits."""

    distribute: tuple[Distribute, ...] = ()
    failover: tuple[Failover, ...] = ()
    failover_priority: tuple[str, ...] = ()
    enabled: bool | None = None


class ZoneAwareLbSetting(Message, frozen=True):
    """Callers stay in their zone as far as it has room; `enabled` None means true, `min_cluster_size` None means 6."""

    enabled: bool | None = None
    failover: tuple[Failover, ...] = ()
    failover_priority: tuple[str, ...] = ()
    min_cluster_size: int | None = None


class WarmupConfiguration(Message, frozen=True):
    """Give a new instance a growing share over `duration`; None means 10 % and aggression 1."""

    duration: Milliseconds | None = None
    minimum_percent: Number | None = None
    aggression: Number | None = None


class LoadBalancerSettings(Message, frozen=True):
    """How an instance is chosen."""

    oneofs: ClassVar[tuple[tuple[str, ...], ...]] = (("simple", "consistent_hash"),)

    simple: SimpleLB | None = None
    consistent_hash: ConsistentHashLB | None = None
    locality_lb_setting: LocalityLoadBalancerSetting | None = None
    zone_aware_lb_setting: ZoneAwareLbSetting | None = None
    warmup_duration_secs: Milliseconds | None = None
    warmup: WarmupConfiguration | None = None


class TcpKeepalive(Message, frozen=True):
    """TCP keep-alive; unset parts follow the operating system."""

    probes: int = 0
    time: Milliseconds | None = None
    interval: Milliseconds | None = None


class TCPSettings(Message, frozen=True):
    """Limits of connections; 0 means unset."""

    max_connections: int = 0
    connect_timeout: Milliseconds | None = None
    tcp_keepalive: TcpKeepalive | None = None
    max_connection_duration: Milliseconds | None = None
    idle_timeout: Milliseconds | None = None


class Http2KeepAlive(Message, frozen=True):
    """HTTP/2 pings."""

    interval: Milliseconds | None = None
    timeout: Milliseconds | None = None


class HTTPSettings(Message, frozen=True):
    """Limits of requests; 0 means unset."""

    http1_max_pending_requests: int = 0
    http2_max_requests: int = 0
    max_requests_per_connection: int = 0
    max_retries: int = 0
    idle_timeout: Milliseconds | None = None
    h2_upgrade_policy: H2UpgradePolicy = H2UpgradePolicy.DEFAULT
    use_client_protocol: bool = False
    max_concurrent_streams: int = 0
    http2_keep_alive: Http2KeepAlive | None = None


class ConnectionPoolSettings(Message, frozen=True):
    """Limits towards a destination."""

    tcp: TCPSettings | None = None
    http: HTTPSettings | None = None


class OutlierDetection(Message, frozen=True):
    """When an instance is ejected; an empty message still switches ejection on."""

    consecutive_errors: int = 0
    split_external_local_origin_errors: bool = False
    consecutive_local_origin_failures: int | None = None
    consecutive_gateway_errors: int | None = None
    consecutive_5xx_errors: int | None = msgspec.field(default=None, name="consecutive5xxErrors")
    interval: Milliseconds | None = None
    base_ejection_time: Milliseconds | None = None
    max_ejection_percent: int = 0
    min_health_percent: int = 0
    outlier_detection_http_error_codes: tuple[IntOrString, ...] = ()


class ClientTLSSettings(Message, frozen=True):
    """TLS towards the destination; files are named as the proxy sees them."""

    mode: ClientTLSMode = ClientTLSMode.DISABLE
    client_certificate: str = ""
    private_key: str = ""
    ca_certificates: str = ""
    credential_name: str = ""
    subject_alt_names: tuple[str, ...] = ()
    sni: str = ""
    insecure_skip_verify: bool | None = None
    ca_crl: str = ""


POST = "POST"
"""The protocol of a tunnel that is asked for by POST; everything else is CONNECT."""


class TunnelSettings(Message, frozen=True):
    """Tunnel TCP through HTTP CONNECT or POST."""

    protocol: str = ""
    target_host: str = ""
    target_port: int = 0


class ProxyProtocol(Message, frozen=True):
    """Send a PROXY protocol header upstream."""

    version: ProxyProtocolVersion = ProxyProtocolVersion.V1


class RetryBudget(Message, frozen=True):
    """Bound concurrent retries to a share of requests; None means 20 %, 3 and no interval."""

    percent: Number | None = None
    min_retry_concurrency: int | None = None
    budget_interval: Milliseconds | None = None


class PortTrafficPolicy(Message, frozen=True):
    """The policy of one port: it replaces the destination's as a whole."""

    port: PortSelector | None = None
    load_balancer: LoadBalancerSettings | None = None
    connection_pool: ConnectionPoolSettings | None = None
    outlier_detection: OutlierDetection | None = None
    tls: ClientTLSSettings | None = None


class TrafficPolicy(Message, frozen=True):
    """The policy of a destination or subset."""

    load_balancer: LoadBalancerSettings | None = None
    connection_pool: ConnectionPoolSettings | None = None
    outlier_detection: OutlierDetection | None = None
    tls: ClientTLSSettings | None = None
    port_level_settings: tuple[PortTrafficPolicy, ...] = ()
    tunnel: TunnelSettings | None = None
    proxy_protocol: ProxyProtocol | None = None
    retry_budget: RetryBudget | None = None
