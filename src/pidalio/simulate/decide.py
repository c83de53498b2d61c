"""What Envoy does with one request: the front door of `simulate`.

Answers from the same plans that `envoy` writes as protobuf, so it needs neither Envoy nor a network; the traffic tables
and the differential test run both and hold one against the other.
"""

import msgspec

from pidalio.ir import (
    DirectResponsePlan,
    ForwardPlan,
    HttpPlan,
    ListenerPlan,
    ProxyPlans,
    RedirectPlan,
    RoutePlan,
    RouteTablePlan,
    TcpPlan,
    VirtualHostPlan,
)
from pidalio.simulate.carry import Carried, carry, chain_for
from pidalio.simulate.connection import Connection
from pidalio.simulate.cors import answers_preflight, cors_headers
from pidalio.simulate.decision import Answered, Decision, Forwarded, HostChoice, Redirected, RouteTry, Verdict
from pidalio.simulate.domain import DomainRule, choose_virtual_host, compared_host
from pidalio.simulate.forward import forwarded
from pidalio.simulate.grpc_web import is_translated
from pidalio.simulate.incoming import Arrival, Refusal, arrive
from pidalio.simulate.matching import unmet
from pidalio.simulate.outcome import likeliest_first, local_answer, outcomes, with_faults
from pidalio.simulate.redirect import https_location, location
from pidalio.simulate.request import Request


def decide(
    plans: ProxyPlans, listener: ListenerPlan | str, request: Request, connection: Connection | None = None
) -> Decision:
    """Return what the proxy that runs on `plans` does with a `request` that arrives at `listener`.

    `connection` says where the client opened it to, by default to the listener itself, and what else it shows.
    Raise `LookupError` when there is no such listener, or its table is not among the plans.
    """
    opened = connection or Connection()
    door, chain = chain_for(plans, _listener(plans, listener), opened)
    if chain is None or isinstance(chain.filter, TcpPlan):
        return _carried(carry(plans, door, opened), request)
    trace = Decision(
        listener=door.name,
        listener_origin=door.origin,
        chain=chain.name,
        chain_origin=chain.origin,
        request=request,
        verdicts=(),
    )
    table = _table(plans, chain.filter)
    trace = msgspec.structs.replace(trace, table=table.name)
    arrival = arrive(door, chain.filter, request)
    if isinstance(arrival, Refusal):
        return _refused(trace, arrival)
    return _routed(plans, table, arrival, opened, msgspec.structs.replace(trace, request=arrival.request))


def _carried(found: Carried, request: Request) -> Decision:
    """Return the decision on a request that the proxy does not read, but carries as bytes."""
    return Decision(
        listener=found.listener,
        listener_origin=found.listener_origin,
        chain=found.chain,
        chain_origin=found.chain_origin,
        request=request,
        action=found.action,
        verdicts=found.verdicts,
    )


def _refused(trace: Decision, refusal: Refusal) -> Decision:
    verdict = local_answer(refusal.status, refusal.flag, refusal.details, refusal.why, grpc=refusal.grpc)
    if refusal.location:
        trace = msgspec.structs.replace(trace, action=Redirected(refusal.status, refusal.location))
    return _ended(trace, verdict)


def _listener(plans: ProxyPlans, listener: ListenerPlan | str) -> ListenerPlan:
    if isinstance(listener, ListenerPlan):
        return listener
    found = next((each for each in plans.listeners if each.name == listener), None)
    if found is None:
        names = ", ".join(each.name for each in plans.listeners) or "none"
        raise LookupError(f"no listener {listener!r}; there are: {names}")
    return found


def _table(plans: ProxyPlans, http: HttpPlan) -> RouteTablePlan:
    if isinstance(http.table, RouteTablePlan):
        return http.table
    table = plans.table(http.table)
    if table is None:
        raise LookupError(f"no route table {http.table!r} among the plans")
    return table


def _ended(trace: Decision, verdict: Verdict) -> Decision:
    return msgspec.structs.replace(trace, verdicts=(verdict,))


