"""Virtual hosts and their routes: the part of a route table that travels by itself."""

from __future__ import annotations

from pidalio.envoy import messages as pb
from pidalio.envoy.filters.cors import CORS, cors_policy
from pidalio.envoy.filters.fault import CAMPAIGN, FAULT, campaign_config, fault_config
from pidalio.envoy.filters.grpc_web import GRPC_WEB, grpc_web_switch
from pidalio.envoy.filters.overrides import OVERRIDES, overrides_removed
from pidalio.envoy.guard import guarded
from pidalio.envoy.metadata import write_origin
from pidalio.envoy.protos import pack
from pidalio.envoy.route_action import direct_response_action, forward_action, redirect_action, retry_policy
from pidalio.envoy.route_match import route_match
from pidalio.envoy.sticky import sticky_routes
from pidalio.envoy.values import headers_to_add
from pidalio.ir import (
    DirectResponsePlan,
    ForwardPlan,
    HeaderEdits,
    RedirectPlan,
    RetryPlan,
    RoutePlan,
    VirtualHostPlan,
    WeightedCluster,
)


def virtual_host(plan: VirtualHostPlan, name: str = "") -> pb.VirtualHost:
    """Return the virtual host, called `name` where it travels by itself (`resource.virtual_host_resource`).

    A retry policy that all its routes share is said once: Envoy gives it to every route that has none of its own. So
    is that all are deaf to their callers' overrides.
    """
    shared, deaf = _shared_retry(plan), all(each.deaf for each in _forwarding(plan))
    message = pb.VirtualHost(
        name=name or plan.name,
        domains=plan.domains,
        routes=[one for each in plan.routes for one in routes(each, retry=shared is None, overrides=not deaf)],
        require_tls=pb.VirtualHost.ALL if plan.require_tls else pb.VirtualHost.NONE,
        include_request_attempt_count=plan.counts_attempts,
    )
    if shared is not None:
        message.retry_policy.CopyFrom(retry_policy(shared))
    if deaf and _forwarding(plan):
        message.typed_per_filter_config[OVERRIDES].CopyFrom(pack(overrides_removed()))
    if plan.grpc_web:
        message.typed_per_filter_config[GRPC_WEB].CopyFrom(pack(grpc_web_switch()))
    return message


def _shared_retry(plan: VirtualHostPlan) -> RetryPlan | None:
    policies = {each.retry for each in _forwarding(plan)}
    return policies.pop() if len(policies) == 1 else None


def _forwarding(plan: VirtualHostPlan) -> list[ForwardPlan]:
    return [each.action for each in plan.routes if isinstance(each.action, ForwardPlan)]


def routes(plan: RoutePlan, *, retry: bool = True, overrides: bool = True) -> list[pb.Route]:
    """Return what `plan` is in Envoy: one route, or more where Envoy must tell users or methods apart."""
    message = route(plan, retry=retry, overrides=overrides)
    if not isinstance(plan.action, ForwardPlan):
        return [message]
    sticky, policy = plan.action.sticky, plan.action.retry
    found = sticky_routes(message, sticky) if sticky else [message]
    return [one for each in found for one in guarded(each, policy)] if policy else found


def route(plan: RoutePlan, *, retry: bool = True, overrides: bool = True) -> pb.Route:
    """Return one route with its action, its faults and where it comes from.

    Without `retry` it inherits its retries, and without `overrides` that callers' own are taken away.
    """
    message = pb.Route(name=plan.name, match=route_match(plan.match), stat_prefix=plan.stat_prefix)
    _edit_headers(message, plan.request_headers, plan.response_headers)
    _set_action(message, plan, retry=retry)
    if plan.fault is not None:
        message.typed_per_filter_config[FAULT].CopyFrom(pack(fault_config(plan.fault)))
    if plan.cors is not None:
        message.typed_per_filter_config[CORS].CopyFrom(pack(cors_policy(plan.cors)))
    if overrides and isinstance(plan.action, ForwardPlan) and plan.action.deaf:
        message.typed_per_filter_config[OVERRIDES].CopyFrom(pack(overrides_removed()))
    reason = plan.action.reason if isinstance(plan.action, DirectResponsePlan) else ""
    write_origin(message.metadata, plan.origin, root=plan.root, reason=reason)
    return message


def _set_action(message: pb.Route, plan: RoutePlan, *, retry: bool) -> None:
    match plan.action:
        case ForwardPlan() as forward:
            message.route.CopyFrom(forward_action(forward, connect=plan.match.connect, retry=retry))
            if len(forward.clusters) == 1:
                _set_only(message, forward.clusters[0])
        case RedirectPlan() as redirect:
            message.redirect.CopyFrom(redirect_action(redirect))
        case DirectResponsePlan() as answer:
            message.direct_response.CopyFrom(direct_response_action(answer))


def _set_only(message: pb.Route, only: WeightedCluster) -> None:
    """Write on the route what belongs to its only destination."""
    _edit_headers(message, only.request_headers, only.response_headers)
    if only.campaign is not None:
        message.typed_per_filter_config[CAMPAIGN].CopyFrom(pack(campaign_config(only.campaign)))


def _edit_headers(message: pb.Route, request: HeaderEdits, response: HeaderEdits) -> None:
    if request:
        message.request_headers_to_add.extend(headers_to_add(request))
        message.request_headers_to_remove.extend(request.remove)
    if response:
        message.response_headers_to_add.extend(headers_to_add(response))
        message.response_headers_to_remove.extend(response.remove)
