"""Virtual hosts of a sidecar's route table: which there are, their domains, their routes.

`VirtualHostKey` holds exactly what a virtual host depends on beside rules and services, so that proxies of
different scopes share it wherever it is the same for them.
The table is that of the explicit HTTP-proxy listener (design record 0005): one for all ports, so that domains carry
`:port`, and port 80 goes without it too.
Source of the rules: Istio's documented route tables (reference §2.4, §2.5).
"""

from collections.abc import Iterator, Mapping
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
from pidalio.rules import aliases, names, services
from pidalio.rules.domains import Claims, HostPort, contested, denied_names, domains, instance_names, is_near, names_of
from pidalio.rules.hashing import hash_view
from pidalio.rules.instances import no_instance, to_instance
from pidalio.rules.matching import RouteContext
from pidalio.rules.routes import default_route, routes_of
from pidalio.rules.tcp_routes import TcpRoute, own_route, tcp_routes, tls_routes
from pidalio.rules.tunnels import tunnel_routes
from pidalio.rules.virtual_services import (
    Head,
    governing,
    governing_tcp,
    hosts_in,
    is_visible,
    mesh_candidates,
)
from pidalio.rules.visibility import OutboundPolicy, Scope
from pidalio.store.hosts import DOMAIN, wildcards_of
from pidalio.store.tables import Key

_LOOP_HEADER = "x-pidalio-passthrough"
_ABSENT = "invalid"
_USUAL = f".svc.{DOMAIN}"
"""The end of hosts that can be no alias of another."""


class VirtualHostKey(msgspec.Struct, frozen=True, gc=False):
    """What a sidecar's virtual host is compiled from.

    `owner` is the service's namespace, None for a host that only a VirtualService names;
    `requests` are those who send requests, None where the port takes none; `tunnels` those who open tunnels with
    CONNECT, likewise; `near` is the callers' namespace where they may use bare names of the host, else "";
    `denied` are names that another host of the table has; `instance` is the one of a headless service that is
    called by its own name, `*` any other.
    """

    host: str
    port: int
    owner: str | None
    requests: "Caller | None" = None
    tunnels: "Caller | None" = None
    near: str = ""
    denied: tuple[str, ...] = ()
    instance: str = ""

    @property
    def name(self) -> str:
        """Return the virtual host's name inside its table."""
        return names.virtual_host(self.full_host, self.port)

    @property
    def full_host(self) -> str:
        """Return the host of the service, or of the instance."""
        return names.instance_host(self.instance, self.host) if self.instance else self.host


Entries: TypeAlias = tuple[tuple[str, VirtualHostKey], ...]
"""Virtual hosts by the name under which they travel: `<table>/<virtual host>`."""


@derived
def virtual_host_keys(world: Database, scope: Scope) -> Entries:
    """Return every virtual host of the scope's table."""
    result: list[tuple[str, VirtualHostKey]] = []
    single: list[VirtualHostKey] = []
    claims: dict[HostPort, Claims] = {}
    for found in scope_hosts(world, scope):
        result += found.entries
        single += found.instances
        if found.contested:
            claims |= {(key.host, key.port): found.contested for _, key in found.entries}
    known = dict(services.visible_services(world, scope))
    result += map(_entry, _rule_only(world, scope, known))
    unusual = ((key.host, key.port) for _, key in result if not key.host.endswith(_USUAL))
    if denied := denied_names(world, scope.namespace, unusual, claims, known):
        result = [(name, _without(key, denied.get((key.host, key.port), ()))) for name, key in result]
    if single:
        result += map(_entry, _instances(world, single, {key.host for _, key in result}))
    return tuple(result)


def _instances(world: Database, single: list[VirtualHostKey], taken: set[str]) -> Iterator[VirtualHostKey]:
    """Yield the instances of headless services under the names that no other host of the table has."""
    for key in single:
        called = _names_of_instance(world, key)
        denied = tuple(name for name in called if name in taken or f"{name}{_USUAL}" in taken)
        if key.full_host not in denied:
            yield _without(key, denied)


def _names_of_instance(world: Database, key: VirtualHostKey) -> list[str]:
    return instance_names(key.instance, key.host, aliases.aliases_of(world, key.host), near=key.near)


def scope_hosts(world: Database, scope: Scope) -> Iterator["ServiceHosts"]:
    """Yield the virtual hosts of a scope's services, service by service."""
    view = _view(world, scope)
    also_near = aliases.near_targets(world, scope.namespace)
    for identity in services.visible_services(world, scope):
        near = scope.namespace if is_near(identity[0], scope.namespace) or identity[0] in also_near else ""
        requests = _hashing(world, scope, _caller(scope, governing(world, scope, identity[0]), view), identity[0])
        tunnels = _caller(scope, governing_tcp(world, scope, identity[0]), view, tcp=True)
        yield service_hosts(world, identity, near, requests, tunnels)


def _view(world: Database, scope: Scope) -> str:
    return scope.namespace if services.has_own_view(world, scope.namespace) else ""


def _without(key: VirtualHostKey, denied: tuple[str, ...]) -> VirtualHostKey:
    return msgspec.structs.replace(key, denied=denied) if denied else key


class Caller(msgspec.Struct, frozen=True, gc=False):
    """What a virtual host depends on of those who call: the rule for them, and what it and names ask about them."""

    rule: Key | None = None
    namespace: str = ""
    labels: Labels = ()
    view: str = ""
    hash_view: str = ""

    def context(self, port: int) -> RouteContext:
        """Return for whom the rule's routes are compiled at `port`."""
        return RouteContext("mesh", port, self.namespace, self.labels, self.view, self.hash_view)


