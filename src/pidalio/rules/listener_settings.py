"""What all listeners of a proxy share, by the direction of their traffic: paths, headers, limits, the users' log.

The mesh's settings and the proxy's own decide. A change of settings wakes the listeners only where a value differs.
Source: Istio's documented MeshConfig and MeshProxyConfig (reference §1.9); a limit that is stated beats its profile's.
"""

from typing import Any, TypeVar

import msgspec

from pidalio.api.mesh_config import AccessLogEncoding, MeshConfig, Normalization
from pidalio.api.proxy_config import (
    ConnectionProfile,
    ConnectionSettings,
    EscapedSlashesAction,
    ForwardClientCertDetails,
    HeadersWithUnderscores,
    MeshProxyConfig,
    ProxyHeaders,
)
from pidalio.derive import Database, derived
from pidalio.ir import (
    AccessLogPlan,
    ClientCert,
    Direction,
    EscapedSlashes,
    HttpSettings,
    Inspector,
    ListenerPlan,
    ListenerSettings,
    PathSettings,
    Underscores,
)
from pidalio.model import Proxy
from pidalio.rules import mesh
from pidalio.rules.log_format import DEFAULT_TEXT, default_fields
from pidalio.rules.proxy_config import proxy_config

_ALLOW = HeadersWithUnderscores.ALLOW
_T = TypeVar("_T")
_HOUR = 3_600_000
_EDGE = ConnectionSettings(
    profile=ConnectionProfile.EDGE,
    listener_per_connection_buffer_limit_bytes=mesh.EDGE_BUFFER_BYTES,
    http_idle_timeout=_HOUR,
    http_request_timeout=300_000,
    http_stream_idle_timeout=300_000,
    http_request_headers_timeout=60_000,
    http_max_concurrent_streams=100,
    http2_initial_stream_window_size=64 * 1024,
    http2_initial_connection_window_size=1024 * 1024,
    http_headers_with_underscores_action=HeadersWithUnderscores.REJECT_REQUEST,
    http_merge_slashes=True,
    http_path_with_escaped_slashes_action=EscapedSlashesAction.UNESCAPE_AND_REDIRECT,
)
_PATHS = {
    Normalization.NONE: PathSettings(normalize=False),
    Normalization.MERGE_SLASHES: PathSettings(merge_slashes=True),
    Normalization.DECODE_AND_MERGE_SLASHES: PathSettings(EscapedSlashes.FORWARD, merge_slashes=True),
}
_CLIENT_CERT = {
    Direction.OUTBOUND: ClientCert.SANITIZE,
    Direction.INBOUND: ClientCert.APPEND_FORWARD,
    Direction.GATEWAY: ClientCert.SANITIZE_SET,
}
_DETAILS = {
    Direction.OUTBOUND: (),
    Direction.INBOUND: ("subject", "dns", "uri"),
    Direction.GATEWAY: ("subject", "cert", "dns", "uri"),
}


def settled(world: Database, proxy: Proxy, plan: ListenerPlan) -> ListenerPlan:
    """Return the listener with what all listeners of its direction share."""
    settings = listener_settings(world, proxy, plan.direction)
    if plan.direction is Direction.GATEWAY and speaks_proxy_protocol(world, proxy):
        inspectors = (Inspector.PROXY_PROTOCOL, *plan.inspectors)
        return msgspec.structs.replace(plan, settings=settings, inspectors=inspectors)
    return msgspec.structs.replace(plan, settings=settings)


@derived
def speaks_proxy_protocol(world: Database, proxy: Proxy) -> bool:
    """Tell whether connections to a gateway begin with the PROXY protocol."""
    topology = proxy_config(world, proxy).gateway_topology
    return topology is not None and topology.proxy_protocol is not None


@derived
def listener_settings(world: Database, proxy: Proxy, direction: Direction) -> ListenerSettings:
    """Return what the listeners of one direction share."""
    settings, config = mesh.mesh_config(world), proxy_config(world, proxy)
    connections = connection_settings(config)
    return ListenerSettings(
        http=_http(settings, config, connections, direction),
        access_log=_access_log(settings),
        buffer_limit=connections.listener_per_connection_buffer_limit_bytes,
    )


