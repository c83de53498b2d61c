"""Which master leads: as ZooKeeper says, or whichever of the stated ones answers or sends on to it.

In ZooKeeper each master that stands for election has a node `json.info_NUMBER` that vanishes with its session; the
lowest number leads. While ZooKeeper is away, the last leader is still taken for one.
Source: Mesos, "High-Availability Mode"; `MasterInfo` in mesos.proto.
"""

import asyncio
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Final, Protocol, Self

import msgspec

from pidalio.errors import PlatformUnavailable
from pidalio.platforms.ensemble import Ensemble
from pidalio.platforms.mesos import words
from pidalio.platforms.mesos.settings import MesosSettings

_NODE: Final = "json.info_"
_ELECTION: Final = 3.0
"""Seconds for which an election is waited for without a word."""


class Leading(Protocol):
    """Knows who leads; an asynchronous context manager."""

    async def __aenter__(self) -> Self:
        """Begin to look."""

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End."""

    async def candidates(self) -> tuple[str, ...]:
        """Return URLs to try in order; wait while nobody leads."""

    async def moved(self, url: str) -> str:
        """Wait until another than `url` leads, and return who."""


class Stated:
    """Masters that the settings name: each sends on to the one that leads."""

    def __init__(self, urls: tuple[str, ...]) -> None:
        self._urls = urls

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    async def candidates(self) -> tuple[str, ...]:
        """Return all of them."""
        return self._urls

    async def moved(self, url: str) -> str:
        """Wait for ever: a master that leads no more ends, and its stream with it."""
        await asyncio.Event().wait()
        return url


class Elected:
    """Masters that stand for election in ZooKeeper."""

    def __init__(self, settings: MesosSettings, waiting: Callable[[PlatformUnavailable], None]) -> None:
        servers, self._path, secret = settings.zookeeper or ("", "", "")
        self._waiting, self._servers = waiting, servers
        self._scheme = "https" if settings.https else "http"
        self._look = asyncio.Event()
        self._known = asyncio.Condition()
        self._ensemble = Ensemble(servers, self._look.set, secret=secret)
        self._leader = ""
        self._why = f"ZooKeeper {servers} does not answer"
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self._ensemble.__aenter__()
        self._task = asyncio.create_task(self._follow(), name="who leads Mesos")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._ensemble.__aexit__(kind, error, trace)

    async def candidates(self) -> tuple[str, ...]:
        """Return the leader, once there is one; why there is none is told meanwhile."""
        while not self._leader:
            try:
                async with asyncio.timeout(_ELECTION), self._known:
                    await self._known.wait_for(lambda: self._leader)
            except TimeoutError:
                self._waiting(PlatformUnavailable(self._why))
        return (self._leader,)

    async def moved(self, url: str) -> str:
        """Wait until another leads."""
        async with self._known:
            await self._known.wait_for(lambda: self._leader not in ("", url))
        return self._leader

    async def _follow(self) -> None:
        """Look whenever there may be news; a failure changes nothing, for the session tells when it is back."""
        while True:
            await self._look.wait()
            self._look.clear()
            if not self._ensemble.is_connected:
                self._why = f"ZooKeeper {self._servers} does not answer"
                continue
            try:
                leader = await self._find()
            except PlatformUnavailable as error:
                self._why = str(error)
                await asyncio.sleep(1.0)
                self._look.set()
                continue
            async with self._known:
                self._leader = leader or self._leader
                self._known.notify_all()

    async def _find(self) -> str:
        """Return the URL of the leader, "" while nobody stands for election."""
        names = await self._ensemble.children(self._path)
        if names is None:
            self._why = f"ZooKeeper has no {self._path}: no master ever stood for election there: see `master`"
            return ""
        if not (name := lowest(names)):
            self._why = f"no master leads: nobody stands for election in {self._path}"
            return ""
        data = await self._ensemble.data(f"{self._path.rstrip('/')}/{name}", watched=False)
        return "" if data is None else url_of(data, self._scheme)


def lowest(names: Iterable[str]) -> str:
    """Return the node of the master that leads, "" where there is none."""
    standing = [name for name in names if name.startswith(_NODE) and name.removeprefix(_NODE).isdigit()]
    return min(standing, key=lambda name: int(name.removeprefix(_NODE)), default="")


def url_of(data: bytes, scheme: str) -> str:
    """Return where the master that wrote `data` listens; raise `PlatformUnavailable` when it does not say so."""
    try:
        info = msgspec.json.decode(data, type=words.MasterInfo)
    except msgspec.MsgspecError as error:
        raise PlatformUnavailable(f"the leading master's node in ZooKeeper is no MasterInfo: {error}") from error
    address = info.address
    host = (address.ip or address.hostname if address else "") or info.hostname
    port = address.port if address else info.port
    if not host:
        raise PlatformUnavailable("the leading master's node in ZooKeeper states no address")
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"


def leading(settings: MesosSettings, waiting: Callable[[PlatformUnavailable], None]) -> Leading:
    """Return who knows the leader; `waiting` is told why there is none."""
    return Elected(settings, waiting) if settings.zookeeper else Stated(settings.masters)
