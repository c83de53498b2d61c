"""What a DestinationRule does not do, and which of several for one host holds."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from pidalio.api.destination_rule import DestinationRule
from pidalio.api.object import Object
from pidalio.derive import Database
from pidalio.effectiveness.facts import Facts
from pidalio.effectiveness.finding import Finding
from pidalio.effectiveness.policies import policy_findings
from pidalio.model import Labels, Origin, host_matches, selects
from pidalio.rules import mesh, names
from pidalio.rules.destination_rules import only_selects, rules_for, selector_of
from pidalio.rules.services import ServiceId
from pidalio.rules.visibility import Client
from pidalio.store import tables
from pidalio.store.hosts import host_reference
from pidalio.store.tables import Key


class Lookups:
    """Which DestinationRules hold for which clusters of the proxies, each question asked once."""

    def __init__(self, world: Database, facts: Facts) -> None:
        self.holding: dict[Key, dict[tuple[Client, ServiceId], tuple[Key, ...]]] = defaultdict(dict)
        self.services: dict[str, dict[tuple[Client, ServiceId], tuple[Key, ...]]] = defaultdict(dict)
        self.ports: dict[ServiceId, set[int]] = defaultdict(set)
        for cluster, proxies in facts.clusters.items():
            question = cluster.view, cluster.identity
            keys = rules_for(world, *question)
            self.services[cluster.host][question] = keys
            self.ports[cluster.identity].add(cluster.port)
            for key in keys:
                self.holding[key][question] = keys
                row = tables.DESTINATION_RULES.get(world, key)
                if row is not None:
                    facts.reached[row.ref] |= proxies


def destination_rule_findings(
    world: Database, facts: Facts, lookups: Lookups, row: Object[DestinationRule]
) -> Iterator[Finding]:
    """Yield everything there is to say of what a DestinationRule does not do."""
    key = (row.meta.namespace, row.meta.name)
    holding = lookups.holding.get(key)
    if holding is None:
        yield from _not_holding(world, facts, lookups, row)
        return
    yield from _policy(world, row, key, holding.values())
    yield from _subsets(world, facts, lookups, row, key)
    ports = {number for _, identity in holding for number in lookups.ports[identity]}
    yield from policy_findings(facts, row, ports)


def _not_holding(world: Database, facts: Facts, lookups: Lookups, row: Object[DestinationRule]) -> Iterator[Finding]:
    host = host_reference(row.spec.host, row.meta.namespace)
    questions = [
        (question, keys)
        for known, found in lookups.services.items()
        if host_matches(host, known)
        for question, keys in found.items()
    ]
    if not questions:
        if any(host_matches(host, known) for known in tables.SERVICES_BY_HOST.index_keys(world)):
            words = (f"no proxy sees the service {host}",)
            yield Finding("ineffective", row.ref, "host", words)
        return  # without a service it is told as unreferenced-host
    own = [(question, keys) for question, keys in questions if question[0].namespace == row.meta.namespace]
    left_out = [host for (_, (host, _)), keys in own if not keys and only_selects(world, row.meta.namespace, host)]
    if (selector := selector_of(row)) is not None and not _selects_any(facts, row.meta.namespace, selector):
        wanted = ", ".join(f"{name}={value}" for name, value in selector) or "any labels"
        words = (f"no client of namespace {row.meta.namespace} has {wanted}",)
        if left_out:
            more = f"; it only keeps clients there from rules for {left_out[0]} of wider hosts and other namespaces"
            yield Finding("conflict-destination-rule", row.ref, "workloadSelector", (*words, more))
        else:
            yield Finding("ineffective", row.ref, "workloadSelector", words)
        return
    questions = own or questions
    others = next((keys for _, keys in questions if keys), ())
    winner = tables.DESTINATION_RULES.get(world, others[0]) if others else None
    if winner is None and left_out:
        words = (
            "clients take no rule: one with a workloadSelector is for a more specific host, and selects none of them",
        )
        yield Finding("ineffective", row.ref, "host", words)
        return
    if winner is None:
        stated = ", ".join(row.spec.export_to or mesh.default_export(world, "DestinationRule"))
        words = (f"no client of {host} looks for rules here and may see it (exportTo {stated})",)
        yield Finding("ineffective", row.ref, "host", words)
        return
    why = _precedence(row, winner)
    yield Finding("conflict-destination-rule", row.ref, "host", ("every client takes ", Origin(winner.ref), f" {why}"))
    yield Finding("ineffective", row.ref, "host", (f"for {host} it is overridden by ", Origin(winner.ref)))


def _precedence(row: Object[DestinationRule], winner: Object[DestinationRule]) -> str:
    if winner.meta.namespace != row.meta.namespace:
        return f"instead: namespace {winner.meta.namespace} is looked into before {row.meta.namespace}"
    own, other = (host_reference(one.spec.host, one.meta.namespace) for one in (row, winner))
    if own != other:
        return f"instead: {other} is more specific than {own}"
    if selector_of(row) is not None:
        return "instead: it selects them too, and is older"
    if selector_of(winner) is not None:
        return "instead: it selects them by their labels"
    return "instead: it is older, and this one is exported less widely"


def _selects_any(facts: Facts, namespace: str, selector: Labels) -> bool:
    proxies = (proxy for one in facts.alike for proxy in one.proxies)
    return any(one.namespace == namespace and selects(selector, one.labels) for one in proxies)


def _policy(
    world: Database, row: Object[DestinationRule], key: Key, several: Iterable[tuple[Key, ...]]
) -> Iterator[Finding]:
    """Yield a conflict when the rule's own policy loses to another's everywhere."""
    if row.spec.traffic_policy is None:
        return
    winners = [_first_with_policy(world, keys) for keys in several]
    lost = [one for one in winners if one is not None and (one.meta.namespace, one.meta.name) != key]
    if lost and len(lost) == len(winners):
        words = ("the policy of ", Origin(lost[0].ref, "trafficPolicy"), " holds: of rules for one host, the oldest's")
        yield Finding("conflict-traffic-policy", row.ref, "trafficPolicy", words)


def _first_with_policy(world: Database, keys: tuple[Key, ...]) -> Object[DestinationRule] | None:
    rows = (tables.DESTINATION_RULES.get(world, key) for key in keys)
    return next((row for row in rows if row and row.spec.traffic_policy), None)


def _subsets(
    world: Database, facts: Facts, lookups: Lookups, row: Object[DestinationRule], key: Key
) -> Iterator[Finding]:
    questions = lookups.holding[key]
    for index, subset in enumerate(row.spec.subsets):
        path = f"subsets[{index}]"
        first = [_first_definition(world, keys, subset.name) for keys in questions.values()]
        lost = [one for one in first if one is not None and one != (key, index)]
        if lost and len(lost) == len(first):
            winner = tables.DESTINATION_RULES.get(world, lost[0][0])
            if winner is not None:
                where = Origin(winner.ref, f"subsets[{lost[0][1]}]")
                words = (f"subset {subset.name} is that of ", where, ", which comes first")
                yield Finding("conflict-subset", row.ref, path, words)
            continue
        wanted = {
            names.outbound_cluster(host, port, subset.name)
            for _, (host, owner) in questions
            for port in lookups.ports[host, owner]
        }
        if facts.only is None and not wanted & facts.destinations:
            yield Finding("unused-subset", row.ref, path, (f"no route leads to subset {subset.name}",))


def _first_definition(world: Database, keys: tuple[Key, ...], name: str) -> tuple[Key, int] | None:
    for key in keys:
        row = tables.DESTINATION_RULES.get(world, key)
        for index, one in enumerate(row.spec.subsets if row else ()):
            if one.name == name:
                return key, index
    return None
