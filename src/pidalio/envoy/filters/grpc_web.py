"""gRPC-Web: browsers' form of gRPC becomes gRPC on the way to the application, and its answers become gRPC-Web.

One listener serves ports of every protocol, so that the filter is in its chain and off; virtual hosts switch it on.
"""

from __future__ import annotations

from pidalio.envoy import messages as pb
from pidalio.envoy.protos import pack

GRPC_WEB = "envoy.filters.http.grpc_web"


def grpc_web_filter() -> pb.HttpFilter:
    """Return the filter, which does nothing where a virtual host does not switch it on."""
    return pb.HttpFilter(name=GRPC_WEB, typed_config=pack(pb.GrpcWeb()), disabled=True)


def grpc_web_switch() -> pb.FilterConfig:
    """Return what switches the filter on: Envoy takes an empty `Any`, and neither none nor one of the filter's own."""
    return pb.FilterConfig(config=pb.Any())
