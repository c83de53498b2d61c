"""Virtual hosts and their routes: the part of a route table that travels by itself."""

from __future__ import annotations

from pidalio.envoy import messages as pb
from pidalio.envoy.filters.cors import CORS, cors_policy
from pidalio.envoy.filters.fault import CAMPAIGN, FAULT, campaign_config, fault_config
from pidalio.envoy.filters.grpc_web import GRPC_WEB, grpc_web_switch
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

    A retry policy that all its routes share is said once: Envoy gives it to every route that has none of its own.
    """
    shared = _shared_retry(plan)
    message = pb.VirtualHost(
        name=name or plan.name,
        domains=plan.domains,
        routes=[one for each in plan.routes for one in routes(each, retry=shared is None)],
        require_tls=pb.VirtualHost.ALL if plan.require_tls else pb.VirtualHost.NONE,
        include_request_attempt_count=plan.counts_attempts,
    )
    if shared is not None:
        message.retry_policy.CopyFrom(retry_policy(shared))
    if plan.grpc_web:
        message.typed_per_filter_config[GRPC_WEB].CopyFrom(pack(grpc_web_switch()))
    return message


def _shared_retry(plan: VirtualHostPlan) -> RetryPlan | None:
    policies = {each.action.retry for each in plan.routes if isinstance(each.action, ForwardPlan)}
    return policies.pop() if len(policies) == 1 else None


def routes(plan: RoutePlan, *, retry: bool = True) -> list[pb.Route]:
    """Return what `plan` is in Envoy: one route, or two where a sticky one tells known users from new ones."""
    message = route(plan, retry=retry)
    sticky = plan.action.sticky if isinstance(plan.action, ForwardPlan) else None
    return sticky_routes(message, sticky) if sticky else [message]


def route(plan: RoutePlan, *, retry: bool = True) -> pb.Route:
    """Return one route with its action, its faults and where it comes from; without `retry` it inherits its retries."""
    message = pb.Route(name=plan.name, match=route_match(plan.match), stat_prefix=plan.stat_prefix)
    _edit_headers(message, plan.request_headers, plan.response_headers)
    _set_action(message, plan, retry=retry)
    if plan.fault is not None:
        message.typed_per_filter_config[FAULT].CopyFrom(pack(fault_config(plan.fault)))
    if plan.cors is not None:
        message.typed_per_filter_config[CORS].CopyFrom(pack(cors_policy(plan.cors)))
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
