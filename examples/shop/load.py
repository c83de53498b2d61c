"""A small load generator: raw HTTP/1.1 over kept connections, told what to do by lines of JSON at standard input.

    {"port": 8080}                                        where the gateway listens; said first
    {"job": 1, "path": "/reviews", "headers": {},
     "count": 2000, "slow": 0.3}                          ask so often, and say how it went
    {"steady": {"path": "/reviews", "every": 0.02}}       ask on and on, beside the jobs
    {"tell": 2}                                           say how the steady requests went since the last time

It answers in lines of JSON: progress of a job several times a second, the last one with `"done": true`.
It is a process of its own so that it takes no time from the control plane, and ends with whoever started it.
"""

import asyncio
import contextlib
import json
import sys
import time
from collections import Counter
from typing import Any

CONNECTIONS = 24
TELL_EVERY_SECONDS = 0.2


class Connection(asyncio.Protocol):
    """One kept connection; `ask` sends a request and gives its status and body."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take note of the transport."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, _: Exception | None) -> None:
        """Fail what waits."""
        self._transport = None
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionResetError("the gateway closed the connection"))

    def data_received(self, data: bytes) -> None:
        """Take a part of an answer; it is whole when its length is there."""
        self._buffer += data
        head, separator, body = self._buffer.partition(b"\r\n\r\n")
        if not separator or self._answer is None or self._answer.done():
            return
        lines = head.lower().split(b"\r\n")
        length = next((int(line[15:]) for line in lines if line.startswith(b"content-length:")), 0)
        if len(body) < length:
            return
        self._buffer = b""
        self._answer.set_result((int(head[9:12]), body[:length]))
        if b"connection: close" in lines and self._transport is not None:
            self._transport.close()
            self._transport = None

    async def ask(self, port: int, request: bytes) -> tuple[int, bytes]:
        """Send one request and wait for its answer."""
        loop = asyncio.get_running_loop()
        if self._transport is None:
            self._buffer = b""
            await loop.create_connection(lambda: self, "127.0.0.1", port)
        assert self._transport is not None
        self._answer = loop.create_future()
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        """Give the connection up."""
        if self._transport is not None:
            self._transport.close()


def request_for(path: str, headers: dict[str, str]) -> bytes:
    """Return the bytes of one GET."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"GET {path} HTTP/1.1\r\nhost: shop.example\r\n{lines}\r\n".encode()


def outcome(status: int, body: bytes) -> str:
    """Return `status version instance` of the service that the front asked."""
    try:
        called = json.loads(body)["calls"][0]
    except (ValueError, LookupError, TypeError):
        return f"{status} - -"
    return f"{status} {called.get('version', '-')} {called.get('instance', '-')}"


class Tally:
    """What came of requests so far: how often each outcome, and how many were slow."""

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()
        self.slow = 0

    async def ask(self, connection: Connection, port: int, request: bytes, slow_seconds: float) -> None:
        """Make one request and count it; one without an answer counts as failed."""
        begun = time.monotonic()
        try:
            self.outcomes[outcome(*await connection.ask(port, request))] += 1
        except OSError as error:
            self.outcomes[f"000 {type(error).__name__} -"] += 1
        self.slow += time.monotonic() - begun >= slow_seconds


class Generator:
    """The jobs of one load generator."""

    def __init__(self) -> None:
        self._port = 0
        self._steady = Tally()
        self._tasks: set[asyncio.Task[None]] = set()

    async def obey(self, order: dict[str, Any]) -> None:
        """Do what one line says."""
        if "port" in order:
            self._port = order["port"]
        elif "job" in order:
            self._start(self._job(order))
        elif "steady" in order:
            self._start(self._keep_asking(order["steady"]))
        elif "tell" in order:
            tally, self._steady = self._steady, Tally()
            say({"tell": order["tell"], "outcomes": tally.outcomes, "done": True})

    def _start(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _job(self, order: dict[str, Any]) -> None:
        tally, left = Tally(), iter(range(order["count"]))
        request = request_for(order["path"], order["headers"])

        async def one() -> None:
            connection = Connection()
            for _ in left:
                await tally.ask(connection, self._port, request, order["slow"])
            connection.close()

        begun = time.monotonic()
        telling = asyncio.ensure_future(self._progress(order["job"], tally))
        await asyncio.gather(*(one() for _ in range(order.get("connections", CONNECTIONS))))
        telling.cancel()
        say(
            {
                "job": order["job"],
                "outcomes": tally.outcomes,
                "slow": tally.slow,
                "seconds": time.monotonic() - begun,
                "done": True,
            }
        )

    async def _progress(self, job: int, tally: Tally) -> None:
        while True:
            await asyncio.sleep(TELL_EVERY_SECONDS)
            say({"job": job, "outcomes": tally.outcomes, "slow": tally.slow})

    async def _keep_asking(self, order: dict[str, Any]) -> None:
        connection, request = Connection(), request_for(order["path"], {})
        while True:
            await self._steady.ask(connection, self._port, request, 1e9)
            await asyncio.sleep(order["every"])


def say(message: dict[str, Any]) -> None:
    """Write one line."""
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


async def main() -> None:
    """Obey until standard input ends: whoever started this is gone then."""
    orders = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    generator = Generator()
    while line := await orders.readline():
        await generator.obey(json.loads(line))


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt, BrokenPipeError):
        asyncio.run(main())
