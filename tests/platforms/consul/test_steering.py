"""Traffic follows a real Consul; it is killed, comes back, forgets everything: no request is lost."""

import asyncio

import pytest
from tests.e2e.embedded import PATIENCE, Folder
from tests.platforms.consul.catalog import Catalog
from tests.platforms.servers.consul import ConsulAgent
from tests.platforms.steering import Instance, Steering

pytestmark = [pytest.mark.envoy, pytest.mark.slow, pytest.mark.platform("consul")]
HOST = "web.service.consul"


@pytest.fixture
def folder(tmp_path) -> Folder:
    return Folder(tmp_path)


async def put(server: ConsulAgent, name: str, one: Instance) -> None:
    meta = {"version": one.version, "protocol": "http"}
    await Catalog(server).put("web", name, one.address, one.port, Meta=meta)


async def until_told(mesh: Steering, code: str) -> None:
    """Wait until `pidalio platforms` has a line of this code."""
    async with asyncio.timeout(PATIENCE):
        while code not in await mesh.ask("platforms"):
            await asyncio.sleep(0.05)


async def test_traffic_follows_and_outlives_consul(folder, tmp_path):
    async with ConsulAgent(tmp_path) as server, Steering(folder, f"consul={server.url}?settle=5") as mesh:
        first, second = await mesh.instance("v1"), await mesh.instance("v2")
        await put(server, "w1", first)
        await mesh.until_served(HOST, "v1")
        await put(server, "w2", second)
        await mesh.until_served(HOST, "v1", "v2")
        async with mesh.load(HOST) as load:
            await load.more(50)
            await Catalog(server).check("web", "w1", "critical")
            await mesh.until_served(HOST, "v2")
            await Catalog(server).check("web", "w1", "passing")
            await mesh.until_served(HOST, "v1", "v2")
            await Catalog(server).check("web", "w1", "critical", "_service_maintenance:w1")
            await mesh.until_served(HOST, "v2")
            await Catalog(server).drop("w1")
            third = await mesh.instance("v3")
            await put(server, "w3", third)
            await mesh.until_served(HOST, "v2", "v3")

            await server.kill()
            await load.more(200)
            await mesh.weights(HOST, v2=100, v3=0)
            assert "stale" in await mesh.ask("platforms")

            await mesh.keeps("consul", third.address)
            await mesh.kill_control()
            await load.more(100)
            await mesh.start_control()  # Consul is away: what was known of it is live
            await mesh.weights(HOST, v2=0, v3=100)

            await server.start()
            fourth = await mesh.instance("v4")
            await put(server, "w4", fourth)
            await mesh.knows(fourth.address)
            await mesh.weights(HOST, v3=50, v4=50)
            await load.more(100)
        assert load.failed == {}


async def test_a_consul_that_comes_back_empty_loses_no_request(folder, tmp_path):
    async with (
        ConsulAgent(tmp_path, memory=True) as server,
        Steering(folder, f"consul={server.url}?settle=60") as mesh,
    ):
        one, two = await mesh.instance("v1"), await mesh.instance("v2")
        await put(server, "w1", one)
        await put(server, "w2", two)
        await mesh.until_served(HOST, "v1", "v2")
        async with mesh.load(HOST) as load:
            await load.more(50)
            await server.restart()  # of its memory nothing is left
            await until_told(mesh, "consul-lost-state")
            await load.more(100)
            await put(server, "w1", one)
            three = await mesh.instance("v3")
            await put(server, "w3", three)
            await mesh.until_served(HOST, "v1", "v2", "v3")
            await load.more(100)
        assert load.failed == {}
