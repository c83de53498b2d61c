"""Resources of proxyless gRPC clients: the few fields of Envoy's messages that gRPC reads.

gRPC refuses a whole resource for one thing that it does not know, and takes defaults where a field is missing (1,024
requests at a time, ejection by success rate), so what matters is always written out.
Source: gRPC's proposals A27, A28, A31, A32, A33, A42, A44 and A50.
"""

from __future__ import annotations

from pidalio.envoy import messages as pb
from pidalio.envoy.endpoint import load_assignment
from pidalio.envoy.filters.fault import FAULT, fault_config, fault_filter
from pidalio.envoy.filters.router import router_filter
from pidalio.envoy.pool import UNLIMITED
from pidalio.envoy.protos import pack
from pidalio.envoy.route_match import route_match
from pidalio.envoy.values import address, ads, duration
from pidalio.ir import (
    GrpcAssignmentPlan,
    GrpcClusterPlan,
    GrpcListenerPlan,
    GrpcOutlierPlan,
    GrpcRetryPlan,
    GrpcRoutePlan,
    GrpcTablePlan,
)

_ALWAYS = 100
_ALL_FAILED = 99  # gRPC ejects above this percentage


def grpc_listener(plan: GrpcListenerPlan) -> pb.Listener:
    """Return the API listener: the route table, and faults before the call goes out."""
    manager = pb.HttpConnectionManager(http_filters=[fault_filter(), router_filter()])
    manager.rds.route_config_name = plan.table
    manager.rds.config_source.CopyFrom(ads())
    message = pb.Listener(name=plan.name)
    message.api_listener.api_listener.CopyFrom(pack(manager))
    return message


def grpc_route_configuration(plan: GrpcTablePlan) -> pb.RouteConfiguration:
    """Return the table with its one virtual host."""
    host = pb.VirtualHost(name=plan.name, domains=plan.domains, routes=[_route(each) for each in plan.routes])
    return pb.RouteConfiguration(name=plan.name, virtual_hosts=[host])


def _route(plan: GrpcRoutePlan) -> pb.Route:
    message = pb.Route(match=route_match(plan.match))
    if plan.fault is not None:
        message.typed_per_filter_config[FAULT].CopyFrom(pack(fault_config(plan.fault)))
    if not plan.clusters:
        message.direct_response.status = 503  # no action of gRPC's: calls fail
        return message
    action = message.route
    if len(plan.clusters) == 1:
        action.cluster = plan.clusters[0][0]
    else:
        for name, weight in plan.clusters:
            action.weighted_clusters.clusters.add(name=name, weight=pb.UInt32Value(value=weight))
    if plan.timeout:
        action.max_stream_duration.max_stream_duration.CopyFrom(duration(plan.timeout))
    if plan.retry is not None:
        action.retry_policy.CopyFrom(_retry_policy(plan.retry))
    for name in plan.hash_headers:
        action.hash_policy.add().header.header_name = name
    return message


def _retry_policy(plan: GrpcRetryPlan) -> pb.RouteRetryPolicy:
    policy = pb.RouteRetryPolicy(retry_on=",".join(plan.retry_on), num_retries=pb.UInt32Value(value=plan.attempts))
    if plan.backoff is not None:
        policy.retry_back_off.base_interval.CopyFrom(duration(plan.backoff))
    return policy


def grpc_cluster(plan: GrpcClusterPlan) -> pb.Cluster:
    """Return the cluster; its instances come by EDS, or from one name that gRPC looks up."""
    message = pb.Cluster(name=plan.name)
    if plan.dns is None:
        message.type = pb.Cluster.EDS
        message.eds_cluster_config.service_name = plan.name
        message.eds_cluster_config.eds_config.CopyFrom(ads())
    else:
        message.type = pb.Cluster.LOGICAL_DNS
        message.load_assignment.cluster_name = plan.name
        endpoint = message.load_assignment.endpoints.add().lb_endpoints.add().endpoint
        endpoint.address.CopyFrom(address(*plan.dns))
    if plan.ring_size:
        message.lb_policy = pb.Cluster.RING_HASH
        message.ring_hash_lb_config.minimum_ring_size.value = plan.ring_size
    else:
        message.lb_policy = pb.Cluster.ROUND_ROBIN
    limit = UNLIMITED if plan.max_requests is None else plan.max_requests
    message.circuit_breakers.thresholds.add().max_requests.value = limit
    if plan.outlier is not None:
        message.outlier_detection.CopyFrom(_outlier_detection(plan.outlier))
    return message


def _outlier_detection(plan: GrpcOutlierPlan) -> pb.OutlierDetection:
    message = pb.OutlierDetection(
        enforcing_success_rate=pb.UInt32Value(value=0),
        enforcing_failure_percentage=pb.UInt32Value(value=_ALWAYS),
        failure_percentage_threshold=pb.UInt32Value(value=_ALL_FAILED),
        failure_percentage_minimum_hosts=pb.UInt32Value(value=1),
        failure_percentage_request_volume=pb.UInt32Value(value=plan.volume),
    )
    if plan.interval is not None:
        message.interval.CopyFrom(duration(plan.interval))
    if plan.base_ejection_time is not None:
        message.base_ejection_time.CopyFrom(duration(plan.base_ejection_time))
    if plan.max_ejection_percent is not None:
        message.max_ejection_percent.value = plan.max_ejection_percent
    return message


def grpc_load_assignment(plan: GrpcAssignmentPlan) -> pb.ClusterLoadAssignment:
    """Return the endpoints; every locality is named, if only by nothing, or gRPC refuses all of them."""
    message = load_assignment(plan.assignment)
    for each in message.endpoints:
        each.locality.SetInParent()
    return message
