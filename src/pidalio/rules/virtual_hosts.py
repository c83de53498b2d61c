"""Virtual hosts of a sidecar's route table: which there are, their domains, their routes.

`VirtualHostKey` holds exactly what a virtual host depends on beside rules and services, so that proxies of
different scopes share it wherever it is the same for them.
The table is that of the explicit HTTP-proxy listener (design record 0005): one for all ports, so that domains carry
`:port`, and port 80 goes without it too.
Source of the rules: Istio's documented route tables (reference §2.4, §2.5).
"""

from collections.abc import Iterator
from typing import TypeAlias

import msgspec

from pidalio.derive import Database, derived
from pidalio.ir import (
    DirectResponsePlan,
    ForwardPlan,
    HeaderEdits,
    HeaderMatch,
    MatchKind,
    MatchPlan,
    RoutePlan,
    RouteTablePlan,
    StringPattern,
    VirtualHostPlan,
    WeightedCluster,
)
from pidalio.model import Labels, ObjectRef, Origin, Protocol, is_wildcard
from pidalio.rules import names, services
from pidalio.rules.matching import RouteContext
from pidalio.rules.routes import default_route, routes_of
from pidalio.rules.virtual_services import Head, governing, is_visible, mesh_candidates, mesh_hosts
from pidalio.rules.visibility import OutboundPolicy, Scope
from pidalio.store import tables
from pidalio.store.hosts import DOMAIN, kubernetes_aliases
from pidalio.store.tables import Key

_LOOP_HEADER = "x-pidalio-passthrough"
_ABSENT = "invalid"


class VirtualHostKey(msgspec.Struct, frozen=True, gc=False):
    """What a sidecar's virtual host is compiled from.

    `owner` is the service's namespace, None for a host that only a VirtualService names;
    `near` says that callers share the service's namespace and may use its bare name;
    `tunnel` that the port takes no requests, only CONNECT.
    """

    host: str
    port: int
    owner: str | None
    caller: "Caller"
    near: bool = False
    tunnel: bool = False

    @property
    def name(self) -> str:
        """Return the virtual host's name inside its table."""
        return names.virtual_host(self.host, self.port)


Entries: TypeAlias = tuple[tuple[str, VirtualHostKey], ...]
"""Virtual hosts by the name under which they travel: `<table>/<virtual host>`."""


@derived
def virtual_host_keys(world: Database, scope: Scope) -> Entries:
    """Return every virtual host of the scope's table."""
    result = [entry for entries in scope_hosts(world, scope) for entry in entries]
    known = {host for host, _ in services.visible_services(world, scope)}
    result += _rule_only(world, scope, known, _view(world, scope))
    return tuple(result)


def scope_hosts(world: Database, scope: Scope) -> Iterator[Entries]:
    """Yield the virtual hosts of a scope's services, service by service."""
    view = _view(world, scope)
    for identity in services.visible_services(world, scope):
        near = identity[1] == scope.namespace
        yield service_hosts(world, identity, near, _caller(scope, governing(world, scope, identity[0]), view))


def _view(world: Database, scope: Scope) -> str:
    return scope.namespace if services.has_own_view(world, scope.namespace) else ""


class Caller(msgspec.Struct, frozen=True, gc=False):
    """What a virtual host depends on of those who call: the rule for them, and what it and names ask about them."""

    rule: Key | None = None
    namespace: str = ""
    labels: Labels = ()
    view: str = ""


def _caller(scope: Scope, rule: Head | None, view: str) -> Caller:
    if rule is None:
        return Caller(view=view)
    if rule.by_source:
        return Caller(rule.key, scope.namespace, scope.labels, view)
    return Caller(rule.key, view=view)


@derived
def service_hosts(world: Database, identity: services.ServiceId, near: bool, caller: Caller) -> Entries:
    """Return the virtual hosts of one service, one per port; `near` callers may use the bare name."""
    host, owner = identity
    keys = []
    for port in services.ports(world, identity):
        if port.protocol is Protocol.UDP:
            continue
        tunnel = not (port.protocol.is_http or port.protocol is Protocol.UNSUPPORTED)
        for_whom = Caller(view=caller.view) if tunnel else caller
        keys.append(VirtualHostKey(host, port.number, owner, for_whom, near and bool(kubernetes_aliases(host)), tunnel))
    return tuple((f"{names.HTTP_PROXY}/{key.name}", key) for key in keys)


