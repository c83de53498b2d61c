"""An agent that is told nothing but its group: the instance is described, probed and routed to as the group says."""

import asyncio
import shutil
import sys
import tempfile
import time
from pathlib import Path

import httpx
import pytest
from tests.ports import free_port

from pidalio.model import Health
from pidalio.server.serve import Server
from pidalio.settings import ServerSettings
from pidalio.store import tables
from pidalio.up.joining import AgentOptions, JoinedAgent, ServerPlace

pytestmark = pytest.mark.envoy

APP = """
import http.server, os, pathlib
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        well = self.path != "/health" or not pathlib.Path("sick").exists()
        self.send_response(200 if well else 503)
        self.send_header("content-length", "0")
        self.end_headers()
    def log_message(self, *args): pass
http.server.ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Handler).serve_forever()
"""
MESH = """
apiVersion: v1
kind: Service
metadata: {name: reviews}
spec: {selector: {app: reviews}, ports: [{name: http, port: 9080, targetPort: 1}]}
---
apiVersion: networking.istio.io/v1
kind: WorkloadGroup
metadata: {name: reviews}
spec:
  metadata:
    labels: {version: v1}
    annotations: {proxy.istio.io/config: "concurrency: 1"}
  template: {labels: {app: reviews}, ports: {http: %d}, weight: 4, locality: eu/one}
  probe: {periodSeconds: 1, timeoutSeconds: 20, failureThreshold: 1, httpGet: {path: /health, port: %d}}
"""


@pytest.fixture
def folder():
    made = Path(tempfile.mkdtemp(prefix="pd", dir="/tmp"))
    yield made
    shutil.rmtree(made)


async def test_the_group_says_all(folder):
    port, outbound = free_port(), free_port()
    (folder / "app.py").write_text(APP)
    (folder / "mesh.yaml").write_text(MESH % (port, port))
    told: list[str] = []
    async with Server(ServerSettings(folder=folder, files=(str(folder / "mesh.yaml"),))) as server:
        options = AgentOptions(
            ServerPlace.of("", "", "", None, folder),
            folder,
            group="reviews",
            command=(sys.executable, "app.py"),
            outbound=f"127.0.0.1:{outbound}",
        )
        agent = JoinedAgent(options, told.append)
        life = asyncio.create_task(agent.run())

        def row():
            return tables.WORKLOADS.get(server.control.world, ("default", "reviews-127-0-0-1", "Agent"))

        async def health(wanted: Health) -> None:
            ends = time.monotonic() + 60
            while not (row() and row().health is wanted):
                assert not life.done(), life.result()
                assert time.monotonic() < ends, (wanted, row(), told)
                await asyncio.sleep(0.02)

        try:
            await health(Health.HEALTHY)
            assert (row().labels, row().weight, str(row().locality)) == (
                (("app", "reviews"), ("version", "v1")),
                4,
                "eu/one",
            )
            async with httpx.AsyncClient(trust_env=False) as client:
                assert (await client.get(f"http://127.0.0.1:{port}/")).status_code == 200
            (folder / "sick").touch()
            await health(Health.UNHEALTHY)
            assert any("status 503" in line for line in told)
            (folder / "sick").unlink()
            await health(Health.HEALTHY)
            await agent.stop()
            await life
        finally:
            life.cancel()
            await asyncio.gather(life, return_exceptions=True)
