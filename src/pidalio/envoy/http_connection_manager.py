"""HTTP connection managers: how the requests of a connection are read, cleaned and logged on the way to the routes.

Whatever a rule or the mesh's settings leave open is as Istio has it: normalised paths, WebSocket, no idle timeout of
streams. Source: Istio's documented listeners and ProxyConfig (reference §1.9, §2.6, §2.13).
"""

from __future__ import annotations

from pidalio.envoy import messages as pb
from pidalio.envoy.access_log import access_log, json_access_log
from pidalio.envoy.filters.http import chain
from pidalio.envoy.header_case import keep_case
from pidalio.envoy.route import route_configuration
from pidalio.envoy.values import ads, cidr, duration
from pidalio.ir import Direction, EscapedSlashes, HttpPlan, HttpSettings, ListenerSettings

_LOOPBACK = ("127.0.0.0/8", "::1/128")
_ANYWHERE = ("0.0.0.0/0", "::/0")
_DEFAULTS = ListenerSettings()


def http_connection_manager(
    plan: HttpPlan, direction: Direction, settings: ListenerSettings = _DEFAULTS
) -> pb.HttpConnectionManager:
    """Return the manager of one filter chain."""
    http = settings.http
    believes_callers = plan.use_remote_address and direction is Direction.OUTBOUND
    manager = pb.HttpConnectionManager(
        stat_prefix=plan.stat_prefix,
        http_filters=chain(plan, http, believes_callers=believes_callers),
        use_remote_address=pb.BoolValue(value=plan.use_remote_address),
        upgrade_configs=[pb.HttpConnectionManager.UpgradeConfig(upgrade_type="websocket")],
    )
    _set_routes(manager, plan)
    _set_path(manager, http)
    _set_headers(manager, plan, http)
    _set_limits(manager, http)
    if plan.explicit_proxy:
        manager.upgrade_configs.add(upgrade_type="CONNECT")
        manager.http_protocol_options.allow_absolute_url.value = True
        manager.http2_protocol_options.allow_connect = True
    if believes_callers:
        _trust_the_workload(manager, _ANYWHERE if plan.captured else _LOOPBACK)
    if plan.access_log:
        manager.access_log.append(json_access_log(plan.access_log))
    if settings.access_log is not None:
        manager.access_log.append(access_log(settings.access_log))
    return manager


def _set_routes(manager: pb.HttpConnectionManager, plan: HttpPlan) -> None:
    if isinstance(plan.table, str):
        manager.rds.route_config_name = plan.table
        manager.rds.config_source.CopyFrom(ads())
    else:
        manager.route_config.CopyFrom(route_configuration(plan.table))


def _set_path(manager: pb.HttpConnectionManager, http: HttpSettings) -> None:
    manager.normalize_path.value = http.path.normalize
    manager.merge_slashes = http.path.merge_slashes
    if http.path.escaped_slashes is not EscapedSlashes.KEEP:
        actions = pb.HttpConnectionManager.PathWithEscapedSlashesAction
        manager.path_with_escaped_slashes_action = actions.Value(http.path.escaped_slashes.value)


def _set_headers(manager: pb.HttpConnectionManager, plan: HttpPlan, http: HttpSettings) -> None:
    name = plan.server_name and http.server_name if http.server_name is not None else plan.server_name
    if name:
        manager.server_name = name
    else:
        manager.server_header_transformation = pb.HttpConnectionManager.PASS_THROUGH
    forwarding = pb.HttpConnectionManager.ForwardClientCertDetails
    manager.forward_client_cert_details = forwarding.Value(http.client_cert.value)
    for name in http.client_cert_details:
        _tell(manager.set_current_client_cert_details, name)
    if not http.request_ids:
        manager.generate_request_id.value = False
    manager.xff_num_trusted_hops = http.trusted_hops
    manager.append_x_forwarded_port = http.forwarded_port
    actions = pb.HttpProtocolOptions.HeadersWithUnderscoresAction
    if action := actions.Value(http.underscores.value):
        manager.common_http_protocol_options.headers_with_underscores_action = action
    if http.keeps_case:
        keep_case(manager.http_protocol_options)


def _tell(details: pb.HttpConnectionManager.SetCurrentClientCertDetails, name: str) -> None:
    if name == "subject":
        details.subject.value = True
    else:
        setattr(details, name, True)


def _set_limits(manager: pb.HttpConnectionManager, http: HttpSettings) -> None:
    manager.stream_idle_timeout.CopyFrom(duration(http.stream_idle_timeout))
    if http.idle_timeout is not None:
        manager.common_http_protocol_options.idle_timeout.CopyFrom(duration(http.idle_timeout))
    if http.request_timeout is not None:
        manager.request_timeout.CopyFrom(duration(http.request_timeout))
    if http.headers_timeout is not None:
        manager.request_headers_timeout.CopyFrom(duration(http.headers_timeout))
    if http.max_streams is not None:
        manager.http2_protocol_options.max_concurrent_streams.value = http.max_streams
    if http.stream_window is not None:
        manager.http2_protocol_options.initial_stream_window_size.value = http.stream_window
    if http.connection_window is not None:
        manager.http2_protocol_options.initial_connection_window_size.value = http.connection_window


def _trust_the_workload(manager: pb.HttpConnectionManager, addresses: tuple[str, ...]) -> None:
    """Let `x-envoy-*` headers of callers at `addresses` count, and leave the request's other headers as they are."""
    manager.skip_xff_append = True
    manager.preserve_external_request_id = True
    manager.internal_address_config.unix_sockets = True
    manager.internal_address_config.cidr_ranges.extend(cidr(each) for each in addresses)
