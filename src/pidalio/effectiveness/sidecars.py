"""Which Sidecar holds for which workloads, which holds for none, and which of its ports nobody can bind."""

from collections.abc import Iterable, Iterator

from pidalio.api.object import Object
from pidalio.api.sidecar import Sidecar
from pidalio.derive import Database
from pidalio.effectiveness.facts import Facts
from pidalio.effectiveness.finding import Finding
from pidalio.model import Labels, ObjectRef, Origin, Proxy, labels_of, selects
from pidalio.rules import mesh
from pidalio.rules.egress import ways_out
from pidalio.rules.own_ports import left_out
from pidalio.rules.visibility import sidecar_for
from pidalio.store import tables
from pidalio.store.tables import Key


def sidecar_findings(world: Database, facts: Facts, row: Object[Sidecar]) -> Iterator[Finding]:
    """Yield what there is to say of a Sidecar that holds for no workload, or not for all that it asks for."""
    key = (row.meta.namespace, row.meta.name)
    selector = labels_of(row.spec.workload_selector.labels) if row.spec.workload_selector else ()
    is_root = row.meta.namespace == mesh.root_namespace(world) and not selector
    winners: dict[Key, None] = {}
    held: list[Proxy] = []
    for at, alike in enumerate(facts.alike):
        if alike.is_gateway or not any(_is_for(one, row, selector, is_root=is_root) for one in alike.proxies):
            continue
        chosen = sidecar_for(world, alike.proxy.namespace, alike.proxy.labels)
        if chosen == key:
            facts.reached[row.ref].add(at)
            held += alike.proxies
        elif chosen is not None:
            winners[chosen] = None
    rivals = [one for one in winners if one[0] == key[0] and bool(_selector(world, one)) == bool(selector)]
    if rivals:
        other = Origin(ObjectRef("Sidecar", *rivals[0]))
        yield Finding("conflict-sidecar", row.ref, "", ("for its workloads ", other, " holds, which comes first"))
    yield from _unbound(world, row, held)
    if row.ref in facts.reached:
        yield from _unopened(world, facts, row)
        return
    if winners:
        other = Origin(ObjectRef("Sidecar", *next(iter(winners))))
        yield Finding("ineffective", row.ref, "", ("all workloads that it could be for have another: ", other))
        return
    if selector:
        words = (f"its selector picks no workload of namespace {key[0]}",)
        yield Finding("ineffective", row.ref, "workloadSelector", words)
    else:
        yield Finding("ineffective", row.ref, "", (f"no workload of namespace {key[0]} has a sidecar",))


def _unbound(world: Database, row: Object[Sidecar], proxies: Iterable[Proxy]) -> Iterator[Finding]:
    """Yield a conflict for each port of an egress listener that some sidecar has for itself."""
    told: dict[tuple[str, int], None] = {}
    for proxy in proxies:
        for port in left_out(world, proxy):
            path = port.origin.path if port.origin else f"egress[{len(row.spec.egress) - 1}]"
            if (path, port.port) not in told:
                told[path, port.port] = None
                where = f"{port.address}:{port.port}" if port.port else port.address
                words = (f"the sidecar of {proxy.name} has {where} for itself: bind another port or address",)
                yield Finding("conflict-port", row.ref, path, words)


def _unopened(world: Database, facts: Facts, row: Object[Sidecar]) -> Iterator[Finding]:
    """Yield the egress listeners that no workload's sidecar has: their ports are neither bound nor redirected."""
    proxies = [facts.alike[at].proxy for at in sorted(facts.reached[row.ref])]
    opened = {way.origin for proxy in proxies for way in ways_out(world, proxy)}
    for index, listener in enumerate(row.spec.egress):
        origin = Origin(row.ref, f"egress[{index}]")
        if listener.port is not None and origin not in opened:
            why = "no workload has its connections redirected, so that this port takes none; captureMode: NONE binds it"
            yield Finding("ineffective", row.ref, origin.path, (why,))


def _is_for(proxy: Proxy, row: Object[Sidecar], selector: Labels, *, is_root: bool) -> bool:
    return (is_root or proxy.namespace == row.meta.namespace) and selects(selector, proxy.labels)


def _selector(world: Database, key: Key) -> object:
    row = tables.SIDECARS.get(world, key)
    return row.spec.workload_selector.labels if row and row.spec.workload_selector else ()
