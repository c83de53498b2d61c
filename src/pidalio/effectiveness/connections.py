"""What the `tls` and `tcp` rules of a VirtualService do not do.

A rule for connections does something when a filter chain leads to one of its destinations, or some CONNECT request
selects a route of its. Filter chains are not compared with each other: Envoy refuses two of equal matches, and of
others the more specific one always has something of its own.
"""

from collections.abc import Iterator
from typing import TypeAlias

from pidalio.api.object import Object
from pidalio.api.virtual_service import L4MatchAttributes, TLSMatchAttributes, VirtualService
from pidalio.effectiveness.facts import Facts
from pidalio.effectiveness.finding import Finding
from pidalio.effectiveness.routes import route_findings
from pidalio.model import Origin
from pidalio.rules.matching import RouteContext
from pidalio.rules.tcp_routes import takes

_Matches: TypeAlias = tuple[TLSMatchAttributes, ...] | tuple[L4MatchAttributes, ...]


def connection_findings(facts: Facts, row: Object[VirtualService]) -> Iterator[Finding]:
    """Yield what there is to say of rules for connections of which nothing reaches a proxy, or no tunnel."""
    connected = {one.path for one in facts.connected if one.object == row.ref}
    rules: list[tuple[str, int, _Matches]] = [("tls", index, rule.match) for index, rule in enumerate(row.spec.tls)]
    rules += [("tcp", index, rule.match) for index, rule in enumerate(row.spec.tcp)]
    for kind, index, matches in rules:
        path = f"{kind}[{index}]"
        if any(_is_part(one, path) for one in connected):
            continue
        seen = [each for one in facts.parts.get(row.ref, ()) if _is_part(one.path, path) for each in facts.routes[one]]
        if seen:
            yield from route_findings(row.ref, path, seen)
        else:
            yield Finding("ineffective", row.ref, path, _absent(facts, row, kind, index, matches))


def _is_part(path: str, of: str) -> bool:
    return path == of or path.startswith(f"{of}.")


def _absent(
    facts: Facts, row: Object[VirtualService], kind: str, index: int, matches: _Matches
) -> tuple[str | Origin, ...]:
    """Return why a rule is in no filter chain and no tunnel."""
    contexts: list[RouteContext] = list(facts.uses.get((row.meta.namespace, row.meta.name), ()))
    fitting = not matches or any(takes(one, row.meta.namespace, each) for one in matches for each in contexts)
    if not fitting:
        return ("its port, gateways or source hold for no caller",)
    for earlier in range(index):
        origin = Origin(row.ref, f"{kind}[{earlier}]")
        own = (*(one for one in facts.connected if one.object == row.ref), *facts.parts.get(row.ref, ()))
        if any(_is_part(one.path, origin.path) for one in own):
            return ("shadowed by ", origin)
    return ("its hosts have no port that takes such connections",)
