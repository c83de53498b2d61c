"""Control planes without sockets: registrations of several over one store in memory, which can be cut off."""

import asyncio
from typing import Any

import msgspec

from pidalio.errors import PlatformUnavailable
from pidalio.model import Workload
from pidalio.platforms.vm import Bound, Entry, Registrations, Seen, Stored, Superseded, Times
from pidalio.store import tables

QUICK = Times(shortest=0.01, grace=0.05, window=0.05, orphan=0.2, answer=5.0)


def entry(name: str = "reviews-0", address: str = "10.0.0.5", **more: Any) -> Entry:
    row = {"labels": (("app", "reviews"),), "ports": (("http", 9080),)}
    row |= {key: more.pop(key) for key in ("labels", "ports", "network") if key in more}
    return Entry(workload=Workload(name, "default", address, **row), **more)


def streaming(name: str = "reviews-0", address: str = "10.0.0.5", **more: Any) -> Entry:
    return entry(name, address, bound=Bound.STREAM, **more)


class Mesh:
    """The part of a mesh that registrations use; remembers every change of what is live."""

    def __init__(self) -> None:
        self.rows: dict[Any, Workload] = {}
        self.vanished: list[str] = []
        self.generation = 0
        self.world = self
        self.fed = asyncio.Event()

    def feed(self, source, rows, *, complete=False) -> int:
        assert source == "agents"
        for key, row in rows[tables.WORKLOADS].items():
            if row is None and self.rows.pop(key, None) is not None:
                self.vanished.append(key[1])
            elif row is not None and self.rows.get(key) != row:
                self.rows[key] = row
            else:
                continue
            self.generation += 1
        self.fed.set()
        self.fed = asyncio.Event()
        return self.generation

    def live(self) -> list[str]:
        return sorted(key[1] for key in self.rows)


class Shared:
    """A store of several control planes, strictly in order; each is one `Door`."""

    def __init__(self) -> None:
        self.entries: dict[str, Stored] = {}
        self.revision = 0
        self.doors: list[Door] = []

    def door(self, plane: str) -> "Door":
        door = Door(self, plane)
        self.doors.append(door)
        return door

    def planes(self) -> frozenset[str]:
        return frozenset(door.plane for door in self.doors if door.lives)

    def tell_planes(self) -> None:
        for door in self.doors:
            door.tell(lambda seen: seen.living(self.planes()))


class Door:
    """One control plane's way to the store; `open` says whether it is reached, `lives` whether its lease does."""

    name = "a store"

    def __init__(self, shared: Shared, plane: str) -> None:
        self.shared, self.plane = shared, plane
        self.lives = self.open = True
        self.seen: Seen | None = None
        self.changed = asyncio.Event()
        self.writes = 0

    def tell(self, say) -> None:
        if self.seen is not None and self.open:
            say(self.seen)

    def cut(self) -> None:
        self.open = False
        self.seen = None
        self.changed.set()

    def mend(self) -> None:
        self.open = True

    async def follow(self, seen: Seen) -> None:
        self._refuse()
        self.changed = asyncio.Event()
        seen.whole(dict(self.shared.entries), self.shared.planes())
        self.seen = seen
        await self.changed.wait()
        self._refuse()

    async def write(self, identity: str, entry: Entry | None, expected: int) -> int:
        await asyncio.sleep(0)
        self._refuse()
        self.writes += 1
        now = self.shared.entries.get(identity)
        if (now.revision if now else 0) != expected:
            raise Superseded(identity, now)
        self.shared.revision += 1
        revision = self.shared.revision
        if entry is None:
            self.shared.entries.pop(identity, None)
        else:
            self.shared.entries[identity] = Stored(entry, revision)
        for door in self.shared.doors:
            door.tell(lambda seen: seen.changed(identity, entry, revision))
        await asyncio.sleep(0)
        return revision

    def _refuse(self) -> None:
        if not self.open:
            raise PlatformUnavailable("the store is cut off", retry_after=0.01)


class Plane:
    """One control plane: `mesh` is what is live there."""

    def __init__(self, shared: Shared, name: str, times: Times = QUICK) -> None:
        self.mesh, self.door = Mesh(), shared.door(name)
        self.known = Registrations(self.mesh, self.door, me=name, times=times)

    async def start(self) -> "Plane":
        await self.known.start(5)
        self.door.shared.tell_planes()
        return self

    async def die(self) -> None:
        """End as by kill -9: nothing is written any more."""
        self.door.cut()
        self.door.lives = False
        await self.known.close()
        self.door.shared.tell_planes()


async def until(mesh: Mesh, claim) -> None:
    """Wait until `claim(live)` is true of the names that are live."""
    async with asyncio.timeout(20):
        while not claim(mesh.live()):
            await mesh.fed.wait()


def health(entry_: Entry, value) -> Entry:
    return msgspec.structs.replace(entry_, workload=msgspec.structs.replace(entry_.workload, health=value))
