"""Which queries run for one change: the cost of a change is what it affects (design record 0001)."""

from typing import Any

import msgspec
import pytest
from tests.derive.histories import router, sidecar, whole
from tests.derive.product import Product, Stream

from pidalio.envoy.resource import (
    CLUSTER,
    LISTENER,
    LOAD_ASSIGNMENT,
    ROUTE_CONFIGURATION,
    RUNTIME,
    VIRTUAL_HOST,
    Resource,
    content_of,
)
from pidalio.groups import InboundCluster, WholeTable
from pidalio.ir import CampaignPlan
from pidalio.model import Endpoint, Locality, ObjectRef, labels_of
from pidalio.rules.clusters import Assignment
from pidalio.rules.local_cluster import LocalCluster
from pidalio.rules.virtual_hosts import VirtualHostKey
from pidalio.store import tables
from pidalio.store.campaigns import Campaign

COUNT = 40
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
OTHERS = """
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: small}
spec: {egress: [{hosts: [ns1/*]}]}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge, namespace: ns0}
spec: {selector: {istio: ingress}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: edge, namespace: ns0}
spec: {hosts: [shop.com], gateways: [edge], http: [{route: [{destination: {host: s0}}]}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: root, namespace: ns0}
spec: {hosts: [rooted.com], http: [{match: [{uri: {prefix: /a}}], delegate: {name: handed, namespace: ns2}}]}
"""
DELEGATE = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: handed, namespace: ns2}
spec: {http: [{timeout: 1s, route: [{destination: {host: s2}}]}]}
"""


def name(n: int) -> str:
    return f"s{n}.ns{n % 3}.svc.cluster.local"


def endpoints(n: int, last: int = 1) -> dict[Any, Any]:
    key = (name(n), f"ns{n % 3}", "feed")
    rows = tuple(
        Endpoint(f"10.0.{n}.{one}", 8080, 80, labels=labels_of({"version": f"v{one}"})) for one in range(1, last + 2)
    )
    return {tables.ENDPOINTS: {key: rows}}


class Mesh(Product):
    """Forty services with two rules each in three namespaces, seen from five proxies."""

    def __init__(self) -> None:
        super().__init__()
        self.texts = {f"s{n}.yaml": SERVICE.format(n=n, space=n % 3) for n in range(COUNT)}
        self.texts |= {"other.yaml": OTHERS, "delegate.yaml": DELEGATE}
        self.write(self.texts)
        for n in range(COUNT):
            self.commit(self.catalog.feed("feed", endpoints(n)).edits)
        self.near, self.far, self.alike = (self.open(sidecar(space)) for space in ("ns1", "far", "alike"))
        self.small, self.edge = self.open(sidecar("small")), self.open(router("ns0"))

    def change(self, file: str, old: str, new: str) -> Any:
        """Replace a text in one file; return what ran."""
        assert old in self.texts[file]
        self.texts[file] = self.texts[file].replace(old, new)
        for stream in self.streams.values():
            stream.sent = {}
        return self.write({file: self.texts[file]})

    def sent(self) -> dict[str, set[tuple[str, str]]]:
        """Return by proxy namespace what was sent to it."""
        return {stream.view.proxy.namespace: set(stream.sent) for stream in self.streams.values() if stream.sent}


@pytest.fixture
def mesh() -> Mesh:
    return Mesh()


def ran(changes: Any) -> set[str]:
    return {query for query, _ in changes.ran}


def made(changes: Any) -> list[Any]:
    """Return the keys of the resources that were made."""
    return [args[0] for query, args in changes.ran if query == "resource_of"]


def test_a_weight_compiles_its_virtual_hosts_and_nothing_else(mesh):
    changes = mesh.change("s4.yaml", "weight: 90", "weight: 80")
    assert ran(changes) == {"head", "destination_hosts", "routes_of", "resource_of"}
    # in its own namespace it has a short name more: two variants
    assert len(made(changes)) == 2
    assert all(isinstance(key, VirtualHostKey) and key.host == name(4) for key in made(changes))
    expected = {(VIRTUAL_HOST, f"http_proxy/{name(4)}:80")}
    assert mesh.sent() == {"ns1": expected, "far": expected, "alike": expected, "small": expected}
    mesh.check()


def test_whole_tables_are_joined_from_the_virtual_hosts_that_others_hold(mesh):
    one, two = mesh.open(whole(sidecar("far"))), mesh.open(whole(sidecar("alike")))
    changes = mesh.change("s4.yaml", "weight: 90", "weight: 80")
    assert ran(changes) == {"head", "destination_hosts", "routes_of", "resource_of"}
    hosts, tables_made = made(changes)[:-1], made(changes)[-1]
    assert all(isinstance(key, VirtualHostKey) and key.host == name(4) for key in hosts)
    assert isinstance(tables_made, WholeTable)
    assert set(one.sent) == set(two.sent) == {(ROUTE_CONFIGURATION, "http_proxy")}
    (version, body), (_, other) = (
        one.holds[ROUTE_CONFIGURATION, "http_proxy"],
        two.holds[ROUTE_CONFIGURATION, "http_proxy"],
    )
    assert body is other
    inside = content_of(Resource(ROUTE_CONFIGURATION, "http_proxy", version, body)).virtual_hosts
    separate = [content_of(Resource(kind, *key)) for (kind, *key) in parts(mesh.far)]
    assert inside[0].name == "allow_any"
    assert sorted(inside[1:], key=lambda each: each.name) == sorted(separate, key=lambda each: each.name)
    mesh.check()


def parts(stream: Stream) -> list[tuple[str, str, str, bytes]]:
    """Return the virtual hosts that a stream holds, but for the placeholder."""
    found = ((kind, key, *what) for (kind, key), what in stream.holds.items())
    return [each for each in found if each[0] == VIRTUAL_HOST and not each[1].endswith("/~")]


def test_a_weight_that_some_scope_does_not_see_is_not_sent_there(mesh):
    mesh.change("s5.yaml", "weight: 90", "weight: 80")
    assert set(mesh.sent()) == {"ns1", "far", "alike"}


def test_a_delegate_wakes_the_hosts_that_use_it(mesh):
    changes = mesh.change("delegate.yaml", "timeout: 1s", "timeout: 2s")
    assert ran(changes) == {"delegated", "head", "routes_of", "resource_of"}
    assert {key.host for key in made(changes)} == {"rooted.com"}
    expected = {(VIRTUAL_HOST, "http_proxy/rooted.com:80")}
    assert mesh.sent() == {"ns1": expected, "far": expected, "alike": expected}
    mesh.check()


def test_a_delegate_that_comes_to_its_root_wakes_the_root_alone(mesh):
    text = mesh.texts["delegate.yaml"]
    mesh.change("delegate.yaml", text, "")
    changes = mesh.write({"delegate.yaml": text})
    assert {key.host for key in made(changes)} == {"rooted.com"}
    mesh.check()


def test_an_endpoint_compiles_no_routes_and_no_clusters(mesh):
    changes = mesh.commit(mesh.catalog.feed("feed", endpoints(4, last=2)).edits)
    assert ran(changes) == {"endpoints", "resource_of"}
    assert all(isinstance(key, Assignment) and key.cluster.host == name(4) for key in made(changes))
    assert {kind for sent in mesh.sent().values() for kind, _ in sent} == {LOAD_ASSIGNMENT}
    mesh.check()


def test_a_profile_touches_routes_and_clusters_of_its_service_alone(mesh):
    annotated = ", annotations: {pidalio.dev/resilience: safe}}"
    mesh.change(
        "s4.yaml",
        "metadata: {name: s4, namespace: ns1}\nspec: {sel",
        f"metadata: {{name: s4, namespace: ns1{annotated}\nspec: {{sel",
    )
    mesh.check()
    changes = mesh.change(
        "s7.yaml",
        "metadata: {name: s7, namespace: ns1}\nspec: {sel",
        f"metadata: {{name: s7, namespace: ns1{annotated}\nspec: {{sel",
    )
    keys = (key.cluster if isinstance(key, Assignment) else key for key in made(changes))
    assert {key.host for key in keys} == {name(7)}
    assert {args[0] for query, args in changes.ran if query == "routes_of"} == {("ns1", "s7")}
    hosts, clusters = mesh.sent()["far"], {(CLUSTER, f"outbound|80|{one}|{name(7)}") for one in ("", "v1", "v2")}
    assert {one for one in hosts if one[0] in (CLUSTER, VIRTUAL_HOST)} == {
        (VIRTUAL_HOST, f"http_proxy/{name(7)}:80"),
        *clusters,
    }
    mesh.check()


def test_a_campaign_makes_the_virtual_hosts_of_its_host_and_one_layer_for_whom_it_concerns(mesh):
    one = Campaign(CampaignPlan("storm", http_status=503), name(4), abort_share=1, namespace="far")
    changes = mesh.commit(mesh.catalog.feed("faults", {tables.CAMPAIGNS: {"storm": one}}).edits)
    assert {key.host for key in made(changes) if isinstance(key, VirtualHostKey)} == {name(4)}
    assert len(made(changes)) == 2  # the layer is made when it is asked for
    hosts = {(VIRTUAL_HOST, f"http_proxy/{name(4)}:80")}
    layer = {(RUNTIME, "faults")}
    assert mesh.sent() == {"ns1": hosts, "far": hosts | layer, "alike": hosts, "small": hosts}
    mesh.check()
    mesh.commit(mesh.catalog.feed("faults", {tables.CAMPAIGNS: {"storm": None}}).edits)
    assert RUNTIME not in {kind for kind, _ in mesh.far.holds}
    mesh.check()


def test_a_backend_of_an_ingress_compiles_its_virtual_host_and_nothing_else(mesh):
    paths = "{{http: {{paths: [{{path: /, pathType: Prefix, backend: {{service: {{name: s{0}, port: {{number: 80}}}}}}}}]}}, host: h{0}.com}}"
    head = "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {{name: i{0}, namespace: ns0, annotations: {{kubernetes.io/ingress.class: istio}}}}\n"
    for n in (0, 3):
        mesh.texts[f"i{n}.yaml"] = head.format(n) + f"spec: {{rules: [{paths.format(n)}]}}\n"
    mesh.write(mesh.texts)
    mesh.open(router("ingress", istio="ingressgateway"))
    changes = mesh.change("i3.yaml", "name: s3,", "name: s6,")
    assert {key.host for key in made(changes)} == {"h3.com"}
    assert mesh.sent() == {"ingress": {(VIRTUAL_HOST, "http.80/h3.com:80")}}
    mesh.check()


def test_another_instance_does_not_touch_the_way_in(mesh):
    key = next(iter(endpoints(4)[tables.ENDPOINTS]))
    mesh.open(sidecar("ns1", app="s4"))
    rows = (Endpoint("10.9.0.1", 7070, 80), Endpoint("10.0.4.1", 8080, 80))
    mesh.commit(mesh.catalog.feed("feed", {tables.ENDPOINTS: {key: rows}}).edits)
    changes = mesh.commit(
        mesh.catalog.feed("feed", {tables.ENDPOINTS: {key: (*rows, Endpoint("10.0.4.9", 8080, 80))}}).edits
    )
    assert "inbound_ports" not in ran(changes)
    assert not [one for one in made(changes) if isinstance(one, InboundCluster)]
    mesh.check()


def test_instances_wake_the_local_cluster_of_those_that_call_as_they_do(mesh):
    """Where some rule balances zones: replicas share one, and other services' instances wake none."""
    mesh.change(
        "s4.yaml", "spec: {host: s4, ", "spec: {host: s4, trafficPolicy: {loadBalancer: {zoneAwareLbSetting: {}}}, "
    )
    own, other = (next(iter(endpoints(n)[tables.ENDPOINTS])) for n in (7, 8))
    replicas = [
        mesh.open(msgspec.structs.replace(sidecar("ns1", app="s7"), name=one, locality=Locality("eu", "w")))
        for one in ("web-1", "web-2")
    ]
    rows = (Endpoint("10.8.0.1", 7070, 80, locality=Locality("eu", "x")), Endpoint("10.8.0.2", 7070, 80))
    changes = mesh.commit(mesh.catalog.feed("feed", {tables.ENDPOINTS: {own: rows}}).edits)
    (key,) = [one for one in made(changes) if isinstance(one, LocalCluster)]
    assert key == LocalCluster(((name(7), "ns1"),), "eu")
    first, second = (one.holds[LOAD_ASSIGNMENT, "local_cluster"] for one in replicas)
    assert first[1] is second[1]
    for change in ({own: (*rows, Endpoint("10.8.0.3", 7070, 80))}, {other: rows}):
        for stream in mesh.streams.values():
            stream.sent = {}
        changes = mesh.commit(mesh.catalog.feed("feed", {tables.ENDPOINTS: change}).edits)
        assert "groups_of" not in ran(changes)
        assert not [one for sent in mesh.sent().values() for one in sent if one[1] == "local_cluster"]
    mesh.check()