def _routed(
    plans: ProxyPlans, table: RouteTablePlan, arrival: Arrival, opened: Connection, trace: Decision
) -> Decision:
    request = arrival.request
    chosen = choose_virtual_host(table, request.authority)
    if chosen is None:
        why = f"no virtual host of table {table.name} has a domain for {compared_host(table, request.authority)!r}"
        trace = msgspec.structs.replace(trace, host=HostChoice("", "", None, why))
        return _ended(trace, local_answer(404, "NR", "route_not_found", why, grpc=request.is_grpc))
    virtual_host, domain, rule = chosen
    if not request.header("x-forwarded-proto"):
        why = "x-forwarded-proto is empty, and Envoy then looks for no route"
        return _ended(trace, local_answer(404, "NR", "route_not_found", why, grpc=request.is_grpc))
    trace = msgspec.structs.replace(trace, host=_host_choice(table, virtual_host, domain, rule, request))
    if virtual_host.require_tls and request.header("x-forwarded-proto") != "https":
        action = Redirected(301, https_location(request))
        return msgspec.structs.replace(trace, action=action, verdicts=outcomes(action, grpc=request.is_grpc))
    route, tried = _first_match(virtual_host, request)
    trace = msgspec.structs.replace(trace, tried=tried, route=tried[-1] if route is not None else None)
    if route is None:
        why = f"none of the {len(tried)} routes of virtual host {virtual_host.name} matches"
        return _ended(trace, local_answer(404, "NR", "route_not_found", why, grpc=request.is_grpc))
    arrival = msgspec.structs.replace(arrival, grpc_web=is_translated(virtual_host, arrival))
    return _acted(plans, route, arrival, opened, trace)


def _host_choice(
    table: RouteTablePlan,
    virtual_host: VirtualHostPlan,
    domain: str,
    rule: DomainRule,
    request: Request,
) -> HostChoice:
    host = compared_host(table, request.authority)
    match rule:
        case DomainRule.EXACT:
            reason = f"{host} is one of its domains"
        case DomainRule.SUFFIX | DomainRule.PREFIX:
            reason = f"no domain is {host}, and {domain} is the {rule.value} that it fits"
        case DomainRule.ANY:
            reason = f"no other virtual host has a domain for {host}"
    return HostChoice(virtual_host.name, domain, rule, reason, virtual_host.origin)


def _first_match(virtual_host: VirtualHostPlan, request: Request) -> tuple[RoutePlan | None, tuple[RouteTry, ...]]:
    tried: list[RouteTry] = []
    for position, route in enumerate(virtual_host.routes):
        missed = unmet(route.match, request)
        tried.append(RouteTry(position, route.name, missed, route.origin, route.root))
        if not missed:
            return route, tuple(tried)
    return None, tuple(tried)


def _acted(plans: ProxyPlans, route: RoutePlan, arrival: Arrival, opened: Connection, trace: Decision) -> Decision:
    request = arrival.request
    action = _action(plans, route, arrival, opened)
    verdicts = outcomes(action, grpc=request.is_grpc)
    cors = route.cors if isinstance(action, Forwarded) else None
    if answers_preflight(cors, request):
        verdicts = (Verdict(1.0, 200, "-", "cors_response", why="the route's CORS policy answers this preflight"),)
    verdicts = likeliest_first(with_faults(route.fault, verdicts, grpc=request.is_grpc))
    edits = cors_headers(cors, request)
    return msgspec.structs.replace(trace, action=action, fault=route.fault, cors=edits, verdicts=verdicts)


def _action(
    plans: ProxyPlans, route: RoutePlan, arrival: Arrival, opened: Connection
) -> Forwarded | Redirected | Answered:
    request = arrival.request
    edits = (route.response_headers,) if route.response_headers else ()
    match route.action:
        case ForwardPlan() as forward:
            return forwarded(plans, route, forward, arrival, opened)
        case RedirectPlan() as redirect:
            return Redirected(redirect.code, location(route.match, redirect, request), edits)
        case DirectResponsePlan() as answer:
            # Envoy gives every local answer of these statuses a Location: the request's own address.
            itself = f"{request.scheme}://{request.authority}{request.path}"
            where = itself if answer.status == 201 or 300 <= answer.status <= 399 else ""
            return Answered(answer.status, b"" if arrival.grpc_web else answer.body, where, answer.reason, edits)
