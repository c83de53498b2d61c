"""Consul as a platform: each datacenter followed by itself, and what they say together."""

import asyncio
from collections.abc import Collection
from typing import Self

from pidalio.platforms.adapter import Feed
from pidalio.platforms.consul.central import Central
from pidalio.platforms.consul.datacenter import Datacenter
from pidalio.platforms.consul.directory import Directory
from pidalio.platforms.consul.earlier import earlier
from pidalio.platforms.consul.saying import Saying
from pidalio.platforms.consul.settings import ConsulSettings
from pidalio.platforms.pausing import again_and_again
from pidalio.platforms.turns import Turns


class ConsulAdapter:
    """Follows one Consul; what it knows outlasts each `run`."""

    def __init__(self, settings: ConsulSettings) -> None:
        self._settings = settings
        self._directory: Directory | None = None

    @classmethod
    def following(cls, settings: ConsulSettings) -> Self:
        """Return the adapter for what users stated, completed from the environment."""
        return cls(settings.completed())

    async def run(self, feed: Feed) -> None:
        """Follow until cancelled."""
        settings = self._settings
        names = settings.all_datacenters() or ("",)
        directory = self._directory = self._directory or await self._begun(feed, names)
        saying = Saying(feed, directory, names)
        share = settings.connections // len(names)
        async with asyncio.TaskGroup() as tasks:
            for number, name in enumerate(names):
                central = None if number else Central(saying, name)
                followed = Datacenter(settings, name, saying, share, central)
                tasks.create_task(
                    again_and_again(followed.turn, lambda error, name=name: saying.lost(name, error))  # type: ignore[misc]
                )

    async def _begun(self, feed: Feed, datacenters: Collection[str]) -> Directory:
        """Return a directory of what an earlier process knew: as after an interruption, its absence is judged."""
        directory, turns = Directory(self._settings, feed.name), Turns()
        for datacenter, name, instances in earlier(feed.known(), datacenters):
            directory.put(datacenter, name, instances)
            await turns.give()
        return directory
