"""What gateway proxies open to the outside: listeners, route tables and their virtual hosts.

Plain-HTTP servers of one port share a listener and a table; VirtualServices of one host are concatenated, the
oldest first, catch-alls last. A port for connections has one route, and is closed while no rule gives it one.
Source of the rules: Istio's documented gateways (reference §1.3, §2.1, §2.8, §2.13).
"""

from collections.abc import Iterator

import msgspec

from pidalio.api.gateway import Gateway
from pidalio.api.object import Object
from pidalio.derive import Database, derived
from pidalio.ir import Direction, HttpPlan, ListenerPlan, RoutePlan, RouteTablePlan, TcpPlan, VirtualHostPlan, one_chain
from pidalio.model import Labels, ObjectRef, Origin, Proxy, host_matches, host_subset_of
from pidalio.rules import ingress, mesh, names
from pidalio.rules.callers import view_of
from pidalio.rules.campaigns import with_campaigns
from pidalio.rules.gateway_ports import GatewayPort, gateway, is_grpc_web
from pidalio.rules.hashing import hash_view
from pidalio.rules.ingress import Age
from pidalio.rules.matching import RouteContext
from pidalio.rules.routes import routes_of
from pidalio.rules.tcp_routes import TcpRoute, tcp_routes
from pidalio.rules.virtual_services import Head, age, head
from pidalio.rules.visibility import ANYBODY, Client, Scope, is_exported, scope_of
from pidalio.store import tables
from pidalio.store.tables import Key
from pidalio.store.traits import Trait


class HostRule(msgspec.Struct, frozen=True, gc=False):
    """What gives a host its routes: a VirtualService and the gateway it hangs on, or with `ingress` all Ingresses."""

    key: Key
    gateway: str
    ingress: bool = False


class GatewayHostKey(msgspec.Struct, frozen=True, gc=False):
    """What a gateway's virtual host is compiled from: `rules` in the order of their routes."""

    host: str
    port: int
    table: str
    rules: tuple[HostRule, ...]
    require_tls: bool = False
    grpc_web: bool = False
    namespace: str = ""
    labels: Labels = ()
    view: str = ""
    hash_view: Client = ANYBODY
    origin: Origin | None = None

    @property
    def name(self) -> str:
        """Return the virtual host's name inside its table."""
        return names.virtual_host(self.host, self.port)


def gateway_listener(world: Database, proxy: Proxy, port: GatewayPort) -> ListenerPlan | None:
    """Return the listener of one port, None for connections that no rule leads anywhere.

    Without the right to bind the port, the agent's substitute is used.
    """
    name = f"{port.bind or '0.0.0.0'}_{port.target}"  # noqa: S104 - Istio's name of the listener, not an address
    content = _requests(world, proxy, port, name) if port.http else _connections(world, proxy, port)
    if content is None:
        return None
    row = gateway(world, port.gateways[0])
    return ListenerPlan(
        name=name,
        address=port.bind or proxy.gateway_address,
        port=dict(proxy.gateway_ports).get(port.target, port.target),
        direction=Direction.GATEWAY,
        chains=one_chain(content),
        requested_port=port.number,
        origin=Origin(row.ref) if row else None,
    )


def _stat_prefix(world: Database, port: GatewayPort, name: str) -> str:
    """Return how the port's statistics begin: with its first server's name, if it has one."""
    first = next((row.spec.servers[index].name for row, index in _servers(world, port)), "")
    return first or f"outbound_{name}"


def _servers(world: Database, port: GatewayPort) -> Iterator[tuple[Object[Gateway], int]]:
    """Yield the port's servers, each as its Gateway and a position; one that has gone meanwhile is left out."""
    for server in port.servers:
        row = gateway(world, server.gateway)
        if row is not None and server.index < len(row.spec.servers):
            yield row, server.index


def _requests(world: Database, proxy: Proxy, port: GatewayPort, name: str) -> HttpPlan:
    return HttpPlan(
        stat_prefix=_stat_prefix(world, port, name),
        table=port.table,
        forward_proxy=True,
        use_remote_address=True,
        server_name="istio-envoy",
        access_log=proxy.access_log,
    )


def _connections(world: Database, proxy: Proxy, port: GatewayPort) -> TcpPlan | None:
    found = gateway_tcp_route(world, scope_of(world, proxy), port)
    return found.plan(proxy.access_log) if found else None


@derived
def gateway_tcp_route(world: Database, scope: Scope, port: GatewayPort) -> TcpRoute | None:
    """Return where the connections of one port go: the first route that applies of the oldest rule that has one.

    What the client asks for (subnets, server names) does not count: there is but one destination at a gateway's port.
    """
    view = view_of(world, scope)
    found: list[tuple[Age, Key, str]] = []
    for row, index in _servers(world, port):
        found += ((age(one), one.key, _reference(row)) for one, _ in _hung(world, scope, row, index))
    for _, key, reference in sorted(set(found)):
        seen = hash_view(world, scope.client, view, [key], trait=Trait.CONNECTIONS)
        routes = tcp_routes(world, key, RouteContext(reference, port.number, view=view, hash_view=seen))
        if routes:
            return routes[0]
    return None


def gateway_table(port: GatewayPort) -> RouteTablePlan:
    """Return the table of a port: its virtual hosts travel by themselves, an unknown host gets 404."""
    return RouteTablePlan(port.table, delta=True, ignore_port=True)


