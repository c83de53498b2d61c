"""Figures of the compiler: a whole mesh from parsed objects to bytes, and the cost of one change.

Prints one JSON line per figure; `make bench` collects them.
"""

import asyncio
import gc
import json
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

from pidalio.api.load import Loaded, load
from pidalio.derive import Database
from pidalio.envoy import protos
from pidalio.model import Endpoint, Proxy, ProxyType, labels_of
from pidalio.pipeline import groups_of, members, resource_of
from pidalio.server.distribution import Distribution, View
from pidalio.server.warming import warm
from pidalio.store import tables
from pidalio.store.catalog import Catalog

SERVICE = """
apiVersion: v1
kind: Service
metadata: {{name: s{n}, namespace: ns{space}}}
spec: {{selector: {{app: s{n}}}, ports: [{{name: http, port: 80, targetPort: 8080}}]}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: s{n}, namespace: ns{space}}}
spec:
  hosts: [s{n}]
  http:
  - match: [{{headers: {{user: {{exact: tester}}}}}}]
    route: [{{destination: {{host: s{n}, subset: v2}}}}]
  - route:
    - {{destination: {{host: s{n}, subset: v1}}, weight: 90}}
    - {{destination: {{host: s{n}, subset: v2}}, weight: 10}}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: s{n}, namespace: ns{space}}}
spec: {{host: s{n}, subsets: [{{name: v1, labels: {{version: v1}}}}, {{name: v2, labels: {{version: v2}}}}]}}
"""


ONE_RULE = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: s{n}, namespace: ns{space}}}
spec:
  hosts: [s{n}]
  http:
  - match: [{{headers: {{user: {{exact: tester}}}}}}]
    timeout: 2s
    route: [{{destination: {{host: s{n}}}}}]
  - route: [{{destination: {{host: s{n}}}}}]