@pytest.mark.parametrize(
    ("settings", "touches"),
    [
        ("{pathNormalization: {normalization: BASE}}", False),
        ("{defaultConfig: {gatewayTopology: {numTrustedProxies: 0}, connectionSettings: {profile: SIDECAR}}}", False),
        ("{pathNormalization: {normalization: NONE}}", True),
        ("{accessLogFile: /dev/stdout}", True),
    ],
)
def test_settings_touch_listeners_where_they_differ(settings, touches, mesh):
    written = "apiVersion: pidalio.dev/v1\nkind: MeshConfig\nmetadata: {name: mesh}\nspec: "
    mesh.write({"mesh.yaml": written + "{rootNamespace: istio-system}"})
    for stream in mesh.streams.values():
        stream.sent = {}
    mesh.write({"mesh.yaml": written + settings})
    kinds = {kind for sent in mesh.sent().values() for kind, _ in sent}
    assert kinds == ({LISTENER} if touches else set())
    assert len(mesh.sent()) == (len(mesh.streams) if touches else 0)
    mesh.check()


def test_a_subset_is_added_to_one_services_clusters(mesh):
    changes = mesh.change("s4.yaml", "{version: v2}}]", "{version: v2}}, {name: v3, labels: {version: v3}}]")
    assert {key.cluster.host if isinstance(key, Assignment) else key.host for key in made(changes)} == {name(4)}
    assert mesh.sent()["far"] == {(kind, f"outbound|80|v3|{name(4)}") for kind in (CLUSTER, LOAD_ASSIGNMENT)}
    mesh.check()


