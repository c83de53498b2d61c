"""Virtual hosts of a sidecar's route tables: which there are, their domains, their routes.

`VirtualHostKey` holds exactly what a virtual host depends on beside rules and services, so that proxies of
different scopes share it wherever it is the same for them.
The tables of an explicit HTTP proxy (design record 0005) and of a UNIX socket are for all ports, so that domains carry
`:port`, and port 80 goes without it too; that of a port has its services only, and names without port.
Source of the rules: Istio's documented route tables (reference §2.4, §2.5).
"""

from collections.abc import Iterator, Mapping
from typing import TypeAlias

import msgspec

from pidalio.derive import Database, derived
from pidalio.ir import RoutePlan, RouteTablePlan, VirtualHostPlan
from pidalio.model import Mode, ObjectRef, Origin, Protocol, is_wildcard
from pidalio.rules import aliases, mesh, names, services
from pidalio.rules.callers import Caller, connector, hashing, requester, view_of
from pidalio.rules.campaigns import with_campaigns
from pidalio.rules.catch_all import unknown_hosts
from pidalio.rules.destination_rules import is_anywhere
from pidalio.rules.domains import (
    Claims,
    HostPort,
    bare_domains,
    contested,
    denied_names,
    domains,
    instance_names,
    is_near,
    names_of,
)
from pidalio.rules.instances import no_instance, to_instance
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
    rules_connections,
)
from pidalio.rules.visibility import OutboundPolicy, Scope
from pidalio.store.hosts import DOMAIN, wildcards_of
from pidalio.store.traits import Trait

_ABSENT = "invalid"
_USUAL = f".svc.{DOMAIN}"
"""The end of hosts that can be no alias of another."""


class HostTable(msgspec.Struct, frozen=True, gc=False, cache_hash=True):
    """A route table, and which virtual hosts it has: of services' ports numbered `port` (0: of all ports).

    With `alone` it is a service's own, and its only virtual host takes every host.
    """

    name: str = names.HTTP_PROXY
    port: int = 0
    alone: bool = False

    @property
    def takes_tunnels(self) -> bool:
        """Tell whether callers open tunnels by CONNECT."""
        return self.name == names.HTTP_PROXY


EXPLICIT = HostTable()
"""The table of a proxy that callers name."""


class VirtualHostKey(msgspec.Struct, frozen=True, gc=False, cache_hash=True):
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
    requests: Caller | None = None
    tunnels: Caller | None = None
    near: str = ""
    denied: tuple[str, ...] = ()
    instance: str = ""
    table: HostTable = EXPLICIT

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
def virtual_host_keys(world: Database, scope: Scope, table: HostTable) -> Entries:
    """Return every virtual host that a scope has in `table`."""
    result: list[tuple[str, VirtualHostKey]] = []
    single: list[VirtualHostKey] = []
    claims: dict[HostPort, Claims] = {}
    for found in scope_hosts(world, scope, table):
        result += found.entries
        single += found.instances
        if found.contested:
            claims |= {(key.host, key.port): found.contested for _, key in found.entries}
    known = dict(services.visible_services(world, scope))
    if table.port in (0, 80):
        result += map(_entry, _rule_only(world, scope, table, known))
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


def scope_hosts(world: Database, scope: Scope, table: HostTable) -> Iterator["ServiceHosts"]:
    """Yield the virtual hosts of a scope's services, service by service."""
    view = view_of(world, scope)
    also_near = aliases.near_targets(world, scope.namespace)
    hashed, settled = is_anywhere(world, Trait.HASHED), is_anywhere(world, Trait.CONNECTIONS)
    connected = table.takes_tunnels and rules_connections(world)
    for identity in _services_in(world, scope, table):
        host = identity[0]
        near = scope.namespace if is_near(host, scope.namespace) or host in also_near else ""
        requests = requester(scope, governing(world, scope, host), view)
        if hashed:
            requests = hashing(world, scope, requests, host)
        tunnels = None
        if table.takes_tunnels:
            tunnels = connector(scope, governing_tcp(world, scope, host) if connected else None, view)
            if settled:
                tunnels = hashing(world, scope, tunnels, host, Trait.CONNECTIONS)
        yield service_hosts(world, identity, near, requests, tunnels, table)


