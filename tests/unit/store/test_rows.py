"""What each kind of object puts into the input tables."""

import pytest

from pidalio.api.kinds import KINDS
from pidalio.api.load import load
from pidalio.model import Locality
from pidalio.store import tables
from pidalio.store.rows import parse_locality, rows_of


def rows(text: str):
    (parsed,) = load(text, "one.yaml").parsed
    assert parsed.object, parsed.reports
    return rows_of(parsed.object)


def object_of(kind: str, body: str, name: str = "a", version: str = "networking.istio.io/v1", more: str = "") -> str:
    return f"apiVersion: {version}\nkind: {kind}\nmetadata: {{name: {name}, namespace: ns{more}}}\n{body}\n"


@pytest.mark.parametrize(
    ("text", "locality"),
    [
        ("", Locality()),
        ("eu", Locality("eu")),
        ("eu/a", Locality("eu", "a")),
        ("eu/a/1", Locality("eu", "a", "1")),
        ("eu.a.1", Locality("eu", "a", "1")),
        ("eu/a/1/x", Locality("eu", "a", "1")),
        ("eu-west.1/a", Locality("eu-west.1", "a")),
    ],
)
def test_localities(text, locality):
    assert parse_locality(text) == locality


@pytest.mark.parametrize(
    ("text", "table", "keys"),
    [
        (
            object_of("VirtualService", "spec: {hosts: [a.com], http: [{directResponse: {status: 200}}]}"),
            tables.VIRTUAL_SERVICES,
            {("ns", "a")},
        ),
        (
            object_of("DestinationRule", "spec: {host: a.com, subsets: [{name: v1}]}"),
            tables.DESTINATION_RULES,
            {("ns", "a")},
        ),
        (
            object_of("Sidecar", "spec: {egress: [{hosts: ['*/*']}]}"),
            tables.SIDECARS,
            {("ns", "a")},
        ),
        (
            object_of(
                "Gateway",
                "spec: {selector: {a: b}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]}",
            ),
            tables.GATEWAYS,
            {("ns", "a")},
        ),
        (
            object_of(
                "ServiceEntry",
                "spec: {hosts: [A.com, b.com.], resolution: DNS, ports: [{number: 80, name: h, protocol: HTTP}]}",
            ),
            tables.SERVICES,
            {("a.com", "ns", "ServiceEntry ns/a"), ("b.com", "ns", "ServiceEntry ns/a")},
        ),
        (object_of("WorkloadEntry", "spec: {address: 10.0.0.1}"), tables.WORKLOADS, {("ns", "a", "WorkloadEntry")}),
        (
            object_of("Service", "spec: {ports: [{port: 80}]}", version="v1"),
            tables.SERVICES,
            {("a.ns.svc.cluster.local", "ns", "Service ns/a")},
        ),
        (
            object_of("Endpoints", "subsets: []", version="v1"),
            tables.ENDPOINTS,
            {("a.ns.svc.cluster.local", "ns", "Endpoints ns/a")},
        ),
        (object_of("Pod", "status: {podIP: 10.0.0.1}", version="v1"), tables.WORKLOADS, {("ns", "a", "Pod")}),
        (
            object_of("Deployment", "spec: {template: {metadata: {labels: {app: x}}}}", version="apps/v1"),
            tables.WORKLOADS,
            {("ns", "a", "Deployment")},
        ),
        ("apiVersion: pidalio.dev/v1\nkind: MeshConfig\nmetadata: {name: m}\nspec: {}\n", tables.MESH, {""}),
    ],
)
def test_keys(text, table, keys):
    assert set(rows(text)[table]) == keys


@pytest.mark.parametrize(
    "text",
    [
        object_of("WorkloadGroup", "spec: {template: {}}"),
        object_of("Service", "spec: {type: ExternalName}", version="v1"),
        object_of("EndpointSlice", "addressType: IPv4\nports: []\nendpoints: []", version="discovery.k8s.io/v1"),
        object_of("Pod", "status: {podIP: 10.0.0.1, phase: Failed}", version="v1"),
        object_of("LocalWorkload", "spec: {command: [sleep]}", version="pidalio.dev/v1"),
    ],
)
def test_some_objects_contribute_nothing(text):
    assert not rows(text)


def test_every_kind_is_known_here_or_left_out_on_purpose():
    from pidalio.store import rows as module

    left_out = {"WorkloadGroup", "EnvoyFilter", "LocalWorkload", "Ingress"}
    assert {kind.name for kind in KINDS} == set(module._OWN_TABLE) | set(module._MAKERS) | left_out


def test_a_platform_service():
    text = object_of(
        "Service",
        "spec: {clusterIP: 10.1.1.1, selector: {b: c, a: b}, ports: [{port: 80, name: http, targetPort: 8080}, "
        "{port: 81, name: grpc, targetPort: named}]}",
        version="v1",
        more=", annotations: {networking.istio.io/exportTo: '., other'}",
    )
    (found,) = rows(text)[tables.SERVICES].values()
    assert (found.addresses, found.export_to) == (("10.1.1.1",), (".", "other"))
    assert found.selector == (("a", "b"), ("b", "c"))
    assert [(one.target_port, one.target_port_name) for one in found.ports] == [(8080, ""), (0, "named")]


@pytest.mark.parametrize(
    ("body", "addresses", "headless"),
    [
        ("clusterIP: None", (), True),
        ("clusterIP: 10.1.1.1, clusterIPs: [10.1.1.1, 'fd00::1']", ("10.1.1.1", "fd00::1"), False),
        ("clusterIP: ''", (), False),
    ],
)
def test_addresses_of_a_platform_service(body, addresses, headless):
    (found,) = rows(object_of("Service", f"spec: {{{body}, ports: [{{port: 80}}]}}", version="v1"))[
        tables.SERVICES
    ].values()
    assert (found.addresses, found.headless) == (addresses, headless)


@pytest.mark.parametrize(
    ("export", "keys"),
    [
        ((), [""]),
        (("*",), ["*"]),
        ((".",), ["ns"]),
        ((".", "other"), ["ns", "other"]),
        (("~",), []),
    ],
)
def test_index_keys_of_exports(export, keys):
    assert list(tables.exported(export, "ns")) == keys


@pytest.mark.parametrize(
    ("written", "meant"),
    [("mesh", "mesh"), ("edge", "ns/edge"), ("far/edge", "far/edge"), ("edge.far.svc.cluster.local", "far/edge")],
)
def test_gateway_references(written, meant):
    assert tables.gateway_reference(written, "ns") == meant
