"""Listeners for a workload's own calls: that which gets redirected connections, and one per address and port.

Nothing is opened for a captured port: `virtualOutbound` hands each connection to the listener of its destination, and
keeps what no listener is for. Within a listener Envoy refuses two chains that compare the same, so of two services the
older keeps a condition; `Lost` says what the other lost.
Source of the rules: Istio's documented outbound listeners (reference §2.3, §2.8, §2.13).
"""

import ipaddress
from collections.abc import Iterator

import msgspec

from pidalio.derive import Database
from pidalio.ir import (
    ChainMatch,
    Direction,
    FilterChainPlan,
    HttpPlan,
    Inspector,
    ListenerPlan,
    TcpPlan,
    WeightedCluster,
    one_chain,
)
from pidalio.model import Origin, Service
from pidalio.rules import mesh, names, services
from pidalio.rules.catch_all import unknown_connections
from pidalio.rules.egress import UNSPECIFIED
from pidalio.rules.outbound_ports import OutboundPort, Part
from pidalio.rules.tcp_routes import TcpRoute, own_route, tcp_routes, tls_routes
from pidalio.rules.visibility import OutboundPolicy

_SNIFFED = ("http/1.1", "h2c")
_PLAIN = "raw_buffer"


class Lost(msgspec.Struct, frozen=True, gc=False):
    """A part of a service that connections at `address:port` do not reach, because the older `winner` takes them."""

    address: str
    port: int
    part: Part
    route: TcpRoute
    winner: Part


def proxy_listener(address: str, access_log: str) -> ListenerPlan:
    """Return the listener at `address:port` that applications name as their HTTP proxy (design record 0005)."""
    host, _, port = address.rpartition(":")
    name = names.listener(host, int(port))
    content = HttpPlan(
        stat_prefix=f"outbound_{name}",
        table=names.HTTP_PROXY,
        explicit_proxy=True,
        forward_proxy=True,
        use_remote_address=True,
        access_log=access_log,
    )
    return ListenerPlan(name, host, int(port), Direction.OUTBOUND, one_chain(content))


def virtual_outbound(world: Database, policy: OutboundPolicy, access_log: str) -> ListenerPlan:
    """Return the listener to which the system redirects connections: it keeps those that no other is for.

    A connection to its own port would come back for ever, and is closed.
    """
    port = mesh.outbound_port(world)
    nowhere = TcpPlan(names.BLACKHOLE, (WeightedCluster(names.BLACKHOLE, 1),), access_log)
    loop = FilterChainPlan(nowhere, ChainMatch(destination_port=port), f"{names.VIRTUAL_OUTBOUND}-blackhole")
    rest = FilterChainPlan(
        unknown_connections(policy, access_log), name=f"{names.VIRTUAL_OUTBOUND}-catchall-tcp", origin=policy.origin
    )
    return ListenerPlan(
        name=names.VIRTUAL_OUTBOUND,
        address=UNSPECIFIED,
        port=port,
        direction=Direction.OUTBOUND,
        chains=(loop, rest),
        hands_off=True,
        inspectors=(Inspector.ORIGINAL_DST,),
    )


def outbound_listener(world: Database, port: OutboundPort, policy: OutboundPolicy, access_log: str) -> ListenerPlan:
    """Return the listener of one address and port."""
    chains, _ = _connections(world, port, access_log)
    name = names.listener(port.address, port.port)
    default = next((one for one in chains if one.match == ChainMatch()), None)
    if port.captured and default is None:
        rest = unknown_connections(policy, access_log)
        default = FilterChainPlan(rest, name=names.PASSTHROUGH_CHAIN, origin=policy.origin)
    if port.table:
        # Envoy never comes back from the chains for plain bytes, so that what is no HTTP is left to the default.
        chains = [one for one in chains if one.match != ChainMatch()]
        match = ChainMatch(transport_protocol=_PLAIN, application_protocols=_SNIFFED)
        http = HttpPlan(
            f"outbound_{name}",
            port.table,
            forward_proxy=True,
            use_remote_address=True,
            captured=port.captured,
            access_log=access_log,
        )
        chains = [FilterChainPlan(http, match if chains or default else ChainMatch(), origin=port.origin), *chains]
    elif default in chains:
        default = None
    inspectors = _inspectors(chains)
    return ListenerPlan(
        name=name,
        address=port.address,
        port=port.port,
        direction=Direction.OUTBOUND,
        chains=tuple(chains),
        default=default,
        bind=not port.captured,
        inspectors=inspectors,
        inspection_timeout=mesh.detection_timeout(world) if Inspector.HTTP in inspectors else 0,
        origin=port.origin or _service_origin(world, port),
    )


