"""NATS as this adapter hears it: subscribed to what the platform's router hears, or gone, with one line that says why.

Invariant: one connection at a time, which ends as a whole; who comes back is the follower, with its pauses, to the next
server. Messages of one kind come in their order. Nothing is said to the platform but a greeting, unless that is wanted.
"""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final, Protocol
from uuid import uuid4

import msgspec
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error, SlowConsumerError

from pidalio.errors import PlatformUnavailable
from pidalio.platforms.asking import tls_context
from pidalio.platforms.cloudfoundry.messages import Times, read_times
from pidalio.platforms.cloudfoundry.settings import CloudFoundrySettings

KINDS: Final = ("router", "service-discovery")
"""Of routes, and of routes of internal domains: the first word of the subjects of each."""
_CONNECT: Final = 15.0
_PING: Final = 10
_PENDING: Final = 65_536
_GREETED: Final = 1.0
_CLOSE: Final = 2.0
"""Seconds to connect at most, between pings, messages that wait at most, seconds for a greeting's answer, to close."""
_TOGETHER: Final = 200
"""Messages that are read before the event loop gets its turn."""


class Listener(Protocol):
    """Who hears messages; `kind` is one of `KINDS`."""

    def times(self, kind: str) -> Times:
        """Return the times that count now."""

    def registered(self, kind: str, data: bytes) -> None:
        """Take a registration."""

    def unregistered(self, kind: str, data: bytes) -> None:
        """Take one back."""

    def started(self, kind: str, times: Times) -> None:
        """Take what a router says of time."""

    def missed(self) -> None:
        """Know that messages were lost, because they came faster than they were read."""


class Bus:
    """The way to the messages, by the servers in turn."""

    def __init__(self, settings: CloudFoundrySettings) -> None:
        self._settings = settings
        self._id = f"pidalio-{uuid4()}"
        self._next = 0

    async def listen(self, listener: Listener, meanwhile: Callable[[], Awaitable[None]]) -> None:
        """Hand on what is said, and do `meanwhile`, until the connection ends; raise `PlatformUnavailable`."""
        server = self._settings.servers[self._next % len(self._settings.servers)]
        self._next += 1
        ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        async with self._connected(server, listener, ended) as client:
            await self._subscribe(client, listener, server)
            await self._greet(client, listener)
            working = asyncio.ensure_future(meanwhile())
            try:
                await asyncio.wait((ended, working), return_when=asyncio.FIRST_COMPLETED)
            finally:
                working.cancel()
                await asyncio.gather(working, return_exceptions=True)
        if not working.cancelled():
            working.result()
        raise _unavailable(server, ended.result() if ended.done() else "the connection ended")

    @contextlib.asynccontextmanager
    async def _connected(self, server: str, listener: Listener, ended: "asyncio.Future[str]") -> AsyncIterator[Client]:
        said: list[str] = []

        async def failed(error: Exception) -> None:
            if isinstance(error, SlowConsumerError):
                listener.missed()
                return
            said.append(_said(error))
            if "permissions violation" in said[-1].lower():
                await closed()

        async def closed() -> None:
            if not ended.done():
                ended.set_result(said[-1] if said else "the connection ended")

        client = Client()
        try:
            async with asyncio.timeout(_CONNECT):
                await client.connect(error_cb=failed, closed_cb=closed, **self._options(server))
        except (Error, OSError, ssl.SSLError) as error:
            await _quietly(client.close())
            raise _unavailable(server, said[-1] if said else _said(error)) from error
        try:
            yield client
        finally:
            await _quietly(client.close())

    def _options(self, server: str) -> dict[str, Any]:
        settings = self._settings
        options: dict[str, Any] = {
            "servers": [server],
            "name": self._id,
            "allow_reconnect": False,
            "max_reconnect_attempts": 1,
            "reconnect_time_wait": 0.05,
            "connect_timeout": 5,
            "ping_interval": _PING,
            "max_outstanding_pings": 2,
            "no_echo": True,
            "verbose": True,  # or a refusal is lost: a server resets who goes on talking before its answer is read
        }
        if settings.user:
            options |= {"user": settings.user, "password": settings.nats_password()}
        if server.startswith("tls://") or settings.ca or settings.cert:
            options["tls"] = tls_context(settings.ca, settings.cert, settings.key)
        return options

    async def _subscribe(self, client: Client, listener: Listener, server: str) -> None:
        """Hear everything; one subscription for each kind, or a registration would overtake what takes it back."""
        try:
            for kind in KINDS:
                await client.subscribe(
                    f"{kind}.*", cb=self._handing(kind, client, listener), pending_msgs_limit=_PENDING
                )
            await client.flush(timeout=10)
        except (Error, OSError) as error:
            raise _unavailable(server, _said(error)) from error

    def _handing(self, kind: str, client: Client, listener: Listener) -> Callable[[Msg], Awaitable[None]]:
        handed = 0

        async def hand(message: Msg) -> None:
            nonlocal handed
            handed += 1
            if handed % _TOGETHER == 0:  # what waits in a queue is handed on without a pause otherwise
                await asyncio.sleep(0)
            match message.subject.removeprefix(f"{kind}."):
                case "register":
                    listener.registered(kind, message.data)
                case "unregister":
                    listener.unregistered(kind, message.data)
                case "start" if times := read_times(message.data):
                    listener.started(kind, times)
                case "greet" if message.reply and self._settings.announce:
                    await client.publish(message.reply, self._own_times(listener.times(kind)))

        return hand

    async def _greet(self, client: Client, listener: Listener) -> None:
        """Ask routers for their times, which nobody needs to answer; say that one has started, where that is wanted."""
        await asyncio.gather(*(self._greet_one(client, listener, kind) for kind in KINDS))
        if self._settings.announce:
            with contextlib.suppress(Error):
                for kind in KINDS:
                    await client.publish(f"{kind}.start", self._own_times(listener.times(kind)))

    async def _greet_one(self, client: Client, listener: Listener, kind: str) -> None:
        with contextlib.suppress(Error):
            answer = await client.request(f"{kind}.greet", b"{}", timeout=_GREETED)
            if times := read_times(answer.data):
                listener.started(kind, times)

    def _own_times(self, times: Times) -> bytes:
        body = {
            "id": self._id,
            "hosts": [],
            "minimumRegisterIntervalInSeconds": max(round(times.interval), 1),
            "pruneThresholdInSeconds": max(round(times.threshold), 1),
        }
        return msgspec.json.encode(body)


def _unavailable(server: str, why: str) -> PlatformUnavailable:
    where = server.rpartition("@")[2].removeprefix("nats://").removeprefix("tls://")
    lowered = why.lower()
    if "authorization violation" in lowered:
        return PlatformUnavailable(f"{where}: NATS refuses us ({why}): check user and password", is_lasting=True)
    if "permissions violation" in lowered:
        return PlatformUnavailable(
            f"{where}: {why}: the user needs the right to subscribe to router.* and service-discovery.*",
            is_lasting=True,
        )
    return PlatformUnavailable(f"{where}: {why}")


def _said(error: BaseException) -> str:
    if isinstance(error, asyncio.TimeoutError):
        return "no answer in time"
    return str(error).removeprefix("nats: ") or type(error).__name__


async def _quietly(closing: Awaitable[None]) -> None:
    """Close, also where the other side does not listen any more."""
    with contextlib.suppress(Error, OSError):
        async with asyncio.timeout(_CLOSE):
            await closing
