"""What every object does and does not do, for the proxies that there are: the front door of `effectiveness`.

Nothing is kept from one survey to the next but the verdicts on equal virtual hosts; a survey costs as much as there is
to look at, and is made when somebody asks.
"""

from collections import defaultdict
from collections.abc import Generator, Iterable, Iterator, Sequence
from typing import Any

import msgspec

from pidalio.api.destination_rule import DestinationRule
from pidalio.api.gateway import Gateway
from pidalio.api.health_check import HealthCheck
from pidalio.api.object import Object
from pidalio.api.sidecar import Sidecar
from pidalio.api.virtual_service import VirtualService
from pidalio.derive import Database
from pidalio.effectiveness.audience import group_alike
from pidalio.effectiveness.destination_rules import Lookups, destination_rule_findings
from pidalio.effectiveness.facts import Facts, Interest, gather
from pidalio.effectiveness.finding import Finding, PlaceOf, summed, told
from pidalio.effectiveness.gateways import gateway_findings
from pidalio.effectiveness.health_checks import Checks, health_check_findings
from pidalio.effectiveness.resilience import resilience_findings
from pidalio.effectiveness.routes import route_findings
from pidalio.effectiveness.services import Declared, service_findings, workload_entry_findings
from pidalio.effectiveness.sidecars import sidecar_findings
from pidalio.effectiveness.virtual_services import virtual_service_findings
from pidalio.model import ObjectRef, Proxy, Report, is_wildcard
from pidalio.store import tables
from pidalio.store.tables import Key

_JUDGED = frozenset(
    {
        "VirtualService",
        "DestinationRule",
        "HealthCheck",
        "Gateway",
        "ServiceEntry",
        "Service",
        "Sidecar",
        "WorkloadEntry",
        "Ingress",
    }
)


class ObjectStatus(msgspec.Struct, frozen=True):
    """What becomes of one object.

    `compiled` says that the compiler reads it; `effective_on` counts the proxies for which it takes part in what they
    hold, of `proxies` that were looked at, None for kinds that concern no proxy. `findings` say what of it does nothing
    or competes.
    """

    compiled: bool
    effective_on: int | None
    proxies: int
    findings: tuple[Finding, ...] = ()


class Survey(msgspec.Struct, frozen=True):
    """The findings about all objects, and on how many proxies each is effective."""

    by_object: dict[ObjectRef, ObjectStatus]

    def findings(self) -> Iterator[Finding]:
        """Yield every finding, object by object."""
        for status in self.by_object.values():
            yield from status.findings

    def reports(self, place: PlaceOf, *, each: bool = False) -> tuple[Report, ...]:
        """Return the findings as reports; many undecided parts of one object are one report unless `each` is wanted."""
        found = self.findings() if each else summed(self.findings())
        return tuple(told(finding, place) for finding in found)

    def status(self, ref: ObjectRef) -> ObjectStatus | None:
        """Return the status of an object, None for one that was not there."""
        return self.by_object.get(ref)


def survey(world: Database, proxies: Iterable[Proxy], objects: Iterable[Object[Any]], *, only: bool = False) -> Survey:
    """Return what `objects`, which are live in `world`, do for `proxies`; for `only` see `survey_steps`."""
    steps = survey_steps(world, proxies, objects, only=only)
    while True:
        try:
            next(steps)
        except StopIteration as ended:
            found: Survey = ended.value
            return found


def survey_steps(
    world: Database, proxies: Iterable[Proxy], objects: Iterable[Object[Any]], *, only: bool = False
) -> Generator[None, None, Survey]:
    """Make a survey a little at a time; its result is that of the generator.

    With `only`, `objects` are some of all: just what they take part in is looked at, and nothing is said of what no
    rule uses, nor of what happens when something fails: that depends on all rules together.
    """
    wanted = tuple(objects)
    facts = Facts(group_alike(world, proxies), _interest(world, wanted) if only else None)
    yield
    yield from gather(world, facts)
    lookups, declared, checks = Lookups(world, facts), Declared(world, facts), Checks(world, facts)
    yield
    risks: dict[ObjectRef, list[Finding]] = defaultdict(list)
    for finding in () if only else resilience_findings(world, facts, wanted):
        if finding is None:
            yield
        else:
            risks[finding.object].append(finding)
    statuses: dict[ObjectRef, ObjectStatus] = {}
    for item in wanted:
        own = _findings(world, facts, lookups, declared, checks, item)
        findings = tuple(dict.fromkeys((*own, *risks.get(item.ref, ()))))
        judged = item.kind in _JUDGED
        statuses[item.ref] = ObjectStatus(
            compiled=judged or item.kind in _READ,
            effective_on=facts.count(item.ref) if judged else None,
            proxies=facts.total,
            findings=findings,
        )
        if len(statuses) % _TOGETHER == 0:
            yield
    return Survey(statuses)


def _interest(world: Database, objects: Sequence[Object[Any]]) -> Interest | None:
    """Return the rules whose virtual hosts tell of `objects`: themselves, and those that delegate to them.

    None stands for everything: what a wildcard host takes depends on all other hosts.
    """
    rules: set[Key] = set()
    is_ingress = False
    for item in objects:
        key = (item.meta.namespace, item.meta.name)
        is_ingress = is_ingress or item.kind == "Ingress"
        if item.kind == "VirtualService":
            rules |= {key, *tables.VS_BY_DELEGATE.keys(world, key)}
    rows = (row for key in rules if (row := tables.VIRTUAL_SERVICES.get(world, key)))
    if is_ingress or any(is_wildcard(host) for row in rows for host in row.spec.hosts):
        return None
    return Interest(frozenset(rules), clusters=any(item.kind != "VirtualService" for item in objects))


_READ = frozenset(
    {"MeshConfig", "Endpoints", "EndpointSlice", "Pod", "Deployment", "LocalWorkload", "WorkloadGroup", "Namespace"}
)
"""Kinds that the compiler reads and that concern all proxies, or none by itself."""
_TOGETHER = 64


def _findings(
    world: Database, facts: Facts, lookups: Lookups, declared: Declared, checks: Checks, item: Object[Any]
) -> Iterator[Finding]:
    match item.spec:
        case VirtualService():
            yield from virtual_service_findings(world, facts, item)
        case DestinationRule():
            yield from destination_rule_findings(world, facts, lookups, item)
        case HealthCheck():
            yield from health_check_findings(world, checks, item)
        case Gateway():
            yield from gateway_findings(world, facts, item)
        case Sidecar():
            yield from sidecar_findings(world, facts, item)
        case _ if item.kind in ("Service", "ServiceEntry"):
            yield from service_findings(world, declared, item.ref)
        case _ if item.kind == "WorkloadEntry":
            yield from workload_entry_findings(world, facts, declared, item.ref)
        case _ if item.kind == "Ingress":
            yield from _ingress_findings(facts, item.ref)


def _ingress_findings(facts: Facts, ref: ObjectRef) -> Iterator[Finding]:
    for origin in facts.parts.get(ref, ()):
        yield from route_findings(ref, origin.path, facts.routes[origin])