def _services_in(world: Database, scope: Scope, table: HostTable) -> tuple[services.ServiceId, ...]:
    if table.port:
        return request_ports(world, scope).get(table.port, ())
    return services.visible_services(world, scope)


@derived
def request_ports(world: Database, scope: Scope) -> Mapping[int, tuple[services.ServiceId, ...]]:
    """Return the ports that take requests, each with the scope's services that have it, sorted by hostname."""
    found: dict[int, list[services.ServiceId]] = {}
    for identity in services.visible_services(world, scope):
        for port in services.ports(world, identity):
            if takes_requests(port.protocol):
                found.setdefault(port.number, []).append(identity)
    return {number: tuple(found[number]) for number in sorted(found)}


def takes_requests(protocol: Protocol) -> bool:
    """Tell whether requests are routed on a port of this protocol."""
    return protocol.is_http or protocol is Protocol.UNSUPPORTED


def _without(key: VirtualHostKey, denied: tuple[str, ...]) -> VirtualHostKey:
    return msgspec.structs.replace(key, denied=denied) if denied else key


class ServiceHosts(msgspec.Struct, frozen=True, gc=False):
    """The virtual hosts of one service, one per port, and its addresses that other services have too.

    Scopes share the entries, names included. `instances` are those of a headless service's instances.
    """

    entries: Entries = ()
    contested: Claims = ()
    instances: tuple[VirtualHostKey, ...] = ()


@derived
def service_hosts(
    world: Database,
    identity: services.ServiceId,
    near: str,
    requests: Caller,
    tunnels: Caller | None,
    table: HostTable,
) -> ServiceHosts:
    """Return the virtual hosts of one service; callers of the namespace `near` may use bare names.

    Requests go to ports that speak HTTP, tunnels to the others, and both to one that says neither.
    """
    host, owner = identity
    found = services.service(world, identity)
    keys = []
    for port in found.ports if found else ():
        if port.protocol is Protocol.UDP or port.number != (table.port or port.number):
            continue
        taken = requests if takes_requests(port.protocol) else None
        tunnelled = None if port.protocol.is_http else tunnels
        if taken or tunnelled:
            keys.append(VirtualHostKey(host, port.number, owner, taken, tunnelled, near, table=table))
    single = services.instances(world, identity)
    called = (*single, "*") if found and found.headless else ()
    instances = tuple(msgspec.structs.replace(key, instance=name) for name in called for key in keys)
    return ServiceHosts(tuple(map(_entry, keys)), contested(world, found), instances)


def _entry(key: VirtualHostKey) -> tuple[str, VirtualHostKey]:
    return f"{key.table.name}/{key.name}", key


def _rule_only(world: Database, scope: Scope, table: HostTable, known: Mapping[str, str]) -> Iterator[VirtualHostKey]:
    """Yield hosts that a visible VirtualService names and no visible service has: on port 80 only."""
    view = view_of(world, scope)
    covered: set[str] | None = None
    for host in hosts_in(world, scope):
        if host in known or host == "*" or aliases.target_of(world, host) in known:
            continue
        if is_wildcard(host):
            if covered is None:
                covered = {wide for one in known for wide in wildcards_of(one)}
            if host in covered:
                continue
        rule = next((one for one in _naming(world, host) if is_visible(one, scope.namespace, scope.egress)), None)
        if rule:
            callers = hashing(world, scope, requester(scope, rule, view), host)
            yield VirtualHostKey(host, 80, None, callers, table=table)


def _naming(world: Database, host: str) -> Iterator[Head]:
    return (one for one in mesh_candidates(world, host) if host in one.hosts)


