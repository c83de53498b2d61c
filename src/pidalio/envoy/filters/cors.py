"""Cross-origin requests: the proxy answers preflights of origins that a route allows."""

from __future__ import annotations

from pidalio.envoy import messages as pb
from pidalio.envoy.protos import pack
from pidalio.envoy.values import fraction, string_matcher
from pidalio.ir import CorsPlan

CORS = "envoy.filters.http.cors"


def cors_filter() -> pb.HttpFilter:
    """Return the filter, which does nothing where a route does not say so."""
    return pb.HttpFilter(name=CORS, typed_config=pack(pb.Cors()))


def cors_policy(plan: CorsPlan) -> pb.CorsPolicy:
    """Return a route's policy; it always counts (filter_enabled 100 %)."""
    message = pb.CorsPolicy(
        allow_origin_string_match=[string_matcher(each) for each in plan.allow_origins],
        allow_methods=plan.allow_methods,
        allow_headers=plan.allow_headers,
        expose_headers=plan.expose_headers,
        max_age=plan.max_age,
        filter_enabled=pb.RuntimeFractionalPercent(default_value=fraction(100)),
        forward_not_matching_preflights=pb.BoolValue(value=plan.forward_unmatched),
    )
    if plan.allow_credentials is not None:
        message.allow_credentials.value = plan.allow_credentials
    return message