def test_a_health_check_touches_the_clusters_that_it_is_for(mesh):
    text = (
        "apiVersion: pidalio.dev/v1\nkind: HealthCheck\nmetadata: {{name: s4, namespace: {}}}\nspec: {{host: {}, {}}}\n"
    )
    mesh.write({"check.yaml": text.format("ns1", name(4), "http: {path: /healthz}")})
    clusters = {(CLUSTER, f"outbound|80|{subset}|{name(4)}") for subset in ("", "v1", "v2")}
    assert {one for one in mesh.sent()["far"] if one[0] == CLUSTER} == clusters
    assert {kind for kind, _ in mesh.sent()["far"]} <= {CLUSTER, LOAD_ASSIGNMENT}
    changes = mesh.write({"check.yaml": text.format("ns1", name(4), "subset: v1, http: {path: /healthz}")})
    assert mesh.sent()["far"] >= {(CLUSTER, f"outbound|80|{subset}|{name(4)}") for subset in ("", "v2")}
    assert {key.cluster.host if isinstance(key, Assignment) else key.host for key in made(changes)} == {name(4)}
    mesh.check()


def test_the_order_of_subsets_means_nothing(mesh):
    ref = ObjectRef("DestinationRule", "ns1", "s4")
    written = "{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}"
    turned = "\n  {name: v2, labels: {version: v2}},\n  {name: v1, labels: {version: v1}}\n  "
    line = mesh.catalog.place(ref, 'subsets["v1"].labels').line
    mesh.change("s4.yaml", written, turned)
    assert mesh.sent() == {}
    assert mesh.catalog.place(ref, 'subsets["v1"].labels').line == line + 2
    mesh.check()


