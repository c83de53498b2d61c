"""Clusters: destinations and how their endpoints are found, chosen and limited.

An EDS cluster waits at most Envoy's default of 15 s for its endpoints and then goes on with those it held before.
"""

from __future__ import annotations

from pidalio.envoy import messages as pb
from pidalio.envoy.endpoint import load_assignment
from pidalio.envoy.filters.forward_proxy import dns_cache
from pidalio.envoy.health_check import health_check
from pidalio.envoy.instance_tls import instance_tls
from pidalio.envoy.metadata import ISTIO, write_origin
from pidalio.envoy.outlier import outlier_detection
from pidalio.envoy.pool import circuit_breakers, protocol_options, tcp_keepalive
from pidalio.envoy.protos import pack
from pidalio.envoy.proxy_header import raw_buffer, with_proxy_header
from pidalio.envoy.values import duration
from pidalio.ir import ClusterPlan, Discovery, LoadBalancing, WarmupPlan

STAT_NAME_END = ";"  # ends a cluster's name in statistics, where dots would hide it
HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_DNS_JITTER = 100
_DNS_QUERIES_PER_SOCKET = 100


def cluster(plan: ClusterPlan) -> pb.Cluster:
    """Return the cluster; endpoints of STATIC and DNS clusters are inside."""
    message = pb.Cluster(
        name=plan.name,
        alt_stat_name=plan.stat_name or plan.name + STAT_NAME_END,
        connect_timeout=duration(plan.connect_timeout),
        circuit_breakers=circuit_breakers(plan.pool, plan.retry_budget),
    )
    _set_discovery(message, plan)
    if plan.discovery not in _CHOOSES_ITSELF:
        _set_balancer(message, plan)
        if plan.healthy_panic_threshold is not None:
            message.common_lb_config.healthy_panic_threshold.value = plan.healthy_panic_threshold
    _set_localities(message, plan)
    if plan.outlier is not None:
        message.outlier_detection.CopyFrom(outlier_detection(plan.outlier))
    if plan.health_check is not None:
        message.health_checks.append(health_check(plan.health_check))
        message.ignore_health_on_host_removal = True  # who leaves discovery gets nothing new, however well it answers
        message.common_lb_config.update_merge_window.SetInParent()  # 0: who is out, is out at once
        if plan.outlier is not None:
            message.outlier_detection.successful_active_health_check_uneject_host.value = False
    options = protocol_options(plan)
    if options is not None:
        message.typed_extension_protocol_options[HTTP_OPTIONS].CopyFrom(pack(options))
    if plan.pool.keepalive is not None:
        message.upstream_connection_options.tcp_keepalive.CopyFrom(tcp_keepalive(plan.pool.keepalive))
    if plan.proxy_protocol is not None:
        message.transport_socket.CopyFrom(with_proxy_header(plan.proxy_protocol, raw_buffer()))
    if plan.instance_ca:
        message.transport_socket_matches.append(instance_tls(plan))
    if plan.bind:
        message.upstream_bind_config.source_address.CopyFrom(pb.SocketAddress(address=plan.bind, port_value=0))
    if plan.buffer_limit is not None:
        message.per_connection_buffer_limit_bytes.value = plan.buffer_limit
    _set_metadata(message, plan)
    return message


def _set_localities(message: pb.Cluster, plan: ClusterPlan) -> None:
    """Say how localities share; a proxy that knows its local cluster would balance zones wherever nothing is said."""
    if plan.locality_weighted:
        message.common_lb_config.locality_weighted_lb_config.SetInParent()
    elif plan.zone_aware is not None:
        message.common_lb_config.zone_aware_lb_config.min_cluster_size.value = plan.zone_aware.min_cluster_size
    elif plan.load_balancing.is_free and plan.discovery not in _CHOOSES_ITSELF:
        message.common_lb_config.zone_aware_lb_config.routing_enabled.SetInParent()


_CHOOSES_ITSELF = frozenset({Discovery.DYNAMIC_FORWARD_PROXY, Discovery.ORIGINAL_DST})


