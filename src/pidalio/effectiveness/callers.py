"""For whom rules are looked at where no proxy is connected: those that the objects imply.

A sidecar beside each kind of workload, or a caller without labels in each namespace that has none; a gateway for each
selector. Unless LocalWorkloads say what runs, others may call that no object tells of: then callers stand in that have
the labels which rules ask for.
"""

from collections.abc import Iterator

import msgspec

from pidalio.derive import Database
from pidalio.model import Labels, Proxy, ProxyType, labels_of
from pidalio.rules import mesh
from pidalio.rules.gateway_ports import gateways
from pidalio.store import tables

_NOBODY = Proxy(ProxyType.SIDECAR, "127.0.0.1", "caller", "default", outbound="127.0.0.1:15001")
_TABLES = (
    tables.VIRTUAL_SERVICES,
    tables.DESTINATION_RULES,
    tables.HEALTH_CHECKS,
    tables.GATEWAYS,
    tables.SIDECARS,
)


def implied_proxies(world: Database) -> tuple[Proxy, ...]:
    """Return the proxies that the objects of `world` imply, each kind once."""
    found = dict.fromkeys((*_sidecars(world), *_routers(world)))
    return tuple(found)


def _sidecars(world: Database) -> Iterator[Proxy]:
    spaces: set[str] = {"default"}
    spaces |= {key[0] for table in _TABLES for key in table.keys(world)}
    spaces |= {key[1] for key in tables.SERVICES.keys(world)}
    workloads = [row for key in tables.WORKLOADS.keys(world) if (row := tables.WORKLOADS.get(world, key))]
    for row in workloads:
        yield _caller(row.namespace, row.labels, row.address or _NOBODY.address, row.name)
    for space in sorted(spaces - {row.namespace for row in workloads}):
        yield _caller(space, ())
    if not any(key[2] == "LocalWorkload" for key in tables.WORKLOADS.keys(world)):
        for space, labels in sorted(_asked_for(world, sorted(spaces))):
            yield _caller(space, labels)


def _caller(namespace: str, labels: Labels, address: str = "127.0.0.1", name: str = "caller") -> Proxy:
    return msgspec.structs.replace(_NOBODY, namespace=namespace, labels=labels, address=address, name=name)


def _asked_for(world: Database, spaces: list[str]) -> set[tuple[str, Labels]]:
    """Return the callers that conditions on the source and selectors of rules and Sidecars speak of."""
    found: set[tuple[str, Labels]] = set()
    for key in tables.VIRTUAL_SERVICES.keys(world):
        row = tables.VIRTUAL_SERVICES.get(world, key)
        for match in (match for rule in (row.spec.http if row else ()) for match in rule.match):
            if match.source_labels or match.source_namespace:
                where = [match.source_namespace] if match.source_namespace else spaces
                found |= {(space, labels_of(match.source_labels)) for space in where}
    for key in tables.DESTINATION_RULES.keys(world):
        rule = tables.DESTINATION_RULES.get(world, key)
        if rule and rule.spec.workload_selector:
            found.add((key[0], labels_of(rule.spec.workload_selector.match_labels)))
    for key in tables.SIDECARS.keys(world):
        sidecar = tables.SIDECARS.get(world, key)
        if sidecar and sidecar.spec.workload_selector:
            found.add((key[0], labels_of(sidecar.spec.workload_selector.labels)))
    return found


def _routers(world: Database) -> Iterator[Proxy]:
    for row in gateways(world):
        labels = labels_of(row.spec.selector)
        for space in dict.fromkeys((row.meta.namespace, mesh.root_namespace(world))):
            yield Proxy(ProxyType.ROUTER, "127.0.0.1", "gateway", space, labels=labels)
