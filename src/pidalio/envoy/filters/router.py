"""The router: the last filter, which sends the request upstream."""

from __future__ import annotations

from pidalio.envoy import messages as pb
from pidalio.envoy.protos import pack

ROUTER = "envoy.filters.http.router"


def router_filter() -> pb.HttpFilter:
    """Return the filter with Envoy's defaults."""
    return pb.HttpFilter(name=ROUTER, typed_config=pack(pb.Router()))
