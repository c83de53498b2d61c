"""What gateway proxies open to the outside: listeners, route tables and their virtual hosts.

Plain-HTTP servers of one port share a listener and a table; VirtualServices of one host are concatenated, the
oldest first, catch-alls last.
Source of the rules: Istio's documented gateways (reference §1.3, §2.1, §2.8, §2.13).
"""

import msgspec

from pidalio.api.gateway import Gateway, Server
from pidalio.api.object import Object
from pidalio.derive import Database, derived
from pidalio.ir import Direction, HttpPlan, ListenerPlan, RoutePlan, RouteTablePlan, VirtualHostPlan, one_chain
from pidalio.model import Labels, ObjectRef, Origin, Proxy, host_matches, host_subset_of, labels_of, selects
from pidalio.rules import mesh, names, services
from pidalio.rules.matching import RouteContext
from pidalio.rules.routes import routes_of
from pidalio.rules.virtual_services import Head, age, head
from pidalio.rules.visibility import Scope, is_exported
from pidalio.store import tables
from pidalio.store.protocols import protocol_named
from pidalio.store.tables import Key


class GatewayPort(msgspec.Struct, frozen=True, order=True, gc=False):
    """A port of gateway proxies, bound to `bind` ("" for all addresses); `gateways` open it, the oldest first."""

    number: int
    bind: str
    gateways: tuple[Key, ...]

    @property
    def table(self) -> str:
        """Return the name of the port's route table."""
        return names.gateway_table(self.number, self.bind)


class GatewayHostKey(msgspec.Struct, frozen=True, gc=False):
    """What a gateway's virtual host is compiled from: rules with the gateway each hangs on, in order."""

    host: str
    port: int
    table: str
    rules: tuple[tuple[Key, str], ...]
    require_tls: bool = False
    namespace: str = ""
    labels: Labels = ()
    view: str = ""
    origin: Origin | None = None

    @property
    def name(self) -> str:
        """Return the virtual host's name inside its table."""
        return names.virtual_host(self.host, self.port)


def is_plain_http(server: Server) -> bool:
    """Tell whether the server takes requests without TLS."""
    protocol = protocol_named(server.port.protocol) if server.port else None
    return protocol is not None and protocol.is_http


@derived
def selected_gateways(world: Database, labels: Labels) -> tuple[Key, ...]:
    """Return the Gateways whose selector picks `labels`, the oldest first."""
    keys = {key for pair in (("", ""), *labels) for key in tables.GATEWAYS_BY_PAIR.keys(world, pair)}
    rows = [row for key in sorted(keys) if (row := tables.GATEWAYS.get(world, key))]
    chosen = [row for row in rows if selects(labels_of(row.spec.selector), labels)]
    chosen.sort(key=lambda row: (row.meta.created, row.meta.name, row.meta.namespace))
    return tuple((row.meta.namespace, row.meta.name) for row in chosen)


@derived
def gateway_ports(world: Database, labels: Labels) -> tuple[GatewayPort, ...]:
    """Return the plain-HTTP ports that gateway proxies with `labels` open, sorted."""
    found: dict[tuple[int, str], list[Key]] = {}
    for key in selected_gateways(world, labels):
        row = tables.GATEWAYS.get(world, key)
        for server in row.spec.servers if row else ():
            if is_plain_http(server):
                found.setdefault(_address(server), []).append(key)
    return tuple(GatewayPort(*address, tuple(dict.fromkeys(found[address]))) for address in sorted(found))


def gateway_listener(proxy: Proxy, port: GatewayPort, gateway: Origin | None) -> ListenerPlan:
    """Return the listener of one port; without the right to bind it, the agent's substitute is used."""
    address = port.bind or proxy.gateway_address
    bound = dict(proxy.gateway_ports).get(port.number, port.number)
    name = f"{port.bind or '0.0.0.0'}_{port.number}"  # noqa: S104 - Istio's name of the listener, not an address
    return ListenerPlan(
        name=name,
        address=address,
        port=bound,
        direction=Direction.GATEWAY,
        chains=one_chain(
            HttpPlan(
                stat_prefix=f"outbound_{name}",
                table=port.table,
                use_remote_address=True,
                server_name="istio-envoy",
                access_log=proxy.access_log,
            )
        ),
        requested_port=port.number,
        origin=gateway,
    )


