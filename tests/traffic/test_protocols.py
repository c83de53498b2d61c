"""Rules hold for every protocol that HTTP carries: WebSocket, gRPC of each kind, HTTP/2 upstream (reference §2.3)."""

import socket

import grpc
import pytest
from tests.traffic.case import GATEWAY, SIDECAR, Case
from tests.traffic.envoy import RunningEnvoy
from tests.traffic.fleet import rule, subsets
from tests.traffic.polyglot import HTTP2_PREFACE, Polyglot
from tests.traffic.rpc import Application, method
from tests.traffic.run import compiled
from tests.traffic.switching import Switching

pytestmark = pytest.mark.envoy

_LABELS = (("istio", "ingress"),)
_ONE, _TWO = "127.9.1.1", "127.9.1.2"


def _entry(name: str, protocol: str, *addresses: str, port: str = "$PORT") -> str:
    listed = ", ".join(
        f"{{address: {one}, ports: {{main: {port}}}, labels: {{version: v{number}}}}}"
        for number, one in enumerate(addresses, 1)
    )
    return rule(
        name,
        f"""
        hosts: [{name}.default.svc.cluster.local]
        location: MESH_INTERNAL
        resolution: STATIC
        ports: [{{number: 80, name: main, protocol: {protocol}}}]
        endpoints: [{listed}]
        """,
        kind="ServiceEntry",
    )


def _edge(protocol: str) -> str:
    server = f"{{port: {{number: 8080, name: main, protocol: {protocol}}}, hosts: ['*']}}"
    return rule("edge", f"selector: {{istio: ingress}}\nservers: [{server}]", kind="Gateway")


_RULES = rule(
    "calls",
    """
    hosts: [calls.default.svc.cluster.local]
    gateways: [mesh, edge]
    http:
    - name: by-metadata
      match: [{headers: {x-version: {exact: v2}}}]
      route: [{destination: {host: calls, subset: v2}}]
    - name: by-method
      match: [{uri: {exact: /test.Echo/Count}}]
      route: [{destination: {host: calls, subset: v2}}]
    - name: aborted
      match: [{headers: {x-aborted: {}}}]
      fault: {abort: {grpcStatus: RESOURCE_EXHAUSTED, percentage: {value: 100}}}
      route: [{destination: {host: calls, subset: v1}}]
    - name: missing
      match: [{headers: {x-missing: {}}}]
      route: [{destination: {host: calls, subset: v9}}]
    - name: once
      match: [{headers: {x-once: {}}}]
      retries: {attempts: 0}
      route: [{destination: {host: calls, subset: v1}}]
    - name: rest
      headers: {response: {set: {x-rule: rest}}}
      route: [{destination: {host: calls, subset: v1}}]
    """,
)


@pytest.fixture(scope="module")
def applications():
    first = Application(_ONE).start()
    second = Application(_TWO).start(first.port)
    yield first, second
    first.stop()
    second.stop()


@pytest.fixture(scope="module", params=["HTTP2", "GRPC", "sidecar"])
def door(request, applications):
    """An Envoy to call by gRPC: a gateway's port, or the listener that sidecars offer as an HTTP proxy."""
    at_edge = request.param != "sidecar"
    config = _entry("calls", "GRPC", _ONE, _TWO) + subsets("calls", "v1", "v2", "v9") + _RULES
    case = Case(
        id=request.param,
        intent="",
        config=config + _edge(request.param if at_edge else "HTTP"),
        calls=(),
        proxy=GATEWAY if at_edge else SIDECAR,
        labels=_LABELS if at_edge else (),
    )
    envoy = RunningEnvoy(compiled(case, applications[0].port)).start()
    name = envoy.plans.listeners[0].name
    address, port = envoy.address(name)
    authority = "calls.default.svc.cluster.local:80"
    with grpc.insecure_channel(f"{address}:{port}", options=[("grpc.default_authority", authority)]) as channel:
        yield channel
    envoy.stop()


def _ended(call) -> tuple[grpc.StatusCode, dict[str, str]]:
    return call.code(), {key: value for key, value in call.trailing_metadata() if isinstance(value, str)}


