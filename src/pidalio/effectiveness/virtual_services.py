"""What a VirtualService does not do, and why.

An entry (a match, or a rule without one) does something when some request selects one of its routes on some proxy.
Source of the reasons: the compiler's own questions, asked again: who sees it, who governs the host, what applies.
"""

from collections.abc import Iterable, Iterator

from pidalio.api.object import Object
from pidalio.api.virtual_service import HTTPMatchRequest, VirtualService
from pidalio.derive import Database
from pidalio.effectiveness.audience import Alike
from pidalio.effectiveness.connections import connection_findings
from pidalio.effectiveness.facts import Facts
from pidalio.effectiveness.finding import Finding
from pidalio.effectiveness.letting_in import letting_in
from pidalio.effectiveness.routes import route_findings
from pidalio.model import ObjectRef, Origin, host_matches
from pidalio.rules.aliases import target_of
from pidalio.rules.delegates import delegated
from pidalio.rules.gateway_ports import gateway, opened, selected_gateways, targets
from pidalio.rules.gateways import gateway_tcp_route
from pidalio.rules.matching import RouteContext, applies, match_plan
from pidalio.rules.virtual_services import Head, governing, governing_tcp, head, is_visible
from pidalio.rules.visibility import is_exported
from pidalio.store import tables
from pidalio.store.hosts import host_reference
from pidalio.store.tables import Key


def virtual_service_findings(world: Database, facts: Facts, row: Object[VirtualService]) -> Iterator[Finding]:
    """Yield everything there is to say of what a VirtualService does not do.

    What no request selects is not without effect where a Sidecar lets its destination in for its sake alone.
    """
    scopes = [one.scope for one in facts.alike if one.scope.egress is not None]
    for finding in _findings(world, facts, row):
        if finding.code == "ineffective" and scopes and (scope := letting_in(world, scopes, row, finding.path)):
            why = (
                " (but its destination is in the scope of namespace ",
                scope.namespace or "default",
                " because of it)",
            )
            yield Finding("only-lets-in", row.ref, finding.path, (*finding.words, *why))
        else:
            yield finding


def _findings(world: Database, facts: Facts, row: Object[VirtualService]) -> Iterator[Finding]:
    key = (row.meta.namespace, row.meta.name)
    one = head(world, key)
    if one is None or not (one.has_http or one.has_tcp):
        return
    yield from _lost_hosts(world, facts, row, one)
    is_used = key in facts.uses or key in facts.openings or row.ref in facts.reached
    if not is_used:
        if row.spec.hosts:
            why = tuple(_unused(world, facts, one))
            yield Finding("ineffective", row.ref, "", ("it reaches no proxy: ", *_joined(why)))
        return
    yield from connection_findings(facts, row)
    for index, rule in enumerate(row.spec.http):
        for path, match in _entries(index, rule.match):
            if row.spec.hosts or rule.delegate is None:
                yield from _entry(world, facts, row, index, path, match)
        if len(rule.route) > 1:
            for position, destination in enumerate(rule.route):
                if not destination.weight:
                    words = ("weight 0 beside other destinations: no request gets here",)
                    yield Finding("zero-weight", row.ref, f"http[{index}].route[{position}]", words)


def _entries(index: int, matches: tuple[HTTPMatchRequest, ...]) -> list[tuple[str, HTTPMatchRequest | None]]:
    if not matches:
        return [(f"http[{index}]", None)]
    return [(f"http[{index}].match[{position}]", match) for position, match in enumerate(matches)]


def _entry(
    world: Database,
    facts: Facts,
    row: Object[VirtualService],
    index: int,
    path: str,
    match: HTTPMatchRequest | None,
) -> Iterator[Finding]:
    seen = facts.routes.get(Origin(row.ref, path))
    if not seen:
        words = _absent(world, facts, row, index, path, match)
        if words:
            yield Finding("ineffective", row.ref, path, words)
        return
    yield from route_findings(row.ref, path, seen)


def _absent(
    world: Database,
    facts: Facts,
    row: Object[VirtualService],
    index: int,
    path: str,
    match: HTTPMatchRequest | None,
) -> tuple[str | Origin, ...]:
    """Return why an entry is in no virtual host although its VirtualService is in some; empty when that is told."""
    key = (row.meta.namespace, row.meta.name)
    if row.spec.http[index].delegate is not None and delegated(world, key, index).dropped:
        return ()  # told as delegate-conflict
    contexts = list(facts.uses.get(key, ()))
    fitting = [one for one in contexts if match is None or applies(match, row.meta.namespace, one)]
    for context in fitting:
        before = _catch_all(facts, row, index, path, context)
        if before is not None:
            return ("shadowed by ", before, ", which takes every request")
    if fitting or match is None or not contexts:
        return ()  # a delegate, whose root says where it stands
    return (_inapplicable(match, row.meta.namespace, contexts),)


def _catch_all(
    facts: Facts, row: Object[VirtualService], index: int, path: str, context: RouteContext
) -> Origin | None:
    """Return the entry before `path` that ends the rule in `context`, for it takes every request."""
    for number, rule in enumerate(row.spec.http[: index + 1]):
        for own, match in _entries(number, rule.match):
            if own == path:
                return None
            ends = match is None or match_plan(match).matches_everything
            if ends and (match is None or applies(match, row.meta.namespace, context)):
                origin = Origin(row.ref, own)
                return origin if origin in facts.routes or rule.delegate is None else None
    return None


