"""gRPC-Web: what becomes of such a request where its virtual host makes gRPC of it.

The answers that Envoy gives by itself are not gRPC's: it decides how to answer before the request is translated, and
then puts what an answer's body says into a header.
Source: Envoy's gRPC-Web filter; all observed on Envoy 1.40.
"""

from pidalio.ir import HeaderEdits, VirtualHostPlan
from pidalio.simulate.incoming import Arrival

_TYPES = frozenset(
    {
        "application/grpc-web",
        "application/grpc-web+proto",
        "application/grpc-web-text",
        "application/grpc-web-text+proto",
    }
)
TO_GRPC = HeaderEdits(
    set=(
        ("content-type", "application/grpc"),
        ("te", "trailers"),
        ("grpc-accept-encoding", "identity"),
    )
)
"""What a translated request is told to the application with."""


def is_translated(virtual_host: VirtualHostPlan, arrival: Arrival) -> bool:
    """Tell whether the request is made one of gRPC."""
    return virtual_host.grpc_web and arrival.request.header("content-type") in _TYPES
