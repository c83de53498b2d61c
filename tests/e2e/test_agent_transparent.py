"""An agent whose workload knows of no proxy: Envoy opens the two ports of redirection, and what a Sidecar binds.

Nothing is redirected here, so that what calls these ports directly would come back for ever, and is closed.
"""

import asyncio
import shutil
import socket
import tempfile
from pathlib import Path

import httpx
import pytest
from tests.ports import free_ports

from pidalio.api.local_workload import WorkloadPort
from pidalio.http import discovery
from pidalio.model import labels_of
from pidalio.server.serve import Server
from pidalio.settings import ServerSettings
from pidalio.up.joining import AgentOptions, JoinedAgent, ServerPlace

pytestmark = pytest.mark.envoy

APP = "import os, http.server as h; print(os.environ.get('http_proxy')); h.ThreadingHTTPServer((os.environ['HOST'], int(os.environ['PORT'])), h.SimpleHTTPRequestHandler).serve_forever()"
MESH = """
apiVersion: v1
kind: Service
metadata: {{name: web}}
spec: {{selector: {{app: web}}, ports: [{{name: http, port: {app}}}]}}
---
apiVersion: pidalio.dev/v1
kind: MeshConfig
metadata: {{name: mesh}}
spec: {{proxyListenPort: {outbound}, proxyInboundListenPort: {inbound}}}
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {{name: default}}
spec:
  egress:
  - {{port: {{number: 0, name: all, protocol: HTTP}}, bind: "unix://{socket}", captureMode: NONE, hosts: ["./*"]}}
  - {{port: {{number: 0, name: too, protocol: HTTP}}, bind: "unix://{socket}-2", hosts: ["./*"]}}
  - {{hosts: ["./*"]}}
"""


@pytest.fixture
def folder():
    made = Path(tempfile.mkdtemp(prefix="pd", dir="/tmp"))
    (made / "mesh").mkdir()
    (made / "agent").mkdir()
    yield made
    shutil.rmtree(made)


async def test_only_the_ports_of_redirection_are_opened(folder, monkeypatch):
    app, outbound, inbound = free_ports(3)
    monkeypatch.setattr("pidalio.up.joining._REDIRECTED_TO", inbound)
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    (folder / "mesh" / "mesh.yaml").write_text(
        MESH.format(app=app, outbound=outbound, inbound=inbound, socket=folder / "out")
    )
    settings = ServerSettings(
        folder=folder,
        files=(str(folder / "mesh"),),
        xds_address="127.0.0.1:0",
        api_address="127.0.0.1:0",
        run_directory=folder / "control",
    )
    told: list[str] = []
    async with Server(settings) as server:
        place = ServerPlace(server.xds_address, server.api_address, discovery.token_of(server.data))
        options = AgentOptions(
            place,
            folder / "agent",
            name="web-0",
            labels=labels_of({"app": "web"}),
            ports=((WorkloadPort(name="http", port=app), 0),),
            command=("python", "-uc", APP),
            address="127.0.0.1",
            transparent=True,
        )
        agent = JoinedAgent(options, told.append)
        life = asyncio.create_task(agent.run())
        try:
            async with asyncio.timeout(60):
                while not any(line.startswith("ready: sidecar~127.0.0.1~web-0") for line in told):
                    assert not life.done(), told
                    await asyncio.sleep(0.05)  # another process tells no event
            for port in (outbound, inbound):
                assert await asyncio.to_thread(closed_at_once, port)
            for name in ("out", "out-2"):
                assert await called_by_socket(folder / name, f"http://web:{app}/") == 200
            log = (folder / "agent" / ".pidalio" / "logs" / "web-0.default.log").read_text()
            assert log.startswith("None"), "the application is told of no proxy"
        finally:
            await agent.stop()
            await life
    assert not [line for line in told if "error" in line], told


async def called_by_socket(path: Path, url: str) -> int:
    """Return the status of a request to a UNIX socket that the sidecar binds, its routes sent one by one."""
    async with httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(uds=str(path)), trust_env=False) as client:
        return (await client.get(url)).status_code


def closed_at_once(port: int) -> bool:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: web\r\n\r\n")
        try:
            return client.recv(1024) == b""
        except ConnectionResetError:
            return True
