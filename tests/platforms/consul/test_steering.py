"""Traffic follows a real Consul; it is killed, comes back, forgets everything: no request is lost."""

import asyncio

import pytest
from tests.e2e.embedded import PATIENCE, Folder
from tests.platforms.consul.catalog import Catalog
from tests.platforms.servers.consul import ConsulAgent
from tests.platforms.steering import Instance, Steering
from tests.platforms.story import Part, traffic_follows_and_outlives

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


class Told(Part):
    name, host = "consul", HOST

    def __init__(self, server: ConsulAgent) -> None:
        self.server = server

    async def put(self, one: Instance) -> None:
        await put(self.server, one.version, one)

    async def drop(self, one: Instance) -> None:
        await Catalog(self.server).drop(one.version)

    async def fade(self, mesh: Steering, one: Instance, *others: str) -> None:
        catalog = Catalog(self.server)
        await catalog.check("web", one.version, "critical")
        await mesh.until_served(HOST, *others)
        await catalog.check("web", one.version, "passing")
        await mesh.until_served(HOST, one.version, *others)
        await catalog.check("web", one.version, "critical", f"_service_maintenance:{one.version}")
        await mesh.until_served(HOST, *others)

    async def end(self) -> None:
        await self.server.kill()

    async def return_with(self, *_: Instance) -> None:
        await self.server.start()


async def test_traffic_follows_and_outlives_consul(folder, tmp_path):
    async with ConsulAgent(tmp_path) as server, Steering(folder, f"consul={server.url}?settle=5") as mesh:
        await traffic_follows_and_outlives(mesh, Told(server))


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
