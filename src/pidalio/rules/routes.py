"""Routes of a VirtualService: rules in, `RoutePlan`s out, in the user's order.

One route per match entry; compilation stops after the first that matches everything.
Source of the rules: Istio's documented HTTPRoute (reference §1.1, §2.5, §2.6, §2.8).
"""

from collections.abc import Iterator

import msgspec

from pidalio.api.strings import Destination
from pidalio.api.virtual_service import HTTPRedirect, HTTPRouteDestination, RedirectPortSelection
from pidalio.derive import Database, derived
from pidalio.ir import (
    DirectResponsePlan,
    ForwardPlan,
    HashPlan,
    HeaderEdits,
    MatchPlan,
    MirrorPlan,
    RedirectPlan,
    RegexRewrite,
    RoutePlan,
    WeightedCluster,
)
from pidalio.model import Origin
from pidalio.rules import aliases, mesh, names, resilience, services
from pidalio.rules.delegates import Entry, Rule, rules_of
from pidalio.rules.edits import joined, request_edits, response_edits
from pidalio.rules.faults import cors_plan, fault_plan
from pidalio.rules.hashing import distinct, hash_plan
from pidalio.rules.matching import RouteContext, applies, match_plan
from pidalio.rules.retries import retry_plan, switched_off_by
from pidalio.rules.services import ServiceId
from pidalio.rules.sticky import sticky_plan, with_shares
from pidalio.rules.visibility import Client
from pidalio.store import tables
from pidalio.store.hosts import host_reference
from pidalio.store.tables import Key


@derived
def routes_of(world: Database, key: Key, context: RouteContext) -> tuple[RoutePlan, ...]:
    """Return the routes of VirtualService `key` for `context`; empty when nothing of it applies."""
    row = tables.VIRTUAL_SERVICES.get(world, key)
    result: list[RoutePlan] = []
    for rule in rules_of(world, row) if row else ():
        for entry in rule.entries:
            if entry.match is not None and not applies(entry.match, rule.owner.namespace, context):
                continue
            plan = _route(world, rule, entry, context)
            result.append(plan)
            if plan.match.matches_everything:
                return tuple(result)
    return tuple(result)


def _route(world: Database, rule: Rule, entry: Entry, context: RouteContext) -> RoutePlan:
    answer = _answer(rule, context)
    if answer:
        return _plan(rule, entry, answer)
    forward, added_request, added_response = _forward(world, rule, context)
    plan = _plan(rule, entry, forward)
    request, _ = request_edits(rule.route.headers)
    return msgspec.structs.replace(
        plan,
        cors=cors_plan(rule.route.cors_policy),
        request_headers=joined(request, added_request),
        response_headers=joined(plan.response_headers, added_response),
    )


def _plan(rule: Rule, entry: Entry, action: RedirectPlan | DirectResponsePlan | ForwardPlan) -> RoutePlan:
    """Return what every route has, whatever its action."""
    name, match = rule.route.name, entry.match
    return RoutePlan(
        match=match_plan(match) if match else MatchPlan(),
        action=action,
        name=f"{name}.{match.name}" if match and match.name else name,
        fault=None if rule.missing else fault_plan(rule.route.fault, rule.origin("fault")),
        response_headers=response_edits(rule.route.headers),
        stat_prefix=match.stat_prefix if match else "",
        origin=Origin(rule.owner, entry.path),
        root=entry.root,
    )


def _answer(rule: Rule, context: RouteContext) -> RedirectPlan | DirectResponsePlan | None:
    """Return what the proxy answers by itself, None for a rule that forwards."""
    if rule.missing:
        return DirectResponsePlan(503, reason=rule.missing)
    if rule.route.redirect:
        return _redirect(rule.route.redirect, context)
    if answer := rule.route.direct_response:
        body = answer.body
        return DirectResponsePlan(answer.status, (body.bytes or (body.string or "").encode()) if body else b"")
    return None


def _forward(world: Database, rule: Rule, context: RouteContext) -> tuple[ForwardPlan, HeaderEdits, HeaderEdits]:
    """Return the action, and the header edits of a single destination, which belong to the route."""
    route = rule.route
    _, host_rewrite = request_edits(route.headers)
    rewrite = route.rewrite
    regex = rewrite.uri_regex_rewrite if rewrite else None
    single = len(route.route) == 1
    destinations = [
        _destination(world, rule, one, context, f"{rule.path}.route[{position}]")
        for position, one in enumerate(route.route)
        if single or one.weight > 0
    ]
    added_request, added_response = HeaderEdits(), HeaderEdits()
    if single:
        only = destinations[0]
        added_request, added_response = only.request_headers, only.response_headers
        host_rewrite = host_rewrite or only.host_rewrite
        destinations = [WeightedCluster(only.cluster, 1, origin=only.origin)]
    sticky = sticky_plan(world, rule, context)
    holds = resilience.of_services(world, (identity for identity, _, _ in _receivers(world, rule, context)))
    forward = ForwardPlan(
        clusters=with_shares(destinations, sticky) if sticky else tuple(destinations),
        timeout=route.timeout or 0,
        timeout_origin=rule.origin("timeout") if route.timeout is not None else None,
        retry=retry_plan(world, route.retries, rule.origin("retries"), holds),
        retry_off=switched_off_by(world, route.retries, rule.origin("retries")),
        prefix_rewrite=rewrite.uri if rewrite and rewrite.uri else None,
        regex_rewrite=RegexRewrite(regex.match, regex.rewrite) if regex else None,
        host_rewrite=(rewrite.authority if rewrite else "") or host_rewrite,
        tells_host=mesh.tells_host(world),
        deaf=holds.deaf,
        mirrors=tuple(_mirrors(world, rule, context)),
        sticky=sticky,
        # Envoy takes one key for both choices, so that users who stay with a version stay with its instance too.
        hashes=() if sticky else distinct(_hashes(world, rule, context)),
    )
    return (_staying(forward) if single else forward), added_request, added_response