class TestGrpc:
    def test_a_call_and_its_trailers(self, door):
        answer, call = method(door, "Say").with_call(b"hello", timeout=10)
        assert answer == b"hello"
        assert _ended(call)[1]["x-from"] == _ONE
        assert dict(call.initial_metadata())["x-rule"] == "rest"

    def test_metadata_and_methods_are_headers_and_paths(self, door):
        _, call = method(door, "Say").with_call(b"", metadata=(("x-version", "v2"),), timeout=10)
        assert _ended(call)[1]["x-from"] == _TWO
        stream = method(door, "Count")(b"3", timeout=10)
        assert list(stream) == [b"0", b"1", b"2"]
        assert _ended(stream)[1]["x-from"] == _TWO

    def test_streams_to_and_both_ways(self, door):
        assert method(door, "Gather")(iter([b"a", b"b", b"c"]), timeout=10) == b"a+b+c"
        assert list(method(door, "Chat")(iter([b"a", b"b"]), timeout=10)) == [b"a!", b"b!"]

    def test_a_long_stream_comes_whole(self, door):
        assert sum(1 for _ in method(door, "Count")(b"5000", timeout=30)) == 5000

    def test_a_status_of_the_application_passes(self, door):
        with pytest.raises(grpc.RpcError) as told:
            method(door, "Say")(b"", metadata=(("x-abort", "1"),), timeout=10)
        assert (told.value.code(), told.value.details()) == (grpc.StatusCode.FAILED_PRECONDITION, "told to")

    @pytest.mark.parametrize(
        ("header", "code"),
        [
            ("x-missing", grpc.StatusCode.UNAVAILABLE),
            ("x-aborted", grpc.StatusCode.RESOURCE_EXHAUSTED),
        ],
    )
    def test_what_the_proxy_answers_is_a_grpc_status(self, door, header, code):
        with pytest.raises(grpc.RpcError) as told:
            method(door, "Say")(b"", metadata=((header, "1"),), timeout=10)
        assert told.value.code() is code

    def test_unavailable_is_repeated_by_default_and_not_without_attempts(self, door, applications):
        applications[0].tries = 0
        _, call = method(door, "Say").with_call(b"", metadata=(("x-fails", "2"),), timeout=10)
        assert _ended(call)[1]["x-tries"] == "3"
        applications[0].tries = 0
        with pytest.raises(grpc.RpcError) as told:
            method(door, "Say")(b"", metadata=(("x-fails", "1"), ("x-once", "1")), timeout=10)
        assert told.value.code() is grpc.StatusCode.UNAVAILABLE
        assert applications[0].tries == 1


def test_http1_callers_reach_http2_services():
    application = Polyglot().start()
    config = _entry("two", "HTTP2", "127.0.0.1") + _entry("one", "HTTP", "127.0.0.1")
    envoy = RunningEnvoy(compiled(Case(id="h2", intent="", config=config, calls=()), application.port)).start()
    try:
        for name, preface in (("two", HTTP2_PREFACE[:3]), ("one", b"GET")):
            with socket.create_connection(envoy.address(envoy.plans.listeners[0])) as client:
                client.sendall(f"GET http://{name}/ HTTP/1.1\r\nHost: {name}\r\n\r\n".encode())
                assert client.recv(9) == b"HTTP/1.1 "
            assert application.began[-1].startswith(preface)
    finally:
        envoy.stop()
        application.stop()


_CHAT = (
    _entry("chat", "HTTP", "127.9.2.1", "127.9.2.2")
    + subsets("chat", "v1", "v2")
    + rule(
        "chat",
        """
        hosts: [chat.default.svc.cluster.local]
        gateways: [mesh, edge]
        http:
        - match: [{headers: {upgrade: {exact: websocket}}, uri: {prefix: /no}}]
          directResponse: {status: 403}
        - match: [{uri: {prefix: /two}}]
          rewrite: {uri: /ws}
          route: [{destination: {host: chat, subset: v2}}]
        - route: [{destination: {host: chat, subset: v1}}]
        """,
    )
    + _edge("HTTP")
)


@pytest.fixture(scope="module")
def speakers():
    """Two instances that switch protocols, say who they are and which path was asked, and then echo."""
    first = Switching("127.9.2.1").start()
    second = Switching("127.9.2.2").start(first.port)
    yield first
    first.stop()
    second.stop()


@pytest.fixture(scope="module", params=["gateway", "sidecar"])
def chat(request, speakers):
    at_edge = request.param == "gateway"
    proxy, labels = (GATEWAY, _LABELS) if at_edge else (SIDECAR, ())
    case = Case(id=request.param, intent="", config=_CHAT, calls=(), proxy=proxy, labels=labels)
    running = RunningEnvoy(compiled(case, speakers.port)).start()
    yield running
    running.stop()


class TestWebSocket:
    def _opened(self, chat, path: str) -> tuple[socket.socket, bytes]:
        host = "chat.default.svc.cluster.local"
        client = socket.create_connection(chat.address(chat.plans.listeners[0]))
        client.settimeout(10)
        lines = f"GET http://{host}{path} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
        client.sendall(lines.encode())
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(4096)
        return client, head

    @pytest.mark.parametrize(("path", "speaker"), [("/ws", b"127.9.2.1 /ws"), ("/two", b"127.9.2.2 /ws")])
    def test_bytes_flow_both_ways_where_the_rule_says(self, chat, path, speaker):
        client, head = self._opened(chat, path)
        with client:
            assert head.startswith(b"HTTP/1.1 101 ")
            found = head.partition(b"\r\n\r\n")[2]
            while len(found) < len(speaker):
                found += client.recv(4096)
            assert found == speaker
            for sent in (b"\x81\x02hi", b"x" * 50_000):
                client.sendall(sent)
                back = b""
                while len(back) < len(sent):
                    back += client.recv(65536)
                assert back == sent

    def test_a_rule_that_answers_by_itself_does_so(self, chat):
        client, head = self._opened(chat, "/no")
        client.close()
        assert head.startswith(b"HTTP/1.1 403 ")
