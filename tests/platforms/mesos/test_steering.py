"""Traffic follows Mesos with Marathon: tasks come and go, both die and come back, and no request is lost."""

import pytest
from tests.e2e.embedded import Folder
from tests.platforms.mesos.shop import Shop
from tests.platforms.steering import Instance, Steering
from tests.platforms.story import Part, traffic_follows_and_outlives

pytestmark = [pytest.mark.envoy, pytest.mark.slow]


@pytest.fixture
def folder(tmp_path) -> Folder:
    return Folder(tmp_path)


class Mesos(Part):
    name, host = "mesos", "web.marathon.mesos"

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.agents: list[str] = []

    async def put(self, one: Instance) -> None:
        self.shop.put("web", one.version, one.address, one.port, one.version)

    async def drop(self, one: Instance) -> None:
        self.shop.drop("web", one.version)

    async def fade(self, mesh: Steering, one: Instance, *others: str) -> None:
        self.shop.state("web", one.version, "TASK_KILLING")
        await mesh.until_served(self.host, *others)

    async def end(self) -> None:
        await self.shop.serving.stop()

    async def return_with(self, *_: Instance) -> None:
        """Let another master lead, which has not heard of agents yet."""
        master = self.shop.master
        master.id = "M2"
        self.agents = sorted(self.shop.world.agents)
        master.registered, master.recovered = set(), set(self.agents)
        await self.shop.serving.start()

    async def complete(self) -> None:
        for agent in self.agents:
            self.shop.master.agent_added(agent)


async def test_traffic_follows_and_outlives_the_platform(folder):
    shop = Shop()
    await shop.serving.start()
    url = shop.serving.url
    async with Steering(folder, f"mesos={url}?marathon={url}&reread=2") as mesh:
        shop.service_port = mesh.port
        await traffic_follows_and_outlives(mesh, Mesos(shop))
    await shop.serving.stop()
