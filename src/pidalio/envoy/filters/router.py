"""The router: the last filter, which sends the request upstream."""

from __future__ import annotations

from pidalio.envoy import messages as pb
from pidalio.envoy.protos import pack

ROUTER = "envoy.filters.http.router"


def router_filter(*, debug_headers: bool = True) -> pb.HttpFilter:
    """Return the filter; without `debug_headers` it adds no `x-envoy-*` header to requests and responses."""
    return pb.HttpFilter(name=ROUTER, typed_config=pack(pb.Router(suppress_envoy_headers=not debug_headers)))
