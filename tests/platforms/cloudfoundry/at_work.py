"""The adapter at work, and messages about the instances of one host."""

import asyncio
import json
from typing import Self

from nats.aio.client import Client
from tests.platforms.cloudfoundry.cells import message
from tests.platforms.servers.nats import Nats

from pidalio.platforms.cloudfoundry.adapter import CloudFoundry
from pidalio.platforms.cloudfoundry.settings import CloudFoundrySettings
from pidalio.platforms.following import Follower
from pidalio.platforms.following.follower import Pace
from pidalio.rules import services
from pidalio.server.control_plane import ControlPlane
from pidalio.server.platforms import Taking

HOST = "shop.apps.example"
PATIENCE = 30


class Following:
    """The adapter at work inside a block."""

    def __init__(self, control: ControlPlane, server: Nats, **settings) -> None:
        stated = {"nats": server.url, "interval": 0.3, "threshold": 60.0, "settle": 0.5} | settings
        self.control = control
        self.adapter = CloudFoundry(CloudFoundrySettings(**stated))
        pace = Pace(patience=0.01, gather=0, keep=1)
        self.follower = Follower("cf", "cloudfoundry", self.adapter, Taking(control, lambda _: None), pace=pace)

    async def __aenter__(self) -> Self:
        self.task = asyncio.create_task(self.follower.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    def seen(self, host: str = HOST) -> list[str]:
        return [one.address for one in services.endpoints(self.control.world, (host, "default"))]

    def codes(self) -> set[str]:
        return {one.code for one in self.follower.reports()}

    async def until(self, look, *wanted) -> None:
        """Wait until `look` gives what is wanted (or anything that is true)."""
        try:
            async with asyncio.timeout(PATIENCE):
                while not (look() == wanted[0] if wanted else look()):
                    await asyncio.sleep(0.01)
        except TimeoutError:
            raise AssertionError((look(), wanted, self.follower.standing())) from None

    async def served(self, *addresses: str, host: str = HOST) -> None:
        await self.until(lambda: self.seen(host), list(addresses))


def plain(number: int, host: str = HOST, **fields):
    return message(host, f"10.0.0.{number}", 61000, guid=f"g{number}", **fields)


def tls(number: int, host: str = HOST, **fields):
    named = {"tls_port": 61002, "server_cert_domain_san": f"g{number}", "tags": {"process_id": "proc-1"}}
    return plain(number, host, **named, **fields)


async def router(server: Nats, interval: int, threshold: int) -> Client:
    """Connect a router that answers greetings."""
    client = Client()
    await client.connect(server.url)
    times = {"minimumRegisterIntervalInSeconds": interval, "pruneThresholdInSeconds": threshold}

    async def answer(asked) -> None:
        await client.publish(asked.reply, json.dumps({"id": "0-real", "hosts": [], **times}).encode())

    await client.subscribe("router.greet", cb=answer)
    await client.flush()
    return client