def connection_settings(config: MeshProxyConfig) -> ConnectionSettings:
    """Return the connection settings, with the profile's where none is stated."""
    stated = config.connection_settings
    if stated is None or stated.profile is not ConnectionProfile.EDGE:
        return stated or ConnectionSettings()
    chosen = {name: value for name, value in msgspec.structs.asdict(stated).items() if value is not None}
    return msgspec.structs.replace(_EDGE, **chosen)


def _http(
    settings: MeshConfig, config: MeshProxyConfig, connections: ConnectionSettings, direction: Direction
) -> HttpSettings:
    headers = config.proxy_headers or ProxyHeaders()
    return HttpSettings(
        path=_path(settings, connections),
        underscores=Underscores(_either(connections.http_headers_with_underscores_action, _ALLOW).value),
        trusted_hops=_trusted_hops(config, direction),
        client_cert=_client_cert(config, headers, direction),
        client_cert_details=_details(headers, direction),
        server_name=_server(headers),
        request_ids=not (headers.request_id and headers.request_id.disabled),
        debug_headers=not (headers.envoy_debug_headers and headers.envoy_debug_headers.disabled),
        forwarded_port=bool(headers.x_forwarded_port and headers.x_forwarded_port.enabled),
        keeps_case=bool(headers.preserve_http1_header_case),
        idle_timeout=connections.http_idle_timeout,
        stream_idle_timeout=connections.http_stream_idle_timeout or 0,
        request_timeout=connections.http_request_timeout,
        headers_timeout=connections.http_request_headers_timeout,
        max_streams=connections.http_max_concurrent_streams,
        stream_window=connections.http2_initial_stream_window_size,
        connection_window=connections.http2_initial_connection_window_size,
    )


def _trusted_hops(config: MeshProxyConfig, direction: Direction) -> int:
    """Return how many proxies' words count: at its own proxy the workload is one, whose `x-forwarded-*` stay."""
    if direction is Direction.GATEWAY:
        return config.gateway_topology.num_trusted_proxies if config.gateway_topology else 0
    return 1 if direction is Direction.OUTBOUND else 0


def _path(settings: MeshConfig, connections: ConnectionSettings) -> PathSettings:
    stated = settings.path_normalization
    path = _PATHS.get(stated.normalization, PathSettings()) if stated else PathSettings()
    action = connections.http_path_with_escaped_slashes_action
    return PathSettings(
        escaped_slashes=EscapedSlashes(action.value) if action else path.escaped_slashes,
        normalize=path.normalize,
        merge_slashes=_either(connections.http_merge_slashes, path.merge_slashes),
    )


def _either(stated: _T | None, otherwise: _T) -> _T:
    return otherwise if stated is None else stated


def _client_cert(config: MeshProxyConfig, headers: ProxyHeaders, direction: Direction) -> ClientCert:
    stated = ForwardClientCertDetails.UNDEFINED
    if direction is Direction.GATEWAY and config.gateway_topology:
        stated = config.gateway_topology.forward_client_cert_details
    if direction is Direction.INBOUND:
        stated = headers.forwarded_client_cert
    return _CLIENT_CERT[direction] if stated is ForwardClientCertDetails.UNDEFINED else ClientCert(stated.value)


def _details(headers: ProxyHeaders, direction: Direction) -> tuple[str, ...]:
    stated = headers.set_current_client_cert_details
    if stated is None or direction is Direction.OUTBOUND:
        return _DETAILS[direction]
    given: dict[str, Any] = msgspec.structs.asdict(stated)
    return tuple(name for name, value in given.items() if value)


def _server(headers: ProxyHeaders) -> str | None:
    if headers.server is None:
        return None
    return "" if headers.server.disabled else headers.server.value or None


def _access_log(settings: MeshConfig) -> AccessLogPlan | None:
    if not settings.access_log_file:
        return None
    path, written = settings.access_log_file, settings.access_log_format
    if settings.access_log_encoding is AccessLogEncoding.JSON:
        return AccessLogPlan(path, fields=written or default_fields())
    if written and not written.endswith("\n"):
        written += "\n"
    return AccessLogPlan(path, text=written or DEFAULT_TEXT)
