"""Load assignments: the addresses behind a cluster, grouped by locality and priority."""

from __future__ import annotations

from pidalio.envoy import messages as pb
from pidalio.envoy.instance_tls import write_tls_match
from pidalio.envoy.metadata import PIDALIO
from pidalio.envoy.values import address
from pidalio.ir import AssignmentPlan, EndpointPlan, LocalityPlan
from pidalio.model import Health


def load_assignment(plan: AssignmentPlan) -> pb.ClusterLoadAssignment:
    """Return the assignment; an empty one says that the cluster has no endpoints, which is an answer too."""
    return pb.ClusterLoadAssignment(
        cluster_name=plan.cluster,
        endpoints=[_locality(each) for each in plan.localities],
    )


def _locality(plan: LocalityPlan) -> pb.LocalityLbEndpoints:
    where = plan.locality
    message = pb.LocalityLbEndpoints(
        lb_endpoints=[_endpoint(each) for each in plan.endpoints],
        priority=plan.priority,
    )
    if where.region or where.zone or where.subzone:
        message.locality.region = where.region
        message.locality.zone = where.zone
        message.locality.sub_zone = where.subzone
    if plan.weight:
        message.load_balancing_weight.value = plan.weight
    return message


def _endpoint(plan: EndpointPlan) -> pb.LbEndpoint:
    message = pb.LbEndpoint(
        endpoint=pb.Endpoint(address=address(plan.address, plan.port)),
        health_status=_health(plan.health),
    )
    if plan.weight != 1:
        message.load_balancing_weight.value = plan.weight
    if plan.tls_name:
        message.endpoint.hostname = plan.tls_name
        write_tls_match(message.metadata)
    if plan.workload:
        message.metadata.filter_metadata[PIDALIO].fields["workload"].string_value = plan.workload
    return message


def _health(health: Health) -> int:
    match health:
        case Health.HEALTHY:
            return pb.HealthStatus.HEALTHY
        case Health.UNHEALTHY:
            return pb.HealthStatus.UNHEALTHY
        case Health.DRAINING:
            return pb.HealthStatus.DRAINING
        case Health.UNKNOWN:
            return pb.HealthStatus.UNKNOWN
