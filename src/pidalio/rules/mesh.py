"""Mesh-wide settings with Istio's defaults filled in.

Each is a query of its own, so that a changed setting wakes only its readers.
Source of the defaults: Istio's MeshConfig (reference §1.9, §2.6).
"""

import msgspec

from pidalio.api.mesh_config import InboundMode, IngressControllerMode, MeshConfig, MeshH2UpgradePolicy
from pidalio.api.proxy_config import ConnectionProfile, ProxyHeaders
from pidalio.api.sidecar import OutboundMode
from pidalio.api.traffic_policy import (
    ConnectionPoolSettings,
    LocalityLoadBalancerSetting,
    OutlierDetection,
    TcpKeepalive,
    ZoneAwareLbSetting,
)
from pidalio.api.virtual_service import HTTPRetry
from pidalio.derive import Database, derived
from pidalio.model import Origin
from pidalio.store.tables import MESH

EXPORTED_KINDS = ("Service", "VirtualService", "DestinationRule")
"""Kinds with `exportTo`, for which the mesh may have a default."""
EDGE_BUFFER_BYTES = 32 * 1024
"""What connections of the profile EDGE hold back."""
_DEFAULT = MeshConfig()
_NEAR = LocalityLoadBalancerSetting(enabled=True)


class ClusterSettings(msgspec.Struct, frozen=True, gc=False):
    """What all clusters share unless their rules say otherwise: one value, for every cluster reads it.

    Times in milliseconds; `connect_timeout_origin` is None for the built-in timeout; patterns of names are "" for none.
    """

    connect_timeout: int = 10_000
    connect_timeout_origin: Origin | None = None
    keepalive: TcpKeepalive | None = None
    keepalive_origin: Origin | None = None
    dns_refresh: int = 60_000
    upgrades_to_http2: bool = False
    keeps_case: bool = False
    buffer_limit: int | None = None
    outbound_stat_name: str = ""
    inbound_stat_name: str = ""


@derived
def mesh_config(world: Database) -> MeshConfig:
    """Return the mesh's settings, all defaults where there is no MeshConfig object."""
    row = MESH.get(world, "")
    return row.spec if row else _DEFAULT


@derived
def mesh_origin(world: Database, path: str) -> Origin | None:
    """Return where the setting `path` was written, None when there is no MeshConfig."""
    row = MESH.get(world, "")
    return Origin(row.ref, path) if row else None


@derived
def root_namespace(world: Database) -> str:
    """Return the namespace whose rules hold for all."""
    return mesh_config(world).root_namespace or "istio-system"


@derived
def default_pool(world: Database) -> tuple[ConnectionPoolSettings, Origin | None] | None:
    """Return the limits for destinations that state none, and who set them; None where nobody did."""
    stated = mesh_config(world).default_traffic_policy
    if stated is None or stated.connection_pool is None:
        return None
    return stated.connection_pool, mesh_origin(world, "defaultTrafficPolicy.connectionPool")


@derived
def default_policy(
    world: Database,
) -> tuple[tuple[ConnectionPoolSettings, Origin | None] | None, tuple[OutlierDetection, Origin | None] | None]:
    """Return `default_pool` and `default_outlier` as one value, for every cluster reads both."""
    return default_pool(world), default_outlier(world)


@derived
def default_outlier(world: Database) -> tuple[OutlierDetection, Origin | None] | None:
    """Return the ejection for destinations that state none, and who set it; None where nobody did."""
    stated = mesh_config(world).default_traffic_policy
    if stated is None or stated.outlier_detection is None:
        return None
    return stated.outlier_detection, mesh_origin(world, "defaultTrafficPolicy.outlierDetection")


@derived
def locality_setting(world: Database) -> tuple[LocalityLoadBalancerSetting | ZoneAwareLbSetting, Origin | None]:
    """Return how localities are preferred where no rule says it, and who set it: zones come first where they are on."""
    zones, stated = mesh_config(world).zone_aware_lb_setting, mesh_config(world).locality_lb_setting
    if zones is not None and zones.enabled is not False:
        return zones, mesh_origin(world, "zoneAwareLbSetting")
    return (_NEAR, None) if stated is None else (stated, mesh_origin(world, "localityLbSetting"))


@derived
def prefers_near(world: Database) -> bool:
    """Tell whether the mesh's own settings may order localities where no rule says anything."""
    setting, _ = locality_setting(world)
    if isinstance(setting, ZoneAwareLbSetting):
        return True
    return setting.enabled is not False and bool(setting.distribute or default_outlier(world))


@derived
def heeds_zones(world: Database) -> bool:
    """Tell whether proxies balance zones where no rule says otherwise."""
    setting, _ = locality_setting(world)
    return isinstance(setting, ZoneAwareLbSetting)


@derived
def detection_timeout(world: Database) -> int:
    """Return how long a connection's first bytes are waited for, in milliseconds; 0 is for ever."""
    return mesh_config(world).protocol_detection_timeout or 0


