"""A platform at work before a control plane, for tests that look at one adapter: what is live, and what is told."""

import asyncio

from pidalio.platforms.following import Follower
from pidalio.platforms.following.follower import Pace
from pidalio.platforms.installed import Configured
from pidalio.rules import services
from pidalio.server.control_plane import ControlPlane
from pidalio.server.platforms import Taking

PATIENCE = 60.0
"""Seconds within which what must come comes, on the slowest machine."""


class Followed:
    """`configured` as `control` follows it inside the `with` block, which yields the follower."""

    def __init__(self, control: ControlPlane, configured: Configured) -> None:
        pace = Pace(patience=0.01, gather=0, keep=1)
        taking = Taking(control, lambda _: None)
        adapter = configured.adapter()
        self.follower = Follower(configured.name, configured.kind.name, adapter, taking, pace=pace)

    async def __aenter__(self) -> Follower:
        self._task = asyncio.create_task(self.follower.run())
        return self.follower

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


def healths(control: ControlPlane, host: str) -> dict[str, str]:
    """Return the health of each instance of a service, by address."""
    return {one.address: one.health.name for one in services.endpoints(control.world, (host, "default"))}


async def eventually(look, wanted) -> None:
    """Wait until what `look` shows is as wanted."""
    async with asyncio.timeout(PATIENCE):
        while look() != wanted:
            await asyncio.sleep(0.02)
