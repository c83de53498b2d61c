"""The load generator: calls through a proxy, one after the other, so many at once, or at a steady rate.

Each call has a number, which instances and the access log see too, and ends as one `Answer`; none is ever sent again.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import count

LOST = 0
"""The status of a call whose connection ended without an answer."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A call to `host`, as a client of an HTTP proxy writes it."""

    host: str
    method: str = "GET"
    path: str = "/"
    headers: tuple[tuple[str, str], ...] = ()

    def head(self, number: int) -> bytes:
        more = "".join(f"{name}: {value}\r\n" for name, value in self.headers)
        length = "" if self.method == "GET" else "content-length: 0\r\n"
        start = f"{self.method} http://{self.host}{self.path} HTTP/1.1\r\nhost: {self.host}\r\n"
        return f"{start}x-number: {number}\r\n{length}{more}\r\n".encode()


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one call: `begun` and `seconds` by the loop's clock, `instance` empty when the proxy answered."""

    ask: Ask
    number: int
    begun: float
    seconds: float
    status: int
    headers: dict[str, str]

    @property
    def instance(self) -> str:
        return self.headers.get("x-instance", "")


class Load:
    """Kept connections to one proxy, made as they are needed."""

    def __init__(self, door: tuple[str, int], numbers: Iterable[int] | None = None) -> None:
        self._door = door
        self._idle: list[_Connection] = []
        self._numbers = iter(numbers) if numbers is not None else count()

    async def ask(self, ask: Ask) -> Answer:
        """Call once."""
        loop = asyncio.get_running_loop()
        number, connection = next(self._numbers), await self._connection()
        begun = loop.time()
        status, headers = await connection.ask(ask.head(number))
        if status != LOST and not connection.is_closing():
            self._idle.append(connection)
        return Answer(ask, number, begun, loop.time() - begun, status, headers)

    async def one_by_one(self, ask: Ask, times: int) -> list[Answer]:
        """Call so often, each after the answer to the one before."""
        return [await self.ask(ask) for _ in range(times)]

    async def at_once(self, asks: Sequence[Ask], callers: int) -> list[Answer]:
        """Call all, `callers` at a time; the answers are in the order of `asks`."""
        answers: list[Answer | None] = [None] * len(asks)
        waiting = iter(enumerate(asks))

        async def work() -> None:
            for position, ask in waiting:
                answers[position] = await self.ask(ask)

        async with asyncio.TaskGroup() as group:
            for _ in range(callers):
                group.create_task(work())
        return [each for each in answers if each is not None]

    async def as_long_as(self, busy: Callable[[], bool], ask: Ask, callers: int) -> list[Answer]:
        """Call as long as `busy` says so, `callers` at a time; the answers are in the order of their coming."""
        answers: list[Answer] = []

        async def work() -> None:
            while busy():
                answers.append(await self.ask(ask))

        async with asyncio.TaskGroup() as group:
            for _ in range(callers):
                group.create_task(work())
        return answers

    async def paced(self, ask: Ask, rate: float, seconds: float) -> list[Answer]:
        """Call `rate` times a second whatever the answers do: an open loop."""
        loop = asyncio.get_running_loop()
        start, tasks = loop.time(), []
        for number in range(int(rate * seconds)):
            await asyncio.sleep(start + number / rate - loop.time())
            tasks.append(asyncio.create_task(self.ask(ask)))
        return list(await asyncio.gather(*tasks))

    def close(self) -> None:
        for connection in self._idle:
            connection.close()

    async def _connection(self) -> "_Connection":
        while self._idle:
            if not (connection := self._idle.pop()).is_closing():
                return connection
        return await self._opened()

    async def _opened(self) -> "_Connection":
        _, made = await asyncio.get_running_loop().create_connection(_Connection, *self._door)
        return made

    async def prepare(self, connections: int) -> None:
        """Open so many connections more, for calls that are to leave together."""
        self._idle += [await self._opened() for _ in range(connections)]


class _Connection(asyncio.Protocol):
    def __init__(self) -> None:
        self._buffer = b""
        self._waiting: asyncio.Future[tuple[int, dict[str, str]]] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        self._transport = transport

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def close(self) -> None:
        self._transport.close()

    async def ask(self, head: bytes) -> tuple[int, dict[str, str]]:
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(head)
        return await self._waiting

    def connection_lost(self, _: Exception | None) -> None:
        self._answered(LOST, {})

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, end, body = self._buffer.partition(b"\r\n\r\n")
        if not end:
            return
        first, *lines = head.decode("latin-1").lower().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        if len(body) < int(headers.get("content-length", "0")):
            return
        assert "transfer-encoding" not in headers, "answers of measured calls have a length"
        self._buffer = b""
        if headers.get("connection") == "close":
            self._transport.close()
        self._answered(int(first.split(" ", 2)[1]), headers)

    def _answered(self, status: int, headers: dict[str, str]) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result((status, headers))
