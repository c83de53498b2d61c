"""What only the wire shows of the mesh's settings: names in headers, logs, the PROXY protocol, refused names."""

import json
import socket
import threading
import time

import pytest
from tests.traffic.envoy import RunningEnvoy

from pidalio.pipeline import plans_for
from pidalio.server.offline import OfflineMesh
from pidalio.simulate import Request, decide

_WORLD = """
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec: {selector: {app: web}, ports: [{name: http, port: 80, targetPort: %d}]}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: shop, namespace: default}
spec:
  hosts: [shop.internal]
  resolution: STATIC
  ports: [{number: 80, name: http, protocol: HTTP}]
  endpoints: [{address: 127.66.1.1, ports: {http: %d}}]
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge, namespace: default}
spec: {selector: {istio: ingress}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop, namespace: default}
spec: {hosts: ['*'], gateways: [edge], http: [{route: [{destination: {host: shop.internal}}]}]}
---
apiVersion: pidalio.dev/v1
kind: MeshConfig
metadata: {name: mesh}
spec: %s
"""
_SIDECAR = ("sidecar~127.66.0.1~web-1.default~default.svc.cluster.local", (("app", "web"),))
_GATEWAY = ("router~127.66.0.2~edge.default~default.svc.cluster.local", (("istio", "ingress"),))


@pytest.fixture
def start(backend):
    """Start an Envoy with settings, as the sidecar of the echo server or as a gateway before it."""
    running = []

    def begin(settings, proxy=_GATEWAY, port=0):
        mesh = OfflineMesh.from_text(_WORLD % (backend.port, port or backend.port, settings))
        running.append(RunningEnvoy(plans_for(mesh.world, mesh.proxy(*proxy, outbound=""))).start())
        return running[-1]

    yield begin
    for one in running:
        one.stop()


def _answer(envoy, *headers, before=b""):
    """Return the head of the answer to a request with raw header lines."""
    lines = ["GET /x HTTP/1.1", "Host: any", *headers, "Connection: close"]
    with socket.create_connection(envoy.address(envoy.plans.listeners[0]), timeout=20) as connection:
        connection.sendall(before + ("\r\n".join(lines) + "\r\n\r\n").encode())
        answer = b""
        while more := connection.recv(65536):
            answer += more
    return answer.decode()


def _written(log):
    """Return the only line of a log, which Envoy writes soon after its answer."""
    until = time.monotonic() + 20
    while not (found := log.read_text()).endswith("\n") and time.monotonic() < until:
        time.sleep(0.005)  # the log is written by another process
    return found


@pytest.mark.envoy
@pytest.mark.parametrize("proxy", [_SIDECAR, _GATEWAY], ids=["sidecar", "gateway"])
@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ("{}", "istio-envoy"),
        ("{defaultConfig: {proxyHeaders: {server: {value: mine}}}}", "mine"),
        ("{defaultConfig: {proxyHeaders: {server: {disabled: true}}}}", "echo"),
    ],
    ids=["default", "named", "passed"],
)
def test_server_names(settings, name, proxy, start):
    assert f"\r\nserver: {name}\r\n" in _answer(start(settings, proxy))


@pytest.mark.envoy
@pytest.mark.parametrize(("settings", "told"), [("{}", True), ("{envoyDebugHeaders: {disabled: true}}", False)])
def test_headers_about_envoy(settings, told, start):
    envoy = start(f"{{defaultConfig: {{proxyHeaders: {settings}}}}}")
    assert ("x-envoy-upstream-service-time" in _answer(envoy)) is told


@pytest.mark.envoy
@pytest.mark.parametrize(("action", "status"), [("ALLOW", 200), ("REJECT_REQUEST", 400), ("DROP_HEADER", 200)])
def test_underscores(action, status, start):
    envoy = start(f"{{defaultConfig: {{connectionSettings: {{httpHeadersWithUnderscoresAction: {action}}}}}}}")
    answer = _answer(envoy, "x_y: 1")
    assert answer.startswith(f"HTTP/1.1 {status} ")
    assert ('"x_y"' in answer) is (action == "ALLOW")
    told = decide(envoy.plans, envoy.plans.listeners[0], Request(authority="any", headers=(("x_y", "1"),)))
    assert (told.verdict.status or 200) == status


