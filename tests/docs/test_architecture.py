"""The two paths that docs/architecture.md tells of: which queries run for one change, and what is sent."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from tests.docs.pages import ROOT

from pidalio.api.load import load
from pidalio.envoy.resource import LOAD_ASSIGNMENT, VIRTUAL_HOST
from pidalio.model import Health, Proxy, ProxyType
from pidalio.server.distribution import Distribution, View
from pidalio.server.offline import OfflineMesh
from pidalio.store import tables

SHOP = ROOT / "examples" / "shop"
RULE = (SHOP / "steps" / "2-ninety-ten.yaml").read_text()
REVIEWS = "reviews.default.svc.cluster.local"


class Shop:
    """The example shop, compiled for a gateway and for the sidecars of three services."""

    def __init__(self) -> None:
        files = {path.name: load(path.read_text(), path.name) for path in (SHOP / "mesh").glob("*.yaml")}
        self.mesh = OfflineMesh(files | {"routes.yaml": load(RULE, "routes.yaml")})
        self.told: dict[str, dict[str, set[str]]] = {}
        self.distribution = Distribution(self.mesh.world, self._tell)
        gateway = Proxy(ProxyType.ROUTER, "127.0.0.1", "edge", "default", labels=(("istio", "ingressgateway"),))
        sidecars = [self.mesh.proxy_of_workload(name) for name in ("front-v1-0", "reviews-v2-0", "ratings-v1-0")]
        for proxy in (gateway, *sidecars):
            held(self.distribution.open(proxy))

    def _tell(self, view: View, names: dict[str, set[str]], _: int) -> None:
        self.told[view.proxy.name] = {kind: set(some) for kind, some in names.items()}

    def change(self, edits: object) -> set[str]:
        """Apply the edits; return the names of the queries that ran."""
        return {name for name, _ in self.distribution.apply(edits).ran}


def held(view: View) -> list[object]:
    return [view.get(kind, name) for kind in view.holdings for name in view.names(kind)]


@pytest.fixture
def shop() -> Iterator[Shop]:
    return Shop()


def test_path_of_one_rule(shop: Shop) -> None:
    changed = RULE.replace("weight: 90", "weight: 80").replace("weight: 10", "weight: 20")
    ran = shop.change(shop.mesh.catalog.replace_all("files", {"routes.yaml": load(changed, "routes.yaml")}).edits)
    assert ran == {"head", "routes_of", "resource_of"}
    one = {VIRTUAL_HOST: {f"http_proxy/{REVIEWS}:9080"}}
    assert shop.told == {"front-v1-0": one, "reviews-v2-0": one, "ratings-v1-0": one}


def test_comment_or_move_to_another_file_changes_nothing(shop: Shop) -> None:
    moved = {"routes.yaml": None, "moved.yaml": load(f"# moved\n\n{RULE}", "moved.yaml")}
    change = shop.mesh.catalog.replace_all("files", moved)
    assert change.edits == {}
    assert str(shop.mesh.catalog.place(next(one.ref for one in shop.mesh.objects("VirtualService")))) == "moved.yaml:4"


def test_path_of_one_endpoint_change(shop: Shop) -> None:
    key = ("default", "reviews-v1-1", "LocalWorkload")
    row = tables.WORKLOADS.get(shop.mesh.world, key)
    assert row is not None
    ill = msgspec.structs.replace(row, health=Health.UNHEALTHY)
    ran = shop.change(shop.mesh.catalog.feed("local", {tables.WORKLOADS: {key: ill}}).edits)
    assert ran == {"selected_workloads", "endpoints", "stated_ports", "resource_of"}
    both = {LOAD_ASSIGNMENT: {f"outbound|9080||{REVIEWS}", f"outbound|9080|v1|{REVIEWS}"}}
    assert shop.told == dict.fromkeys(("edge", "front-v1-0", "reviews-v2-0", "ratings-v1-0"), both)


def test_named_functions_exist() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    for name, file in {
        "scope_of": "rules/visibility.py",
        "groups_of": "pipeline.py",
        "members": "pipeline.py",
        "resource_of": "pipeline.py",
        "plans_for": "pipeline.py",
        "load": "api/load.py",
        "replace_units": "server/control_plane.py",
        "feed": "server/control_plane.py",
        "replace_all": "store/catalog.py",
        "head": "rules/virtual_services.py",
        "routes_of": "rules/routes.py",
        "virtual_host": "rules/virtual_hosts.py",
        "changed": "xds/ads.py",
        "live": "xds/ads.py",
        "open": "server/distribution.py",
        "selected_workloads": "rules/services.py",
        "endpoints": "rules/services.py",
        "stated_ports": "rules/inbound.py",
        "endpoints_of": "rules/clusters.py",
        "proxy_of": "server/proxies.py",
        "decide": "simulate/decide.py",
    }.items():
        assert name in page
        assert f"def {name}(" in Path(ROOT / "src/pidalio" / file).read_text(), f"{file} has no {name}"
