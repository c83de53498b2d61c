"""One undeclared port of a real sidecar takes HTTP/1.1, HTTP/2, gRPC, TLS and plain bytes, each as what it is."""

import socket
import ssl

import grpc
import pytest
from tests.traffic.envoy import RunningEnvoy
from tests.traffic.polyglot import HTTP2_PREFACE, Polyglot

from pidalio.pipeline import plans_for
from pidalio.server.offline import OfflineMesh
from pidalio.simulate.connection import Connection, chosen_chain

_MESH = """
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec: {selector: {app: web}, ports: [{name: anything, port: 80, targetPort: %d}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web-1, namespace: default, labels: {app: web}}
spec: {containers: [{name: main}]}
status: {podIP: 127.88.0.1}
---
apiVersion: pidalio.dev/v1
kind: MeshConfig
metadata: {name: mesh}
spec: {protocolDetectionTimeout: %s}
"""
_PROXY = "sidecar~127.88.0.1~web-1.default~default.svc.cluster.local"


def _plans(application: Polyglot, detection: str = "0s"):
    mesh = OfflineMesh.from_text(_MESH % (application.port, detection))
    assert not [one for one in mesh.reports() if one.code == "not-yet-effective"]
    return plans_for(mesh.world, mesh.proxy(_PROXY))


@pytest.fixture(scope="module")
def application():
    running = Polyglot().start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def envoy(application):
    running = RunningEnvoy(_plans(application)).start()
    yield running
    running.stop()


@pytest.fixture
def door(envoy):
    return envoy.address(next(one for one in envoy.plans.listeners if not one.explicit_proxy))


def _said(door: tuple[str, int], sent: bytes) -> bytes:
    """Send bytes and return the first ones that come back."""
    with socket.create_connection(door, timeout=20) as connection:
        connection.sendall(sent)
        return connection.recv(65536)


def _hello() -> bytes:
    """Return the first bytes of a TLS client that offers HTTP/1.1."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    outgoing = ssl.MemoryBIO()
    client = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="web.example.com")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


@pytest.mark.envoy
def test_http_1_1_is_treated_as_http(door, application):
    answer = _said(door, b"GET / HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert b"server: istio-envoy" in answer
    assert b"x-request-id: " in application.began[-1]
    assert application.began[-1].startswith(b"GET / HTTP/1.1")


@pytest.mark.envoy
def test_http_2_stays_http_2(door, application):
    with grpc.insecure_channel("{}:{}".format(*door)) as channel:
        answer = channel.unary_unary("/test.Echo/Say")(b"hello", timeout=20)
    assert answer == b"hello by a proxy"
    assert application.began[-1].startswith(HTTP2_PREFACE)


@pytest.mark.envoy
@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"\x00\x01\x02 anything", id="bytes"),
        pytest.param(b"*1\r\n$4\r\nPING\r\n", id="redis"),
        pytest.param(_hello(), id="TLS"),
        pytest.param(b"NOPE / HTTP/9.9\r\n\r\n", id="nearly HTTP"),
    ],
)
def test_other_bytes_pass_as_they_are(sent, door, application):
    assert _said(door, sent) == sent
    assert application.began[-1] == sent


@pytest.mark.envoy
def test_http_1_0_is_not_sniffed(door, application):
    sent = b"GET / HTTP/1.0\r\n\r\n"
    assert _said(door, sent) == b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
    assert application.began[-1] == sent


@pytest.mark.envoy
def test_a_server_that_speaks_first_is_heard_after_the_bounded_wait():
    application = Polyglot(greeting=b"220 hello\r\n").start()
    running = RunningEnvoy(_plans(application, "100ms")).start()
    try:
        door = running.address(next(one for one in running.plans.listeners if not one.explicit_proxy))
        with socket.create_connection(door, timeout=20) as connection:
            assert connection.recv(65536) == b"220 hello\r\n"
    finally:
        running.stop()
        application.stop()


@pytest.mark.parametrize(
    ("connection", "chain"),
    [
        (Connection(protocol="http/1.1"), "http"),
        (Connection(protocol="h2c"), "http"),
        (Connection(protocol="http/1.0"), "tcp"),
        (Connection(protocol=""), "tcp"),
        (Connection(tls=True, alpn=("http/1.1",)), "tcp"),
    ],
)
def test_the_simulator_takes_the_same_chains(connection, chain, application):
    (listener,) = [one for one in _plans(application).listeners if not one.explicit_proxy]
    found = chosen_chain(listener, connection)
    assert found is not None
    assert found.name == chain
