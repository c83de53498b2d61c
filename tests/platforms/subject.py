"""What the common suite asks of a platform: how its server is run, and how what every platform knows is said to it.

A platform's tests write one `Subject`; `conformance.py` has the scenarios, `following_mesh.py` what they are looked at.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import ClassVar, NamedTuple

from pidalio.model import Health
from pidalio.platforms.installed import Configured


class Instance(NamedTuple):
    """One instance as every platform can say it."""

    address: str
    port: int
    version: str = "v1"
    zone: str = "east"


class Put(NamedTuple):
    """An order to make an instance be, or be different."""

    service: str
    name: str
    instance: Instance


class Subject(ABC):
    """One platform under test, with a server of its own in `folder`.

    `lacks` says which scenarios make no sense, by the name that their `needs` has, and why: those are skipped with it.
    Names: `versions`, `zones`, `health`, `drain`, `renaming`, `keeping` (what the server knew survives its end),
    `emptying`, `asking twice` (an emptied server is read as a whole; not where each removal is said in order),
    `malformed`, `duplicates` (two instances may have one address), `freezing` (there is a network to hold up),
    `standing` (it is shown like platforms that are followed).
    `failed` and `drained` are what an instance is in the mesh when its platform says so; None: it is gone.
    """

    lacks: ClassVar[Mapping[str, str]] = {}
    failed: ClassVar[Health | None] = Health.UNHEALTHY
    drained: ClassVar[Health | None] = Health.DRAINING
    flood_of: ClassVar[int] = 2000
    """How many changes are a flood."""

    host = "127.0.0.1"
    port: int
    """Where the server listens; may differ after a restart."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @abstractmethod
    async def start(self) -> None:
        """Start an empty server, and wait until it answers."""

    @abstractmethod
    async def stop(self) -> None:
        """End it, and all that belongs to it."""

    @abstractmethod
    def configured(self, port: int) -> Configured:
        """Return the platform as one follows it by `port` of 127.0.0.1, which leads to the server."""

    @abstractmethod
    def hostname(self, service: str) -> str:
        """Return what a service is called in the mesh."""

    @abstractmethod
    async def put(self, service: str, name: str, instance: Instance) -> None:
        """Make an instance be there and well, or be different; the service comes with its first one."""

    @abstractmethod
    async def drop(self, service: str, name: str) -> None:
        """Take an instance away."""

    async def fail(self, service: str, name: str) -> None:
        """Make an instance be unwell; needs `health`."""
        raise NotImplementedError

    async def heal(self, service: str, name: str) -> None:
        """Make it be well again; needs `health`."""
        raise NotImplementedError

    async def drain(self, service: str, name: str) -> None:
        """Make an instance get nothing new, while it is there; needs `drain`."""
        raise NotImplementedError

    async def rename(self, service: str, name: str, instances: Mapping[str, Instance]) -> None:
        """Make `service` be called `name`; where a platform has no renaming, it is a new one and the end of the old."""
        for each, instance in instances.items():
            await self.put(name, each, instance)
        for each in instances:
            await self.drop(service, each)

    async def restart_server(self, *, keeps: bool) -> None:
        """End the server hard and start it again, with all that it knew (needs `keeping`) or nothing."""
        raise NotImplementedError

    async def empty(self) -> None:
        """Make the server answer, alive and well, that there is nothing; needs `emptying`."""
        await self.restart_server(keeps=False)

    async def flood(self, orders: Iterable[Put]) -> None:
        """Carry out many orders, in their order for each instance, as fast as the platform takes them."""
        for order in orders:
            await self.put(*order)

    async def malformed(self) -> None:
        """Make the platform say one thing that cannot be understood (a port that is text); needs `malformed`."""
        raise NotImplementedError