def _inapplicable(match: HTTPMatchRequest, namespace: str, contexts: list[RouteContext]) -> str:
    ports = sorted({one.port for one in contexts})
    if match.port and match.port not in ports:
        return f"no listener has port {match.port} for its hosts: they are reached on {', '.join(map(str, ports))}"
    hanging = sorted({one.gateway for one in contexts})
    names = {tables.gateway_reference(name, namespace) for name in match.gateways}
    if match.gateways and not names & set(hanging):
        return f"the rule is in effect at {', '.join(hanging)}, and none of them is among the gateways of this match"
    if match.source_namespace or match.source_labels:
        labels = ", ".join(f"{name}={value}" for name, value in match.source_labels)
        who = " and ".join(
            part
            for part in (
                f"namespace {match.source_namespace}" if match.source_namespace else "",
                f"labels {labels}" if labels else "",
            )
            if part
        )
        return f"no caller has {who}"
    return f"no caller has port {match.port} and all else that this match asks for"


def _lost_hosts(world: Database, facts: Facts, row: Object[VirtualService], one: Head) -> Iterator[Finding]:
    """Yield a conflict for each host that another VirtualService has for sidecars that could see this one."""
    if "mesh" not in one.gateways:
        return
    for position, written in enumerate(row.spec.hosts):
        host = host_reference(written, one.key[0])
        for alike in facts.alike:
            if alike.is_gateway or not _is_visible(one, alike):
                continue
            winner = _winner(world, alike, host, one)
            if winner is None or host not in winner.hosts:
                continue
            why = "is older" if winner.created != one.created else "is as old, and its name comes first"
            other = Origin(ObjectRef("VirtualService", *winner.key))
            words = (f"sidecars take host {host} from ", other, f", which {why}: merge the two, or let one delegate")
            yield Finding("conflict-host", row.ref, f"hosts[{position}]", words)
            break


def _winner(world: Database, alike: Alike, host: str, one: Head) -> Head | None:
    """Return who has a host that `one` is for: of rules for requests, and of rules for connections."""
    for has, decide in ((one.has_http, governing), (one.has_tcp, governing_tcp)):
        winner = decide(world, alike.scope, host) if has else None
        if winner is not None and winner.key != one.key:
            return winner
    return None


def _is_visible(one: Head, alike: Alike) -> bool:
    return is_visible(one, alike.proxy.namespace, alike.scope.egress)


def _unused(world: Database, facts: Facts, one: Head) -> Iterator[tuple[str | Origin, ...]]:
    """Yield why a VirtualService reaches nobody, for each gateway that it hangs on."""
    for reference in dict.fromkeys(one.gateways):
        if reference == "mesh":
            yield _unused_by_sidecars(world, facts, one)
        else:
            owner, _, name = reference.partition("/")
            yield _unused_by_gateway(world, facts, one, (owner, name))


def _unused_by_sidecars(world: Database, facts: Facts, one: Head) -> tuple[str | Origin, ...]:
    sidecars = [alike for alike in facts.alike if not alike.is_gateway]
    if not sidecars:
        return ("no sidecar is connected",)
    exported = [each for each in sidecars if is_exported(one.export_to, one.key[0], each.proxy.namespace)]
    if not exported:
        stated = ", ".join(one.export_to)
        return (f"exportTo {stated} reaches no namespace that has a sidecar",)
    visible = [each for each in exported if _is_visible(one, each)]
    if not visible:
        return ("no Sidecar lets in any of its hosts (egress.hosts)",)
    for host in one.hosts:
        winner = _winner(world, visible[0], host, one)
        if winner is not None:
            other = Origin(ObjectRef("VirtualService", *winner.key))
            return (f"for host {host} it is overridden by ", other)
    for host in one.hosts:
        if target := target_of(world, host):
            return (f"{host} is a second name of {target}, whose rules sidecars follow",)
    return ("nothing of it applies to any caller",)


def _unused_by_gateway(world: Database, facts: Facts, one: Head, key: Key) -> tuple[str | Origin, ...]:
    name = "/".join(key)
    row = gateway(world, key)
    if row is None:
        return (f"there is no Gateway {name}",)
    here = Origin(row.ref)
    routers = [each for each in facts.alike if each.is_gateway and key in selected_gateways(world, each.proxy.labels)]
    if not routers:
        return ("no gateway proxy is selected by ", here)
    if not any(is_exported(one.export_to, one.key[0], each.proxy.namespace) for each in routers):
        return (f"exportTo {', '.join(one.export_to)} does not reach the proxies of ", here)
    if one.has_tcp and (winner := _connected_by(world, routers, key)):
        return ("connections to its ports go by ", winner, " at ", here)
    for server in row.spec.servers:
        for written in server.hosts:
            left, slash, host = written.rpartition("/")
            space = one.key[0] if not slash or left == "*" else row.meta.namespace if left == "." else left
            if space == one.key[0] and any(host_matches(own, host.lower()) for own in one.hosts):
                return ("the servers that have its hosts open no port for requests at ", here)
    return (f"no server has any of its hosts ({', '.join(one.hosts)}) for namespace {one.key[0]} at ", here)


def _connected_by(world: Database, routers: Iterable[Alike], key: Key) -> Origin | None:
    """Return the route by which connections to a Gateway go, None where it has no port for any, or no rule."""
    for each in routers:
        for port in opened(world, each.proxy.labels, targets(world, each.proxy)).ports:
            route = None if port.http or key not in port.gateways else gateway_tcp_route(world, each.scope, port)
            if route:
                return route.origin
    return None


def _joined(reasons: tuple[tuple[str | Origin, ...], ...]) -> tuple[str | Origin, ...]:
    words: list[str | Origin] = []
    for reason in reasons:
        if words:
            words.append("; ")
        words += reason
    return tuple(words)