def _staying(forward: ForwardPlan) -> ForwardPlan:
    """Return the action with retries that stay with the instance of the hash: the key must not lose its instance."""
    if not forward.hashes or forward.retry is None:
        return forward
    return msgspec.structs.replace(forward, retry=msgspec.structs.replace(forward.retry, avoid_previous_hosts=False))


def _destination(
    world: Database, rule: Rule, stated: HTTPRouteDestination, context: RouteContext, path: str
) -> WeightedCluster:
    request, host = request_edits(stated.headers)
    return WeightedCluster(
        cluster=destination_cluster(world, rule.owner.namespace, stated.destination or Destination(), context),
        weight=stated.weight,
        request_headers=request,
        response_headers=response_edits(stated.headers),
        host_rewrite=host,
        origin=Origin(rule.owner, path),
    )


def destination_cluster(world: Database, namespace: str, stated: Destination, context: RouteContext) -> str:
    """Return the cluster that a destination written in `namespace` means.

    An alias is the service that it stands for. Without a port it is the service's only one, else the listener's; an
    unknown host or subset names a cluster that does not exist, which Envoy answers with 503 NC.
    """
    host = host_reference(stated.host, namespace)
    host = aliases.target_of(world, host) or host
    return names.outbound_cluster(host, _port(world, host, stated, context), stated.subset)


def destination_service(
    world: Database, namespace: str, stated: Destination, context: RouteContext
) -> tuple[ServiceId | None, int]:
    """Return the service that a destination written in `namespace` means, None where there is none, and its port."""
    host = host_reference(stated.host, namespace)
    host = aliases.target_of(world, host) or host
    return services.resolve(world, host, context.view), _port(world, host, stated, context)


def _port(world: Database, host: str, stated: Destination, context: RouteContext) -> int:
    if stated.port and stated.port.number:
        return stated.port.number
    identity = services.resolve(world, host, context.view)
    known = services.ports(world, identity) if identity else ()
    return known[0].number if len(known) == 1 else context.port


def _receivers(
    world: Database, rule: Rule, context: RouteContext
) -> Iterator[tuple[ServiceId | None, int, Destination]]:
    """Yield each destination that gets requests: its service, the port, and what is written."""
    for one in rule.route.route:
        if len(rule.route.route) > 1 and not one.weight:
            continue
        stated = one.destination or Destination()
        yield *destination_service(world, rule.owner.namespace, stated, context), stated


def _hashes(world: Database, rule: Rule, context: RouteContext) -> Iterator[HashPlan | None]:
    """Yield what each destination that gets requests hashes, as the callers see its rules."""
    for identity, port, stated in _receivers(world, rule, context):
        yield hash_plan(world, context.hash_view, identity, port, stated.subset)


def _mirrors(world: Database, rule: Rule, context: RouteContext) -> Iterator[MirrorPlan]:
    """Yield the mirrors; a delegate's `mirror` and its root's `mirrors` stand side by side."""
    route, namespace = rule.route, rule.owner.namespace
    percent = route.mirror_percentage
    if percent is None:
        percent = 100.0 if route.mirror_percent is None else float(route.mirror_percent)
    if route.mirror and percent:
        cluster = destination_cluster(world, namespace, route.mirror, context)
        yield MirrorPlan(cluster, percent, rule.origin("mirror"))
    listed = rule.origin("mirrors")
    for index, one in enumerate(route.mirrors):
        percent = 100.0 if one.percentage is None else one.percentage
        if percent:
            cluster = destination_cluster(world, namespace, one.destination or Destination(), context)
            yield MirrorPlan(cluster, percent, Origin(listed.object, f"{listed.path}[{index}]"))


def _redirect(stated: HTTPRedirect, context: RouteContext) -> RedirectPlan:
    """Return the redirect; port 80 with http and 443 with https are left out of the location."""
    port = stated.port or 0
    if stated.derive_port is RedirectPortSelection.FROM_REQUEST_PORT:
        port = context.port
    scheme = stated.scheme or "http"
    if (scheme, port) in (("http", 80), ("https", 443)):
        port = 0
    return RedirectPlan(
        code=stated.redirect_code or 301,
        scheme=stated.scheme,
        authority=stated.authority,
        port=port,
        path=stated.uri or None,
        prefix_rewrite=stated.prefix_rewrite or None,
    )


def default_route(world: Database, identity: ServiceId, port: int, view: Client) -> RoutePlan:
    """Return the route of a service that no rule governs; `view` is the client whose hash holds."""
    return RoutePlan(match=MatchPlan(), action=to_service(world, identity, port, view), name="default")


def to_service(
    world: Database, identity: ServiceId, port: int, view: Client, origin: Origin | None = None
) -> ForwardPlan:
    """Return the action of requests for a service of which no rule says more; `view` is as in `default_route`."""
    cluster = names.outbound_cluster(identity[0], port)
    holds = resilience.of_service(world, identity)
    forward = ForwardPlan(
        clusters=(WeightedCluster(cluster, 1, origin=origin),),
        retry=retry_plan(world, None, None, holds),
        retry_off=switched_off_by(world, None, None),
        deaf=holds.deaf,
        hashes=distinct((hash_plan(world, view, identity, port, ""),)),
    )
    return _staying(forward)