"""
SIDECAR = """
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {{name: default, namespace: {space}}}
spec: {{egress: [{{hosts: ["*/*"]}}]}}
"""


def mesh_text(count: int, spaces: int = 20) -> str:
    """Return a mesh of `count` services with a rule each, over `spaces` namespaces."""
    return "\n---\n".join(SERVICE.format(n=n, space=n % spaces) for n in range(count))


def endpoints(count: int, spaces: int = 20) -> dict[tables.EndpointsKey, tuple[Endpoint, ...]]:
    """Return two endpoints for each service."""
    return {
        (f"s{n}.ns{n % spaces}.svc.cluster.local", f"ns{n % spaces}", "bench"): tuple(
            Endpoint(f"10.{n // 200}.{n % 200}.{one}", 8080, 80, labels=labels_of({"version": f"v{one}"}))
            for one in (1, 2)
        )
        for n in range(count)
    }


def proxy(space: int, number: int = 0, namespace: str = "") -> Proxy:
    """Return a sidecar of namespace `ns<space>`."""
    name = namespace or f"ns{space}"
    return Proxy(ProxyType.SIDECAR, f"10.250.{space}.{number}", f"client-{number}", name, outbound="127.0.0.1:15001")


def figure(name: str, value: float, unit: str, target: str = "", detail: str = "") -> None:
    """Print one figure."""
    found: dict[str, object] = {"figure": name, "unit": unit, "value": round(value, 4)}
    found |= {"target": float(target)} if target else {}
    found |= {"detail": detail} if detail else {}
    print(json.dumps(found), flush=True)


def world_of(count: int) -> tuple[Distribution, Catalog]:
    """Return a compiled world of `count` services seen by 20 namespaces."""
    catalog = Catalog()
    distribution = Distribution(Database(), lambda _view, _dirty, _generation: None)
    loaded = load(mesh_text(count), "mesh.yaml")
    distribution.apply(catalog.replace_all("files", {"mesh.yaml": loaded}).edits)
    distribution.apply({tables.ENDPOINTS: endpoints(count)})
    return distribution, catalog


def compile_all(distribution: Distribution, proxies: list[Proxy]) -> int:
    """Make every resource of the proxies; return how many bytes they have."""
    total = 0
    for one in proxies:
        distribution.open(one)
        for group in groups_of(distribution.world, one):
            for _, key in members(distribution.world, group):
                found = resource_of(distribution.world, key)
                total += len(found.body) if found else 0
    return total


def timed(repeat: int, work: Callable[[int], Any]) -> list[float]:
    """Return the milliseconds of each of `repeat` runs."""
    found = []
    for number in range(repeat):
        start = time.perf_counter()
        work(number)
        found.append((time.perf_counter() - start) * 1000)
    return found


def reading() -> None:
    """Read 1,000 services with a rule each."""
    text = mesh_text(1000)
    runs = timed(3, lambda _: load(text, "mesh.yaml"))
    figure("read 1,000 services with two rules each (YAML to objects)", statistics.median(runs), "ms", "500")


def whole() -> None:
    """Compile 1,000 services for 20 namespaces."""
    runs = []
    for _ in range(3):
        distribution, _catalog = world_of(1000)
        proxies = [proxy(space) for space in range(20)]
        runs += timed(1, lambda _, world=distribution, all_of=proxies: compile_all(world, all_of))
    figure("1,000 services, 20 namespaces: parsed objects to bytes", statistics.median(runs), "ms", "1500")


async def sliced() -> None:
    """Compile for 20 proxies as the server does, and say how long the event loop was held at most."""
    protos.prepare()  # as the server does at its start
    loaded = load(mesh_text(1000), "mesh.yaml")
    catalog = Catalog()
    distribution = Distribution(Database(), lambda _view, _dirty, _generation: None)
    held = [0.0]

    async def watch() -> None:
        last = time.perf_counter()
        while True:
            await asyncio.sleep(0)
            now = time.perf_counter()
            held[0], last = max(held[0], now - last), now

    gc.collect()
    gc.freeze()
    watching = asyncio.create_task(watch())
    await asyncio.sleep(0)
    distribution.apply(catalog.replace_all("files", {"mesh.yaml": loaded}).edits)
    await asyncio.sleep(0)
    distribution.apply({tables.ENDPOINTS: endpoints(1000)})
    for space in range(20):
        await warm(distribution.world, proxy(space))
        distribution.open(proxy(space))
        await asyncio.sleep(0)
    watching.cancel()
    gc.unfreeze()
    figure("1,000 services, 20 namespaces: the event loop held at most", held[0] * 1000, "ms", "50")


def one_route() -> None:
    """Change one route among 1,000 virtual hosts."""
    pushed: list[tuple[str, str]] = []
    size = [0]

    def notify(view: View, dirty: Any, _generation: int) -> None:
        for type_url, names in dirty.items():
            for name in names:
                found = view.get(type_url, name)
                pushed.append((type_url, name))
                size[0] += len(found.body) if found else 0

    distribution = Distribution(Database(), notify)
    catalog = Catalog()
    distribution.apply(catalog.replace_all("files", {"mesh.yaml": load(mesh_text(1000), "mesh.yaml")}).edits)
    compile_all(distribution, [proxy(0)])
    text = SERVICE.format(n=20, space=0).replace("weight: 90", "weight: 80")
    rule = next(one for one in load(text, "w.yaml").parsed if one.ref and one.ref.kind == "VirtualService")
    distribution.apply({tables.VIRTUAL_SERVICES: {("ns0", "s20"): rule.object}})
    figure("one changed route among 1,000 virtual hosts: resources sent", len(pushed), "resources", "1")
    figure("one changed route among 1,000 virtual hosts: bytes (two routes)", size[0], "bytes", "1024")


def same_meaning() -> None:
    """Change what means nothing among 1,000 services: an annotation, a comment, an order, a move to another file."""
    sent, built = [0], [0]

    def notify(view: View, dirty: Any, _generation: int) -> None:
        for type_url, names in dirty.items():
            sent[0] += sum(len(found.body) for name in names if (found := view.get(type_url, name)))

    distribution, catalog = Distribution(Database(), notify), Catalog()
    documents = mesh_text(1000)
    distribution.apply(catalog.replace_all("files", {"mesh.yaml": load(documents, "mesh.yaml")}).edits)
    compile_all(distribution, [proxy(0)])
    sent[0] = 0

    def count(query: Any, _args: Any) -> None:
        built[0] += query.name == "resource_of"

    distribution.world.trace = count
    annotated = documents.replace("metadata: {", "metadata: {annotations: {note: new}, ")
    commented = annotated.replace("spec:", "# why\nspec:")
    reordered = commented.replace("{host: s20, subset: v2}", "{subset: v2, host: s20}")
    assert len({documents, annotated, commented, reordered}) == 4
    for file, text in (("mesh", annotated), ("mesh", commented), ("mesh", reordered), ("moved", reordered)):
        units = {"mesh.yaml": None, f"{file}.yaml": load(text, f"{file}.yaml")}
        distribution.apply(catalog.replace_all("files", units).edits)
    figure("an annotation, a comment, a reordering, a move to another file: sent", sent[0], "bytes", "0")
    figure("an annotation, a comment, a reordering, a move to another file: rebuilt", built[0], "resources", "0")


def changes(count: int) -> dict[str, list[float]]:
    """Return the milliseconds of endpoint and weight changes among `count` services."""
    distribution, catalog = world_of(count)
    compile_all(distribution, [proxy(space) for space in range(20)])
    gc.collect()
    gc.freeze()

    def endpoint(number: int) -> None:
        n = number % count
        key = (f"s{n}.ns{n % 20}.svc.cluster.local", f"ns{n % 20}", "bench")
        row = (Endpoint(f"10.99.{number % 250}.1", 8080, 80, labels=labels_of({"version": "v1"})),)
        distribution.apply({tables.ENDPOINTS: {key: row}})

    weighted = []
    for number in range(100):
        n = number % count
        text = SERVICE.format(n=n, space=n % 20).replace("weight: 90", f"weight: {number % 80 + 1}")
        rule = next(one for one in load(text, "w.yaml").parsed if one.ref and one.ref.kind == "VirtualService")
        weighted.append({tables.VIRTUAL_SERVICES: {(f"ns{n % 20}", f"s{n}"): rule.object}})
    result = {
        "endpoint": timed(300, endpoint),
        "weight": timed(100, lambda number: distribution.apply(weighted[number])),
    }
    gc.unfreeze()
    del catalog
    return result


def memory_of_one_rule() -> None:
    """Bytes per service with one rule (a VirtualService of two routes)."""
    count = 1000
    text = SERVICE.partition("---")[0] + "---" + ONE_RULE
    documents = "\n---\n".join(text.format(n=n, space=n % 20) for n in range(count))
    per_service = _held(load(documents, "mesh.yaml"), endpoints(count)) / count / 1024
    figure("memory per service with a rule", per_service, "KB", 20.0)


def _held(loaded: Loaded, rows: dict[tables.EndpointsKey, tuple[Endpoint, ...]]) -> int:
    """Return the bytes that a compiled world of `loaded` holds, what was parsed not counted."""
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    distribution = Distribution(Database(), lambda _view, _dirty, _generation: None)
    catalog = Catalog()
    distribution.apply(catalog.replace_all("files", {"mesh.yaml": loaded}).edits)
    distribution.apply({tables.ENDPOINTS: rows})
    compile_all(distribution, [proxy(0, namespace="elsewhere-0")])
    gc.collect()
    held = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    return held


def memory() -> None:
    """Bytes per service with two rules, and per further scope of equal content."""
    count = 1000
    loaded = load(mesh_text(count), "mesh.yaml")
    rows = endpoints(count)
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    distribution = Distribution(Database(), lambda _view, _dirty, _generation: None)
    catalog = Catalog()
    distribution.apply(catalog.replace_all("files", {"mesh.yaml": loaded}).edits)
    distribution.apply({tables.ENDPOINTS: rows})
    compile_all(distribution, [proxy(0, namespace="elsewhere-0")])
    gc.collect()
    one = tracemalloc.get_traced_memory()[0]
    figure("memory per service with two rules and three clusters", (one - before) / count / 1024, "KB")
    compile_all(distribution, [proxy(1, n, "elsewhere-0") for n in range(1, 101)])
    gc.collect()
    same = tracemalloc.get_traced_memory()[0]
    figure("memory per further proxy of a known scope (without its stream)", (same - one) / 100 / 1024, "KB", "60")
    sidecars = [f"elsewhere-{n}" for n in range(1, 101)]
    loaded = load("\n---\n".join(SIDECAR.format(space=space) for space in sidecars), "sidecars.yaml")
    distribution.apply(catalog.replace_all("files", {"sidecars.yaml": loaded}).edits)
    compile_all(distribution, [proxy(2, 0, sidecars[0])])
    gc.collect()
    first = tracemalloc.get_traced_memory()[0]
    compile_all(distribution, [proxy(2, n, space) for n, space in enumerate(sidecars[1:])])
    gc.collect()
    more = (tracemalloc.get_traced_memory()[0] - first) * 100 / 99
    figure(
        "memory per further scope with equal content (a Sidecar each; its proxy's own part taken off)",
        (more - (same - one)) / 100 / 1024,
        "KB",
        "2",
    )
    tracemalloc.stop()


def main() -> None:
    """Print every figure."""
    small, large = (100, 10_000) if "--quick" not in sys.argv else (100, 1_000)
    reading()
    whole()
    asyncio.run(sliced())
    one_route()
    same_meaning()
    few, many = changes(small), changes(large)
    for kind, target in (("endpoint", "2"), ("weight", "5")):
        median = statistics.median(many[kind])
        ordered = sorted(many[kind])
        figure(f"one {kind} change, {large:,} services: compile until bytes are ready", median, "ms", target)
        figure(
            f"one {kind} change, {large:,} against {small} services", median / statistics.median(few[kind]), "x", "1.5"
        )
        figure(
            f"one {kind} change, {large:,} services: p99 over median",
            ordered[int(len(ordered) * 0.99)] / median,
            "x",
            "5",
        )
    memory_of_one_rule()
    memory()


if __name__ == "__main__":
    main()