@derived
def inbound_port(world: Database) -> int:
    """Return the port to which the system redirects connections to workloads."""
    return mesh_config(world).proxy_inbound_listen_port or 15_006


@derived
def delivers_to_localhost(world: Database) -> bool:
    """Tell whether redirected connections go to the application's loopback, not to the address that was called."""
    policy = mesh_config(world).inbound_traffic_policy
    return policy is not None and policy.mode is InboundMode.LOCALHOST


@derived
def default_export(world: Database, kind: str) -> tuple[str, ...]:
    """Return the mesh's `exportTo` for objects of `kind` that state none."""
    config = mesh_config(world)
    stated = {
        "Service": config.default_service_export_to,
        "VirtualService": config.default_virtual_service_export_to,
        "DestinationRule": config.default_destination_rule_export_to,
    }[kind]
    return stated or ("*",)


@derived
def outbound_mode(world: Database) -> tuple[OutboundMode, Origin | None]:
    """Return what happens to unknown hosts mesh-wide, and who says so."""
    policy = mesh_config(world).outbound_traffic_policy
    if policy is None:
        return OutboundMode.ALLOW_ANY, None
    return policy.mode, mesh_origin(world, "outboundTrafficPolicy.mode")


@derived
def outbound_port(world: Database) -> int:
    """Return the port to which a workload's own calls are redirected."""
    return mesh_config(world).proxy_listen_port or 15001


@derived
def http_proxy_port(world: Database) -> int:
    """Return the port of the HTTP proxy at every sidecar, 0 for none."""
    return mesh_config(world).proxy_http_port


@derived
def default_retries(world: Database) -> tuple[HTTPRetry | None, Origin | None]:
    """Return the mesh's retry policy, None for the built-in one."""
    policy = mesh_config(world).default_http_retry_policy
    return policy, mesh_origin(world, "defaultHttpRetryPolicy") if policy else None


@derived
def ingress_mode(world: Database) -> IngressControllerMode:
    """Return which Ingresses count; unset means that they must name our class."""
    mode = mesh_config(world).ingress_controller_mode
    return IngressControllerMode.STRICT if mode is IngressControllerMode.UNSPECIFIED else mode


@derived
def ingress_class(world: Database) -> str:
    """Return the class that an Ingress's annotation must name."""
    return mesh_config(world).ingress_class or "istio"


@derived
def ingress_selector(world: Database) -> str:
    """Return the value of the label `istio` that the proxies for Ingresses bear.

    Where none is stated it is the name of their Service, but for the usual one, which bears another label.
    """
    config = mesh_config(world)
    named = config.ingress_service if config.ingress_service != "istio-ingressgateway" else ""
    return config.ingress_selector or named or "ingressgateway"


@derived
def counts_attempts(world: Database) -> bool:
    """Tell whether upstreams learn which try a request is."""
    headers = _proxy_headers(world)
    return not (headers and headers.attempt_count and headers.attempt_count.disabled)


@derived
def makes_request_ids(world: Database) -> bool:
    """Tell whether proxies give requests an id where the mesh's settings hold."""
    headers = _proxy_headers(world)
    return not (headers and headers.request_id and headers.request_id.disabled)


@derived
def tells_host(world: Database) -> bool:
    """Tell whether upstreams learn the host that a rule rewrote."""
    headers = _proxy_headers(world)
    return bool(headers and headers.x_forwarded_host and headers.x_forwarded_host.enabled)


def _proxy_headers(world: Database) -> ProxyHeaders | None:
    config = mesh_config(world).default_config
    return config.proxy_headers if config else None


@derived
def cluster_settings(world: Database) -> ClusterSettings:
    """Return what all clusters share."""
    config, headers = mesh_config(world), _proxy_headers(world)
    timeout, refresh = config.connect_timeout, config.dns_refresh_rate
    return ClusterSettings(
        connect_timeout=10_000 if timeout is None else timeout,
        connect_timeout_origin=None if timeout is None else mesh_origin(world, "connectTimeout"),
        keepalive=config.tcp_keepalive,
        keepalive_origin=mesh_origin(world, "tcpKeepalive") if config.tcp_keepalive else None,
        dns_refresh=60_000 if refresh is None else refresh,
        upgrades_to_http2=config.h2_upgrade_policy is MeshH2UpgradePolicy.UPGRADE,
        keeps_case=bool(headers and headers.preserve_http1_header_case),
        buffer_limit=_cluster_buffer(config),
        outbound_stat_name=config.outbound_cluster_stat_name,
        inbound_stat_name=config.inbound_cluster_stat_name,
    )


def _cluster_buffer(config: MeshConfig) -> int | None:
    settings = config.default_config.connection_settings if config.default_config else None
    if settings is None:
        return None
    stated = settings.cluster_per_connection_buffer_limit_bytes
    at_the_edge = settings.profile is ConnectionProfile.EDGE
    return EDGE_BUFFER_BYTES if stated is None and at_the_edge else stated
