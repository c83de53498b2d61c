"""Where a tunnel leads that a caller opens with CONNECT: by the rules for connections, its host standing for the SNI.

Callers of an explicit proxy name the host, so what a filter chain would compare is known here: the service's addresses
stand for the destination. Only names below a wildcard host are left for Envoy to compare.
Source of the rules: Istio's documented TLS and TCP routes and Envoy's order of filter chain matches (reference §1.1,
§2.13), in explicit mode (design record 0005).
"""

import ipaddress
import re
from collections.abc import Iterable, Sequence

from pidalio.ir import (
    DirectResponsePlan,
    ForwardPlan,
    HashKind,
    HashPlan,
    HeaderMatch,
    MatchKind,
    MatchPlan,
    RoutePlan,
    StringPattern,
)
from pidalio.model import host_matches, host_sort_key, host_subset_of
from pidalio.rules.tcp_routes import TcpRoute
from pidalio.store.hosts import is_address

_POST = (
    "a tunnel by POST begins at gateways, at bound ports and where connections are redirected: a CONNECT goes on as one"
)


def tunnel_routes(found: Iterable[TcpRoute], names: Sequence[str], port: int, default: TcpRoute) -> list[RoutePlan]:
    """Return the routes of CONNECT requests to a host known by `names`, its addresses among them.

    `found` are the routes for its connections; what they leave over takes `default`, the service's own.
    """
    result: list[RoutePlan] = []
    for name, route in _most_specific_first(_nearest(found, names), names):
        if any(host_subset_of(one, name) for one in names):
            return [*result, _tunnel(route)]
        result.append(_tunnel(route, _asks_for(name, port)))
    return [*result, _tunnel(default)]


def _nearest(found: Iterable[TcpRoute], names: Sequence[str]) -> list[TcpRoute]:
    """Keep the routes of the longest range that holds an address of the host; without ranges they hold all."""
    by_length: dict[int, list[TcpRoute]] = {}
    for route in found:
        networks = [ipaddress.ip_network(one, strict=False) for one in route.subnets]
        addresses = [ipaddress.ip_address(one) for one in names if is_address(one)]
        lengths = [one.prefixlen for one in networks for address in addresses if address in one]
        if lengths or not networks:
            by_length.setdefault(max(lengths, default=0), []).append(route)
    return by_length[max(by_length)] if by_length else []


def _most_specific_first(found: Iterable[TcpRoute], hosts: Sequence[str]) -> list[tuple[str, TcpRoute]]:
    """Return each route by the server names that tunnels to `hosts` may ask for; equal names keep their order."""
    named = [
        (name, route)
        for route in found
        for name in route.server_names or ("*",)
        if any(host_matches(host, name) for host in hosts)
    ]
    return sorted(named, key=lambda one: host_sort_key(one[0])[:2])


def _asks_for(name: str, port: int) -> HeaderMatch:
    written = re.escape(name) if not name.startswith("*") else f".+{re.escape(name[1:])}"
    stated = f"(:{port})?" if port == 80 else f":{port}"
    return HeaderMatch(":authority", StringPattern(MatchKind.REGEX, f"(?i){written}{stated}"))


def _tunnel(route: TcpRoute, *conditions: HeaderMatch) -> RoutePlan:
    match = MatchPlan(headers=conditions, connect=True)
    name = "default" if route.origin is None else ""
    settings = route.settings
    if settings.tunnel and settings.tunnel.post:
        refusal = DirectResponsePlan(503, reason=_POST, origin=settings.tunnel.origin)
        return RoutePlan(match, refusal, name, origin=route.origin)
    action = ForwardPlan(
        route.clusters,
        hashes=(HashPlan(HashKind.SOURCE_IP),) if settings.hash_source else (),
        idle_timeout=settings.timeouts.idle,
        max_duration=settings.timeouts.duration,
        tunnel=settings.tunnel,
    )
    return RoutePlan(match, action, name, origin=route.origin)
