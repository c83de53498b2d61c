"""Instances of services on loopback that behave as a measurement tells them to, and remember who came when.

Each has an address and a port of its own, so that it can be slow, fail, hang, or die (refuse connections) alone.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import count

NUMBER, ATTEMPT = "x-number", "x-envoy-attempt-count"


@dataclass(eq=False, slots=True)
class Arrival:
    """One request that came: when, which call of the load it belongs to, and which attempt of the proxy it is."""

    at: float
    method: str
    path: str
    headers: dict[str, str]

    @property
    def number(self) -> int:
        return int(self.headers.get(NUMBER, "-1"))

    @property
    def attempt(self) -> int:
        return int(self.headers.get(ATTEMPT, "1"))


@dataclass(frozen=True, slots=True)
class Reply:
    """What becomes of a request: a status after `delay` seconds, or nothing until the instance lets go."""

    status: int = 200
    delay: float = 0.0
    held: bool = False


Behaviour = Callable[[Arrival], Reply]


def after(seconds: float, status: int = 200) -> Behaviour:
    """Return the behaviour of an instance that always answers so."""
    reply = Reply(status, seconds)
    return lambda _: reply


@dataclass(eq=False)
class Instance:
    """A server; `answer` decides about each request, `arrivals` are all that came, `active` those under way.

    One that `calls_on` answers with the status that its own call got.
    """

    name: str
    address: str
    locality: str = ""
    version: str = "v1"
    answer: Behaviour = field(default=after(0.0))
    port: int = 0
    arrivals: list[Arrival] = field(default_factory=list)
    active: set[Arrival] = field(default_factory=set)
    on_arrival: Callable[[], None] = field(default=lambda: None)
    calls_on: Callable[[Arrival], Awaitable[int]] | None = None
    _server: asyncio.Server | None = None
    _open: set["_Connection"] = field(default_factory=set)
    _held: list[Callable[[], None]] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _calls: set[asyncio.Task[None]] = field(default_factory=set)

    async def serve(self) -> None:
        """Listen; after `die` on the same port as before."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), self.address, self.port, backlog=1024)
        self.port = self._server.sockets[0].getsockname()[1]

    def die(self) -> None:
        """End like a killed process: connections break, and new ones are refused."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for connection in list(self._open):
            connection.transport.abort()

    def let_go(self) -> None:
        """Answer everything that is held."""
        held, self._held = self._held, []
        for answer in held:
            answer()

    async def came(self, how_many: int) -> None:
        """Wait until so many requests have come."""
        while len(self.arrivals) < how_many:
            self._news.clear()
            await self._news.wait()

    def take(self, connection: "_Connection", arrival: Arrival) -> None:
        self.arrivals.append(arrival)
        self.active.add(arrival)
        self._news.set()
        self.on_arrival()
        if self.calls_on is not None:
            call = asyncio.create_task(self._call_on(connection, arrival, self.calls_on))
            self._calls.add(call)
            call.add_done_callback(self._calls.discard)
            return
        reply = self.answer(arrival)
        if reply.held:
            self._held.append(lambda: connection.respond(arrival, reply.status))
        elif reply.delay:
            asyncio.get_running_loop().call_later(reply.delay, connection.respond, arrival, reply.status)
        else:
            connection.respond(arrival, reply.status)

    async def _call_on(
        self, connection: "_Connection", arrival: Arrival, call: Callable[[Arrival], Awaitable[int]]
    ) -> None:
        connection.respond(arrival, await call(arrival))


class _Connection(asyncio.Protocol):
    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._buffer = b""
        self._taken: Arrival | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        self._instance._open.add(self)

    def connection_lost(self, _: Exception | None) -> None:
        self._instance._open.discard(self)
        if self._taken is not None:
            self._instance.active.discard(self._taken)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, end, rest = self._buffer.partition(b"\r\n\r\n")
        if not end:
            return
        first, *lines = head.decode("latin-1").split("\r\n")
        method, path, _ = first.split(" ", 2)
        headers = dict(line.lower().split(": ", 1) if ": " in line else (line[:-1], "") for line in lines)
        length = int(headers.get("content-length", "0"))
        if len(rest) < length:
            return
        self._buffer = rest[length:]
        self._taken = Arrival(asyncio.get_running_loop().time(), method, path, headers)
        self._instance.take(self, self._taken)

    def respond(self, arrival: Arrival, status: int) -> None:
        self._instance.active.discard(arrival)
        if not self.transport.is_closing():
            head = f"HTTP/1.1 {status} Told\r\nx-instance: {self._instance.name}\r\ncontent-length: 0\r\n\r\n"
            self.transport.write(head.encode())


class Prefix:
    """Hands out the addresses of one /24 of loopback."""

    def __init__(self, of: str) -> None:
        self._prefix = of.rpartition(".")[0]
        self._numbers = (number for number in count(1) if number != int(of.rpartition(".")[2]))

    def next(self) -> str:
        number = next(self._numbers)
        assert number < 255, "the addresses of this measurement have run out"
        return f"{self._prefix}.{number}"
