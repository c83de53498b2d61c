"""The story that every platform tells: its instances come and go, it dies and comes back, and no request is lost.

    async with Steering(folder, f"consul={server.url}") as mesh:
        await traffic_follows_and_outlives(mesh, ConsulsPart(server))

A platform says its part by its verbs; what is asserted is the same of all.
"""

from abc import abstractmethod
from typing import Protocol

from tests.platforms.steering import Instance, Steering


class Part(Protocol):
    """What one platform does in the story.

    It is called `name`, and its service `host`, at `port` (0: that of all instances).
    """

    name: str
    host: str
    port = 0

    @abstractmethod
    async def put(self, one: Instance) -> None:
        """Make an instance be one of the service; its version names it."""

    @abstractmethod
    async def drop(self, one: Instance) -> None:
        """Take an instance away."""

    @abstractmethod
    async def end(self) -> None:
        """End the platform, hard."""

    @abstractmethod
    async def return_with(self, *known: Instance) -> None:
        """Start it again; these are what it knew."""

    async def instance(self, mesh: Steering, version: str) -> Instance:
        """Start an instance."""
        return await mesh.instance(version)

    async def fade(self, mesh: Steering, one: Instance, *others: str) -> None:
        """Let callers get nothing but the versions of `others`, by whatever the platform has besides `drop`."""

    async def complete(self) -> None:
        """Do what remains of its return."""


async def traffic_follows_and_outlives(mesh: Steering, part: Part) -> None:
    """Tell the story."""
    host, port = part.host, part.port
    first, second = await part.instance(mesh, "v1"), await part.instance(mesh, "v2")
    await part.put(first)
    await mesh.until_served(host, "v1", port=port)
    await part.put(second)
    await mesh.until_served(host, "v1", "v2", port=port)
    async with mesh.load(host, port=port) as load:
        await load.more(50)
        await part.fade(mesh, first, "v2")
        await part.drop(first)
        await mesh.until_served(host, "v2", port=port)
        await first.stop()
        third = await part.instance(mesh, "v3")
        await part.put(third)
        await mesh.until_served(host, "v2", "v3", port=port)

        await part.end()
        await load.more(200)
        await mesh.weights(host, v2=100, v3=0, port=port)
        assert "stale" in await mesh.ask("platforms")

        await mesh.keeps(part.name, third.address)
        await mesh.kill_control()
        await load.more(100)
        await mesh.start_control()  # the platform is away: what was known of it is live
        await mesh.weights(host, v2=0, v3=100, port=port)

        await part.return_with(second, third)
        fourth = await part.instance(mesh, "v4")
        await part.put(fourth)
        await mesh.knows(fourth.address)
        await mesh.weights(host, v3=50, v4=50, port=port)
        await part.complete()
        await load.more(100)
        await mesh.until_served(host, "v3", "v4", port=port)
    assert load.failed == {}
