"""Settings of the proxies themselves: the kind ProxyConfig, and what MeshConfig.defaultConfig holds.

Source: reference §1.8, §1.9.
"""

import enum

from pidalio.api.scalars import JsonText, Message, Milliseconds, StringMap
from pidalio.api.strings import MatchLabelsSelector


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


class MetadataExchangeMode(enum.Enum):
    """When Istio's headers about the peer are sent."""

    UNDEFINED = "UNDEFINED"
    IN_MESH = "IN_MESH"


class ConnectionProfile(enum.Enum):
    """Which defaults connection settings have."""

    SIDECAR = "SIDECAR"
    EDGE = "EDGE"


class HeadersWithUnderscores(enum.Enum):
    """What becomes of requests that have a header name with an underscore."""

    ALLOW = "ALLOW"
    REJECT_REQUEST = "REJECT_REQUEST"
    DROP_HEADER = "DROP_HEADER"


class EscapedSlashesAction(enum.Enum):
    """What becomes of `%2F` and `%5C` in paths."""

    KEEP_UNCHANGED = "KEEP_UNCHANGED"
    REJECT_REQUEST = "REJECT_REQUEST"
    UNESCAPE_AND_REDIRECT = "UNESCAPE_AND_REDIRECT"
    UNESCAPE_AND_FORWARD = "UNESCAPE_AND_FORWARD"


class ProxyProtocolConfiguration(Message, frozen=True):
    """The PROXY protocol before every connection; a header is required."""


class Topology(Message, frozen=True):
    """What stands before a gateway."""

    num_trusted_proxies: int = 0
    forward_client_cert_details: ForwardClientCertDetails = ForwardClientCertDetails.UNDEFINED
    proxy_protocol: ProxyProtocolConfiguration | None = None


class ClientCertDetails(Message, frozen=True):
    """What is told of the caller's certificate."""

    subject: bool | None = None
    cert: bool | None = None
    chain: bool | None = None
    dns: bool | None = None
    uri: bool | None = None


class DisabledHeader(Message, frozen=True):
    """A header that is there unless `disabled`."""

    disabled: bool | None = None


class EnabledHeader(Message, frozen=True):
    """A header that is absent unless `enabled`."""

    enabled: bool | None = None


class ServerHeader(Message, frozen=True):
    """The response header `server`: `value` in place of `istio-envoy`; `disabled` passes the application's own."""

    disabled: bool | None = None
    value: str = ""


class MetadataExchangeHeaders(Message, frozen=True):
    """Istio's headers about the peer."""

    mode: MetadataExchangeMode = MetadataExchangeMode.UNDEFINED


class ProxyHeaders(Message, frozen=True):
    """Which headers proxies add; None means Istio's default."""

    forwarded_client_cert: ForwardClientCertDetails = ForwardClientCertDetails.UNDEFINED
    set_current_client_cert_details: ClientCertDetails | None = None
    request_id: DisabledHeader | None = None
    server: ServerHeader | None = None
    attempt_count: DisabledHeader | None = None
    envoy_debug_headers: DisabledHeader | None = None
    metadata_exchange_headers: MetadataExchangeHeaders | None = None
    preserve_http1_header_case: bool | None = None
    x_forwarded_host: EnabledHeader | None = None
    x_forwarded_port: EnabledHeader | None = None


class ConnectionSettings(Message, frozen=True):
    """How callers' connections are treated; None means what the profile says."""

    profile: ConnectionProfile = ConnectionProfile.SIDECAR
    listener_per_connection_buffer_limit_bytes: int | None = None
    cluster_per_connection_buffer_limit_bytes: int | None = None
    http_idle_timeout: Milliseconds | None = None
    http_request_timeout: Milliseconds | None = None
    http_stream_idle_timeout: Milliseconds | None = None
    http_request_headers_timeout: Milliseconds | None = None
    http_max_concurrent_streams: int | None = None
    http2_initial_stream_window_size: int | None = None
    http2_initial_connection_window_size: int | None = None
    http_headers_with_underscores_action: HeadersWithUnderscores | None = None
    http_merge_slashes: bool | None = None
    http_path_with_escaped_slashes_action: EscapedSlashesAction | None = None


class ProxyStatsMatcher(Message, frozen=True):
    """Which further statistics are kept."""

    inclusion_prefixes: tuple[str, ...] = ()
    inclusion_suffixes: tuple[str, ...] = ()
    inclusion_regexps: tuple[str, ...] = ()


class MeshProxyConfig(Message, frozen=True):
    """Settings of every proxy, as the mesh or an annotation states them; 0, empty and None mean Istio's default."""

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
    proxy_headers: ProxyHeaders | None = None
    connection_settings: ConnectionSettings | None = None
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


class ProxyImage(Message, frozen=True):
    """Which build of the proxy's image is run."""

    image_type: str = ""


class ProxyConfig(Message, frozen=True):
    """Settings of the proxies that the selector picks, or of a namespace; `concurrency` None means the mesh's."""

    selector: MatchLabelsSelector | None = None
    concurrency: int | None = None
    environment_variables: StringMap = ()
    image: ProxyImage | None = None
