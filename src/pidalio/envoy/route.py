"""Route configurations: whole tables, or the shell of one whose virtual hosts travel one by one (VHDS).

Envoy keeps a listener warming until VHDS has brought at least one virtual host of its table, and an empty table would
hold back every listener of the proxy at start; so each such table has one placeholder, which matches no request.
"""

from __future__ import annotations

from pidalio.envoy import messages as pb
from pidalio.envoy.values import ads
from pidalio.envoy.virtual_host import virtual_host
from pidalio.ir import RouteTablePlan, VirtualHostPlan

MAX_DIRECT_RESPONSE_BODY_BYTES = 1024 * 1024
PLACEHOLDER = VirtualHostPlan(name="~", domains=("placeholder.pidalio.invalid",), routes=())


def route_configuration(plan: RouteTablePlan) -> pb.RouteConfiguration:
    """Return the table; routes may name clusters that do not exist (they answer 503), as in Istio."""
    message = pb.RouteConfiguration(
        name=plan.name,
        virtual_hosts=[virtual_host(each) for each in plan.virtual_hosts],
        validate_clusters=pb.BoolValue(value=False),
        ignore_port_in_host_matching=plan.ignore_port,
        max_direct_response_body_size_bytes=pb.UInt32Value(value=MAX_DIRECT_RESPONSE_BODY_BYTES),
    )
    if plan.delta:
        message.vhds.config_source.CopyFrom(ads())
    return message
