"""Traffic follows a platform: its instances come and go, it dies and comes back, and no request is lost."""

import pytest
from tests.platforms.example.registry import Registry
from tests.platforms.steering import Instance, Steering

pytestmark = [pytest.mark.envoy, pytest.mark.slow]
HOST = "web.example"


async def put(registry: Registry, name: str, one: Instance) -> None:
    await registry.put("web", name, address=one.address, port=one.port, version=one.version, zone="east")


async def test_traffic_follows_and_outlives_the_platform(folder, registry, environment):
    async with Steering(folder, f"example=http://127.0.0.1:{registry.port}", environment=environment) as mesh:
        first = await mesh.instance("v1")
        await put(registry, "w1", first)
        await mesh.until_served(HOST, "v1")

        await put(registry, "w2", await mesh.instance("v2"))
        await mesh.until_served(HOST, "v1", "v2")
        async with mesh.load(HOST) as load:
            await load.more(50)
            await registry.drop("web", "w1")
            await mesh.until_served(HOST, "v2")
            await first.stop()
            third = await mesh.instance("v3")
            await put(registry, "w3", third)
            await mesh.until_served(HOST, "v2", "v3")

            await registry.stop()
            await load.more(200)
            await mesh.weights(HOST, v2=100, v3=0)
            assert "stale" in await mesh.ask("platforms")

            await mesh.keeps("example", third.address)
            await mesh.kill_control()
            await load.more(100)
            await mesh.start_control()  # the platform is away: what was known of it is live
            await mesh.weights(HOST, v2=0, v3=100)

            await registry.start()
            fourth = await mesh.instance("v4")
            await put(registry, "w4", fourth)
            await mesh.knows(fourth.address)
            await mesh.weights(HOST, v3=50, v4=50)
            await load.more(100)
        assert load.failed == {}
