"""Which declarations of services and workloads reach somebody, and which of several declarations holds."""

from collections import defaultdict
from collections.abc import Iterator

from pidalio.derive import Database
from pidalio.effectiveness.facts import Facts
from pidalio.effectiveness.finding import Finding
from pidalio.model import ObjectRef, Origin, Protocol, Service, Workload, is_wildcard, selects
from pidalio.rules import mesh
from pidalio.rules.aliases import target_of
from pidalio.rules.domains import single_addresses
from pidalio.rules.egress import UNSPECIFIED
from pidalio.rules.services import ServiceId, declarations, service
from pidalio.store import tables
from pidalio.store.tables import ServiceKey


class Declared:
    """The services and workload entries that objects declare, by object."""

    def __init__(self, world: Database, facts: Facts) -> None:
        self.services: dict[ObjectRef, list[Service]] = defaultdict(list)
        self.workloads: dict[ObjectRef, Workload] = {}
        self.lost = facts.lost
        self.crowded_out = facts.crowded_out
        self._holders: dict[ServiceId, set[int]] = defaultdict(set)
        for cluster, proxies in facts.clusters.items():
            self._holders[cluster.identity] |= proxies
        for key in tables.SERVICES.keys(world):
            self._take(world, facts, key)
        by_host: dict[str, set[int]] = defaultdict(set)
        for (host, _), proxies in self._holders.items():
            by_host[host] |= proxies
        for alias in tables.ALIASES.keys(world):
            named = tables.ALIASES.get(world, alias)
            proxies = by_host.get(target_of(world, alias[0]), set())
            if named is not None and proxies:
                facts.reached[named.object] |= proxies
        for workload in tables.WORKLOADS.keys(world):
            row = tables.WORKLOADS.get(world, workload)
            if row is not None and row.object is not None and row.object.kind == "WorkloadEntry":
                self.workloads[row.object] = row

    def _take(self, world: Database, facts: Facts, key: ServiceKey) -> None:
        row = tables.SERVICES.get(world, key)
        if row is None:
            return
        self.services[row.object].append(row)
        holders = self._holders.get((row.hostname, row.namespace), set())
        if holders:
            facts.reached[row.object] |= holders

    def holders(self, row: Service) -> set[int]:
        """Return the proxies that have clusters of a service."""
        return self._holders.get((row.hostname, row.namespace), set())


def service_findings(world: Database, declared: Declared, ref: ObjectRef) -> Iterator[Finding]:
    """Yield what there is to say of an object that declares services."""
    rows = declared.services.get(ref, [])
    for position, row in enumerate(rows):
        path = f"hosts[{position}]" if ref.kind == "ServiceEntry" else ""
        yield from _conflicts(world, ref, path, row)
        yield from _lost(world, declared, ref, path, row)
        yield from _crowded_out(world, declared, ref, path, row)
        usable = [port for port in row.ports if port.protocol is not Protocol.UDP]
        if usable and not declared.holders(row):
            yield Finding("ineffective", ref, path, _unseen(world, declared, row))


def _conflicts(world: Database, ref: ObjectRef, path: str, row: Service) -> Iterator[Finding]:
    first = declarations(world, (row.hostname, row.namespace))[0]
    if first.object != ref:
        what = f"{row.hostname} is declared by ", Origin(first.object), ", whose settings hold; ports and endpoints"
        yield Finding("conflict-service", ref, path, (*what, " of both are united"))
    for address in single_addresses(row):
        older = [
            other
            for key in tables.SERVICES_BY_ADDRESS.keys(world, address)
            if not is_wildcard(key[0]) and key[0] != row.hostname and (other := tables.SERVICES.get(world, key))
        ]
        older = [one for one in older if _age(one) < _age(row) and _meet(one, row)]
        if older:
            winner = min(older, key=_age)
            why = "is older" if winner.created != row.created else "is as old, and its name comes first"
            words = (f"address {address} stands for {winner.hostname} of ", Origin(winner.object), f", which {why}")
            yield Finding("conflict-address", ref, path, words)


def _lost(world: Database, declared: Declared, ref: ObjectRef, path: str, row: Service) -> Iterator[Finding]:
    """Yield the ports at which redirected connections go to another service; single addresses are told already."""
    for lost in declared.lost.get((row.hostname, row.namespace), ()):
        if lost.address == UNSPECIFIED:
            older = service(world, (lost.winner.host, lost.winner.owner))
            what = f"range {', '.join(lost.route.subnets)}" if lost.route.subnets else "every address"
            by = Origin(older.object) if older else lost.winner.host
            words = f"redirected connections to port {lost.port} of {what} go to {lost.winner.host} of ", by
            yield Finding("conflict-address", ref, path, (*words, ", which comes first"))


def _crowded_out(world: Database, declared: Declared, ref: ObjectRef, path: str, row: Service) -> Iterator[Finding]:
    """Yield the ports that a service cannot share with older ones; a single address of both is told already."""
    for one in declared.crowded_out.get((row.hostname, row.namespace), ()):
        older = service(world, one.winner)
        if older and one.address not in set(single_addresses(row)).intersection(single_addresses(older)):
            words = f"port {one.port} of {one.address} is that of {one.winner[0]} of ", Origin(older.object)
            why = ", which comes first: HTTP shares no port with Mongo and MySQL"
            yield Finding("conflict-address", ref, path, (*words, why))


def _age(row: Service) -> tuple[str, str, str]:
    return row.created, row.hostname, row.namespace


def _meet(one: Service, other: Service) -> bool:
    return bool({port.number for port in one.ports} & {port.number for port in other.ports})


def _unseen(world: Database, declared: Declared, row: Service) -> tuple[str | Origin, ...]:
    for key in tables.SERVICES_BY_HOST.keys(world, row.hostname):
        other = tables.SERVICES.get(world, key)
        if other is not None and other.namespace != row.namespace and declared.holders(other):
            return (f"every proxy that sees {row.hostname} takes it from ", Origin(other.object))
    stated = ", ".join(row.export_to or mesh.default_export(world, "Service"))
    return (f"no proxy sees {row.hostname}: its exportTo is {stated}, and Sidecars may let in less",)


def workload_entry_findings(world: Database, facts: Facts, declared: Declared, ref: ObjectRef) -> Iterator[Finding]:
    """Yield what there is to say of a WorkloadEntry that no service has as endpoint."""
    row = declared.workloads.get(ref)
    if row is None:
        return
    choosing = [
        one
        for key in tables.SERVICES_BY_NAMESPACE.keys(world, row.namespace)
        if (one := tables.SERVICES.get(world, key)) and one.selector and selects(one.selector, row.labels)
    ]
    for one in choosing:
        if holders := declared.holders(one):
            facts.reached[ref] |= holders
    if not choosing:
        labels = ", ".join(f"{name}={value}" for name, value in row.labels) or "none"
        words = (f"no service of namespace {row.namespace} selects its labels ({labels})",)
        yield Finding("ineffective", ref, "labels", words)
