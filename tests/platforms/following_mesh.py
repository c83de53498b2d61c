"""A control plane that follows one platform through a link which tests break: what the common suite looks at."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, Self, TypeAlias

from tests.platforms.servers.partition import Partition
from tests.platforms.subject import Instance, Subject

from pidalio.history import SqliteHistory
from pidalio.model import Health, Report
from pidalio.platforms.following import Follower
from pidalio.platforms.following.follower import Pace
from pidalio.rules import services
from pidalio.server.control_plane import ControlPlane
from pidalio.server.platforms import Taking
from pidalio.store import tables
from pidalio.store.change import Change

PATIENCE = 60.0
"""Seconds within which what must come comes, on the slowest machine: a test that waits for it in vain fails."""
PACE = Pace(patience=1.5, gather=0.02, keep=0.05)


class Seen(NamedTuple):
    """What the mesh has of an instance."""

    version: str
    health: Health
    zone: str


Picture: TypeAlias = Mapping[str, Mapping[str, Seen]]
"""The canonical model: of each hostname, what is at each `address:port`."""


class _Watched(ControlPlane):
    """Remembers every picture that proxies could have been shown."""

    def __init__(self, history: SqliteHistory, mesh: "FollowingMesh") -> None:
        super().__init__(history)
        self._mesh = mesh

    def _commit(self, change: Change) -> None:
        super()._commit(change)
        if change.edits:
            self._mesh.look(self)


class FollowingMesh:
    """One subject, the mesh that follows it, and what is expected of it by all that was said to the subject."""

    def __init__(self, subject: Subject, folder: Path) -> None:
        self.subject = subject
        self.expected: dict[str, dict[str, Instance]] = {}
        self.health: dict[tuple[str, str], Health | None] = {}
        self.seen: list[Picture] = []
        self.states: list[str] = []
        self.generations = 0
        self.control: _Watched
        self.follower: Follower
        self.link: Partition
        self._folder = folder
        self._services: set[str] = set()
        self._changed = asyncio.Event()
        self._history: SqliteHistory | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        await self.subject.start()
        self.link = Partition(self.subject.host, self.subject.port)
        await self.link.restore()
        await self.begin()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.end()
        await self.link.cut()
        await self.subject.stop()

    async def begin(self) -> None:
        """Start a control plane; what an earlier one knew of the platform is live when it returns."""
        self._history = await SqliteHistory.open(self._folder / "history.db")
        self.control = _Watched(self._history, self)
        await self.control.restore()
        configured = self.subject.configured(self.link.port)
        self.follower = Follower(
            configured.name,
            configured.kind.name,
            configured.adapter(),
            Taking(self.control, lambda _: None),
            file=self._folder / "known.jsonl",
            pace=PACE,
        )
        await self.follower.restore()
        self._tasks = [asyncio.create_task(self.follower.run()), asyncio.create_task(self._watch_state())]

    async def end(self) -> None:
        """End the control plane; what it knows is on disk."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._history is not None:
            await self._history.close()

    # What is said to the subject, and thereby expected of the mesh.

    async def put(self, service: str, name: str, address: str, port: int = 8080, *, version: str = "v1") -> None:
        """Make an instance be, or be different."""
        instance = Instance(address, port, version)
        await self.subject.put(service, name, instance)
        self.expect(service, name, instance)

    async def drop(self, service: str, name: str) -> None:
        """Take an instance away."""
        await self.subject.drop(service, name)
        self.expected[service].pop(name)

    def expect(self, service: str, name: str, instance: Instance) -> None:
        """Expect what the subject was told elsewhere."""
        self._services.add(service)
        self.expected.setdefault(service, {})[name] = instance

    async def restart_server(self, *, keeps: bool) -> None:
        """End the server hard and start it again."""
        await self.subject.restart_server(keeps=keeps)
        self.link.target = (self.subject.host, self.subject.port)

    async def empty(self) -> None:
        """Make the server answer that there is nothing; what was there stays expected until the test says otherwise."""
        await self.subject.empty()
        self.link.target = (self.subject.host, self.subject.port)

    # What the mesh has.

    def picture(self, control: ControlPlane | None = None) -> Picture:
        """Return what the mesh has of the services that the test spoke of."""
        world = (control or self.control).world
        found: dict[str, dict[str, Seen]] = {}
        for host in map(self.subject.hostname, sorted(self._services)):
            for namespace in sorted({key[1] for key in tables.SERVICES_BY_HOST.keys(world, host)}):
                for one in services.endpoints(world, (host, namespace)):
                    health = Health.HEALTHY if one.health is Health.UNKNOWN else one.health
                    zone = "" if "zones" in self.subject.lacks else one.locality.zone
                    seen = Seen(dict(one.labels).get("version", ""), health, zone)
                    found.setdefault(host, {})[f"{one.address}:{one.port}"] = seen
        return found

    def wanted(self) -> Picture:
        """Return what the mesh must come to have."""
        lacks = self.subject.lacks
        found: dict[str, dict[str, Seen]] = {}
        for service, instances in self.expected.items():
            for name, one in instances.items():
                health = self.health.get((service, name), Health.HEALTHY)
                if health is not None:
                    version = "" if "versions" in lacks else one.version
                    seen = Seen(version, health, "" if "zones" in lacks else one.zone)
                    found.setdefault(self.subject.hostname(service), {})[f"{one.address}:{one.port}"] = seen
        return found

    async def settled(self) -> None:
        """Wait until the mesh has exactly what is expected."""
        await self._until(lambda: self.picture() == self.wanted(), lambda: (self.picture(), self.wanted()))

    async def told(self) -> list[Report]:
        """Wait until something is to be told of the platform, and return it."""
        await self._until(lambda: bool(list(self.follower.reports())), self.follower.standing)
        return list(self.follower.reports())

    async def in_state(self, *states: str) -> None:
        """Wait until the platform is shown as being in one of these states."""
        await self._until(lambda: self.follower.standing().state in states, self.follower.standing)

    def now(self) -> float:
        """Return the time, in seconds."""
        return asyncio.get_running_loop().time()

    def mark(self) -> None:
        """Look at what happens from now on."""
        self.seen = [self.picture()]
        self.states = [self.follower.standing().state]
        self.generations = 0

    def always_had(self, service: str, *addresses: str, well: bool = True) -> bool:
        """Tell whether these instances were there, and well, in all that proxies were shown since the mark."""
        host = self.subject.hostname(service)
        return all(
            address in picture.get(host, {}) and (not well or picture[host][address].health is Health.HEALTHY)
            for picture in self.seen
            for address in addresses
        )

    def look(self, control: ControlPlane) -> None:
        """Remember what proxies are shown from now on."""
        self.generations += 1
        self.seen.append(self.picture(control))
        self._changed.set()

    async def _watch_state(self) -> None:
        while True:
            state = self.follower.standing().state
            if not self.states or state != self.states[-1]:
                self.states.append(state)
            await asyncio.sleep(0.05)

    async def _until(self, is_so, shown) -> None:
        end = self.now() + PATIENCE
        while not is_so():
            assert self.now() < end, f"still not so after {PATIENCE} s: {shown()}"
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), 0.1)
            except TimeoutError:
                continue  # what changes without a generation: states and reports
