"""Who is told of what; random histories are in tests/derive/test_product.py."""

from typing import Any

import pytest
from tests.derive.histories import router, sidecar
from tests.derive.product import contents

from pidalio import pipeline
from pidalio.api.load import load
from pidalio.derive import Database, QueriesFailed
from pidalio.envoy.resource import CLUSTER, LISTENER, ROUTE_CONFIGURATION, VIRTUAL_HOST
from pidalio.server.distribution import Distribution
from pidalio.store.catalog import Catalog

ENTRY = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: {name}, namespace: {space}}}
spec: {{hosts: [{name}.com], resolution: DNS, ports: [{{number: 80, name: http, protocol: HTTP}}]}}
"""
MESH = "apiVersion: pidalio.dev/v1\nkind: MeshConfig\nmetadata: {name: mesh}\nspec: {connectTimeout: 3s}\n"
SIDECAR = (
    "apiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {name: default, namespace: a}\n"
    "spec: {egress: [{hosts: [b/*]}]}\n"
)
TWO = ENTRY.format(name="one", space="a") + "---" + ENTRY.format(name="two", space="b")


class World:
    def __init__(self) -> None:
        self.catalog = Catalog()
        self.told: list[tuple[str, dict[str, set[str]]]] = []
        self.distribution = Distribution(Database(), self._notify)

    def _notify(self, view: Any, dirty: Any, _generation: int) -> None:
        self.told.append((view.proxy.namespace, {kind: set(names) for kind, names in dirty.items()}))

    def edits(self, text: str, file: str = "mesh.yaml") -> Any:
        return self.catalog.replace_all("files", {file: load(text, file)}).edits


@pytest.fixture
def world() -> World:
    found = World()
    found.distribution.apply(found.edits(TWO))
    return found


def test_equal_proxies_share_a_view_and_each_is_told_once(world):
    one, same = world.distribution.open(sidecar("a")), world.distribution.open(sidecar("a"))
    assert one is same
    contents(one)
    world.distribution.apply(world.edits(MESH, "config.yaml"))
    clusters = {"outbound|80||one.com", "outbound|80||two.com", "PassthroughCluster"}
    assert world.told == [("a", {CLUSTER: clusters})]


def test_nobody_is_told_of_what_concerns_nobody(world):
    contents(world.distribution.open(sidecar("b")))
    world.distribution.apply(world.edits(SIDECAR, "sidecar.yaml"))
    assert world.told == []


def test_a_query_that_raises_keeps_nobody_else_from_being_told(world, monkeypatch):
    contents(world.distribution.open(sidecar("a")))
    make = pipeline.wire.cluster_resource

    def failing(plan: Any) -> Any:
        if plan.name == "outbound|80||one.com":
            raise ValueError("a mistake of ours")
        return make(plan)

    monkeypatch.setattr(pipeline.wire, "cluster_resource", failing)
    with pytest.raises(QueriesFailed) as raised:
        world.distribution.apply(world.edits(MESH, "config.yaml"))
    assert [str(one) for one in raised.value.exceptions] == ["a mistake of ours"]
    assert world.told == [("a", {CLUSTER: {"outbound|80||two.com", "PassthroughCluster"}})]
    monkeypatch.undo()
    world.distribution.apply(world.edits(ENTRY.format(name="three", space="c"), "three.yaml"))
    assert "outbound|80||one.com" in world.told[-1][1][CLUSTER]


class TestTrial:
    def test_it_tells_what_would_change_and_changes_nothing(self, world):
        view = world.distribution.open(sidecar("a"))
        before = contents(view)
        with world.distribution.trial(world.edits(MESH, "config.yaml")) as concerned:
            assert set(concerned[view]) == {CLUSTER}
        assert (world.told, contents(view)) == ([], before)

    def test_a_change_of_scope_is_foreseen(self, world):
        view = world.distribution.open(sidecar("a"))
        contents(view)
        with world.distribution.trial(world.edits(SIDECAR, "sidecar.yaml")) as concerned:
            assert "outbound|80||one.com" in concerned[view][CLUSTER]
            assert "http_proxy/one.com:80" in concerned[view][VIRTUAL_HOST]

    def test_a_change_to_a_scope_that_others_hold_and_that_changes_too_is_foreseen(self, world):
        world.distribution.apply(world.edits(SIDECAR.replace("b/*", "~/*"), "sidecar.yaml"))
        view = world.distribution.open(sidecar("a"))
        contents(world.distribution.open(sidecar("elsewhere")))
        contents(view)
        everything = world.catalog.replace_all(
            "files", {"sidecar.yaml": None, "three.yaml": load(ENTRY.format(name="three", space="b"), "three.yaml")}
        )
        with world.distribution.trial(everything.edits) as concerned:
            assert "outbound|80||three.com" in concerned[view][CLUSTER]

    def test_a_gateways_first_port_is_foreseen(self, world):
        view = world.distribution.open(router("a"))
        gateway = (
            "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: edge, namespace: a}\n"
            "spec: {selector: {istio: ingress}, "
            "servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]}\n"
        )
        with world.distribution.trial(world.edits(gateway, "edge.yaml")) as concerned:
            assert concerned[view][ROUTE_CONFIGURATION] == {"http.80"}
            assert concerned[view][LISTENER] == {"0.0.0.0_80"}

    def test_it_is_taken_back_when_its_block_raises(self, world):
        view = world.distribution.open(sidecar("a"))
        before = contents(view)
        with pytest.raises(ZeroDivisionError), world.distribution.trial(world.edits(MESH, "config.yaml")):
            raise ZeroDivisionError
        assert contents(view) == before

    def test_it_is_taken_back_when_a_query_raises(self, world, monkeypatch):
        view = world.distribution.open(sidecar("a"))
        before = contents(view)
        edits = world.edits(MESH, "config.yaml")

        def failing(_plan: Any) -> Any:
            raise ValueError("a mistake of ours")

        with monkeypatch.context() as patched:
            patched.setattr(pipeline.wire, "cluster_resource", failing)
            with pytest.raises(QueriesFailed), world.distribution.trial(edits):
                pass
        assert contents(view) == before


def test_views_that_nobody_holds_are_forgotten(world):
    kept, gone = world.distribution.open(sidecar("a")), world.distribution.open(sidecar("b"))
    contents(kept)
    contents(gone)
    size = world.distribution.world.describe().nodes
    world.distribution.retain([kept])
    assert list(world.distribution.views()) == [kept]
    assert world.distribution.world.describe().nodes < size
