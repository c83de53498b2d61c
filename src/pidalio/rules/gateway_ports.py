"""Which ports gateway proxies open, and which servers share each.

Servers that meet on one address and port are put together when all speak HTTP in the clear; in every other case the
oldest Gateway's server has the port, and the others are lost: to none of them does a connection go by chance.
Source of the rules: Istio's documented merging of Gateways (reference §1.3, §2.13).
"""

import msgspec

from pidalio.api.gateway import Gateway, Server
from pidalio.api.object import Object
from pidalio.derive import Database, derived
from pidalio.model import Labels, Protocol, Proxy, labels_of, selects
from pidalio.rules import inbound, ingress, mesh, names
from pidalio.store import tables
from pidalio.store.protocols import protocol_named
from pidalio.store.tables import Key


class ServerRef(msgspec.Struct, frozen=True, order=True, gc=False):
    """A server of a Gateway: `servers[index]` of the object `gateway`."""

    gateway: Key
    index: int


class GatewayPort(msgspec.Struct, frozen=True, order=True, gc=False):
    """A port of gateway proxies: what the rules call `number` is opened on `target` of `bind` ("" for all addresses).

    `servers` share it, the oldest first; with `http` they take requests, else connections.
    """

    number: int
    target: int
    bind: str
    http: bool
    servers: tuple[ServerRef, ...]

    @property
    def table(self) -> str:
        """Return the name of the port's route table."""
        return names.gateway_table(self.target, self.bind)

    @property
    def gateways(self) -> tuple[Key, ...]:
        """Return the Gateways that open the port, the oldest first."""
        return tuple(dict.fromkeys(one.gateway for one in self.servers))


class LostServer(msgspec.Struct, frozen=True, gc=False):
    """A server that has no port, because `winner` has it."""

    server: ServerRef
    winner: ServerRef


class Opened(msgspec.Struct, frozen=True, gc=False):
    """What servers come to on some proxies."""

    ports: tuple[GatewayPort, ...] = ()
    lost: tuple[LostServer, ...] = ()


@derived
def gateway(world: Database, key: Key) -> Object[Gateway] | None:
    """Return the Gateway called `key`; Ingresses together are one."""
    row = tables.GATEWAYS.get(world, key)
    if row is None and key[1] == ingress.GATEWAY_NAME:
        made = ingress.gateway(world)
        return made if made and made.meta.namespace == key[0] else None
    return row


def gateways(world: Database) -> tuple[Object[Gateway], ...]:
    """Return every Gateway there is, the one that Ingresses ask for included."""
    keys = {*tables.GATEWAYS.keys(world), (mesh.root_namespace(world), ingress.GATEWAY_NAME)}
    return tuple(row for key in sorted(keys) if (row := gateway(world, key)))


@derived
def selected_gateways(world: Database, labels: Labels) -> tuple[Key, ...]:
    """Return the Gateways whose selector picks `labels`, the oldest first."""
    keys = {key for pair in (("", ""), *labels) for key in tables.GATEWAYS_BY_PAIR.keys(world, pair)}
    keys.add((mesh.root_namespace(world), ingress.GATEWAY_NAME))
    rows = [row for key in sorted(keys) if (row := gateway(world, key))]
    chosen = [row for row in rows if selects(labels_of(row.spec.selector), labels)]
    chosen.sort(key=lambda row: (row.meta.created, row.meta.name, row.meta.namespace))
    return tuple((row.meta.namespace, row.meta.name) for row in chosen)


@derived
def targets(world: Database, proxy: Proxy) -> tuple[tuple[int, int], ...]:
    """Return by port number where the Services that select the proxy lead, as far as that is another port."""
    found = {one.service_port: one.number for one in reversed(inbound.inbound_ports(world, proxy))}
    return tuple(sorted((number, target) for number, target in found.items() if number != target))


@derived
def opened(world: Database, labels: Labels, moved: tuple[tuple[int, int], ...] = ()) -> Opened:
    """Return the ports that gateway proxies with `labels` open, sorted; `moved` maps numbers to targets."""
    found: dict[tuple[int, str], list[tuple[ServerRef, Server]]] = {}
    lost = []
    for key in selected_gateways(world, labels):
        row = gateway(world, key)
        for index, server in enumerate(row.spec.servers if row else ()):
            if server.port is None:
                continue
            address = dict(moved).get(server.port.number, server.port.number), server.bind
            holders = found.setdefault(address, [])
            own = ServerRef(key, index)
            if holders and not _may_share(holders[0][1], server):
                lost.append(LostServer(own, holders[0][0]))
            else:
                holders.append((own, server))
    ports = (_port(address, found[address]) for address in sorted(found) if not has_tls(found[address][0][1]))
    return Opened(tuple(ports), tuple(lost))


def _port(address: tuple[int, str], holders: list[tuple[ServerRef, Server]]) -> GatewayPort:
    first = holders[0][1]
    number = first.port.number if first.port else 0
    return GatewayPort(number, *address, is_plain_http(first), tuple(one for one, _ in holders))


def _may_share(first: Server, other: Server) -> bool:
    return (has_tls(first) and has_tls(other)) or (is_plain_http(first) and is_plain_http(other))


def has_tls(server: Server) -> bool:
    """Tell whether the server speaks TLS, which is not yet effective."""
    return bool(server.port and server.port.protocol.upper() in ("HTTPS", "TLS"))


def is_plain_http(server: Server) -> bool:
    """Tell whether the server takes requests without TLS."""
    protocol = protocol_named(server.port.protocol) if server.port else None
    return protocol is not None and protocol.is_http


def is_grpc_web(server: Server) -> bool:
    """Tell whether the server takes gRPC-Web, of which it makes gRPC."""
    return server.port is not None and protocol_named(server.port.protocol) is Protocol.GRPC_WEB
