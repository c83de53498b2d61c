"""`pidalio explain`: why a request goes where it goes, live or from files."""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import click
import msgspec

from pidalio.cli.connection import Connection, server_options
from pidalio.cli.naming import header_pair
from pidalio.cli.output import output_option, structured
from pidalio.errors import NotFound, UsageError
from pidalio.ir import FaultPlan, GrpcQuestion, HashPlan, HealthCheckPlan, HttpQuestion, TcpQuestion
from pidalio.model import Health, Origin
from pidalio.simulate import Answered, Decision, Destination, Forwarded, Redirected, Request
from pidalio.simulate.decision import Mirrored, RouteTry, Verdict
from pidalio.simulate.settings import Setting
from pidalio.simulate.sticky import Bucket

Where = Callable[[Origin | None], str]


@click.command(
    epilog="""\b
Examples:
  pidalio explain --from productpage-v1-0 GET http://reviews:9080/reviews/7
  pidalio explain -f mesh/ --from front-0 GET http://reviews:9080/ -H 'user: jason'
  pidalio explain -f mesh/ --from ingress GET http://shop.example.com:8080/cart
  pidalio explain --log '{"proxy":"front-0.default","method":"GET",…}'
"""
)
@click.argument("method", required=False)
@click.argument("url", required=False)
@click.option("--from", "caller", metavar="[NAMESPACE/]WORKLOAD", help="Whose proxy is asked; a gateway's name too.")
@click.option("-H", "--header", "headers", multiple=True, metavar="'NAME: VALUE'", help="A header of the request.")
@click.option("-f", "--file", "paths", multiple=True, metavar="PATH", help="Answer from files, with no server.")
@click.option("--labels", metavar="K=V,…", help="With -f: labels of a proxy that the files do not declare.")
@click.option("--gateway", is_flag=True, help="With -f: the proxy is a gateway.")
@click.option(
    "--mode",
    type=click.Choice(["explicit", "transparent"]),
    default="explicit",
    help="With -f: whether callers name the sidecar as their proxy, or connections are redirected to it.",
)
@click.option("--log", "log_line", metavar="LINE", help="A line of an access log, instead of METHOD and URL.")
@output_option("text")
@server_options
def explain(
    connection: Connection,
    method: str | None,
    url: str | None,
    caller: str | None,
    headers: tuple[str, ...],
    paths: tuple[str, ...],
    labels: str | None,
    *,
    gateway: bool,
    mode: str,
    log_line: str | None,
    form: str,
) -> None:
    """Explain what the proxy of a workload does with a request.

    METHOD and URL are the request; every line of the answer names the rule it stems from, or "default".
    """
    if log_line is not None:
        caller, request = from_log(log_line, caller, [header_pair(one) for one in headers])
    elif method and url:
        request = Request.from_url(method, url, [header_pair(one) for one in headers])
    else:
        raise UsageError("say METHOD and URL, or --log LINE")
    if caller is None:
        raise UsageError("say whose proxy is asked: --from WORKLOAD")
    if paths:
        decision, where = _offline(paths, caller, labels, request, mode, gateway=gateway)
    else:
        from pidalio.cli.explain_live import explain_live

        decision, where = explain_live(connection, caller, request)
    if form != "text":
        structured(placed(decision, where), form)
    else:
        click.echo("\n".join(lines(decision, where)))


def from_log(line: str, caller: str | None, headers: Sequence[tuple[str, str]] = ()) -> tuple[str | None, Request]:
    """Return the caller and the request that an access-log line tells of; `headers` are what it does not hold."""
    try:
        found = json.loads(line)
        method, authority, path = found["method"], found["authority"], found.get("path", "/")
    except (ValueError, KeyError, TypeError):
        advice = "give one as `pidalio logs -l 1 -o json` prints it"
        raise UsageError(f"--log: this is no line of an access log of ours: {advice}") from None
    name, _, namespace = str(found.get("proxy", "")).rpartition(".")
    caller = caller or (f"{namespace}/{name}" if name else None)
    return caller, Request(
        method=method, authority=authority, path=path, headers=tuple(headers), connect=method == "CONNECT"
    )


