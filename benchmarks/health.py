"""Figures of the endpoint fast path: an instance fails its probe and passes it again, in a large mesh.

Prints one JSON line per figure; `make bench` collects them.
A flap is measured as the control plane takes it: from the row that an agent registers to bytes that are ready for
every proxy. The mesh has a rule with subsets for each service, and sidecars of twenty namespaces that see all.
"""

import gc
import statistics
import sys
from collections import Counter

import msgspec

from compiler import compile_all, figure, mesh_text, proxy, timed
from pidalio.api.load import load
from pidalio.derive import Database
from pidalio.model import Health, Workload, labels_of
from pidalio.server.distribution import Distribution
from pidalio.store import tables
from pidalio.store.catalog import Catalog

SPACES, INSTANCES = 20, 3
ROUTES = frozenset({"routes_of", "head", "members", "groups_of", "destination_hosts", "cluster"})
"""Queries that have no business in a flap."""


def workload(n: int, instance: int) -> Workload:
    """Return one of the instances of service `n`."""
    labels = labels_of({"app": f"s{n}", "version": f"v{instance % 2 + 1}"})
    return Workload(f"s{n}-{instance}", f"ns{n % SPACES}", f"10.{n // 200}.{n % 200}.{instance + 1}", labels)


def key(row: Workload) -> tuple[str, str, str]:
    """Return the key of a row."""
    return row.namespace, row.name, "Agent"


def flaps(count: int) -> tuple[list[float], Counter[str]]:
    """Return the milliseconds of each of 300 changes of health among `count` services, and how often queries ran."""
    catalog, ran = Catalog(), Counter[str]()
    distribution = Distribution(Database(), lambda _view, _dirty, _generation: None)
    distribution.apply(catalog.replace_all("files", {"mesh.yaml": load(mesh_text(count, SPACES), "mesh.yaml")}).edits)
    rows = [workload(n, one) for n in range(count) for one in range(INSTANCES)]
    distribution.apply(catalog.feed("agents", {tables.WORKLOADS: {key(row): row for row in rows}}).edits)
    compile_all(distribution, [proxy(space) for space in range(SPACES)])
    gc.collect()
    gc.freeze()

    def flap(number: int) -> None:
        row = rows[number // 2 * 37 % len(rows)]
        health = Health.HEALTHY if number % 2 else Health.UNHEALTHY
        edits = catalog.feed(
            "agents", {tables.WORKLOADS: {key(row): msgspec.structs.replace(row, health=health)}}
        ).edits
        ran.update(name for name, _ in distribution.apply(edits).ran)

    found = timed(300, flap)
    gc.unfreeze()
    return found, ran


def main() -> None:
    """Print every figure."""
    large = 10_000 if "--quick" not in sys.argv else 1_000
    few, _ = flaps(100)
    many, ran = flaps(large)
    ordered = sorted(many)
    figure(f"one flap of an instance, {large:,} services: until bytes are ready", statistics.median(many), "ms", "2")
    figure(f"one flap of an instance, {large:,} services: p99", ordered[int(len(ordered) * 0.99)], "ms", "2")
    figure(
        f"one flap of an instance, {large:,} against 100 services",
        statistics.median(many) / statistics.median(few),
        "x",
        "1.5",
    )
    figure(
        f"300 flaps, {large:,} services: routes, clusters and lists compiled", sum(ran[one] for one in ROUTES), "", "0"
    )


if __name__ == "__main__":
    main()
