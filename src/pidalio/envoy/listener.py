"""Listeners: the explicit proxy port, a workload's own ports, and gateway ports.

A port belongs to one Envoy: `enable_reuse_port` is off, for with it two meshes of one user would share a port in
silence, each taking part of the requests.
"""

from __future__ import annotations

from pidalio.envoy import messages as pb
from pidalio.envoy.access_log import json_access_log
from pidalio.envoy.filters.http import chain
from pidalio.envoy.metadata import write_origin
from pidalio.envoy.protos import pack
from pidalio.envoy.route import route_configuration
from pidalio.envoy.values import address, ads
from pidalio.ir import Direction, HttpPlan, ListenerPlan, TcpPlan

_HTTP = "envoy.filters.network.http_connection_manager"
_TCP = "envoy.filters.network.tcp_proxy"
_LOOPBACK = (("127.0.0.0", 8), ("::1", 128))


def listener(plan: ListenerPlan) -> pb.Listener:
    """Return the listener with its single filter chain."""
    message = pb.Listener(
        name=plan.name,
        address=address(plan.address, plan.port),
        filter_chains=[pb.FilterChain(filters=[_network_filter(plan)])],
        traffic_direction=_traffic_direction(plan.direction),
        enable_reuse_port=pb.BoolValue(value=False),
    )
    write_origin(message.metadata, plan.origin)
    return message


def _traffic_direction(direction: Direction) -> int:
    # Istio counts what a gateway sends into the mesh as outbound.
    return pb.TrafficDirection.INBOUND if direction is Direction.INBOUND else pb.TrafficDirection.OUTBOUND


def _network_filter(plan: ListenerPlan) -> pb.Filter:
    if isinstance(plan.filter, HttpPlan):
        return pb.Filter(name=_HTTP, typed_config=pack(http_connection_manager(plan.filter, plan.direction)))
    return pb.Filter(name=_TCP, typed_config=pack(tcp_proxy(plan.filter)))


def http_connection_manager(plan: HttpPlan, direction: Direction) -> pb.HttpConnectionManager:
    """Return the manager with Istio's settings: normalised paths, WebSocket, no idle timeout of streams."""
    manager = pb.HttpConnectionManager(
        stat_prefix=plan.stat_prefix,
        http_filters=chain(plan),
        normalize_path=pb.BoolValue(value=True),
        stream_idle_timeout=pb.Duration(),
        use_remote_address=pb.BoolValue(value=plan.use_remote_address),
        upgrade_configs=[pb.HttpConnectionManager.UpgradeConfig(upgrade_type="websocket")],
    )
    _set_routes(manager, plan)
    if plan.server_name:
        manager.server_name = plan.server_name
    else:
        manager.server_header_transformation = pb.HttpConnectionManager.PASS_THROUGH
    if plan.explicit_proxy:
        manager.upgrade_configs.add(upgrade_type="CONNECT")
        manager.http_protocol_options.allow_absolute_url.value = True
        manager.http2_protocol_options.allow_connect = True
    if plan.use_remote_address and direction is Direction.OUTBOUND:
        _trust_local_callers(manager)
    if plan.access_log:
        manager.access_log.append(json_access_log(plan.access_log))
    return manager


def _set_routes(manager: pb.HttpConnectionManager, plan: HttpPlan) -> None:
    if isinstance(plan.table, str):
        manager.rds.route_config_name = plan.table
        manager.rds.config_source.CopyFrom(ads())
    else:
        manager.route_config.CopyFrom(route_configuration(plan.table))


def _trust_local_callers(manager: pb.HttpConnectionManager) -> None:
    """Let the workload's own `x-envoy-*` headers count, and leave its request's other headers as they are."""
    manager.skip_xff_append = True
    manager.preserve_external_request_id = True
    for prefix, length in _LOOPBACK:
        cidr = manager.internal_address_config.cidr_ranges.add(address_prefix=prefix)
        cidr.prefix_len.value = length


def tcp_proxy(plan: TcpPlan) -> pb.TcpProxy:
    """Return the proxy of connections; destinations of weight 0 take none, unless there is only one."""
    message = pb.TcpProxy(stat_prefix=plan.stat_prefix)
    if len(plan.clusters) == 1:
        message.cluster = plan.clusters[0].cluster
    else:
        for each in plan.clusters:
            if each.weight:
                message.weighted_clusters.clusters.add(name=each.cluster, weight=each.weight)
    if plan.access_log:
        message.access_log.append(json_access_log(plan.access_log))
    return message
