"""Hash policies: which part of a request is the key of hashing load balancers."""

from __future__ import annotations

from pidalio.envoy import messages as pb
from pidalio.envoy.values import duration
from pidalio.ir import HashKind, HashPlan


def hash_policy(plan: HashPlan) -> pb.RouteAction.HashPolicy:
    """Return one part of the key."""
    message = pb.RouteAction.HashPolicy()
    match plan.kind:
        case HashKind.HEADER:
            message.header.header_name = plan.name
        case HashKind.QUERY:
            message.query_parameter.name = plan.name
        case HashKind.SOURCE_IP:
            message.connection_properties.source_ip = True
        case HashKind.COOKIE:
            message.cookie.name = plan.name
            message.cookie.path = plan.path
            if plan.ttl is not None:
                message.cookie.ttl.CopyFrom(duration(plan.ttl))
            for name, value in plan.attributes:
                message.cookie.attributes.add(name=name, value=value)
    return message
