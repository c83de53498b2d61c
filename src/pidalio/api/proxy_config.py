"""ProxyConfig: settings of the proxies themselves, as MeshConfig.defaultConfig holds them (reference §1.9)."""

import enum

from pidalio.api.scalars import JsonText, Message, Milliseconds, StringMap


class InterceptionMode(enum.Enum):
    """How traffic reaches the proxy."""

    REDIRECT = "REDIRECT"
    TPROXY = "TPROXY"
    NONE = "NONE"


class ForwardClientCertDetails(enum.Enum):
    """What a proxy does with `x-forwarded-client-cert`."""

    UNDEFINED = "UNDEFINED"
    SANITIZE = "SANITIZE"
    FORWARD_ONLY = "FORWARD_ONLY"
    APPEND_FORWARD = "APPEND_FORWARD"
    SANITIZE_SET = "SANITIZE_SET"
    ALWAYS_FORWARD_ONLY = "ALWAYS_FORWARD_ONLY"


class Topology(Message, frozen=True):
    """What stands before a gateway."""

    num_trusted_proxies: int = 0
    forward_client_cert_details: ForwardClientCertDetails = ForwardClientCertDetails.UNDEFINED
    proxy_protocol: JsonText | None = None


class ProxyStatsMatcher(Message, frozen=True):
    """Which further statistics are kept."""

    inclusion_prefixes: tuple[str, ...] = ()
    inclusion_suffixes: tuple[str, ...] = ()
    inclusion_regexps: tuple[str, ...] = ()


class ProxyConfig(Message, frozen=True):
    """Settings of a proxy; 0, empty and None mean Istio's default."""

    config_path: str = ""
    binary_path: str = ""
    service_cluster: str = ""
    drain_duration: Milliseconds | None = None
    termination_drain_duration: Milliseconds | None = None
    discovery_address: str = ""
    proxy_admin_port: int = 0
    status_port: int = 0
    stat_name_length: int = 0
    concurrency: int | None = None
    interception_mode: InterceptionMode = InterceptionMode.REDIRECT
    hold_application_until_proxy_starts: bool | None = None
    proxy_metadata: StringMap = ()
    runtime_values: StringMap = ()
    proxy_stats_matcher: ProxyStatsMatcher | None = None
    readiness_probe: JsonText | None = None
    file_flush_interval: Milliseconds | None = None
    file_flush_min_size_kb: int | None = None
    gateway_topology: Topology | None = None
    proxy_headers: JsonText | None = None
    connection_settings: JsonText | None = None
    statsd_udp_address: str = ""
    proxy_bootstrap_template_path: str = ""
    tracing: JsonText | None = None
    envoy_access_log_service: JsonText | None = None
    envoy_metrics_service: JsonText | None = None
    extra_stat_tags: tuple[str, ...] = ()
    ca_certificates_pem: tuple[str, ...] = ()
    private_key_provider: JsonText | None = None
    image: JsonText | None = None
    control_plane_auth_policy: str = ""
    availability_zone: str = ""