def test_a_new_service_comes_to_those_who_see_it(mesh):
    text = SERVICE.format(n=99, space=2)
    mesh.write({"new.yaml": text})
    new = {(VIRTUAL_HOST, "http_proxy/s99.ns2.svc.cluster.local:80")} | {
        (kind, f"outbound|80|{subset}|s99.ns2.svc.cluster.local")
        for kind in (CLUSTER, LOAD_ASSIGNMENT)
        for subset in ("", "v1", "v2")
    }
    assert mesh.sent()["far"] == mesh.sent()["alike"] == new
    assert "small" not in mesh.sent()
    changes = mesh.write({"new.yaml": None})
    assert mesh.sent()["far"] == new
    assert not [one for one in made(changes) if "s99" not in str(one)]
    mesh.check()


def test_a_proxy_that_comes_compiles_only_what_is_its_own(mesh):
    counted: list[str] = []
    mesh.memo.world.trace = lambda query, args: counted.append(query.name)
    mesh.open(sidecar("yet-another"))
    assert "routes_of" not in counted
    assert "resource_of" not in counted  # even its listener is that of others


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("metadata: {name: s4", "metadata: {annotations: {note: new}, name: s4"),
        ("spec:\n  hosts", "spec:  # why\n  hosts"),
        ("{host: s4, subset: v2}", "{subset: v2, host: s4}"),
        (
            "apiVersion: networking.istio.io/v1\nkind: VirtualService",
            "kind: VirtualService\napiVersion: networking.istio.io/v1beta1",
        ),
        ("weight: 90", "weight: 0x5A"),
        ("  hosts: [s4]", "  hosts:\n  - s4"),
    ],
    ids=["annotation", "comment", "order of keys", "version", "spelling", "flow"],
)
def test_what_means_the_same_is_no_change(mesh, old, new):
    changes = mesh.change("s4.yaml", old, new)
    assert changes is None
    assert mesh.sent() == {}


