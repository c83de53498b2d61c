"""Traffic follows Mesos with Marathon: tasks come and go, both die and come back, and no request is lost."""

import pytest
from tests.e2e.embedded import Folder
from tests.platforms.mesos.shop import Shop
from tests.platforms.steering import Instance, Steering

pytestmark = [pytest.mark.envoy, pytest.mark.slow]
HOST = "web.marathon.mesos"


@pytest.fixture
def folder(tmp_path) -> Folder:
    return Folder(tmp_path)


def put(shop: Shop, name: str, one: Instance) -> None:
    shop.put("web", name, one.address, one.port, one.version)


async def test_traffic_follows_and_outlives_the_platform(folder):
    shop = Shop()
    await shop.serving.start()
    url = shop.serving.url
    async with Steering(folder, f"mesos={url}?marathon={url}&reread=2") as mesh:
        shop.service_port = mesh.port
        first = await mesh.instance("v1")
        put(shop, "w1", first)
        await mesh.until_served(HOST, "v1")

        put(shop, "w2", await mesh.instance("v2"))
        await mesh.until_served(HOST, "v1", "v2")
        async with mesh.load(HOST) as load:
            await load.more(50)
            shop.state("web", "w1", "TASK_KILLING")
            await mesh.until_served(HOST, "v2")
            shop.drop("web", "w1")
            third = await mesh.instance("v3")
            put(shop, "w3", third)
            await mesh.until_served(HOST, "v2", "v3")
            await first.stop()

            await shop.serving.stop()
            await load.more(200)
            await mesh.weights(HOST, v2=100, v3=0)
            assert "stale" in await mesh.ask("platforms")

            await mesh.keeps("mesos", third.address)
            await mesh.kill_control()
            await load.more(100)
            await mesh.start_control()  # the platform is away: what was known of it is live
            await mesh.weights(HOST, v2=0, v3=100)

            shop.master.id = "M2"  # another master, which has not heard of agents yet
            agents = sorted(shop.world.agents)
            shop.master.registered, shop.master.recovered = set(), set(agents)
            await shop.serving.start()
            fourth = await mesh.instance("v4")
            put(shop, "w4", fourth)
            await mesh.knows(fourth.address)
            await mesh.weights(HOST, v3=50, v4=50)
            for agent in agents:
                shop.master.agent_added(agent)
            await load.more(100)
            await mesh.until_served(HOST, "v3", "v4")
        assert load.failed == {}
    await shop.serving.stop()