def _set_balancer(message: pb.Cluster, plan: ClusterPlan) -> None:
    match plan.load_balancing:
        case LoadBalancing.LEAST_REQUEST:
            message.lb_policy = pb.Cluster.LEAST_REQUEST
            if plan.warmup is not None:
                message.least_request_lb_config.slow_start_config.CopyFrom(_slow_start(plan.warmup))
        case LoadBalancing.ROUND_ROBIN:
            message.lb_policy = pb.Cluster.ROUND_ROBIN
            if plan.warmup is not None:
                message.round_robin_lb_config.slow_start_config.CopyFrom(_slow_start(plan.warmup))
        case LoadBalancing.RANDOM:
            message.lb_policy = pb.Cluster.RANDOM
        case LoadBalancing.RING_HASH:
            message.lb_policy = pb.Cluster.RING_HASH
            if plan.table_size:
                message.ring_hash_lb_config.minimum_ring_size.value = plan.table_size
        case LoadBalancing.MAGLEV:
            message.lb_policy = pb.Cluster.MAGLEV
            if plan.table_size:
                message.maglev_lb_config.table_size.value = plan.table_size


def _slow_start(plan: WarmupPlan) -> pb.Cluster.SlowStartConfig:
    message = pb.Cluster.SlowStartConfig(slow_start_window=duration(plan.window))
    message.min_weight_percent.value = plan.min_percent
    message.aggression.default_value = plan.aggression
    return message


def _set_discovery(message: pb.Cluster, plan: ClusterPlan) -> None:
    match plan.discovery:
        case Discovery.EDS:
            message.type = pb.Cluster.EDS
            message.eds_cluster_config.service_name = plan.name
            message.eds_cluster_config.eds_config.ads.SetInParent()
            message.eds_cluster_config.eds_config.resource_api_version = pb.ApiVersion.V3
        case Discovery.STATIC:
            message.type = pb.Cluster.STATIC
        case Discovery.STRICT_DNS | Discovery.LOGICAL_DNS:
            message.cluster_type.name = "envoy.clusters.dns"
            message.cluster_type.typed_config.CopyFrom(pack(_dns(plan)))
        case Discovery.DYNAMIC_FORWARD_PROXY:
            message.cluster_type.name = "envoy.clusters.dynamic_forward_proxy"
            forward = pb.DynamicForwardProxyCluster(dns_cache_config=dns_cache())
            message.cluster_type.typed_config.CopyFrom(pack(forward))
            message.lb_policy = pb.Cluster.CLUSTER_PROVIDED
        case Discovery.ORIGINAL_DST:
            message.type = pb.Cluster.ORIGINAL_DST
            message.lb_policy = pb.Cluster.CLUSTER_PROVIDED
            if plan.called_port:
                message.original_dst_lb_config.upstream_port_override.value = plan.called_port
    if plan.assignment is not None:
        message.load_assignment.CopyFrom(load_assignment(plan.assignment))


def _dns(plan: ClusterPlan) -> pb.DnsCluster:
    """Resolve as Istio does: c-ares, the records' own lifetimes, a refresh rate that counts when a lookup fails."""
    resolver = pb.CaresDnsResolverConfig(udp_max_queries=pb.UInt32Value(value=_DNS_QUERIES_PER_SOCKET))
    return pb.DnsCluster(
        dns_refresh_rate=duration(plan.dns_refresh),
        respect_dns_ttl=True,
        dns_jitter=duration(_DNS_JITTER),
        dns_lookup_family=pb.DnsLookupFamily.V4_PREFERRED,
        typed_dns_resolver_config=pb.TypedExtensionConfig(
            name="envoy.network.dns_resolver.cares",
            typed_config=pack(resolver),
        ),
        all_addresses_in_single_endpoint=plan.discovery is Discovery.LOGICAL_DNS,
    )


def _set_metadata(message: pb.Cluster, plan: ClusterPlan) -> None:
    """Say which rule shaped the cluster, and which service it stands for, where Istio's tools look."""
    write_origin(message.metadata, next(iter(plan.origins), None))
    if not plan.host:
        return
    about = message.metadata.filter_metadata[ISTIO].fields
    if plan.subset:
        about["subset"].string_value = plan.subset
    service = about["services"].list_value.values.add().struct_value.fields
    service["host"].string_value = plan.host
    service["name"].string_value = plan.host.partition(".")[0]
    service["namespace"].string_value = plan.namespace
