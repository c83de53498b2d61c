"""An adapter that does what a test says, and its follower before a control plane."""

import asyncio

from pidalio.errors import PlatformUnavailable
from pidalio.model import Endpoint, Health, Port, Protocol
from pidalio.platforms.following import Follower
from pidalio.platforms.following.follower import Pace
from pidalio.platforms.offers import Offer, offered
from pidalio.server.platforms import Taking

HTTP = (Port(80, "http", Protocol.HTTP),)
QUICK = Pace(patience=0.01, gather=0, keep=0.01)


def offer(name: str, *addresses: str, health: Health = Health.HEALTHY) -> Offer:
    found = tuple(Endpoint(each, 8080, 80, health=health) for each in addresses)
    return Offer("TestService", name, f"{name}.test", "default", HTTP, found)


def web(count: int, health: Health = Health.HEALTHY) -> list[Offer]:
    return [offer("web", *(f"10.0.0.{number}" for number in range(1, count + 1)), health=health)]


class Scripted:
    """An adapter that does what the test says, one step after another, and then waits."""

    def __init__(self, *steps) -> None:
        self.steps = list(steps)
        self.done = asyncio.Event()

    async def run(self, feed) -> None:
        while self.steps:
            await self.steps.pop(0)(feed)
        self.done.set()
        await asyncio.Event().wait()


def all_of(offers, again=None):
    async def step(feed) -> None:
        async def read():
            return offered(feed.name, offers if again is None else again)

        await feed.complete(offered(feed.name, offers), read)

    return step


def fails(why: str):
    async def step(feed) -> None:
        raise PlatformUnavailable(why)

    return step


async def follow(control, *steps, file=None) -> Follower:
    """Run the steps, end the adapter, and return its follower."""
    adapter = Scripted(*steps)
    follower = Follower("test", "scripted", adapter, Taking(control, lambda _: None), file=file, pace=QUICK)
    await follower.restore()
    task = asyncio.create_task(follower.run())
    try:
        await asyncio.wait_for(adapter.done.wait(), 20)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    return follower