def gateway_table(port: GatewayPort) -> RouteTablePlan:
    """Return the table of a port: its virtual hosts travel by themselves, an unknown host gets 404."""
    return RouteTablePlan(port.table, delta=True, ignore_port=True)


@derived
def gateway_host_keys(world: Database, scope: Scope, port: GatewayPort) -> tuple[GatewayHostKey, ...]:
    """Return the virtual hosts of one port, sorted by name."""
    found: dict[str, _Found] = {}
    for gateway in port.gateways:
        row = tables.GATEWAYS.get(world, gateway)
        for index, server in enumerate(row.spec.servers if row else ()):
            if row and is_plain_http(server) and _address(server) == (port.number, port.bind):
                _collect(world, scope, row, index, found)
    view = scope.namespace if services.has_own_view(world, scope.namespace) else ""
    return tuple(_key(scope, port, host, found[host], view) for host in sorted(found))


class _Found(msgspec.Struct):
    """What servers say of one host: rules with the gateway each hangs on, and who sends plain requests to https."""

    rules: list[tuple[Head, str]] = []
    redirect: Origin | None = None


def _address(server: Server) -> tuple[int, str]:
    return (server.port.number if server.port else 0), server.bind


def _key(scope: Scope, port: GatewayPort, host: str, found: _Found, view: str) -> GatewayHostKey:
    chosen = dict.fromkeys(sorted(found.rules, key=lambda pair: (age(pair[0]), pair[1])))
    by_source = any(one.by_source for one, _ in chosen)
    return GatewayHostKey(
        host=host,
        port=port.number,
        table=port.table,
        rules=tuple((one.key, gateway) for one, gateway in chosen),
        require_tls=found.redirect is not None,
        namespace=scope.namespace if by_source else "",
        labels=scope.labels if by_source else (),
        view=view,
        origin=found.redirect,
    )


def _collect(world: Database, scope: Scope, row: Object[Gateway], index: int, found: dict[str, _Found]) -> None:
    """Add every VirtualService that hangs on a server of the gateway, under the narrower of its host and the server's.

    A server that redirects to https does so for hosts that no rule names, too.
    """
    server = row.spec.servers[index]
    to_https = Origin(row.ref, f"servers[{index}].tls.httpsRedirect")
    redirect = to_https if server.tls and server.tls.https_redirect else None
    reference = f"{row.meta.namespace}/{row.meta.name}"
    default = mesh.default_export(world, "VirtualService")
    for written in server.hosts if redirect else ():
        _, wide = _host_part(written, row.meta.namespace)
        own = found.setdefault(wide, _Found())
        own.redirect = own.redirect or redirect
    for key in tables.VS_BY_GATEWAY.keys(world, reference):
        one = head(world, key)
        if one is None or not one.has_http or not is_exported(one.export_to, key[0], scope.namespace, default):
            continue
        for written in server.hosts:
            namespace, wide = _host_part(written, row.meta.namespace)
            if namespace not in ("*", key[0]):
                continue
            for host in one.hosts:
                if host_matches(host, wide):
                    narrow = found.setdefault(host if host_subset_of(host, wide) else wide, _Found())
                    narrow.rules.append((one, reference))
                    narrow.redirect = narrow.redirect or redirect


def _host_part(written: str, namespace: str) -> tuple[str, str]:
    """Split a server's `[namespace/]host`; no namespace means any, `.` the gateway's own."""
    left, slash, host = written.partition("/")
    if not slash:
        return "*", written.lower()
    return (namespace if left == "." else left), host.lower()


def gateway_host(world: Database, key: GatewayHostKey) -> VirtualHostPlan:
    """Return the plan of one virtual host of a gateway; routes that match everything come last."""
    routes: list[RoutePlan] = []
    for rule, gateway in key.rules:
        context = RouteContext(gateway, key.port, key.namespace, key.labels, key.view)
        routes += routes_of(world, rule, context)
    oldest = Origin(ObjectRef("VirtualService", *key.rules[0][0])) if routes else None
    ordered = sorted(routes, key=lambda route: route.match.matches_everything)
    return VirtualHostPlan(
        name=key.name,
        domains=(key.host,),
        routes=tuple(ordered),
        require_tls=key.require_tls,
        origin=key.origin or oldest,
    )