@derived
def gateway_host_keys(world: Database, scope: Scope, port: GatewayPort) -> tuple[GatewayHostKey, ...]:
    """Return the virtual hosts of one port, sorted by name."""
    found: dict[str, _Found] = {}
    for row, index in _servers(world, port):
        _collect(world, scope, row, index, found)
        if row.meta.name == ingress.GATEWAY_NAME:
            _collect_ingresses(world, row, found)
    view = view_of(world, scope)
    return tuple(_key(world, scope, port, host, found[host], view) for host in sorted(found))


class _Found(msgspec.Struct):
    """What servers say of one host: rules with their ages, how requests come, and who sends plain ones to https."""

    rules: list[tuple[Age, HostRule]] = []
    by_source: bool = False
    grpc_web: bool = False
    redirect: Origin | None = None


def _key(world: Database, scope: Scope, port: GatewayPort, host: str, found: _Found, view: str) -> GatewayHostKey:
    chosen = dict.fromkeys(rule for _, rule in sorted(found.rules, key=lambda pair: (pair[0], pair[1].gateway)))
    backends = ingress.backends(world, host) if any(rule.ingress for rule in chosen) else ()
    return GatewayHostKey(
        host=host,
        port=port.number,
        table=port.table,
        rules=tuple(chosen),
        require_tls=found.redirect is not None,
        grpc_web=found.grpc_web,
        namespace=scope.namespace if found.by_source else "",
        labels=scope.labels if found.by_source else (),
        view=view,
        hash_view=hash_view(world, scope.client, view, [one.key for one in chosen if not one.ingress], backends),
        origin=found.redirect,
    )


def _collect(world: Database, scope: Scope, row: Object[Gateway], index: int, found: dict[str, _Found]) -> None:
    """Add every VirtualService for requests that hangs on a server of the gateway.

    A server that redirects to https does so for hosts that no rule names, too.
    """
    server = row.spec.servers[index]
    to_https = Origin(row.ref, f"servers[{index}].tls.httpsRedirect")
    redirect = to_https if server.tls and server.tls.https_redirect else None
    for written in server.hosts if redirect else ():
        _, wide = _host_part(written, row.meta.namespace)
        own = found.setdefault(wide, _Found())
        own.redirect = own.redirect or redirect
    for one, host in _hung(world, scope, row, index):
        if one.has_http:
            narrow = found.setdefault(host, _Found())
            narrow.rules.append((age(one), HostRule(one.key, _reference(row))))
            narrow.by_source = narrow.by_source or one.by_source
            narrow.grpc_web = narrow.grpc_web or is_grpc_web(server)
            narrow.redirect = narrow.redirect or redirect


def _hung(world: Database, scope: Scope, row: Object[Gateway], index: int) -> Iterator[tuple[Head, str]]:
    """Yield the VirtualServices that hang on a server, each under the narrower of its host and the server's."""
    for key in tables.VS_BY_GATEWAY.keys(world, _reference(row)):
        one = head(world, key)
        if one is None or not is_exported(one.export_to, key[0], scope.namespace):
            continue
        for written in row.spec.servers[index].hosts:
            namespace, wide = _host_part(written, row.meta.namespace)
            if namespace in ("*", key[0]):
                for host in one.hosts:
                    if host_matches(host, wide):
                        yield one, host if host_subset_of(host, wide) else wide


def _reference(row: Object[Gateway]) -> str:
    return f"{row.meta.namespace}/{row.meta.name}"


def _collect_ingresses(world: Database, row: Object[Gateway], found: dict[str, _Found]) -> None:
    for host, oldest in ingress.hosts(world):
        rule = HostRule(("", host), _reference(row), ingress=True)
        found.setdefault(host, _Found()).rules.append((oldest, rule))


def _host_part(written: str, namespace: str) -> tuple[str, str]:
    """Split a server's `[namespace/]host`; no namespace means any, `.` the gateway's own."""
    left, slash, host = written.partition("/")
    if not slash:
        return "*", written.lower()
    return (namespace if left == "." else left), host.lower()


def gateway_host(world: Database, key: GatewayHostKey) -> VirtualHostPlan:
    """Return the plan of one virtual host of a gateway; routes that match everything come last."""
    routes: list[RoutePlan] = []
    for rule in key.rules:
        if rule.ingress:
            routes += ingress.routes(world, key.host, key.view, key.hash_view)
            continue
        context = RouteContext(rule.gateway, key.port, key.namespace, key.labels, key.view, key.hash_view)
        routes += routes_of(world, rule.key, context)
    ordered = sorted(routes, key=lambda route: route.match.matches_everything)
    return VirtualHostPlan(
        name=key.name,
        domains=(key.host,),
        routes=with_campaigns(world, tuple(ordered)),
        require_tls=key.require_tls,
        grpc_web=key.grpc_web,
        counts_attempts=mesh.counts_attempts(world),
        origin=key.origin or _oldest(key, routes),
    )


def _oldest(key: GatewayHostKey, routes: list[RoutePlan]) -> Origin | None:
    """Return the object that a host with routes is owed to: the oldest VirtualService, else the Ingress."""
    rules = [rule.key for rule in key.rules if not rule.ingress]
    if not routes:
        return None
    return Origin(ObjectRef("VirtualService", *rules[0])) if rules else routes[0].origin