def virtual_host(world: Database, key: VirtualHostKey) -> VirtualHostPlan:
    """Return the plan of one virtual host.

    A rule of which nothing applies to these callers counts as absent: the service's default takes its place, and a
    host that only the rule names is left to the catch-all (its domain is then one that no request can have).
    """
    known = _called(world, key)
    own = _domains(key, known)
    if key.instance == "*":
        return VirtualHostPlan(key.name, own, (no_instance(key.host),))
    routes: tuple[RoutePlan, ...] = ()
    origin: Origin | None = None
    if key.requests and (rule := key.requests.rule):
        routes = routes_of(world, rule, key.requests.context(key.port))
        origin = Origin(ObjectRef("VirtualService", *rule)) if routes else None
    if key.requests and not routes and key.owner is not None:
        routes = (default_route(world, (key.host, key.owner), key.port, key.requests.hash_view),)
    routes = with_campaigns(world, routes)
    if key.tunnels:
        routes = (*routes, *_tunnels(world, key, key.tunnels, known))
    if not routes:
        own = (f"{key.name}.{_ABSENT}",)
    if key.instance:
        cluster = names.outbound_cluster(key.full_host, key.port)
        routes = to_instance(routes, names.outbound_cluster(key.host, key.port), cluster)
    counts = mesh.counts_attempts(world)
    return VirtualHostPlan(
        name=key.name,
        domains=own,
        routes=routes,
        counts_attempts=counts,
        grpc_web=_is_grpc_web(world, key),
        origin=origin,
    )


def _is_grpc_web(world: Database, key: VirtualHostKey) -> bool:
    port = services.port(world, (key.host, key.owner), key.port) if key.owner is not None else None
    return port is not None and port.protocol is Protocol.GRPC_WEB


def domains_of(world: Database, key: VirtualHostKey) -> tuple[str, ...]:
    """Return the domains of one virtual host, if any route of it holds."""
    return _domains(key, _called(world, key))


def _called(world: Database, key: VirtualHostKey) -> list[str]:
    if key.instance:
        return _names_of_instance(world, key)
    if key.owner is None:
        return [key.host]
    found = services.service(world, (key.host, key.owner))
    return names_of(found, key.host, aliases.aliases_of(world, key.host), near=key.near)


def _domains(key: VirtualHostKey, known: list[str]) -> tuple[str, ...]:
    if key.table.alone:
        return ("*",)
    written = (name for name in known if name not in key.denied)
    return bare_domains(written) if key.table.port else domains(written, key.port)


def _tunnels(world: Database, key: VirtualHostKey, callers: Caller, known: list[str]) -> list[RoutePlan]:
    """Return the routes of CONNECT requests: by `tls` rules where the port is declared so, else by `tcp` rules."""
    found: tuple[TcpRoute, ...] = ()
    if callers.rule:
        port = services.port(world, (key.host, key.owner or ""), key.port)
        by_name = port is not None and port.protocol.is_tls
        found = (tls_routes if by_name else tcp_routes)(world, callers.rule, callers.context(key.port))
    return tunnel_routes(found, known, key.port, own_route(world, key.host, key.owner, key.port, callers.hash_view))


class SidecarTable(msgspec.Struct, frozen=True, gc=False):
    """A route table without the virtual hosts that travel by themselves, of sidecars that treat the rest alike.

    `deaf` is who takes callers' own timeouts and retries away mesh-wide, None for nobody.
    """

    hosts: HostTable
    policy: OutboundPolicy
    mode: Mode = Mode.EXPLICIT
    deaf: Origin | None = None

    @property
    def table(self) -> str:
        """Return the name of the route table."""
        return self.hosts.name


def sidecar_table(key: SidecarTable) -> RouteTablePlan:
    """Return a sidecar's route table: its virtual hosts travel by themselves, the catch-all is inline."""
    catch_all = unknown_hosts(key.policy, key.mode, is_named=key.hosts.takes_tunnels, deaf=key.deaf)
    return RouteTablePlan(key.table, (catch_all,), delta=True, ignore_port=bool(key.hosts.port))


def own_table(world: Database, key: VirtualHostKey) -> RouteTablePlan:
    """Return the table that a service has for itself, where its address has already decided."""
    return RouteTablePlan(key.table.name, (virtual_host(world, key),))