def _rule_only(world: Database, scope: Scope, known: set[str], view: str) -> list[tuple[str, VirtualHostKey]]:
    """Return hosts that a visible VirtualService names and no visible service has: on port 80 only."""
    hosts = scope.egress
    result = []
    for host in mesh_hosts(world):
        if host in known or host == "*":
            continue
        rule = next(
            (
                one
                for one in mesh_candidates(world, host)
                if host in one.hosts and is_visible(world, one, scope.namespace, hosts)
            ),
            None,
        )
        if rule:
            key = VirtualHostKey(host, 80, None, _caller(scope, rule, view))
            result.append((f"{names.HTTP_PROXY}/{key.name}", key))
    return result


def virtual_host(world: Database, key: VirtualHostKey) -> VirtualHostPlan:
    """Return the plan of one virtual host.

    A rule of which nothing applies to these callers counts as absent: the service's default takes its place, and a
    host that only the rule names is left to the catch-all (its domain is then one that no request can have).
    """
    domains = tuple(
        domain
        for name in _names(world, key)
        for domain in ((name, f"{name}:80") if key.port == 80 else (f"{name}:{key.port}",))
    )
    routes: tuple[RoutePlan, ...] = ()
    origin: Origin | None = None
    if rule := key.caller.rule:
        context = RouteContext("mesh", key.port, key.caller.namespace, key.caller.labels, key.caller.view)
        routes = routes_of(world, rule, context)
        origin = Origin(ObjectRef("VirtualService", *rule)) if routes else None
    if key.tunnel:
        routes = (_tunnel(names.outbound_cluster(key.host, key.port)),)
    if not routes and key.owner is not None:
        routes = (default_route(world, key.host, key.port),)
    if not routes:
        domains = (f"{key.name}.{_ABSENT}",)
    return VirtualHostPlan(name=key.name, domains=domains, routes=routes, origin=origin)


def _names(world: Database, key: VirtualHostKey) -> list[str]:
    """Return the names and addresses under which callers know the host, unless another host has a better claim."""
    host = key.host
    if key.owner is None or is_wildcard(host):
        return [host]
    aliases = list(kubernetes_aliases(host))
    if key.near:
        aliases.append(host.partition(".")[0])
    found = services.service(world, (host, key.owner))
    addresses = [one for one in (found.addresses if found else ()) if "/" not in one and one != "0.0.0.0"]  # noqa: S104
    own = [host, f"{host}."] if host.endswith(f".{DOMAIN}") or "." in host else [host]
    return [*own, *(one for one in (*aliases, *addresses) if _may_use(world, key, one))]


def _may_use(world: Database, key: VirtualHostKey, name: str) -> bool:
    """Tell whether `name` is no other host's own, and this service the first of those that claim it on the port."""
    if tables.SERVICES_BY_HOST.keys(world, name) or tables.VS_BY_HOST.keys(world, name):
        return False
    claims = tables.SERVICES_BY_CLAIM.keys(world, name)
    rivals = {
        (one[0], one[1]) for one in claims if services.resolve(world, one[0], key.caller.view) == (one[0], one[1])
    }
    for rival in sorted(rivals):
        if rival == (key.host, key.owner):
            return True
        if any(port.number == key.port for port in services.ports(world, rival)):
            return False
    return True


def _tunnel(cluster: str) -> RoutePlan:
    return RoutePlan(MatchPlan(connect=True), ForwardPlan((WeightedCluster(cluster, 1),)), name="default")


def sidecar_table(policy: OutboundPolicy) -> RouteTablePlan:
    """Return the sidecar's route table: its virtual hosts travel by themselves, the catch-all is inline."""
    catch_all = _allow_any(policy.origin) if policy.allows_any else _block_all(policy.origin)
    return RouteTablePlan(names.HTTP_PROXY, (catch_all,), delta=True)


def _block_all(origin: Origin | None) -> VirtualHostPlan:
    refusal = DirectResponsePlan(502, reason="no service has this host, and only registered ones are allowed")
    return VirtualHostPlan("block_all", ("*",), (RoutePlan(MatchPlan(), refusal, "block_all"),), origin=origin)


def _allow_any(origin: Origin | None) -> VirtualHostPlan:
    """Let unknown hosts through to the address that DNS gives for them, but never twice: that would be a loop."""
    again = HeaderMatch(_LOOP_HEADER, StringPattern(MatchKind.PRESENT))
    loop = DirectResponsePlan(502, reason="the request came back to a proxy of the mesh: no service has this host")
    forward = ForwardPlan((WeightedCluster(names.PASSTHROUGH, 1),), dynamic=True)
    mark = HeaderEdits(set=((_LOOP_HEADER, "1"),))
    return VirtualHostPlan(
        "allow_any",
        ("*",),
        (
            RoutePlan(MatchPlan(headers=(again,)), loop, "loop"),
            RoutePlan(MatchPlan(connect=True), forward, "allow_any"),
            RoutePlan(MatchPlan(), forward, "allow_any", request_headers=mark),
        ),
        origin=origin,
    )
