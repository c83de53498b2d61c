"""Routes of a VirtualService for connections: its `tls` and `tcp` rules in, `TcpRoute`s out, in the user's order.

What the compiler knows (port, gateway, caller) is decided here; what a connection shows (server name, destination) is
left in the route, for a filter chain or for the host of a tunnel.
Source of the rules: Istio's documented TLSRoute and TCPRoute (reference §1.1, §2.8).
"""

import msgspec

from pidalio.api.object import Object
from pidalio.api.strings import Destination
from pidalio.api.virtual_service import L4MatchAttributes, RouteDestination, TLSMatchAttributes, VirtualService
from pidalio.derive import Database, derived
from pidalio.ir import TcpPlan, WeightedCluster
from pidalio.model import Origin
from pidalio.rules import names
from pidalio.rules.connection_settings import ConnectionSettings, connection_settings
from pidalio.rules.matching import RouteContext
from pidalio.rules.routes import destination_cluster, destination_service
from pidalio.rules.visibility import Client
from pidalio.store import tables
from pidalio.store.tables import Key, gateway_reference


class TcpRoute(msgspec.Struct, frozen=True, gc=False):
    """Where connections go that ask for one of `server_names` and are for one of `subnets`; empty compares nothing.

    `clusters` has one destination, or several of which those with weight 0 are left out; `settings` are of the first,
    without its subset where there are several.
    """

    clusters: tuple[WeightedCluster, ...]
    stat_prefix: str
    server_names: tuple[str, ...] = ()
    subnets: tuple[str, ...] = ()
    settings: ConnectionSettings = ConnectionSettings()
    origin: Origin | None = None

    def plan(self, access_log: str = "") -> TcpPlan:
        """Return the route as the content of a filter chain."""
        return TcpPlan(
            self.stat_prefix,
            self.clusters,
            access_log,
            idle_timeout=self.settings.timeouts.idle,
            max_duration=self.settings.timeouts.duration,
            hash_source=self.settings.hash_source,
            tunnel=self.settings.tunnel,
        )


def own_route(world: Database, host: str, owner: str | None, port: int, view: Client) -> TcpRoute:
    """Return the route of a service that no rule governs; `view` is the client whose settings hold."""
    cluster = names.outbound_cluster(host, port)
    settings = connection_settings(world, view, (host, owner), port) if owner is not None else ConnectionSettings()
    return TcpRoute((WeightedCluster(cluster, 1),), cluster, settings=settings)


@derived
def tls_routes(world: Database, key: Key, context: RouteContext) -> tuple[TcpRoute, ...]:
    """Return the `tls` routes of VirtualService `key` for `context`, one per match entry; empty when none applies.

    An entry that compares the same as an earlier one can take nothing and is left out.
    """
    row = tables.VIRTUAL_SERVICES.get(world, key)
    result: dict[tuple[tuple[str, ...], tuple[str, ...]], TcpRoute] = {}
    for index, rule in enumerate(row.spec.tls if row else ()):
        assert row is not None  # noqa: S101 - for the type checker: the loop runs over its rules
        for position, match in enumerate(rule.match):
            if not takes(match, key[0], context):
                continue
            asked = tuple(sorted({one.lower() for one in match.sni_hosts}))
            subnets = _subnets(match, context)
            if (asked, subnets) not in result:
                route = _route(world, row, f"tls[{index}]", rule.route, context, f"tls[{index}].match[{position}]")
                result[asked, subnets] = msgspec.structs.replace(route, server_names=asked, subnets=subnets)
    return tuple(result.values())


@derived
def tcp_routes(world: Database, key: Key, context: RouteContext) -> tuple[TcpRoute, ...]:
    """Return the `tcp` routes of VirtualService `key` for `context`; empty when none applies.

    The entries of one rule are one route with all their subnets; the first entry without any takes what is left, and
    nothing after it is reached.
    """
    row = tables.VIRTUAL_SERVICES.get(world, key)
    result: list[TcpRoute] = []
    for index, rule in enumerate(row.spec.tcp if row else ()):
        assert row is not None  # noqa: S101 - for the type checker: the loop runs over its rules
        path = f"tcp[{index}]"
        entries = {
            f"{path}.match[{position}]": _subnets(match, context)
            for position, match in enumerate(rule.match)
            if takes(match, key[0], context)
        }
        if rule.match and not entries:
            continue
        whole = next((entry for entry, subnets in entries.items() if not subnets), None)
        route = _route(world, row, path, rule.route, context, whole or path)
        if whole or not rule.match:
            return (*result, route)
        subnets = tuple(sorted({one for each in entries.values() for one in each}))
        result.append(msgspec.structs.replace(route, subnets=subnets))
    return tuple(result)


def takes(match: TLSMatchAttributes | L4MatchAttributes, owner: str, context: RouteContext) -> bool:
    """Tell whether an entry of a VirtualService in namespace `owner` can hold for any connection of `context`.

    Unlike in HTTP matches, an entry that names gateways still asks for the source; at gateways the source never counts.
    """
    if match.port and match.port != context.port:
        return False
    if match.gateways and context.gateway not in {gateway_reference(name, owner) for name in match.gateways}:
        return False
    if context.gateway != "mesh":
        return True
    if match.source_namespace and match.source_namespace != context.namespace:
        return False
    return set(match.source_labels) <= set(context.labels)


def _subnets(match: TLSMatchAttributes | L4MatchAttributes, context: RouteContext) -> tuple[str, ...]:
    """Return what the destination is compared with: nothing on a UNIX socket (port 0), which has no address."""
    return tuple(sorted(set(match.destination_subnets))) if context.port else ()


def _route(
    world: Database,
    row: Object[VirtualService],
    path: str,
    destinations: tuple[RouteDestination, ...],
    context: RouteContext,
    origin: str,
) -> TcpRoute:
    single = len(destinations) == 1
    clusters = tuple(
        WeightedCluster(
            destination_cluster(world, row.meta.namespace, one.destination or Destination(), context),
            1 if single else one.weight,
            origin=Origin(row.ref, f"{path}.route[{position}]"),
        )
        for position, one in enumerate(destinations)
        if single or one.weight > 0
    )
    prefix = clusters[0].cluster if single else f"{row.meta.name}.{row.meta.namespace}"
    first = destinations[0].destination or Destination()
    identity, port = destination_service(world, row.meta.namespace, first, context)
    settings = connection_settings(world, context.hash_view, identity, port, first.subset if single else "")
    return TcpRoute(clusters, prefix, settings=settings, origin=Origin(row.ref, origin))