def _offline(
    paths: tuple[str, ...], caller: str, labels: str | None, request: Request, mode: str, *, gateway: bool
) -> tuple[Decision, Where]:
    from pidalio.cli.compile import interception_of, parse_labels
    from pidalio.server.explaining import decide_for, gateway_proxy
    from pidalio.server.offline import OfflineMesh

    mesh = OfflineMesh.from_paths(paths)
    chosen = parse_labels(labels)
    try:
        if gateway:
            proxy = gateway_proxy(caller, chosen)
        else:
            proxy = mesh.proxy_of_workload(caller, labels=chosen, interception=interception_of(mode))
    except NotFound:
        found = mesh.gateway_labels(caller)
        if found is None:
            raise
        proxy = gateway_proxy(caller, found)
    decision = decide_for(mesh.world, proxy, request)

    def where(origin: Origin | None) -> str:
        return describe(
            origin, str(place) if origin and (place := mesh.catalog.place(origin.object, origin.path)) else ""
        )

    return decision, where


def describe(origin: Origin | None, place: str) -> str:
    """Return how an origin is shown: `file:line (object field)`, or `default`."""
    if origin is None:
        return "default"
    return f"{place} ({origin})" if place else str(origin)


def placed(decision: Decision, where: Where) -> Any:
    """Return the decision as plain data, each origin with its place."""
    return _placed(msgspec.to_builtins(decision), where)


def _placed(tree: Any, where: Where) -> Any:
    if isinstance(tree, dict):
        found = {name: _placed(value, where) for name, value in tree.items()}
        if set(tree) == {"object", "path"}:
            found["place"] = where(msgspec.convert(tree, Origin))
        return found
    return [_placed(value, where) for value in tree] if isinstance(tree, list | tuple) else tree


def lines(decision: Decision, where: Where) -> Iterator[str]:
    """Yield the answer line by line: listener, virtual host, routes tried, action, outcome."""
    yield f"listener      {decision.listener}  [{where(decision.listener_origin)}]"
    if decision.chain or decision.chain_origin:
        yield f"filter chain  {decision.chain or 'of its rule'}  [{where(decision.chain_origin)}]"
    if decision.table:
        yield f"route table   {decision.table}  [{where(decision.listener_origin)}]"
    if decision.host:
        name = decision.host.name or "none"
        yield f"virtual host  {name}: {decision.host.reason}  [{where(decision.host.origin)}]"
    for one in decision.tried:
        delegated = f", delegated to by {where(one.root)}" if one.root else ""
        yield f"  {_tried(one)}  [{where(one.origin)}{delegated}]"
    if decision.fault:
        yield from _fault(decision.fault, where(decision.fault.origin))
    chosen = decision.route or decision.host
    by = where(chosen.origin if chosen else decision.chain_origin)
    match decision.action:
        case Forwarded() as forwarded:
            yield from _forwarded(forwarded, decision.request, by, where)
        case Redirected() as redirected:
            yield f"redirect      {redirected.status} to {redirected.location}  [{by}]"
        case Answered() as answered:
            yield f"answer        {answered.status}{f': {answered.reason}' if answered.reason else ''}  [{by}]"
        case None:
            pass
    for verdict in decision.verdicts:
        yield f"outcome       {_verdict(verdict)}"


def _tried(one: RouteTry) -> str:
    name = f" {one.name}" if one.name else ""
    return f"route {one.position}{name}: {one.missed or 'chosen'}"


def _fault(fault: FaultPlan, where: str) -> Iterator[str]:
    if fault.delay:
        yield f"fault         delay {fault.delay.duration} ms for {fault.delay.percent:g} %  [{where}]"
    if fault.abort:
        status = fault.abort.http_status if fault.abort.grpc_status is None else f"gRPC {fault.abort.grpc_status}"
        yield f"fault         abort with {status} for {fault.abort.percent:g} %  [{where}]"


