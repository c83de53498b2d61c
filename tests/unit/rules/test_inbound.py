"""What a sidecar takes in for its own workload (reference §2.11, §2.13, design record 0005)."""

import msgspec
import pytest
from tests.unit.rules.world import document, mesh, mesh_config, plans, sidecar

from pidalio.ir import Direction, HttpPlan, Inspector, TcpPlan, UpstreamProtocol


def service(ports: str, name: str = "web", selector: str = "{app: web}", *, created: str = "", more: str = "") -> str:
    return document("Service", name, f"{{selector: {selector}, ports: [{ports}]}}", created=created, more=more)


def pod(labels: str = "{app: web}", ports: str = "", address: str = "10.9.9.9") -> str:
    spec = f"spec: {{containers: [{{name: main, ports: [{ports}]}}]}}\nstatus: {{podIP: {address}}}\n"
    return document("Pod", "client", spec, more=f"labels: {labels}")


def opened(found, proxy=None) -> dict[int, str]:
    """Return by port the service behind it."""
    compiled = plans(found, proxy or sidecar(app="web"))
    inbound = [one for one in compiled.listeners if one.direction is Direction.INBOUND]
    return {one.port: str(one.origin.object) for one in inbound if one.origin}


def test_ports_of_services_that_select_the_workload():
    found = mesh(
        service("{port: 80, name: http, targetPort: 8080}, {port: 53, name: dns, protocol: UDP}"),
        service("{port: 90, name: http}", "other", "{app: other}"),
        service("{port: 91, name: http}", "narrow", "{app: web, tier: front}"),
        pod(),
    )
    assert opened(found) == {8080: "Service default/web"}
    assert set(opened(found, sidecar(app="web", tier="front"))) == {8080, 91}


@pytest.mark.parametrize(
    ("port", "number"),
    [
        ("{port: 80, name: http}", 80),
        ("{port: 80, name: http, targetPort: 8080}", 8080),
        ("{port: 80, name: http, targetPort: named}", 7070),
        ("{port: 80, name: http, targetPort: unknown}", None),
    ],
)
def test_named_target_ports_are_those_of_the_instance(port, number):
    found = mesh(service(port), pod(ports="{name: named, containerPort: 7070}"))
    assert opened(found) == ({number: "Service default/web"} if number else {})


def test_another_namespaces_service_does_not_count():
    selecting = document("Service", "web", "{selector: {app: web}, ports: [{port: 80, name: http}]}", "other")
    assert opened(mesh(selecting, pod())) == {}


def test_endpoints_that_list_the_address_count_without_a_selector():
    listed = document(
        "EndpointSlice",
        "web-1",
        "addressType: IPv4\nports: [{name: http, port: 6060}]\nendpoints: [{addresses: [10.9.9.9]}]\n",
        more="labels: {kubernetes.io/service-name: web}",
    )
    bare = document("Service", "web", "{ports: [{port: 80, name: http}]}")
    assert opened(mesh(bare, listed)) == {6060: "Service default/web"}


def test_endpoints_say_where_the_workload_serves():
    listed = document(
        "Endpoints", "web", "subsets: [{addresses: [{ip: 10.9.9.9}], ports: [{name: http, port: 6060}]}]\n"
    )
    assert opened(mesh(service("{port: 80, name: http, targetPort: 8080}"), listed, pod())) == {
        6060: "Service default/web"
    }


def test_of_two_services_on_one_port_the_older_wins():
    found = mesh(
        service("{port: 80, name: http, targetPort: 8080}", "a", created="2024-01-01T00:00:00Z"),
        service("{port: 81, name: http, targetPort: 8080}", "b", created="2020-01-01T00:00:00Z"),
        pod(),
    )
    assert opened(found) == {8080: "Service default/b"}


def test_entries_select_too_and_workload_entries_move_ports():
    selected = document(
        "ServiceEntry",
        "vm",
        "{hosts: [vm.com], resolution: STATIC, workloadSelector: {labels: {app: web}}, "
        "ports: [{number: 80, name: http, protocol: HTTP, targetPort: 8080}]}",
    )
    instance = document("WorkloadEntry", "client", "{address: 10.9.9.9, labels: {app: web}, ports: {http: 9999}}")
    assert opened(mesh(selected, instance)) == {9999: "ServiceEntry default/vm"}


