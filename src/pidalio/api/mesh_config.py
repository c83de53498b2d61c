"""MeshConfig: what holds for the whole mesh (reference §1.9).

In Istio it is a config map; here it is an object of our own group (`pidalio.dev/v1`, at most one per mesh)
whose spec has Istio's fields. Parts that nothing reads yet are held as JSON text, so that they are known
and reported as not yet effective.
"""

import enum

import msgspec

from pidalio.api.proxy_config import MeshProxyConfig
from pidalio.api.scalars import JsonText, Message, Milliseconds
from pidalio.api.sidecar import OutboundMode
from pidalio.api.traffic_policy import (
    ConnectionPoolSettings,
    LocalityLoadBalancerSetting,
    OutlierDetection,
    TcpKeepalive,
    ZoneAwareLbSetting,
)
from pidalio.api.virtual_service import HTTPRetry


class IngressControllerMode(enum.Enum):
    """Which Ingress objects are read; UNSPECIFIED means STRICT."""

    UNSPECIFIED = "UNSPECIFIED"
    OFF = "OFF"
    DEFAULT = "DEFAULT"
    STRICT = "STRICT"


class InboundMode(enum.Enum):
    """Where inbound traffic goes."""

    PASSTHROUGH = "PASSTHROUGH"
    LOCALHOST = "LOCALHOST"


class MeshH2UpgradePolicy(enum.Enum):
    """Whether HTTP/1.1 is upgraded to HTTP/2 upstream."""

    DO_NOT_UPGRADE = "DO_NOT_UPGRADE"
    UPGRADE = "UPGRADE"


class AccessLogEncoding(enum.Enum):
    """The form of access logs."""

    TEXT = "TEXT"
    JSON = "JSON"


class Normalization(enum.Enum):
    """How paths are normalised; DEFAULT means BASE."""

    DEFAULT = "DEFAULT"
    NONE = "NONE"
    BASE = "BASE"
    MERGE_SLASHES = "MERGE_SLASHES"
    DECODE_AND_MERGE_SLASHES = "DECODE_AND_MERGE_SLASHES"


class MeshTLSProtocol(enum.Enum):
    """The oldest TLS that is accepted."""

    TLS_AUTO = "TLS_AUTO"
    TLSV1_2 = "TLSV1_2"
    TLSV1_3 = "TLSV1_3"


class MeshOutboundTrafficPolicy(Message, frozen=True):
    """What happens to undeclared hosts; the message unset means ALLOW_ANY, empty means REGISTRY_ONLY."""

    mode: OutboundMode = OutboundMode.REGISTRY_ONLY
    tls: JsonText | None = None


class InboundTrafficPolicy(Message, frozen=True):
    """Where inbound traffic goes."""

    mode: InboundMode = InboundMode.PASSTHROUGH


class PathNormalization(Message, frozen=True):
    """How paths are normalised before matching."""

    normalization: Normalization = Normalization.DEFAULT


class DefaultTrafficPolicy(Message, frozen=True):
    """Blocks that a DestinationRule leaves unset."""

    connection_pool: ConnectionPoolSettings | None = None
    outlier_detection: OutlierDetection | None = None


class TLSConfig(Message, frozen=True):
    """Bounds of TLS."""

    min_protocol_version: MeshTLSProtocol = MeshTLSProtocol.TLS_AUTO
    ecdh_curves: tuple[str, ...] = ()
    cipher_suites: tuple[str, ...] = ()


class ServiceSettingsFlags(Message, frozen=True):
    """Flags of services."""

    cluster_local: bool = False


class ServiceSettings(Message, frozen=True):
    """Flags for the services whose host matches."""

    settings: ServiceSettingsFlags | None = None
    hosts: tuple[str, ...] = ()


class DefaultProviders(Message, frozen=True):
    """Names of extension providers that apply everywhere."""

    tracing: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    access_logging: tuple[str, ...] = ()


class MeshConfig(Message, frozen=True):
    """Settings of the mesh; 0, empty and None mean Istio's default."""

    proxy_listen_port: int = 0
    proxy_inbound_listen_port: int = 0
    proxy_http_port: int = 0
    connect_timeout: Milliseconds | None = None
    tcp_keepalive: TcpKeepalive | None = None
    hbone_idle_timeout: Milliseconds | None = None
    protocol_detection_timeout: Milliseconds | None = None
    ingress_class: str = ""
    ingress_service: str = ""
    ingress_selector: str = ""
    ingress_controller_mode: IngressControllerMode = IngressControllerMode.UNSPECIFIED
    outbound_traffic_policy: MeshOutboundTrafficPolicy | None = None
    inbound_traffic_policy: InboundTrafficPolicy | None = None
    enable_auto_mtls: bool | None = None
    trust_domain: str = ""
    trust_domain_aliases: tuple[str, ...] = ()
    default_service_export_to: tuple[str, ...] = ()
    default_virtual_service_export_to: tuple[str, ...] = ()
    default_destination_rule_export_to: tuple[str, ...] = ()
    root_namespace: str = ""
    locality_lb_setting: LocalityLoadBalancerSetting | None = None
    zone_aware_lb_setting: ZoneAwareLbSetting | None = None
    dns_refresh_rate: Milliseconds | None = None
    h2_upgrade_policy: MeshH2UpgradePolicy = MeshH2UpgradePolicy.DO_NOT_UPGRADE
    inbound_cluster_stat_name: str = ""
    outbound_cluster_stat_name: str = ""
    service_settings: tuple[ServiceSettings, ...] = ()
    service_scope_configs: tuple[JsonText, ...] = ()
    discovery_selectors: tuple[JsonText, ...] = ()
    path_normalization: PathNormalization | None = None
    default_http_retry_policy: HTTPRetry | None = None
    default_inbound_http_retry_policy: HTTPRetry | None = None
    default_traffic_policy: DefaultTrafficPolicy | None = None
    service_entry_visibility: JsonText | None = None
    mesh_mtls: TLSConfig | None = msgspec.field(default=None, name="meshMTLS")
    tls_defaults: TLSConfig | None = None
    enable_prometheus_merge: bool | None = None
    access_log_file: str = ""
    access_log_format: str = ""
    access_log_encoding: AccessLogEncoding = AccessLogEncoding.TEXT
    enable_tracing: bool = False
    enable_envoy_access_log_service: bool = False
    disable_envoy_listener_log: bool = False
    extension_providers: tuple[JsonText, ...] = ()
    default_providers: DefaultProviders | None = None
    default_config: MeshProxyConfig | None = None
    verify_certificate_at_client: bool | None = None
    certificates: tuple[JsonText, ...] = ()
    ca: JsonText | None = None
    ca_certificates: tuple[JsonText, ...] = ()
    config_sources: tuple[JsonText, ...] = ()
