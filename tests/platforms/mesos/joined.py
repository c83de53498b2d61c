"""A control plane that follows a fake Mesos, and what it has of it."""

import asyncio
from pathlib import Path
from typing import Self

from pidalio.history import SqliteHistory
from pidalio.platforms.following import Follower
from pidalio.platforms.following.follower import Pace
from pidalio.platforms.mesos import KIND, MesosSettings
from pidalio.rules import services
from pidalio.server.control_plane import ControlPlane
from pidalio.server.platforms import Taking


class Joined:
    """An asynchronous context manager; `folder` keeps what is known from one to the next."""

    def __init__(self, folder: Path, **settings) -> None:
        self._folder = folder
        self._settings = MesosSettings(**settings)
        self._settings.check()
        self.control: ControlPlane
        self.follower: Follower

    async def __aenter__(self) -> Self:
        self._history = await SqliteHistory.open(self._folder / "history.db")
        self.control = ControlPlane(self._history)
        pace = Pace(patience=0.01, gather=0, keep=0.01)
        taking = Taking(self.control, lambda _: None)
        file = self._folder / "known.jsonl"
        self.follower = Follower("mesos", "mesos", KIND.build(self._settings), taking, file=file, pace=pace)
        await self.follower.restore()
        self._task = asyncio.create_task(self.follower.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._history.close()

    def has(self, host: str = "web.marathon.mesos") -> dict[str, str]:
        """Return health and version of each instance of a service by `address:port`."""
        return {
            f"{one.address}:{one.port}": f"{one.health.name} {dict(one.labels).get('version', '')}".strip()
            for one in services.endpoints(self.control.world, (host, "default"))
        }

    def ports(self, host: str = "web.marathon.mesos") -> list[tuple[int, str]]:
        """Return number and protocol of each port of a service."""
        return [(one.number, one.protocol.name) for one in services.ports(self.control.world, (host, "default"))]

    def codes(self) -> list[str]:
        return [one.code for one in self.follower.reports()]

    async def until(self, look, wanted) -> None:
        """Wait until `look()` is as wanted."""
        end = asyncio.get_running_loop().time() + 30
        while (found := look()) != wanted:
            assert asyncio.get_running_loop().time() < end, (found, wanted, self.follower.standing())
            await asyncio.sleep(0.02)

    async def until_has(self, wanted: dict[str, str], host: str = "web.marathon.mesos") -> None:
        await self.until(lambda: self.has(host), wanted)

    async def until_state(self, wanted: str) -> None:
        await self.until(lambda: self.follower.standing().state, wanted)
