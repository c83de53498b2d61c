"""A WorkloadGroup says what its instances have in common; what an instance says itself wins."""

import pytest

from pidalio.api.load import load
from pidalio.api.local_workload import WorkloadPort
from pidalio.api.workload_entry import (
    ExecHealthCheckConfig,
    GrpcHealthCheckConfig,
    HTTPHeader,
    HTTPHealthCheckConfig,
    ReadinessProbe,
    TCPHealthCheckConfig,
)
from pidalio.model import Health, Locality, ObjectRef
from pidalio.platforms.local.addresses import Placement
from pidalio.platforms.local.groups import described, member_name
from pidalio.platforms.local.workloads import LocalInstance, workload_row

OWN = LocalInstance(ObjectRef("LocalWorkload", "default", "reviews"), 0)


def of_group(spec: str, own: LocalInstance = OWN) -> LocalInstance:
    text = f"apiVersion: networking.istio.io/v1\nkind: WorkloadGroup\nmetadata: {{name: reviews}}\nspec: {spec}"
    (parsed,) = load(text, "group.yaml").parsed
    assert parsed.object is not None, parsed.reports
    return described(own, parsed.object.spec)


@pytest.mark.parametrize(
    ("spec", "field", "value"),
    [
        pytest.param("{template: {labels: {app: a}}}", "labels", (("app", "a"),), id="template.labels"),
        pytest.param(
            "{metadata: {labels: {app: b}}, template: {labels: {app: a, version: v1}}}",
            "labels",
            (("app", "b"), ("version", "v1")),
            id="metadata.labels",
        ),
        pytest.param("{template: {ports: {http: 80}}}", "ports", (WorkloadPort(name="http", port=80),), id="ports"),
        pytest.param("{template: {locality: a/b/c}}", "locality", Locality("a", "b", "c"), id="locality"),
        pytest.param(
            "{template: {labels: {istio-locality: a.b}}}", "locality", Locality("a", "b"), id="labelled locality"
        ),
        pytest.param("{template: {weight: 7}}", "weight", 7, id="weight"),
        pytest.param("{template: {network: n1}}", "network", "n1", id="network"),
        pytest.param("{template: {serviceAccount: sa}}", "service_account", "sa", id="serviceAccount"),
        pytest.param(
            "{template: {}, metadata: {annotations: {proxy.istio.io/config: 'concurrency: 3', note: x}}}",
            "proxy_config",
            "concurrency: 3",
            id="metadata.annotations",
        ),
    ],
)
def test_what_a_group_says(spec, field, value):
    assert getattr(of_group(spec), field) == value


@pytest.mark.parametrize(
    ("written", "probe"),
    [
        (
            (
                "initialDelaySeconds: 1, timeoutSeconds: 2, periodSeconds: 3, successThreshold: 4, failureThreshold: 5, "
                "httpGet: {path: /x, port: 6, host: h, scheme: HTTPS, httpHeaders: [{name: a, value: b}]}"
            ),
            ReadinessProbe(
                1, 2, 3, 4, 5, http_get=HTTPHealthCheckConfig("/x", 6, "h", "HTTPS", (HTTPHeader("a", "b"),))
            ),
        ),
        ("tcpSocket: {port: 1, host: h}", ReadinessProbe(tcp_socket=TCPHealthCheckConfig("h", 1))),
        ("exec: {command: [a, b]}", ReadinessProbe(exec=ExecHealthCheckConfig(("a", "b")))),
        ("grpc: {port: 1, service: s}", ReadinessProbe(grpc=GrpcHealthCheckConfig(1, "s"))),
    ],
    ids=["http", "tcp", "exec", "grpc"],
)
def test_a_group_says_how_its_instances_are_probed(written, probe):
    assert of_group(f"{{template: {{}}, probe: {{{written}}}}}").probe == probe


def test_what_the_instance_says_itself_wins():
    own = LocalInstance(
        OWN.object, 0, labels=(("app", "mine"),), ports=(WorkloadPort(name="http", port=9080), WorkloadPort(port=7))
    )
    found = of_group("{template: {labels: {app: a, v: '1'}, ports: {http: 80, admin: 81}}}", own)
    assert found.labels == (("app", "mine"), ("v", "1"))
    assert [(port.name, port.port) for port in found.ports] == [("http", 9080), ("", 7), ("admin", 81)]


def test_its_row_serves_where_the_group_says_whatever_the_service_targets():
    row = workload_row(of_group("{template: {ports: {http: 8080}, weight: 3, network: n}}"), Placement("10.0.0.1", ""))
    assert (row.ports, row.named_ports) == ((("http", 8080),), (("http", 8080),))
    assert (row.weight, row.network, row.health) == (3, "n", Health.HEALTHY)


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("192.0.2.7", "reviews-192-0-2-7"),
        ("2001:db8::1f", "reviews-2001-0db8-0000-0000-0000-0000-0000-31"),
    ],
)
def test_an_instance_without_a_name_is_called_after_its_address(address, name):
    assert member_name("reviews", address) == name
