"""Listeners: where connections are taken, what looks at them first, and the chains that treat them.

A port belongs to one Envoy: `enable_reuse_port` is off, for with it two meshes of one user would share a port in
silence, each taking part of the requests.
"""

from __future__ import annotations

from collections.abc import Sequence

from google.protobuf.message import Message

from pidalio.envoy import messages as pb
from pidalio.envoy.access_log import access_log, json_access_log
from pidalio.envoy.http_connection_manager import http_connection_manager
from pidalio.envoy.metadata import write_origin
from pidalio.envoy.protos import pack
from pidalio.envoy.values import address, cidr, duration
from pidalio.ir import (
    ChainMatch,
    Direction,
    FilterChainPlan,
    HttpPlan,
    Inspector,
    ListenerPlan,
    ListenerSettings,
    TcpPlan,
)

_HTTP = "envoy.filters.network.http_connection_manager"
_TCP = "envoy.filters.network.tcp_proxy"
_DEFAULTS = ListenerSettings()
_TPROXY_MARK = 1337


def listener(plan: ListenerPlan) -> pb.Listener:
    """Return the listener with its filter chains."""
    message = pb.Listener(
        name=plan.name,
        address=address(plan.address, plan.port),
        filter_chains=[_chain(each, plan) for each in plan.chains],
        listener_filters=[_inspector(each, plan.uninspected) for each in plan.inspectors],
        traffic_direction=_traffic_direction(plan.direction),
        enable_reuse_port=pb.BoolValue(value=False),
    )
    if plan.default is not None:
        message.default_filter_chain.CopyFrom(_chain(plan.default, plan))
    if not plan.bind:
        message.bind_to_port.value = False
    if plan.hands_off:
        message.use_original_dst.value = True
    if plan.transparent:
        message.transparent.value = True
    if plan.inspectors:
        message.listener_filters_timeout.CopyFrom(duration(plan.inspection_timeout))
        message.continue_on_listener_filters_timeout = True
    if plan.settings.buffer_limit is not None:
        message.per_connection_buffer_limit_bytes.value = plan.settings.buffer_limit
    write_origin(message.metadata, plan.origin)
    return message


def _chain(plan: FilterChainPlan, listener: ListenerPlan) -> pb.FilterChain:
    message = pb.FilterChain(name=plan.name, filters=[_network_filter(plan.filter, listener)])
    if plan.match != ChainMatch():
        message.filter_chain_match.CopyFrom(_chain_match(plan.match))
    write_origin(message.metadata, plan.origin)
    return message


def _chain_match(plan: ChainMatch) -> pb.FilterChainMatch:
    return pb.FilterChainMatch(
        destination_port=pb.UInt32Value(value=plan.destination_port) if plan.destination_port else None,
        prefix_ranges=[cidr(each) for each in plan.prefixes],
        server_names=plan.server_names,
        transport_protocol=plan.transport_protocol,
        application_protocols=plan.application_protocols,
    )


def _inspector(kind: Inspector, uninspected: Sequence[int]) -> pb.ListenerFilter:
    match kind:
        case Inspector.PROXY_PROTOCOL:
            return _listener_filter("proxy_protocol", pb.ProxyProtocol())
        case Inspector.ORIGINAL_DST:
            return _listener_filter("original_dst", pb.OriginalDst())
        case Inspector.ORIGINAL_SRC:
            return _listener_filter("original_src", pb.OriginalSrc(mark=_TPROXY_MARK))
        case Inspector.TLS:
            return _but_at(uninspected, _listener_filter("tls_inspector", pb.TlsInspector()))
        case Inspector.HTTP:
            return _but_at(uninspected, _listener_filter("http_inspector", pb.HttpInspector()))


def _but_at(ports: Sequence[int], message: pb.ListenerFilter) -> pb.ListenerFilter:
    """Leave connections to some ports alone: a server may speak first there."""
    rules = [
        pb.ListenerFilterChainMatchPredicate(destination_port_range=pb.Int32Range(start=port, end=port + 1))
        for port in ports
    ]
    if len(rules) == 1:
        message.filter_disabled.CopyFrom(rules[0])
    elif rules:
        message.filter_disabled.or_match.rules.extend(rules)
    return message


def _listener_filter(name: str, content: Message) -> pb.ListenerFilter:
    return pb.ListenerFilter(name=f"envoy.filters.listener.{name}", typed_config=pack(content))


def _traffic_direction(direction: Direction) -> int:
    # Istio counts what a gateway sends into the mesh as outbound.
    return pb.TrafficDirection.INBOUND if direction is Direction.INBOUND else pb.TrafficDirection.OUTBOUND


def _network_filter(plan: HttpPlan | TcpPlan, listener: ListenerPlan) -> pb.Filter:
    if isinstance(plan, HttpPlan):
        manager = http_connection_manager(plan, listener.direction, listener.settings)
        return pb.Filter(name=_HTTP, typed_config=pack(manager))
    return pb.Filter(name=_TCP, typed_config=pack(tcp_proxy(plan, listener.settings)))


def tcp_proxy(plan: TcpPlan, settings: ListenerSettings = _DEFAULTS) -> pb.TcpProxy:
    """Return the proxy of connections; destinations of weight 0 take none, unless there is only one."""
    message = pb.TcpProxy(stat_prefix=plan.stat_prefix)
    if len(plan.clusters) == 1:
        message.cluster = plan.clusters[0].cluster
    else:
        for each in plan.clusters:
            if each.weight:
                message.weighted_clusters.clusters.add(name=each.cluster, weight=each.weight)
    if plan.idle_timeout is not None:
        message.idle_timeout.CopyFrom(duration(plan.idle_timeout))
    if plan.max_duration is not None:
        message.max_downstream_connection_duration.CopyFrom(duration(plan.max_duration))
    if plan.hash_source:
        message.hash_policy.add().source_ip.SetInParent()
    if plan.tunnel is not None:
        message.tunneling_config.hostname = plan.tunnel.target
        message.tunneling_config.use_post = plan.tunnel.post
    if plan.access_log:
        message.access_log.append(json_access_log(plan.access_log))
    if settings.access_log is not None:
        message.access_log.append(access_log(settings.access_log))
    return message