def test_the_next_report_shows_the_new_line(mesh):
    ref = ObjectRef("VirtualService", "ns1", "s4")
    path = "spec.http[1].route[0].weight"
    before = mesh.catalog.place(ref, path)
    assert mesh.change("s4.yaml", "spec:\n  hosts", "spec:\n\n  # two lines more\n  hosts") is None
    after = mesh.catalog.place(ref, path)
    assert (after.file, after.line) == (before.file, before.line + 2)


def test_a_move_to_another_file_and_another_order_is_no_change(mesh):
    documents = mesh.texts["s4.yaml"].split("---\n")
    ref = ObjectRef("VirtualService", "ns1", "s4")
    assert mesh.catalog.place(ref, "spec.hosts").line == 11
    moved = {"s4.yaml": documents[0], "rules/moved.yaml": "---\n".join(reversed(documents[1:]))}
    assert mesh.write(moved) is None
    assert str(mesh.catalog.place(ref, "spec.hosts")) == "rules/moved.yaml:10"
    assert mesh.sent() == {}


def _thousand_hosts() -> tuple[Product, Stream, str]:
    product = Product()
    texts = {
        f"r{n}.yaml": "apiVersion: networking.istio.io/v1\nkind: VirtualService\n"
        f"metadata: {{name: r{n}, namespace: shop}}\nspec:\n  hosts: [r{n}.com]\n  http:\n"
        f"  - {{match: [{{uri: {{prefix: /new}}}}], route: [{{destination: {{host: a.com}}}}]}}\n"
        f"  - {{route: [{{destination: {{host: b.com}}}}]}}\n"
        for n in range(1000)
    }
    product.write(texts)
    return product, product.open(sidecar("shop")), texts["r7.yaml"]


def test_one_route_among_a_thousand_virtual_hosts_is_one_resource():
    product, stream, text = _thousand_hosts()
    changes = product.write({"r7.yaml": text.replace("prefix: /new", "prefix: /newer")})
    assert set(stream.sent) == {(VIRTUAL_HOST, "http_proxy/r7.com:80")}
    assert ran(changes) == {"head", "routes_of", "resource_of"}
    assert len(made(changes)) == 1


def test_a_virtual_host_with_two_routes_takes_no_more_than_a_kilobyte():
    product, stream, text = _thousand_hosts()
    product.write({"r7.yaml": text.replace("prefix: /new", "prefix: /newer")})
    assert stream.sent[VIRTUAL_HOST, "http_proxy/r7.com:80"] <= 1024


def test_an_ingress_listener_goes_while_its_cluster_is_held(mesh):
    """What is asked of a key whose part of an object has gone must not fail: the change that takes it comes with it."""
    head = "apiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {name: own, namespace: ns1}\n"
    first, second = (
        f"{{port: {{number: {number}, protocol: HTTP, name: p{number}}}, defaultEndpoint: 127.0.0.1:{number}, "
        f"connectionPool: {{tcp: {{maxConnections: {number}}}}}}}"
        for number in (9001, 9002)
    )
    spec = "spec: {{workloadSelector: {{labels: {{app: own}}}}, ingress: [{}]}}\n"
    mesh.texts["own.yaml"] = head + spec.format(f"{first}, {second}")
    mesh.write(mesh.texts)
    mesh.open(sidecar("ns1", app="own"))
    mesh.change("own.yaml", f", {second}", "")
    mesh.check()