def lost(world: Database, port: OutboundPort) -> tuple[Lost, ...]:
    """Return what older services keep others from getting at `port`."""
    return tuple(_connections(world, port, "")[1])


def _connections(world: Database, port: OutboundPort, access_log: str) -> tuple[list[FilterChainPlan], list[Lost]]:
    """Return the chains for connections, no two of which compare the same, and what was left out for that."""
    chains: list[FilterChainPlan] = []
    left_out: list[Lost] = []
    taken: dict[tuple[str, str], Part] = {}
    for part in port.parts:
        for route in _routes(world, port, part):
            match = _untaken(route, part, taken)
            if isinstance(match, Part):
                left_out.append(Lost(port.address, port.port, part, route, match))
                continue
            origin = route.origin or Origin(found.object) if (found := _service(world, part)) else route.origin
            chains.append(FilterChainPlan(route.plan(access_log), match, origin=origin))
    return chains, left_out


def _untaken(route: TcpRoute, part: Part, taken: dict[tuple[str, str], Part]) -> ChainMatch | Part:
    """Take the conditions of a route that no chain before it has; where there are none return whose they are."""
    stated = [str(ipaddress.ip_network(one, strict=False)) for one in route.subnets] or [""]
    names = route.server_names or ("",)
    hosts = [one for one in names if any((subnet, one) not in taken for subnet in stated)]
    subnets = [one for one in stated if all((one, host) not in taken for host in hosts)]
    if not hosts or not subnets:
        return next(taken[subnet, host] for subnet in stated for host in names if (subnet, host) in taken)
    taken.update(dict.fromkeys(((subnet, host) for subnet in subnets for host in hosts), part))
    return ChainMatch(prefixes=tuple(filter(None, subnets)), server_names=tuple(filter(None, hosts)))


def _routes(world: Database, port: OutboundPort, part: Part) -> Iterator[TcpRoute]:
    """Yield the routes of a part: those of its rule, and the service's own for what they leave over.

    A rule for TLS leaves nothing over: what asks for another name is unknown.
    """
    rule, context = part.callers.rule, part.callers.context(port.port)
    own = own_route(world, part.host, part.owner, part.port, part.callers.hash_view)
    subnets = (part.subnet,) if part.subnet else ()
    found = (tls_routes if part.protocol.is_tls else tcp_routes)(world, rule, context) if rule else ()
    for route in found:
        yield route if route.subnets else msgspec.structs.replace(route, subnets=subnets)
    if part.protocol.is_tls:
        if not found:
            asked = (part.host,) if part.named else ()
            yield msgspec.structs.replace(own, server_names=asked, subnets=subnets)
    elif all(route.subnets for route in found):
        yield msgspec.structs.replace(own, subnets=subnets)


def _inspectors(chains: list[FilterChainPlan]) -> tuple[Inspector, ...]:
    """Return what must look at a connection before one of the chains can be chosen."""
    sniffs = any(one.match.application_protocols for one in chains)
    by_name = sniffs or any(one.match.server_names for one in chains)
    return ((Inspector.TLS,) if by_name else ()) + ((Inspector.HTTP,) if sniffs else ())


def _service(world: Database, part: Part) -> Service | None:
    return services.service(world, (part.host, part.owner))


def _service_origin(world: Database, port: OutboundPort) -> Origin | None:
    """Return the service that a listener stands for where it is one's alone."""
    found = _service(world, port.parts[0]) if len(port.parts) == 1 and not port.table else None
    return Origin(found.object) if found else None
