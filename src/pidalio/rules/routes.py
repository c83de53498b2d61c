"""Routes of a VirtualService: rules in, `RoutePlan`s out, in the user's order.

One route per match entry; compilation stops after the first that matches everything.
Source of the rules: Istio's documented HTTPRoute (reference §1.1, §2.5, §2.6, §2.8).
"""

from pidalio.api.object import Object
from pidalio.api.strings import Destination
from pidalio.api.virtual_service import (
    HTTPMatchRequest,
    HTTPRedirect,
    HTTPRoute,
    HTTPRouteDestination,
    RedirectPortSelection,
    VirtualService,
)
from pidalio.derive import Database, derived
from pidalio.ir import (
    DirectResponsePlan,
    ForwardPlan,
    HeaderEdits,
    MatchPlan,
    MirrorPlan,
    RedirectPlan,
    RegexRewrite,
    RoutePlan,
    WeightedCluster,
)
from pidalio.model import Origin
from pidalio.rules import names, services
from pidalio.rules.edits import joined, request_edits, response_edits
from pidalio.rules.faults import cors_plan, fault_plan
from pidalio.rules.matching import RouteContext, applies, match_plan
from pidalio.rules.retries import retry_plan
from pidalio.store import tables
from pidalio.store.hosts import host_reference
from pidalio.store.tables import Key

_TRANSLATED_CODES = frozenset({301, 302, 303, 307, 308})


@derived
def routes_of(world: Database, key: Key, context: RouteContext) -> tuple[RoutePlan, ...]:
    """Return the routes of VirtualService `key` for `context`; empty when nothing of it applies."""
    row = tables.VIRTUAL_SERVICES.get(world, key)
    result: list[RoutePlan] = []
    for index, route in enumerate(row.spec.http if row else ()):
        assert row is not None  # noqa: S101 - for the type checker: the loop runs over its routes
        for position, match in _matches(route):
            if match is not None and not applies(match, key[0], context):
                continue
            path = f"http[{index}]" if position is None else f"http[{index}].match[{position}]"
            plan = _route(world, row, f"http[{index}]", route, match, Origin(row.ref, path), context)
            result.append(plan)
            if plan.match.matches_everything:
                return tuple(result)
    return tuple(result)


def _matches(route: HTTPRoute) -> list[tuple[int | None, HTTPMatchRequest | None]]:
    return list(enumerate(route.match)) if route.match else [(None, None)]


def _route(
    world: Database,
    row: Object[VirtualService],
    path: str,
    route: HTTPRoute,
    match: HTTPMatchRequest | None,
    origin: Origin,
    context: RouteContext,
) -> RoutePlan:
    name = f"{route.name}.{match.name}" if match and match.name else route.name
    plan = match_plan(match) if match else MatchPlan()
    stat_prefix = match.stat_prefix if match else ""
    request, _ = request_edits(route.headers)
    response = response_edits(route.headers)
    action: RedirectPlan | DirectResponsePlan | ForwardPlan
    if route.redirect:
        action = _redirect(route.redirect, context)
        return RoutePlan(plan, action, name, response_headers=response, stat_prefix=stat_prefix, origin=origin)
    if route.direct_response:
        body = route.direct_response.body
        content = (body.bytes or (body.string or "").encode()) if body else b""
        action = DirectResponsePlan(route.direct_response.status, content)
        return RoutePlan(plan, action, name, response_headers=response, stat_prefix=stat_prefix, origin=origin)
    if route.delegate:
        action = DirectResponsePlan(503, reason="delegate is not yet effective")
        return RoutePlan(plan, action, name, origin=origin)
    forward, added_request, added_response = _forward(world, row, path, route, context)
    return RoutePlan(
        match=plan,
        action=forward,
        name=name,
        fault=fault_plan(route.fault, Origin(row.ref, f"{path}.fault")),
        cors=cors_plan(route.cors_policy),
        request_headers=joined(request, added_request),
        response_headers=joined(response, added_response),
        stat_prefix=stat_prefix,
        origin=origin,
    )


