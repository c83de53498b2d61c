"""Connections that are redirected to a real sidecar reach its application.

No redirection is needed: the PROXY protocol before each connection states the address for which it was.
"""

import socket
import threading

import grpc
import msgspec
import pytest
from tests.traffic.envoy import RunningEnvoy
from tests.traffic.polyglot import Polyglot

from pidalio.ir import ProxyPlans
from pidalio.model import Interception
from pidalio.pipeline import plans_for
from pidalio.server.offline import OfflineMesh
from pidalio.simulate import Connection, Request, decide

_ADDRESS = "127.67.1.1"
_PROXY = f"sidecar~{_ADDRESS}~web-1.default~default.svc.cluster.local"
_WORLD = """
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec:
  selector: {app: web}
  ports:
  - {name: http, port: 80, targetPort: %d}
  - {name: tcp, port: 81, targetPort: %d}
  - {name: any, port: 82, targetPort: %d}
---
apiVersion: pidalio.dev/v1
kind: MeshConfig
metadata: {name: mesh}
spec: %s
"""


def _plans(http: int, tcp: int, sniffed: int, settings: str = "{}") -> ProxyPlans:
    mesh = OfflineMesh.from_text(_WORLD % (http, tcp, sniffed, settings))
    proxy = msgspec.structs.replace(
        mesh.proxy(_PROXY, (("app", "web"),), outbound=""), interception=Interception.REDIRECT
    )
    plans = plans_for(mesh.world, proxy)
    own = tuple(one for one in plans.listeners if one.name == "virtualInbound")
    return msgspec.structs.replace(plans, listeners=own)


