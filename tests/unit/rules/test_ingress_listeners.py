"""What a Sidecar's ingress listeners open, and what limits them (reference §1.6)."""

import msgspec
import pytest
from tests.unit.rules.world import document, mesh, plans, router, sidecar, told

from pidalio.ir import Direction, Discovery, HttpPlan, ProxyPlans, TcpPlan
from pidalio.model import Interception

_SERVICE = document(
    "Service", "web", "{selector: {app: web}, ports: [{port: 80, name: http, targetPort: 8080}, {port: 81, name: tcp}]}"
)


def listener(number: int = 8080, more: str = "", protocol: str = "HTTP") -> str:
    return f"{{port: {{number: {number}, protocol: {protocol}, name: p-{number}}}{', ' + more if more else ''}}}"


def ingress(*listeners: str, name: str = "default", more: str = "", namespace: str = "default") -> str:
    return document("Sidecar", name, f"{{ingress: [{', '.join(listeners)}]{more}}}", namespace)


def compiled(*documents: str, interception: Interception = Interception.NONE) -> ProxyPlans:
    return plans(mesh(*documents), msgspec.structs.replace(sidecar(app="web"), interception=interception))


def opened(found: ProxyPlans) -> dict[str, str]:
    """Return by listener where its cluster leads to."""
    ways = {one.name: one for one in found.clusters if one.name.startswith("inbound|")}
    result = {}
    for one in found.listeners:
        if one.direction is Direction.INBOUND:
            content = one.chains[0].filter
            name = content.table.name if isinstance(content, HttpPlan) else content.clusters[0].cluster
            (endpoint,) = ways[name].assignment.localities[0].endpoints
            result[one.name] = f"{endpoint.address}:{endpoint.port}"
    return result


def test_they_take_the_place_of_services_ports():
    assert set(opened(compiled(_SERVICE))) == {"10.9.9.9_81", "10.9.9.9_8080"}
    assert set(opened(compiled(_SERVICE, ingress(listener(9000))))) == {"10.9.9.9_9000"}


@pytest.mark.parametrize(
    ("more", "where"),
    [
        ("", "127.0.0.1:8080"),
        ("defaultEndpoint: '127.0.0.1:7000'", "127.0.0.1:7000"),
        ("defaultEndpoint: '[::1]:7000'", "::1:7000"),
        ("defaultEndpoint: '0.0.0.0:7000'", "10.9.9.9:7000"),
        ("defaultEndpoint: '[::]:7000'", "10.9.9.9:7000"),
        ("defaultEndpoint: 'unix:///run/app'", "unix:///run/app:0"),
        ("defaultEndpoint: '0.0.0.0:8080'", "127.0.0.1:8080"),
        ("defaultEndpoint: '0.0.0.0:8080', bind: 10.9.9.10", "10.9.9.9:8080"),
    ],
    ids=["none", "loopback", "loopback-6", "instance", "instance-6", "socket", "itself", "itself-elsewhere"],
)
def test_endpoints(more, where):
    assert list(opened(compiled(ingress(listener(more=more)))).values()) == [where]


def test_an_application_that_was_moved_is_found():
    proxy = msgspec.structs.replace(sidecar(app="web"), app_address="127.0.0.2", app_ports=((7000, 40000),))
    found = plans(mesh(ingress(listener(more="defaultEndpoint: '127.0.0.1:7000'"))), proxy)
    assert opened(found) == {"10.9.9.9_8080": "127.0.0.2:40000"}


@pytest.mark.parametrize(
    ("more", "place"),
    [
        ("", ("10.9.9.9", 8080)),
        ("bind: 10.9.9.10", ("10.9.9.10", 8080)),
        ("captureMode: NONE", ("10.9.9.9", 8080)),
        ("captureMode: IPTABLES", ("10.9.9.9", 8080)),
    ],
)
def test_where_they_listen(more, place):
    (one,) = (one for one in compiled(ingress(listener(more=more))).listeners if one.direction is Direction.INBOUND)
    assert (one.address, one.port) == place


def test_sockets():
    found = compiled(ingress(listener(0, "bind: 'unix:///run/a'"), listener(0, "bind: 'unix:///run/b'", "TCP")))
    one, other = (one for one in found.listeners if one.direction is Direction.INBOUND)
    assert (one.address, other.address) == ("unix:///run/a", "unix:///run/b")
    assert {one.name for one in found.clusters if one.name.startswith("inbound|")} == {
        "inbound|0||/run/a",
        "inbound|0||/run/b",
    }


def test_protocols_are_those_stated():
    found = compiled(ingress(listener(1), listener(2, protocol="TCP"), listener(3, protocol="HTTP2")))
    inbound = [one for one in found.listeners if one.direction is Direction.INBOUND]
    assert [type(one.chains[0].filter) for one in inbound] == [HttpPlan, TcpPlan, HttpPlan]


@pytest.mark.parametrize(
    ("documents", "limit"),
    [
        ((), None),
        ((document("DestinationRule", "web", "{host: web, trafficPolicy: %s}"),), 1),
        ((document("DestinationRule", "web", "{host: web, trafficPolicy: %s}"), ingress(listener())), 1),
        (
            (
                document("DestinationRule", "web", "{host: web, trafficPolicy: %s}"),
                document("Sidecar", "default", "{inboundConnectionPool: {tcp: {maxConnections: 2}}}"),
            ),
            2,
        ),
        (
            (
                document("DestinationRule", "web", "{host: web, trafficPolicy: %s}"),
                ingress(
                    listener(more="connectionPool: {tcp: {maxConnections: 3}}"),
                    more=", inboundConnectionPool: {tcp: {maxConnections: 2}, http: {maxRequestsPerConnection: 7}}",
                ),
            ),
            3,
        ),
    ],
    ids=["none", "rule", "rule-of-the-port", "sidecar", "listener"],
)
def test_limits_replace_each_other_as_a_whole(documents, limit):
    pool = "{connectionPool: {tcp: {maxConnections: 1}}}"
    found = compiled(_SERVICE, *(text.replace("%s", pool) for text in documents))
    (one,) = (one for one in found.clusters if one.name == "inbound|8080||")
    assert one.pool.max_connections == limit
    assert one.pool.max_requests_per_connection is None


def test_gateways_have_no_sidecar():
    found = plans(mesh(ingress(listener(), name="edge", namespace="istio-system")), router())
    assert not found.listeners


def test_tls_waits_for_the_mesh_to_have_identities():
    found = mesh(ingress(listener(more="tls: {mode: SIMPLE, serverCertificate: /a, privateKey: /b}", protocol="HTTPS")))
    assert told(found, "not-yet-effective") == [("not-yet-effective", "Sidecar default/default", "spec.ingress[0].tls")]


def test_where_connections_are_redirected_only_some_have_a_port_of_their_own():
    found = compiled(
        ingress(listener(1), listener(2, "captureMode: NONE"), listener(0, "bind: 'unix:///run/a'")),
        interception=Interception.REDIRECT,
    )
    inbound = {one.name: one for one in found.listeners if one.direction is Direction.INBOUND}
    assert set(inbound) == {"virtualInbound", "10.9.9.9_2", "unix:///run/a_0"}
    assert [one.name for one in inbound["virtualInbound"].chains] == [
        "virtualInbound-blackhole",
        "0.0.0.0_1",
        "virtualInbound-catchall-http",
        "virtualInbound",
    ]
    kinds = {one.name: one.discovery for one in found.clusters if one.name.startswith("inbound|")}
    assert set(kinds.values()) == {Discovery.STATIC}