@pytest.mark.envoy
def test_a_gateway_behind_the_proxy_protocol(start):
    envoy = start("{defaultConfig: {gatewayTopology: {proxyProtocol: {}}}}")
    answer = _answer(envoy, before=b"PROXY TCP4 203.0.113.7 10.0.0.1 5555 80\r\n")
    assert answer.startswith("HTTP/1.1 200 ")
    assert '["x-envoy-external-address", "203.0.113.7"]' in answer


@pytest.mark.envoy
@pytest.mark.parametrize(
    ("written", "line"),
    [
        ("accessLogFormat: 'got %RESPONSE_CODE%'", "got 200"),
        ("""accessLogEncoding: JSON, accessLogFormat: '{"a": {"b": "%RESPONSE_CODE%"}}'""", {"a": {"b": 200}}),
    ],
    ids=["text", "json"],
)
def test_logs(written, line, start, tmp_path):
    log = tmp_path / "requests.log"
    envoy = start(f"{{accessLogFile: {log}, {written}}}")
    _answer(envoy)
    found = _written(log)
    assert (found if isinstance(line, str) else json.loads(found)) == (f"{line}\n" if isinstance(line, str) else line)


@pytest.mark.envoy
@pytest.mark.parametrize("encoding", ["TEXT", "JSON"])
def test_default_formats(encoding, start, tmp_path):
    log = tmp_path / "requests.log"
    envoy = start(f"{{accessLogFile: {log}, accessLogEncoding: {encoding}}}")
    _answer(envoy)
    found = _written(log)
    if encoding == "TEXT":
        assert '] "GET /x HTTP/1.1" 200 - via_upstream - "-" 0 ' in found
    else:
        assert (json.loads(found)["path"], json.loads(found)["response_code"]) == ("/x", 200)


@pytest.mark.envoy
@pytest.mark.parametrize(
    ("settings", "proxy", "told"),
    [
        ("{}", _GATEWAY, '"1"'),
        ("{defaultConfig: {proxyHeaders: {attemptCount: {disabled: true}}}}", _GATEWAY, '"7"'),
        ("{}", _SIDECAR, '"7"'),
    ],
    ids=["gateway", "disabled", "sidecar"],
)
def test_attempts_are_counted_by_callers_proxies_alone(settings, proxy, told, start):
    answer = _answer(start(settings, proxy), "x-envoy-attempt-count: 7")
    assert f'["x-envoy-attempt-count", {told}]' in answer


@pytest.mark.envoy
@pytest.mark.parametrize(("settings", "kept"), [("{}", False), ("{preserveHttp1HeaderCase: true}", True)])
def test_the_case_of_names(settings, kept, start):
    class Loud(threading.Thread):
        """An application that remembers what it reads and answers in capitals."""

        def __init__(self):
            super().__init__(daemon=True)
            self.socket = socket.create_server(("127.66.1.1", 0))
            self.port, self.read = self.socket.getsockname()[1], b""

        def run(self):
            connection, _ = self.socket.accept()
            with connection:
                while not self.read.endswith(b"\r\n\r\n"):
                    self.read += connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nX-LOUD: yes\r\nContent-Length: 0\r\n\r\n")

    loud = Loud()
    loud.start()
    answer = _answer(start(f"{{defaultConfig: {{proxyHeaders: {settings}}}}}", port=loud.port), "X-Mine: 1")
    loud.join(10)
    loud.socket.close()
    assert (b"\r\nX-Mine: 1" in loud.read) is kept
    assert ("\r\nX-LOUD: yes" in answer) is kept