def _forward(
    world: Database, row: Object[VirtualService], path: str, route: HTTPRoute, context: RouteContext
) -> tuple[ForwardPlan, HeaderEdits, HeaderEdits]:
    """Return the action, and the header edits of a single destination, which belong to the route."""
    namespace = row.meta.namespace
    _, host_rewrite = request_edits(route.headers)
    rewrite = route.rewrite
    regex = rewrite.uri_regex_rewrite if rewrite else None
    single = len(route.route) == 1
    destinations = [
        _destination(world, namespace, one, context, Origin(row.ref, f"{path}.route[{position}]"))
        for position, one in enumerate(route.route)
        if single or one.weight > 0
    ]
    added_request, added_response = HeaderEdits(), HeaderEdits()
    if single:
        only = destinations[0]
        added_request, added_response = only.request_headers, only.response_headers
        host_rewrite = host_rewrite or only.host_rewrite
        destinations = [WeightedCluster(only.cluster, 1, origin=only.origin)]
    forward = ForwardPlan(
        clusters=tuple(destinations),
        timeout=route.timeout or 0,
        timeout_origin=Origin(row.ref, f"{path}.timeout") if route.timeout is not None else None,
        retry=retry_plan(world, route.retries, Origin(row.ref, f"{path}.retries")),
        prefix_rewrite=rewrite.uri if rewrite and rewrite.uri else None,
        regex_rewrite=RegexRewrite(regex.match, regex.rewrite) if regex else None,
        host_rewrite=(rewrite.authority if rewrite else "") or host_rewrite,
        mirrors=_mirrors(world, row, path, route, context),
    )
    return forward, added_request, added_response


def _destination(
    world: Database, namespace: str, stated: HTTPRouteDestination, context: RouteContext, origin: Origin
) -> WeightedCluster:
    request, host = request_edits(stated.headers)
    return WeightedCluster(
        cluster=destination_cluster(world, namespace, stated.destination or Destination(), context),
        weight=stated.weight,
        request_headers=request,
        response_headers=response_edits(stated.headers),
        host_rewrite=host,
        origin=origin,
    )


def destination_cluster(world: Database, namespace: str, stated: Destination, context: RouteContext) -> str:
    """Return the cluster that a destination written in `namespace` means.

    Without a port it is the service's only one, else the listener's; an unknown host or subset names a cluster
    that does not exist, which Envoy answers with 503 NC.
    """
    host = host_reference(stated.host, namespace)
    if stated.port and stated.port.number:
        port = stated.port.number
    else:
        identity = services.resolve(world, host, context.view)
        known = services.ports(world, identity) if identity else ()
        port = known[0].number if len(known) == 1 else context.port
    return names.outbound_cluster(host, port, stated.subset)


def _mirrors(
    world: Database, row: Object[VirtualService], path: str, route: HTTPRoute, context: RouteContext
) -> tuple[MirrorPlan, ...]:
    namespace = row.meta.namespace
    if route.mirrors:
        return tuple(
            MirrorPlan(
                destination_cluster(world, namespace, one.destination or Destination(), context),
                100.0 if one.percentage is None else one.percentage,
                Origin(row.ref, f"{path}.mirrors[{index}]"),
            )
            for index, one in enumerate(route.mirrors)
            if one.percentage is None or one.percentage > 0
        )
    if route.mirror is None:
        return ()
    percent = route.mirror_percentage
    if percent is None:
        percent = 100.0 if route.mirror_percent is None else float(route.mirror_percent)
    if not percent:
        return ()
    cluster = destination_cluster(world, namespace, route.mirror, context)
    return (MirrorPlan(cluster, percent, Origin(row.ref, f"{path}.mirror")),)


def _redirect(stated: HTTPRedirect, context: RouteContext) -> RedirectPlan | DirectResponsePlan:
    """Return the redirect; port 80 with http and 443 with https are left out of the location."""
    port = stated.port or 0
    if stated.derive_port is RedirectPortSelection.FROM_REQUEST_PORT:
        port = context.port
    scheme = stated.scheme or "http"
    if (scheme, port) in (("http", 80), ("https", 443)):
        port = 0
    code = stated.redirect_code or 301
    if code not in _TRANSLATED_CODES:
        return DirectResponsePlan(500, reason=f"redirectCode {code} has no counterpart in Envoy")
    return RedirectPlan(
        code=code,
        scheme=stated.scheme,
        authority=stated.authority,
        port=port,
        path=stated.uri or None,
        prefix_rewrite=stated.prefix_rewrite or None,
    )


def default_route(world: Database, host: str, port: int) -> RoutePlan:
    """Return the route of a service that no rule governs."""
    cluster = names.outbound_cluster(host, port)
    return RoutePlan(
        match=MatchPlan(),
        action=ForwardPlan((WeightedCluster(cluster, 1),), retry=retry_plan(world, None, None)),
        name="default",
    )
