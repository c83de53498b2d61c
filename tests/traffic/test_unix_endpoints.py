"""Instances behind UNIX sockets: a ServiceEntry of resolution STATIC names them (reference §1.5)."""

import socketserver
import tempfile
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from tests.traffic.case import GATEWAY, SIDECAR, Case
from tests.traffic.client import Sent, fetch
from tests.traffic.envoy import RunningEnvoy
from tests.traffic.fleet import rule, subsets
from tests.traffic.run import compiled

from pidalio.simulate import Request, decide

pytestmark = pytest.mark.envoy

_TIMES = 200


class _Named(BaseHTTPRequestHandler):
    """Answers with the name of the socket that was called."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = Path(self.server.server_address).name.encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


@pytest.fixture(scope="module")
def sockets():
    with tempfile.TemporaryDirectory(prefix="pdt", dir="/tmp") as folder:
        servers = [_Server(f"{folder}/{name}", _Named) for name in ("v1", "v2")]
        for one in servers:
            threading.Thread(target=one.serve_forever, daemon=True).start()
        yield folder
        for one in servers:
            one.shutdown()
            one.server_close()


def _config(folder: str, protocol: str) -> str:
    endpoints = "\n".join(
        f"  - {{address: 'unix://{folder}/{name}', labels: {{version: {name}}}, weight: {weight}}}"
        for name, weight in (("v1", 1), ("v2", 3))
    )
    entry = f"""
hosts: [local.example.com]
location: MESH_INTERNAL
resolution: STATIC
ports: [{{number: 80, name: main, protocol: {protocol}}}]
endpoints:
{endpoints}
"""
    port = f"{{port: {{number: 8080, name: main, protocol: {protocol}}}, hosts: ['*']}}"
    kind = "http" if protocol == "HTTP" else "tcp"
    to = f"hosts: [local.example.com]\ngateways: [edge]\n{kind}: [{{route: [{{destination: {{host: local.example.com}}}}]}}]"
    chosen = """
hosts: [chosen.example.com]
http: [{route: [{destination: {host: local.example.com, subset: v1}}]}]
"""
    return (
        rule("local", entry, kind="ServiceEntry")
        + subsets("local.example.com", "v1", "v2")
        + rule("edge", f"selector: {{istio: ingress}}\nservers: [{port}]", kind="Gateway")
        + rule("edge", to)
        + rule("chosen", chosen)
    )


@pytest.mark.parametrize(
    ("kind", "protocol"), [("sidecar", "HTTP"), ("sidecar", "TCP"), ("gateway", "HTTP"), ("gateway", "TCP")]
)
def test_sockets_are_called_by_their_weights(sockets, kind, protocol):
    proxy, labels = (SIDECAR, ()) if kind == "sidecar" else (GATEWAY, (("istio", "ingress"),))
    case = Case(id=kind, intent="", config=_config(sockets, protocol), calls=(), proxy=proxy, labels=labels)
    envoy = RunningEnvoy(compiled(case, 0)).start()
    try:
        door = envoy.plans.listeners[0]
        tunnel = kind == "sidecar" and protocol == "TCP"
        method, target = ("CONNECT", "local.example.com:80") if tunnel else ("GET", "http://local.example.com/")
        request = Request.from_url(method, target)
        found = decide(envoy.plans, door, request)
        told = {one.address: one.share for to in found.action.destinations for one in to.pool.endpoints}
        assert told == {f"unix://{sockets}/v1": 0.25, f"unix://{sockets}/v2": 0.75}
        if tunnel:
            sent = Sent((door.address, door.port), "CONNECT", target, target)
        else:
            written = target if kind == "sidecar" else "/"
            sent = Sent((door.address, door.port), "GET", written, "local.example.com")
        answers = [fetch([sent], at_once=1)[0] for _ in range(_TIMES)]
        reached = Counter(one.body.decode() for one in answers)
        assert sum(reached.values()) == _TIMES
        assert abs(reached["v2"] / _TIMES - 0.75) < 0.16, reached  # five deviations
        if kind == "sidecar" and protocol == "HTTP":
            sent = Sent((door.address, door.port), "GET", "http://chosen.example.com/", "chosen.example.com")
            assert {one.body for one in fetch([sent] * 10)} == {b"v1"}
    finally:
        envoy.stop()