def _forwarded(action: Forwarded, request: Request, route: str, where: Where) -> Iterator[str]:
    if action.bucket:
        decided = where(action.bucket.origin)
        yield f"bucket        {_bucket(action.bucket)}  [{decided}]"
        yield from (f"  buckets     {one.first}–{one.last}: {one.cluster}  [{decided}]" for one in action.bucket.shares)
    for one in action.destinations:
        yield f"cluster       {_cluster(one)}  [{where(one.origin)}]"
        if one.fault:
            yield from (f"  {line}" for line in _fault(one.fault, where(one.fault.origin)))
        if one.known:
            is_rewritten = (one.authority, one.path) != (request.authority, request.path)
            yield f"  sent as     {one.authority}{one.path}  [{route if is_rewritten else 'default'}]"
            yield from _destination(one, where)
    yield from (_setting(each, where) for each in action.settings)
    for key in action.hashes:
        yield f"hash          {_key(key)}  [{where(key.origin)}]"
    for mirror in action.mirrors:
        yield f"mirror        {_mirror(mirror)}  [{where(mirror.plan.origin)}]"


def _bucket(bucket: Bucket) -> str:
    if bucket.number is None:
        return f"not known before the request is made (by {bucket.by})"
    owner = next(one for one in bucket.shares if one.first <= bucket.number <= one.last)
    return f"{bucket.number} by {bucket.by}: {owner.cluster} owns {owner.first}–{owner.last}"


def _cluster(one: Destination) -> str:
    return f"{one.cluster}: {one.share:.4g} of the requests{'' if one.known else ', which does not exist'}"


def _destination(one: Destination, where: Where) -> Iterator[str]:
    if one.subset:
        yield f"  subset      {one.subset}  [{where(one.subset_origin)}]"
    balancing = one.load_balancing.value if one.load_balancing else "none"
    yield f"  balancing   {balancing}  [{where(one.lb_origin)}]"
    if one.zone_aware:
        least = f"from {one.zone_aware.min_cluster_size} healthy instances on"
        yield f"  zones       callers stay at home as far as there is room, {least}  [{where(one.zone_aware.origin)}]"
    yield f"  connect     within {one.connect_timeout} ms  [{where(one.connect_timeout_origin)}]"
    if one.tunnel:
        yield f"  tunnel      {one.tunnel}  [{where(one.tunnel.origin)}]"
    if one.health_check:
        yield f"  checked     {_check(one.health_check)}  [{where(one.health_check.origin)}]"
    yield from (f"  {_setting(each, where)}" for each in one.settings)
    declared = where(one.pool_origin)
    for endpoint in one.pool.endpoints:
        health = "" if endpoint.health is Health.HEALTHY else f" {endpoint.health.value}"
        name = f" {endpoint.workload}" if endpoint.workload else ""
        yield f"  endpoint    {endpoint.address}:{endpoint.port}{name}{health}: {endpoint.share:.4g}  [{declared}]"
    if not one.pool.endpoints and one.discovery and one.discovery.value == "EDS":
        yield f"  endpoint    none  [{declared}]"


def _setting(one: Setting, where: Where) -> str:
    """Return the line of a setting: `by` and the place where there are both."""
    said = " at ".join(filter(None, (one.by, where(one.origin) if one.origin else "")))
    return f"{one.name:<13} {one.value}  [{said}]"


def _check(plan: HealthCheckPlan) -> str:
    match plan.question:
        case HttpQuestion() as http:
            well = ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in http.expected)
            asked = f"{http.method} {http.host}{http.path} answers {well}"
        case GrpcQuestion() as grpc:
            asked = f"gRPC health of {grpc.service or 'the server'} at {grpc.authority} is SERVING"
        case TcpQuestion(receive=()):
            asked = "a connection opens"
        case TcpQuestion():
            asked = "a connection gets the answer"
    limits = f"within {plan.timeout} ms, out after {plan.unhealthy_threshold}, back after {plan.healthy_threshold}"
    return f"{asked}: every {plan.interval} ms, {limits}"


def _key(plan: HashPlan) -> str:
    made = "" if plan.ttl is None else ", made for callers without it"
    return f"{plan.kind.value.lower().replace('_', ' ')} {plan.name}".rstrip() + made


def _mirror(mirror: Mirrored) -> str:
    return f"{mirror.plan.percent:g} % to {mirror.plan.cluster}{'' if mirror.known else ', which does not exist'}"


def _verdict(one: Verdict) -> str:
    status = "the upstream's status" if one.status is None else str(one.status or "closed")
    flag = "" if one.flag == "-" else f" flag {one.flag}"
    delay = f", after {one.delay} ms" if one.delay else ""
    return f"{one.share:.4g}: {status}{flag}{delay} ({one.why})"
