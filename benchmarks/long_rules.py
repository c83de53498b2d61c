"""Figures of long rules: services with a VirtualService of ten routes each, and what one changed rule costs among them.

Prints one JSON line per figure; `make bench` collects them.
"""

import json
import statistics
import time
from typing import Any

from pidalio.api.load import load
from pidalio.derive import Database
from pidalio.envoy import protos
from pidalio.model import Proxy, ProxyType
from pidalio.pipeline import groups_of, members, resource_of
from pidalio.server.distribution import Distribution, View
from pidalio.store import tables
from pidalio.store.catalog import Catalog

SPACES = 20
ROUTES = 10
CHANGES = 21
SERVICE = """
apiVersion: v1
kind: Service
metadata: {{name: s{n}, namespace: ns{space}}}
spec: {{selector: {{app: s{n}}}, clusterIP: 10.8.{high}.{low}, ports: [{{name: http, port: 80, targetPort: 8080}}]}}
---
"""
HEAD = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: s{n}, namespace: ns{space}}}
spec:
  hosts: [s{n}]
  http:
"""
ROUTE = """
  - name: r{r}
    match:
    - uri: {{prefix: /part-{r}}}
      headers: {{x-user: {{regex: "[a-m].*"}}, x-stage: {{exact: s{r}}}}}
    - queryParams: {{part: {{exact: "{r}"}}}}
    timeout: {timeout}s
    retries: {{attempts: 3, perTryTimeout: 1s, retryOn: 5xx}}
    headers: {{request: {{set: {{x-part: "{r}"}}}}}}
    route: [{{destination: {{host: s{n}}}}}]
"""


def rule_text(n: int, timeout: int = 2) -> str:
    """Return the rule of service `n`; the timeout of one of its routes is what changes."""
    routes = (ROUTE.format(n=n, r=r, timeout=timeout if r == ROUTES // 2 else 2) for r in range(ROUTES - 1))
    return HEAD.format(n=n, space=n % SPACES) + "".join(routes) + f"  - route: [{{destination: {{host: s{n}}}}}]\n"


def mesh_text(count: int) -> str:
    """Return a mesh of `count` services, each with its rule, over the namespaces."""
    services = (SERVICE.format(n=n, space=n % SPACES, high=n // 250, low=n % 250 + 1) for n in range(count))
    return "".join(services) + "\n---\n".join(rule_text(n) for n in range(count))


def proxies() -> list[Proxy]:
    """Return a sidecar of each namespace."""
    return [
        Proxy(ProxyType.SIDECAR, f"10.250.{space}.1", "client", f"ns{space}", outbound="127.0.0.1:15001")
        for space in range(SPACES)
    ]


class Mesh:
    """A compiled mesh with a proxy in each namespace, and what a change sends to all of them."""

    def __init__(self, count: int) -> None:
        self.sent: set[tuple[str, str]] = set()
        self.distribution = Distribution(Database(), self._notify)
        loaded = load(mesh_text(count), "mesh.yaml")
        start = time.perf_counter()
        self.distribution.apply(Catalog().replace_all("files", {"mesh.yaml": loaded}).edits)
        for proxy in proxies():
            self.distribution.open(proxy)
            for group in groups_of(self.distribution.world, proxy):
                for _, key in members(self.distribution.world, group):
                    resource_of(self.distribution.world, key)
        self.compiled = (time.perf_counter() - start) * 1000

    def _notify(self, view: View, dirty: Any, _generation: int) -> None:
        for type_url, names in dirty.items():
            for name in names:
                if view.get(type_url, name) is not None:
                    self.sent.add((type_url, name))

    def change(self, n: int, timeout: int) -> float:
        """Change one route of service `n`; return the milliseconds from the object to bytes for every proxy."""
        (parsed,) = load(rule_text(n, timeout), "rule.yaml").parsed
        self.sent.clear()
        start = time.perf_counter()
        self.distribution.apply({tables.VIRTUAL_SERVICES: {(f"ns{n % SPACES}", f"s{n}"): parsed.object}})
        return (time.perf_counter() - start) * 1000


def figure(name: str, value: float, unit: str, target: float | None = None) -> None:
    """Print one figure."""
    found: dict[str, object] = {"figure": name, "unit": unit, "value": round(value, 4)}
    found |= {} if target is None else {"target": target}
    print(json.dumps(found), flush=True)


def main() -> None:
    """Measure a mesh of 100 services and one of 1,000."""
    protos.prepare()
    medians = {}
    for count in (100, 1000):
        mesh = Mesh(count)
        figure(f"{count:,} services with ten routes each, 20 namespaces: objects to bytes", mesh.compiled, "ms")
        times = [mesh.change(n % count, 3 + n) for n in range(CHANGES)]
        medians[count] = statistics.median(times)
        figure(f"one changed route of ten among {count:,} services: object to bytes", medians[count], "ms", 5)
        figure(f"one changed route of ten among {count:,} services: resources sent", len(mesh.sent), "resources", 1)
    figure("one changed route of ten: 1,000 services over 100 services", medians[1000] / medians[100], "×", 1.5)


if __name__ == "__main__":
    main()
