"""What proxies took out of their pools is visible: who did, for what, and that it came back; real Envoys throughout."""

import asyncio
import sys

import httpx
import pytest
from tests.e2e.embedded import PATIENCE, ask, gateway, item, running, service, until, workload
from tests.ports import free_port

from pidalio.http.client import Client, Target
from pidalio.up.joining import AgentOptions, JoinedAgent, ServerPlace

pytestmark = [pytest.mark.envoy, pytest.mark.slow]

APP = """
import http.server, os, pathlib
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(500 if pathlib.Path(os.environ["PIDALIO_WORKLOAD"] + ".sick").exists() else 200)
        self.send_header("content-length", "0")
        self.end_headers()
    def log_message(self, *args): pass
http.server.ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Handler).serve_forever()
"""


def ejecting(host: str) -> dict:
    detection = {
        "consecutive5xxErrors": 3,
        "interval": "0.5s",
        "baseEjectionTime": "1s",
        "maxEjectionPercent": 100,
    }
    return item("DestinationRule", host, {"host": host, "trafficPolicy": {"outlierDetection": detection}})


def write(folder) -> int:
    port = free_port()
    (folder.path / "app.py").write_text(APP)
    front = workload("front", replicas=2, command=[sys.executable, "app.py"])
    folder.write("mesh.yaml", *gateway(port, "front"), service("front"), ejecting("front"), front)
    return port


async def endpoint(client: Client, instance: str):
    return next(one for one in await client.endpoints("front") if one.instance == instance)


async def claims(client: Client, claim, *, meanwhile: int):
    """Wait until what is shown of front-v1-0 is as claimed, while callers ask on; return it: it may soon change."""
    async with asyncio.timeout(PATIENCE):
        while not claim(shown := await endpoint(client, "front-v1-0")):
            await ask(meanwhile)
            await asyncio.sleep(0.02)
    return shown


def out(one) -> list[tuple[str, str]]:
    return [(word.source, word.reason) for word in one.words if word.source == "outlier-detection" and not word.until]


async def test_an_ejection_and_the_return_are_shown(folder):
    port = write(folder)
    async with running(folder) as mesh, Client(Target(f"unix:{mesh.mesh.server.api_socket}")) as client:
        assert (await endpoint(client, "front-v1-0")).out_at == ()
        (folder.path / "front-v1-0.default.sick").touch()
        shown = await claims(client, out, meanwhile=port)
        assert shown.health == "HEALTHY"  # the control plane's word: only this proxy found it ill
        ((_, reason),) = out(shown)  # the first ejection may be over before an agent looks
        assert reason.startswith("consecutive 5xx")
        assert [proxy.split("~")[0] for proxy in shown.out_at] == ["router"]
        assert (await endpoint(client, "front-v1-1")).out_at == ()
        (folder.path / "front-v1-0.default.sick").unlink()
        shown = await claims(client, lambda one: not one.out_at, meanwhile=port)
        words = [one for one in shown.words if one.source == "outlier-detection"]
        assert words
        assert all(word.until - word.since >= 0.5 for word in words)


async def test_a_failed_check_is_shown(folder):
    port = write(folder)
    check = {"host": "front", "http": {"path": "/"}, "interval": "0.2s", "timeout": "1s", "healthyThreshold": 1}
    folder.write("check.yaml", item("HealthCheck", "front", check))
    async with running(folder) as mesh, Client(Target(f"unix:{mesh.mesh.server.api_socket}")) as client:
        (folder.path / "front-v1-0.default.sick").touch()

        def checked(one) -> bool:
            words = [(word.source, word.reason) for word in one.words if not word.until]
            return ("active-check", "it fails its checks") in words

        await claims(client, checked, meanwhile=port)
        (folder.path / "front-v1-0.default.sick").unlink()
        await claims(client, lambda one: not one.out_at, meanwhile=port)


async def test_an_agent_elsewhere_tells_what_its_envoy_sees(folder):
    """A gateway of its own process-like agent: what it sees comes over the API, and goes with it."""
    write(folder)
    (folder.path / "edge").mkdir()
    async with running(folder) as mesh, Client(Target(f"unix:{mesh.mesh.server.api_socket}")) as client:
        place = ServerPlace(mesh.mesh.server.xds_address, f"unix:{mesh.mesh.server.api_socket}")
        agent = JoinedAgent(
            AgentOptions(place, folder.path / "edge", labels=(("istio", "other"),), address="127.0.0.1"), lambda _: None
        )
        port = free_port()
        other = gateway(port, "front", "other")
        other[0]["spec"]["selector"] = {"istio": "other"}
        # only the agent runs the gateway with these labels: the mesh's own would take the port first
        mesh.mesh.gateways.reconcile = lambda _: None
        await mesh.edit("other.yaml", *other)
        life = asyncio.create_task(agent.run())
        async with asyncio.timeout(PATIENCE):
            while not (agent.is_stoppable and agent._agent.serving.is_set()):
                assert not life.done(), life.result()
                await asyncio.sleep(0.02)
        (folder.path / "front-v1-0.default.sick").touch()
        await claims(client, out, meanwhile=port)
        await agent.stop()
        await life
        await until(lambda: agent._agent.proxy.id not in mesh.control.proxies())
        assert agent._agent.proxy.id not in (await endpoint(client, "front-v1-0")).out_at
    folder.forget_sockets("edge")


async def test_so_does_the_sidecar_of_a_workload_elsewhere(folder):
    write(folder)
    (folder.path / "edge").mkdir()
    outbound = free_port()
    async with running(folder) as mesh, Client(Target(f"unix:{mesh.mesh.server.api_socket}")) as client:
        place = ServerPlace(mesh.mesh.server.xds_address, f"unix:{mesh.mesh.server.api_socket}")
        options = AgentOptions(
            place, folder.path / "edge", name="caller-0", address="127.0.0.1", outbound=f"127.0.0.1:{outbound}"
        )
        agent = JoinedAgent(options, lambda _: None)
        life = asyncio.create_task(agent.run())
        try:
            async with asyncio.timeout(PATIENCE):
                while not (agent.is_stoppable and agent._agent.serving.is_set()):
                    assert not life.done(), life.result()
                    await asyncio.sleep(0.02)
            (folder.path / "front-v1-0.default.sick").touch()
            async with asyncio.timeout(PATIENCE), httpx.AsyncClient(proxy=f"http://127.0.0.1:{outbound}") as caller:
                while not out(shown := await endpoint(client, "front-v1-0")):
                    await caller.get("http://front:9080/")
            assert shown.out_at == (agent._agent.proxy.id,)
            await agent.stop()
            await life
        finally:
            life.cancel()
            await asyncio.gather(life, return_exceptions=True)
    folder.forget_sockets("edge")
