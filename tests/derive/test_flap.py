"""An instance that fails its probe in a mesh of 10,000 services: which queries run (docs/design/0001)."""

from collections import Counter

import msgspec
import pytest

from pidalio.derive import Database
from pidalio.envoy.resource import LOAD_ASSIGNMENT
from pidalio.model import Health, ObjectRef, Port, Protocol, Proxy, ProxyType, Service, Workload, labels_of
from pidalio.server.distribution import Distribution, View
from pidalio.store import tables
from pidalio.store.catalog import Catalog

KEY = ("ns", "s7-0", "Agent")


def host(n: int) -> str:
    return f"s{n}.ns.svc.cluster.local"


def service(n: int) -> Service:
    port = Port(80, "http", Protocol.HTTP, 8080)
    return Service(
        host(n), "ns", (port,), "Kubernetes", ObjectRef("Service", "ns", f"s{n}"), selector=labels_of({"app": f"s{n}"})
    )


def workload(n: int) -> Workload:
    return Workload(f"s{n}-0", "ns", f"10.{n // 250}.{n % 250}.1", labels_of({"app": f"s{n}"}))


class Mesh:
    """So many services with an instance each, held by a sidecar of one of them and by one elsewhere."""

    def __init__(self, count: int) -> None:
        self.told: dict[str, dict[str, set[str]]] = {}
        self.catalog = Catalog()
        self.distribution = Distribution(Database(), self._tell)
        rows = {
            tables.SERVICES: {(host(n), "ns", f"s{n}"): service(n) for n in range(count)},
            tables.WORKLOADS: {("ns", f"s{n}-0", "Agent"): workload(n) for n in range(count)},
        }
        self.distribution.apply(self.catalog.feed("agents", rows).edits)
        own, far = workload(7), Proxy(ProxyType.SIDECAR, "10.99.0.1", "far", "far", outbound="127.0.0.1:15001")
        near = Proxy(ProxyType.SIDECAR, own.address, own.name, "ns", labels=own.labels, outbound="127.0.0.1:15001")
        for proxy in (near, far):
            view = self.distribution.open(proxy)
            assert sum(view.get(kind, name) is not None for kind in view.holdings for name in view.names(kind)) > count

    def _tell(self, view: View, names: dict[str, set[str]], _: int) -> None:
        self.told[view.proxy.name] = {kind: set(some) for kind, some in names.items()}

    def flap(self, health: Health) -> Counter[str]:
        self.told.clear()
        row = msgspec.structs.replace(workload(7), health=health)
        edits = self.catalog.feed("agents", {tables.WORKLOADS: {KEY: row}}).edits
        return Counter(name for name, _ in self.distribution.apply(edits).ran)


@pytest.fixture(scope="module")
def large() -> Mesh:
    return Mesh(10_000)


@pytest.fixture(scope="module")
def small() -> Mesh:
    return Mesh(10)


@pytest.mark.parametrize("health", [Health.UNHEALTHY, Health.HEALTHY, Health.DRAINING, Health.UNKNOWN])
def test_a_flap_runs_five_queries_whatever_the_size_of_the_mesh(large, small, health):
    ran = large.flap(health)
    assert ran == {"selected_workloads": 1, "endpoints": 1, "stated_ports": 1, "service_ports": 1, "resource_of": 1}
    assert ran == small.flap(health)
    one = {LOAD_ASSIGNMENT: {f"outbound|80||{host(7)}"}}
    assert large.told == {"s7-0": one, "far": one}
