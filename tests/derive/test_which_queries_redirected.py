"""Which queries run for one change where connections are redirected: listeners wake for what they hold alone."""

from typing import Any

import pytest
from tests.derive.histories import redirected
from tests.derive.product import Product
from tests.derive.test_which_queries import COUNT, SERVICE, endpoints, made, name, ran

from pidalio.envoy.resource import LISTENER, LOAD_ASSIGNMENT, ROUTE_CONFIGURATION, VIRTUAL_HOST
from pidalio.groups import OutboundListener
from pidalio.model import Endpoint
from pidalio.rules.clusters import Assignment
from pidalio.rules.virtual_hosts import VirtualHostKey
from pidalio.store import tables

TCP = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: base, namespace: ns1}
spec: {hosts: [base.com], addresses: [10.7.0.1], resolution: STATIC, ports: [{number: 5432, name: tcp, protocol: TCP}], endpoints: [{address: 10.0.0.1}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: base, namespace: ns1}
spec:
  hosts: [base.com]
  tcp: [{route: [{destination: {host: base.com}, weight: 90}, {destination: {host: s1.ns1.svc.cluster.local}, weight: 10}]}]
---
apiVersion: v1
kind: Service
metadata: {name: sniffed, namespace: ns1}
spec: {clusterIP: 10.7.0.2, ports: [{port: 7000, name: any}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: sniffed, namespace: ns1}
spec: {hosts: [sniffed], http: [{timeout: 3s, route: [{destination: {host: s1}}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: single, namespace: ns1}
spec: {clusterIP: None, ports: [{port: 9100, name: tcp}]}
"""


class Mesh(Product):
    """Forty HTTP services and three others, seen from two redirected sidecars that see the same."""

    def __init__(self) -> None:
        super().__init__()
        self.texts = {f"s{n}.yaml": SERVICE.format(n=n, space=n % 3) for n in range(COUNT)} | {"tcp.yaml": TCP}
        self.write(self.texts)
        for n in range(COUNT):
            self.commit(self.catalog.feed("feed", endpoints(n)).edits)
        self.far, self.alike = self.open(redirected("far")), self.open(redirected("alike"))

    def change(self, file: str, old: str, new: str) -> Any:
        assert old in self.texts[file]
        self.texts[file] = self.texts[file].replace(old, new)
        for stream in self.streams.values():
            stream.sent = {}
        return self.write({file: self.texts[file]})


@pytest.fixture
def mesh() -> Mesh:
    return Mesh()


def test_a_weight_of_an_http_rule_is_one_virtual_host_of_its_ports_table(mesh):
    changes = mesh.change("s4.yaml", "weight: 90", "weight: 80")
    assert all(isinstance(key, VirtualHostKey) for key in made(changes))
    assert set(mesh.far.sent) == set(mesh.alike.sent) == {(VIRTUAL_HOST, f"80/{name(4)}:80")}
    assert not {"outbound_side", "service_openings"} & ran(changes)
    mesh.check()


def test_an_endpoint_touches_no_listener(mesh):
    changes = mesh.commit(mesh.catalog.feed("feed", endpoints(4, last=2)).edits)
    assert all(isinstance(key, Assignment) for key in made(changes))
    assert {kind for kind, _ in mesh.far.sent} == {LOAD_ASSIGNMENT}
    assert "outbound_side" not in ran(changes)
    mesh.check()


def test_a_weight_of_a_tcp_rule_is_one_listener_for_all_proxies(mesh):
    changes = mesh.change("tcp.yaml", "weight: 90", "weight: 80")
    assert [type(key) for key in made(changes)] == [OutboundListener]
    assert set(mesh.far.sent) == {(LISTENER, "10.7.0.1_5432")}
    assert "outbound_side" not in ran(changes)
    mesh.check()


def test_a_rule_of_an_undeclared_port_is_its_services_own_table(mesh):
    mesh.change("tcp.yaml", "timeout: 3s", "timeout: 4s")
    assert set(mesh.far.sent) == {(ROUTE_CONFIGURATION, "sniffed.ns1.svc.cluster.local:7000")}
    mesh.check()


def test_a_new_service_of_a_known_http_port_opens_no_listener(mesh):
    mesh.write({"new.yaml": SERVICE.format(n=99, space=2)})
    assert LISTENER not in {kind for kind, _ in mesh.far.sent}
    assert (VIRTUAL_HOST, "80/s99.ns2.svc.cluster.local:80") in mesh.far.sent
    mesh.check()


def test_an_instance_of_a_headless_service_is_one_listener(mesh):
    key = ("single.ns1.svc.cluster.local", "ns1", "feed")
    for last in (1, 2):
        rows = tuple(Endpoint(f"10.0.9.{one}", 9100, 9100) for one in range(1, last + 1))
        mesh.commit(mesh.catalog.feed("feed", {tables.ENDPOINTS: {key: rows}}).edits)
    assert {one for kind, one in mesh.far.sent if kind == LISTENER} == {"10.0.9.2_9100"}
    mesh.check()
