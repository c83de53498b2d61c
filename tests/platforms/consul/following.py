"""The adapter at work, with all that it says in the store of a control plane: what tests of Consul look at."""

import asyncio
from typing import Self

from pidalio.history import SqliteHistory
from pidalio.model import Endpoint, Report, Service
from pidalio.platforms.consul import KIND, ConsulSettings
from pidalio.platforms.following import Follower
from pidalio.platforms.following.follower import Pace
from pidalio.rules import services
from pidalio.server.control_plane import ControlPlane
from pidalio.server.platforms import Taking

PATIENCE = 60.0
"""Seconds within which what must come comes, on the slowest machine."""


class Following:
    """Follows a Consul inside a `with` block; what it knows is kept in `folder`."""

    def __init__(self, folder, address: str, **settings) -> None:
        self._folder = folder
        self._settings = ConsulSettings(address=address, **{"settle": 0, **settings})
        self.control: ControlPlane
        self.follower: Follower

    async def __aenter__(self) -> Self:
        self._history = await SqliteHistory.open(self._folder / "history.db")
        self.control = ControlPlane(self._history)
        self._settings.check()
        self.follower = Follower(
            "consul",
            "consul",
            KIND.build(self._settings),
            Taking(self.control, lambda _: None),
            file=self._folder / "consul.jsonl",
            pace=Pace(patience=0.3, gather=0, keep=0.05),
        )
        await self.follower.restore()
        self._task = asyncio.create_task(self.follower.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._history.close()

    def service(self, name: str, domain: str = "service.consul") -> Service | None:
        """Return a service as rules see it."""
        return services.service(self.control.world, (f"{name}.{domain}", "default"))

    def endpoints(self, name: str, domain: str = "service.consul") -> list[Endpoint]:
        """Return the instances of a service."""
        return list(services.endpoints(self.control.world, (f"{name}.{domain}", "default")))

    def addresses(self, name: str) -> list[str]:
        """Return where the instances of a service are."""
        return [one.address for one in self.endpoints(name)]

    def state(self) -> str:
        """Return what `pidalio platforms` shows."""
        return self.follower.standing().state

    def told(self) -> list[Report]:
        """Return what there is to tell of the platform."""
        return list(self.follower.reports())

    def codes(self) -> list[str]:
        """Return the codes of what there is to tell."""
        return [report.code for report in self.told()]

    async def until(self, is_so) -> None:
        """Wait until something is so."""
        end = asyncio.get_running_loop().time() + PATIENCE
        while not is_so():
            assert asyncio.get_running_loop().time() < end, f"still not so: {self.follower.standing()}"
            await asyncio.sleep(0.02)