class Teller:
    """An application that says who called it where, before anything is sent to it."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("0.0.0.0", 0))
        self.port = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, peer = self.socket.accept()
            except OSError:
                return
            with connection:
                connection.sendall(f"{peer[0]} called {connection.getsockname()[0]}".encode())
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(1024):
                    pass  # closing with bytes unread would reset the connection

    def stop(self) -> None:
        self.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join(10)
        self.socket.close()


@pytest.fixture(scope="module")
def teller():
    running = Teller()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def polyglot():
    running = Polyglot().start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def envoy(backend, teller, polyglot):
    running = RunningEnvoy(_plans(backend.port, teller.port, polyglot.port)).start()
    yield running
    running.stop()


def _opened(envoy, address, port):
    connection = socket.create_connection(envoy.address("virtualInbound"), timeout=20)
    connection.sendall(f"PROXY TCP4 127.0.0.1 {address} 5555 {port}\r\n".encode())
    return connection


def _said(envoy, address, port, sent=b""):
    with _opened(envoy, address, port) as connection:
        connection.sendall(sent)
        answer = b""
        while more := connection.recv(65536):
            answer += more
    return answer.decode()


def _asked(envoy, address, port):
    return _said(envoy, address, port, b"GET /a/../b HTTP/1.1\r\nHost: web\r\nx-log-id: 1\r\nConnection: close\r\n\r\n")


def _foreseen(plans, address, port, protocol="http/1.1"):
    connection = Connection(destination=address, port=port, protocol=protocol)
    decision = decide(plans, "virtualInbound", Request(authority="web", path="/a/../b"), connection)
    return decision.chain, decision.action.destinations[0].cluster


@pytest.mark.envoy
def test_http_goes_on_to_the_address_that_was_called(envoy, backend):
    answer = _asked(envoy, _ADDRESS, backend.port)
    assert answer.startswith("HTTP/1.1 200 ")
    assert f"x-from: {_ADDRESS}\r\n" in answer
    assert "server: istio-envoy\r\n" in answer
    assert '"path": "/b"' in answer
    assert _foreseen(envoy.plans, _ADDRESS, backend.port) == (
        f"0.0.0.0_{backend.port}",
        f"inbound|{backend.port}||",
    )


@pytest.mark.envoy
def test_a_declared_server_may_speak_first_and_is_called_from_an_address_that_is_not_redirected(envoy, teller):
    assert _said(envoy, _ADDRESS, teller.port) == f"127.0.0.6 called {_ADDRESS}"
    assert _foreseen(envoy.plans, _ADDRESS, teller.port, "") == (
        f"0.0.0.0_{teller.port}",
        f"inbound|{teller.port}||",
    )


@pytest.mark.envoy
@pytest.mark.parametrize(
    ("sent", "began", "protocol", "chain"),
    [
        (b"GET / HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n", b"GET / HTTP/1.1\r\nhost: ", "http/1.1", ""),
        (b"\x16\x03\x01 any", b"\x16\x03\x01 any", "", "-tcp"),
        (b"GET / HTTP/1.0\r\n\r\n", b"GET / HTTP/1.0\r\n\r\n", "http/1.0", "-tcp"),
    ],
    ids=["http", "bytes", "http/1.0"],
)
def test_an_undeclared_protocol_is_sniffed(sent, began, protocol, chain, envoy, polyglot):
    _said(envoy, "127.0.0.1", polyglot.port, sent)
    assert polyglot.began[-1].startswith(began)
    assert _foreseen(envoy.plans, "127.0.0.1", polyglot.port, protocol)[0] == f"0.0.0.0_{polyglot.port}{chain}"


@pytest.mark.envoy
def test_grpc_stays_http_2(envoy, polyglot):
    relay = socket.create_server(("127.0.0.1", 0))
    number = relay.getsockname()[1]
    thread = threading.Thread(target=_relay, args=(relay, envoy, polyglot.port), daemon=True)
    thread.start()
    with grpc.insecure_channel(f"127.0.0.1:{number}") as channel:
        assert channel.unary_unary("/test.Echo/Say")(b"hello", timeout=20) == b"hello by a proxy"
    thread.join(10)
    relay.close()


def _relay(server, envoy, port):
    """Carry one connection on with the PROXY protocol before it."""
    client, _ = server.accept()
    with client, _opened(envoy, "127.0.0.1", port) as inner:
        other = threading.Thread(target=_pump, args=(inner, client), daemon=True)
        other.start()
        _pump(client, inner)
        inner.shutdown(socket.SHUT_RDWR)
        other.join(10)


def _pump(one, other):
    try:
        while data := one.recv(65536):
            other.sendall(data)
    except OSError:
        return


@pytest.mark.envoy
def test_ports_that_nothing_declares_are_passed_on(envoy, backend):
    stranger = Teller()
    try:
        assert _said(envoy, "127.67.1.9", stranger.port, b"\x00") == "127.0.0.6 called 127.67.1.9"
        assert _foreseen(envoy.plans, "127.67.1.9", stranger.port, "") == (
            "virtualInbound",
            "InboundPassthroughCluster",
        )
        assert _foreseen(envoy.plans, "127.67.1.9", stranger.port)[0] == "virtualInbound-catchall-http"
    finally:
        stranger.stop()


@pytest.mark.envoy
def test_requests_to_ports_that_nothing_declares_are_passed_on(backend, teller, polyglot):
    running = RunningEnvoy(_plans(1, 2, 3)).start()
    try:
        answer = _asked(running, "127.67.1.9", backend.port)
        assert answer.startswith("HTTP/1.1 200 ")
        assert "x-from: 127.67.1.9\r\n" in answer
        assert running.logged("1")["cluster"] == "InboundPassthroughCluster"
    finally:
        running.stop()


@pytest.mark.envoy
def test_a_connection_to_its_own_port_is_closed(envoy):
    with _opened(envoy, _ADDRESS, 15006) as connection:
        assert connection.recv(1) == b""


@pytest.mark.envoy
def test_localhost(backend, teller, polyglot):
    settings = "{inboundTrafficPolicy: {mode: LOCALHOST}}"
    running = RunningEnvoy(_plans(backend.port, teller.port, polyglot.port, settings)).start()
    try:
        assert "x-from: 127.0.0.1\r\n" in _asked(running, _ADDRESS, backend.port)
        assert _said(running, _ADDRESS, teller.port) == "127.0.0.1 called 127.0.0.1"
    finally:
        running.stop()
