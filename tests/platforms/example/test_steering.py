"""Traffic follows a platform: its instances come and go, it dies and comes back, and no request is lost."""

import pytest
from tests.platforms.example.registry import Registry
from tests.platforms.steering import Instance, Steering
from tests.platforms.story import Part, traffic_follows_and_outlives

pytestmark = [pytest.mark.envoy, pytest.mark.slow]


class Example(Part):
    name, host = "example", "web.example"

    def __init__(self, registry: Registry) -> None:
        self.registry = registry

    async def put(self, one: Instance) -> None:
        await self.registry.put(
            "web", one.version, address=one.address, port=one.port, version=one.version, zone="east"
        )

    async def drop(self, one: Instance) -> None:
        await self.registry.drop("web", one.version)

    async def end(self) -> None:
        await self.registry.stop()

    async def return_with(self, *_: Instance) -> None:
        await self.registry.start()


async def test_traffic_follows_and_outlives_the_platform(folder, registry, environment):
    async with Steering(folder, f"example=http://127.0.0.1:{registry.port}", environment=environment) as mesh:
        await traffic_follows_and_outlives(mesh, Example(registry))
