"""What a HealthCheck does not do, which of several holds, and how many checks it causes."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from pidalio.api.durations import text_of
from pidalio.api.health_check import HealthCheck
from pidalio.api.object import Object
from pidalio.derive import Database
from pidalio.effectiveness.facts import Facts
from pidalio.effectiveness.finding import Finding
from pidalio.ir import ClusterPlan
from pidalio.model import ObjectRef, Origin, Port
from pidalio.rules import clusters, services
from pidalio.rules.clusters import ClusterKey
from pidalio.rules.health_checks import INTERVAL, PUBLIC, check_for, covering, rules_for, unfit
from pidalio.store import tables
from pidalio.store.hosts import host_reference

HEAVY = 10
"""So many checks per second at one instance are warned of."""


class Checked(msgspec.Struct, frozen=True):
    """A cluster of a host that some rule is for: the rule that holds, and how many proxies hold the cluster."""

    key: ClusterKey
    plan: ClusterPlan
    port: Port
    winner: ObjectRef | None
    callers: int


class Checks:
    """The clusters of every host that a HealthCheck names, each looked at once."""

    def __init__(self, world: Database, facts: Facts) -> None:
        self.of_host: dict[str, list[Checked]] = defaultdict(list)
        for key, proxies in facts.clusters.items():
            if not tables.HC_BY_HOST.keys(world, key.host):
                continue
            plan, port = clusters.cluster(world, key), services.port(world, key.identity, key.port)
            if plan is None or port is None:
                continue
            winner = check_for(world, key.view.namespace, plan, port)
            callers = sum(facts.alike[at].count for at in proxies)
            self.of_host[key.host].append(Checked(key, plan, port, winner.ref if winner else None, callers))
            if winner:
                facts.reached[winner.ref] |= proxies


def health_check_findings(world: Database, checks: Checks, row: Object[HealthCheck]) -> Iterator[Finding]:
    """Yield how many checks a rule causes, or why it causes none."""
    host = host_reference(row.spec.host, row.meta.namespace)
    asked = checks.of_host.get(host, [])
    held = [one for one in asked if one.winner == row.ref]
    if held:
        yield from _load(world, row, held)
    elif asked:
        yield from _not_holding(world, row, asked)
    elif tables.SERVICES_BY_HOST.keys(world, host):
        yield Finding("ineffective", row.ref, "host", (f"no proxy sees the service {host}",))


def _load(world: Database, row: Object[HealthCheck], held: Sequence[Checked]) -> Iterator[Finding]:
    """Yield the checks per second at all instances, with a warning of too many at one."""
    at_instance: dict[str, int] = defaultdict(int)
    callers: dict[str, int] = defaultdict(int)
    interval = INTERVAL if row.spec.interval is None else row.spec.interval
    for one in held:
        callers[one.plan.name] += one.callers
        for locality in clusters.endpoints_of(world, one.key).localities:
            for endpoint in locality.endpoints:
                at_instance[endpoint.workload or f"{endpoint.address}:{endpoint.port}"] += one.callers
    most = max(at_instance.values(), default=0) * 1000 / interval
    total = sum(at_instance.values()) * 1000 / interval
    factors = (max(callers.values()), "caller"), (len(at_instance), "instance"), (len(callers), "cluster")
    product = " × ".join(f"{count} {what}{'' if count == 1 else 's'}" for count, what in factors)
    words = f"{total:.4g} checks per second: {product}, every {text_of(interval)}; at most {most:.4g} at one instance"
    yield Finding("health-check-load", row.ref, "interval", (words,))
    if most > HEAVY:
        words = f"one instance gets {most:.4g} checks per second, more than {HEAVY}: choose a longer interval"
        yield Finding("heavy-health-check", row.ref, "interval", (words,))


def _not_holding(world: Database, row: Object[HealthCheck], asked: Iterable[Checked]) -> Iterator[Finding]:
    """Yield why none of its host's clusters is checked as a rule says; what it names in vain is told elsewhere."""
    key = (row.meta.namespace, row.meta.name)
    looked = [one for one in asked if key in rules_for(world, one.key.view.namespace, one.key.identity)]
    if not looked:
        yield Finding("ineffective", row.ref, "host", _unseen(world, row, asked))
        return
    covered = [
        one for one in looked if any(each.ref == row.ref for each in covering(world, one.key.view.namespace, one.plan))
    ]
    reasons = [why for one in covered if (why := unfit(row.spec, one.plan, one.port))]
    lost = next((one.winner for one in covered if one.winner), None)
    if reasons and len(reasons) == len(covered):
        yield Finding("ineffective", row.ref, "port" if row.spec.port else "host", (reasons[0],))
    elif lost is not None:
        winner = tables.HEALTH_CHECKS.get(world, (lost.namespace, lost.name))
        if winner and (winner.spec.port, winner.spec.subset) == (row.spec.port, row.spec.subset):
            words = ("instances are checked as ", Origin(lost), " says: of rules for the same, the oldest")
            yield Finding("conflict-health-check", row.ref, "host", words)
        words = ("every cluster that it is for is checked as ", Origin(lost), " says")
        yield Finding("ineffective", row.ref, "host", words)


def _unseen(world: Database, row: Object[HealthCheck], asked: Iterable[Checked]) -> tuple[str | Origin, ...]:
    for one in asked:
        for namespace, name in rules_for(world, one.key.view.namespace, one.key.identity):
            other = tables.HEALTH_CHECKS.get(world, (namespace, name))
            if other and namespace != row.meta.namespace:
                why = f": namespace {namespace} is looked into before {row.meta.namespace}"
                return ("every client takes ", Origin(other.ref), why)
    stated = ", ".join(row.spec.export_to or PUBLIC)
    return (f"no client of {row.spec.host} looks for rules here and may see it (exportTo {stated})",)