def _caller(scope: Scope, rule: Head | None, view: str, *, tcp: bool = False) -> Caller:
    if rule is None:
        return Caller(view=view)
    if rule.tcp_by_source if tcp else rule.by_source:
        return Caller(rule.key, scope.namespace, scope.labels, view)
    return Caller(rule.key, view=view)


def _hashing(world: Database, scope: Scope, caller: Caller, host: str) -> Caller:
    """Return the caller with the namespace whose rules say what is hashed, where that makes a difference."""
    seen = hash_view(world, scope.namespace, caller.view, (caller.rule,) if caller.rule else (), host)
    return msgspec.structs.replace(caller, hash_view=seen) if seen else caller


class ServiceHosts(msgspec.Struct, frozen=True, gc=False):
    """The virtual hosts of one service, one per port, and its addresses that other services have too.

    Scopes share the entries, names included. `instances` are those of a headless service's instances.
    """

    entries: Entries = ()
    contested: Claims = ()
    instances: tuple[VirtualHostKey, ...] = ()


@derived
def service_hosts(
    world: Database, identity: services.ServiceId, near: str, requests: Caller, tunnels: Caller
) -> ServiceHosts:
    """Return the virtual hosts of one service; callers of the namespace `near` may use bare names.

    Requests go to ports that speak HTTP, tunnels to the others, and both to one that says neither.
    """
    host, owner = identity
    found = services.service(world, identity)
    keys = []
    for port in found.ports if found else ():
        if port.protocol is Protocol.UDP:
            continue
        is_open = port.protocol is Protocol.UNSUPPORTED
        taken = requests if is_open or port.protocol.is_http else None
        tunnelled = tunnels if is_open or not port.protocol.is_http else None
        keys.append(VirtualHostKey(host, port.number, owner, taken, tunnelled, near))
    single = services.instances(world, identity)
    called = (*single, "*") if found and found.headless else ()
    instances = tuple(msgspec.structs.replace(key, instance=name) for name in called for key in keys)
    return ServiceHosts(tuple(map(_entry, keys)), contested(world, found), instances)


def _entry(key: VirtualHostKey) -> tuple[str, VirtualHostKey]:
    return f"{names.HTTP_PROXY}/{key.name}", key


def _rule_only(world: Database, scope: Scope, known: Mapping[str, str]) -> Iterator[VirtualHostKey]:
    """Yield hosts that a visible VirtualService names and no visible service has: on port 80 only."""
    view = _view(world, scope)
    covered: set[str] | None = None
    for host in hosts_in(world, scope):
        if host in known or host == "*" or aliases.target_of(world, host) in known:
            continue
        if is_wildcard(host):
            if covered is None:
                covered = {wide for one in known for wide in wildcards_of(one)}
            if host in covered:
                continue
        rule = next(
            (one for one in _naming(world, host) if is_visible(world, one, scope.namespace, scope.egress)), None
        )
        if rule:
            yield VirtualHostKey(host, 80, None, _hashing(world, scope, _caller(scope, rule, view), host))


def _naming(world: Database, host: str) -> Iterator[Head]:
    return (one for one in mesh_candidates(world, host) if host in one.hosts)


def virtual_host(world: Database, key: VirtualHostKey) -> VirtualHostPlan:
    """Return the plan of one virtual host.

    A rule of which nothing applies to these callers counts as absent: the service's default takes its place, and a
    host that only the rule names is left to the catch-all (its domain is then one that no request can have).
    """
    known = _called(world, key)
    own = domains((name for name in known if name not in key.denied), key.port)
    if key.instance == "*":
        return VirtualHostPlan(key.name, own, (no_instance(key.host),))
    routes: tuple[RoutePlan, ...] = ()
    origin: Origin | None = None
    if key.requests and (rule := key.requests.rule):
        routes = routes_of(world, rule, key.requests.context(key.port))
        origin = Origin(ObjectRef("VirtualService", *rule)) if routes else None
    if key.requests and not routes and key.owner is not None:
        routes = (default_route(world, (key.host, key.owner), key.port, key.requests.hash_view),)
    if key.tunnels:
        routes = (*routes, *_tunnels(world, key, key.tunnels, known))
    if not routes:
        own = (f"{key.name}.{_ABSENT}",)
    if key.instance:
        cluster = names.outbound_cluster(key.full_host, key.port)
        routes = to_instance(routes, names.outbound_cluster(key.host, key.port), cluster)
    return VirtualHostPlan(name=key.name, domains=own, routes=routes, origin=origin)


def _called(world: Database, key: VirtualHostKey) -> list[str]:
    if key.instance:
        return _names_of_instance(world, key)
    if key.owner is None:
        return [key.host]
    found = services.service(world, (key.host, key.owner))
    return names_of(found, key.host, aliases.aliases_of(world, key.host), near=key.near)


def _tunnels(world: Database, key: VirtualHostKey, callers: Caller, known: list[str]) -> list[RoutePlan]:
    """Return the routes of CONNECT requests: by `tls` rules where the port is declared so, else by `tcp` rules."""
    found: tuple[TcpRoute, ...] = ()
    if callers.rule:
        port = services.port(world, (key.host, key.owner or ""), key.port)
        by_name = port is not None and port.protocol.is_tls
        found = (tls_routes if by_name else tcp_routes)(world, callers.rule, callers.context(key.port))
    return tunnel_routes(found, known, key.port, own_route(names.outbound_cluster(key.host, key.port)))


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