def test_a_service_that_nobody_sees_still_has_its_way_in():
    hidden = service("{port: 80, name: http}", more="annotations: {networking.istio.io/exportTo: '~'}")
    assert opened(mesh(hidden, pod())) == {80: "Service default/web"}


@pytest.mark.parametrize(
    ("port", "kind", "http2"),
    [
        ("{port: 80, name: http}", HttpPlan, False),
        ("{port: 80, name: grpc}", HttpPlan, True),
        ("{port: 80, name: tcp}", TcpPlan, False),
        ("{port: 80, name: https}", TcpPlan, False),
        ("{port: 80, name: x, appProtocol: kubernetes.io/h2c}", HttpPlan, True),
        ("{port: 3306, name: odd}", TcpPlan, False),
    ],
)
def test_protocols(port, kind, http2):
    compiled = plans(mesh(service(port), pod()), sidecar(app="web"))
    (listener,) = [one for one in compiled.listeners if one.direction is Direction.INBOUND]
    (cluster,) = [one for one in compiled.clusters if one.name.startswith("inbound|")]
    assert (type(listener.chains[0].filter), cluster.protocol is UpstreamProtocol.HTTP2) == (kind, http2)


@pytest.mark.parametrize(("written", "wait"), [("", 0), ("{protocolDetectionTimeout: 5s}", 5000)])
def test_an_undeclared_port_is_sniffed(written, wait):
    settings = (mesh_config(written),) if written else ()
    found = mesh(service("{port: 80, name: odd}, {port: 81, name: http}"), pod(), *settings)
    compiled = plans(found, sidecar(app="web"))
    sniffed, declared = (one for one in compiled.listeners if one.direction is Direction.INBOUND)
    assert (sniffed.inspectors, sniffed.inspection_timeout) == ((Inspector.HTTP,), wait)
    assert [(type(one.filter), one.match.application_protocols) for one in sniffed.chains] == [
        (HttpPlan, ("http/1.1", "h2c")),
        (TcpPlan, ()),
    ]
    assert (declared.inspectors, declared.inspection_timeout) == ((), 0)
    clusters = {one.name: one.protocol for one in compiled.clusters if one.name.startswith("inbound|")}
    assert clusters == {"inbound|80||": UpstreamProtocol.DOWNSTREAM, "inbound|81||": UpstreamProtocol.HTTP1}


def test_the_way_in_has_no_faults_no_retries_and_no_timeout():
    compiled = plans(mesh(service("{port: 80, name: http, targetPort: 8080}"), pod()), sidecar(app="web"))
    (listener,) = [one for one in compiled.listeners if one.direction is Direction.INBOUND]
    (host,) = listener.chains[0].filter.table.virtual_hosts
    (route,) = host.routes
    assert (listener.name, listener.address, host.name, host.domains) == (
        "10.9.9.9_8080",
        "10.9.9.9",
        "inbound|http|80",
        ("*",),
    )
    assert (route.action.retry, route.action.timeout, route.fault) == (None, 0, None)


def test_the_application_is_where_the_agent_says():
    proxy = msgspec.structs.replace(sidecar(app="web"), app_address="127.0.0.2", app_ports=((8080, 40000),))
    compiled = plans(mesh(service("{port: 80, name: http, targetPort: 8080}"), pod()), proxy)
    (cluster,) = [one for one in compiled.clusters if one.name == "inbound|8080||"]
    (endpoint,) = cluster.assignment.localities[0].endpoints
    assert (endpoint.address, endpoint.port) == ("127.0.0.2", 40000)


def test_another_instance_of_that_name_is_not_this_proxy():
    elsewhere = pod(ports="{name: named, containerPort: 7070}", address="10.1.1.1")
    found = mesh(service("{port: 80, name: http, targetPort: named}"), elsewhere)
    assert opened(found) == {}
