"""gRPC-Web reaches gRPC applications where the port is declared so, and is left alone elsewhere (reference §2.3)."""

import http.client
import re
import struct
from base64 import b64decode, b64encode
from dataclasses import dataclass

import grpc
import pytest
from tests.traffic.case import GATEWAY, Case
from tests.traffic.envoy import RunningEnvoy
from tests.traffic.fleet import rule
from tests.traffic.rpc import Application, method
from tests.traffic.run import compiled

pytestmark = pytest.mark.envoy

_INSTANCE = "127.9.3.1"
_BINARY, _TEXT = "application/grpc-web+proto", "application/grpc-web-text"


def _entry(name: str, protocol: str) -> str:
    return rule(
        name,
        f"""
        hosts: [{name}.default.svc.cluster.local]
        location: MESH_INTERNAL
        resolution: STATIC
        ports: [{{number: 80, name: main, protocol: {protocol}}}]
        endpoints: [{{address: {_INSTANCE}, ports: {{main: $PORT}}}}]
        """,
        kind="ServiceEntry",
    )


def _edge(*servers: tuple[str, str]) -> str:
    listed = ", ".join(
        f"{{port: {{number: 8080, name: n{number}, protocol: {protocol}}}, hosts: [{host}.default.svc.cluster.local]}}"
        for number, (host, protocol) in enumerate(servers)
    )
    return rule("edge", f"selector: {{istio: ingress}}\nservers: [{listed}]", kind="Gateway")


def _routed(name: str) -> str:
    return rule(
        name,
        f"""
        hosts: [{name}.default.svc.cluster.local]
        gateways: [edge]
        http:
        - match: [{{headers: {{x-missing: {{}}}}}}]
          route: [{{destination: {{host: {name}, subset: v9}}}}]
        - match: [{{headers: {{x-aborted: {{}}}}}}]
          fault: {{abort: {{grpcStatus: RESOURCE_EXHAUSTED, percentage: {{value: 100}}}}}}
          route: [{{destination: {{host: {name}}}}}]
        - route: [{{destination: {{host: {name}}}}}]
        """,
    )


def _inbound(*ports: tuple[int, str]) -> str:
    listed = ", ".join(
        f"{{port: {{number: {number}, name: n{number}, protocol: {protocol}}}, defaultEndpoint: '127.0.0.1:$PORT'}}"
        for number, protocol in ports
    )
    return rule("default", f"ingress: [{listed}]", kind="Sidecar")


_EDGE = (
    _entry("web", "GRPC")
    + _entry("plain", "GRPC")
    + _routed("web")
    + _routed("plain")
    + _edge(("web", "GRPC-WEB"), ("plain", "HTTP"))
)
_MESH = _entry("web", "GRPC-WEB") + _entry("plain", "GRPC")


@dataclass
class Door:
    """An Envoy, and by host the listener at which it is called."""

    envoy: RunningEnvoy
    listeners: dict[str, str]


@pytest.fixture(scope="module")
def application():
    running = Application("0.0.0.0").start()
    yield running
    running.stop()


@pytest.fixture(scope="module", params=["gateway", "sidecar", "inbound"])
def door(request, application):
    """An Envoy by which `web` takes gRPC-Web, and `plain` does not."""
    cases = {
        "gateway": Case(id="e", intent="", config=_EDGE, calls=(), proxy=GATEWAY, labels=(("istio", "ingress"),)),
        "sidecar": Case(id="m", intent="", config=_MESH, calls=()),
        "inbound": Case(id="i", intent="", config=_inbound((9001, "GRPC-WEB"), (9002, "GRPC")), calls=(), inbound=True),
    }
    running = RunningEnvoy(compiled(cases[request.param], application.port)).start()
    names = [one.name for one in running.plans.listeners]
    yield Door(running, {"web": names[0], "plain": names[-1]})
    running.stop()


def _frame(message: bytes) -> bytes:
    return struct.pack(">BI", 0, len(message)) + message


def _said(door: Door, host: str, kind: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Call `Say` with `hello`; return the answer's status, headers, and body in bytes."""
    body = _frame(b"hello")
    name = f"{host}.default.svc.cluster.local"
    told = {"Host": name, "Content-Type": kind, "Accept": kind, "X-Grpc-Web": "1", **headers}
    connection = http.client.HTTPConnection(*door.envoy.address(door.listeners[host]), timeout=10)
    url = f"http://{name}/test.Echo/Say"
    connection.request("POST", url, b64encode(body) if kind == _TEXT else body, told)
    answer = connection.getresponse()
    found = answer.read()
    connection.close()
    if kind == _TEXT and answer.status == 200:
        found = b"".join(b64decode(one) for one in re.findall(rb"[A-Za-z0-9+/]+={0,2}", found))
    return answer.status, dict(answer.getheaders()), found


@pytest.mark.parametrize("kind", [_BINARY, _TEXT])
class TestGrpcWeb:
    def test_a_call_comes_back_with_its_trailers_in_the_body(self, door, kind):
        status, headers, body = _said(door, "web", kind)
        assert status == 200
        assert headers["content-type"].startswith(kind)
        assert body.startswith(_frame(b"hello") + b"\x80")
        assert b"grpc-status:0\r\n" in body

    def test_a_status_of_the_application_comes_back(self, door, kind):
        status, headers, _ = _said(door, "web", kind, **{"x-abort": "1"})
        assert (status, headers["grpc-status"], headers["grpc-message"]) == (200, "9", "told to")

    def test_a_port_that_does_not_say_so_passes_it_as_it_is(self, door, kind):
        status, headers, _ = _said(door, "plain", kind)
        assert status == 503  # the application ends what is not gRPC
        assert not headers["content-type"].startswith("application/grpc")


def test_grpc_itself_passes(door):
    address, port = door.envoy.address(door.listeners["web"])
    authority = [("grpc.default_authority", "web.default.svc.cluster.local")]
    with grpc.insecure_channel(f"{address}:{port}", options=authority) as channel:
        assert method(channel, "Say")(b"hello", timeout=10) == b"hello"
