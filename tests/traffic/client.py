"""A small HTTP/1.1 client: raw requests as written, many at once over few connections."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from tests.traffic import http2


@dataclass(frozen=True)
class Sent:
    """One request: `target` is what stands in the request line; `called` is told by the PROXY protocol first."""

    address: tuple[str, int]
    method: str
    target: str
    host: str
    headers: tuple[tuple[str, str], ...] = ()
    called: str = ""
    protocol: str = "http/1.1"
    caller: str = "10.255.0.1:1024"

    def bytes(self) -> bytes:
        lines = [f"{self.method} {self.target} HTTP/1.1", f"Host: {self.host}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


@dataclass(frozen=True)
class Got:
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    seconds: float = 0.0

    def header(self, name: str) -> str | None:
        values = [value for key, value in self.headers if key == name]
        return ",".join(values) if values else None


def told(caller: str, called: str) -> bytes:
    """Return the PROXY protocol's line for a connection between two `address:port`."""
    (source, source_port), (target, port) = caller.rsplit(":", 1), called.rsplit(":", 1)
    return f"PROXY TCP4 {source} {target} {source_port} {port}\r\n".encode()


def fetch(requests: Sequence[Sent], *, at_once: int = 16) -> list[Got]:
    """Send all requests, at most `at_once` at a time, and return the responses in the same order."""
    return asyncio.run(_fetch(requests, at_once))


async def _fetch(requests: Sequence[Sent], at_once: int) -> list[Got]:
    results: list[Got | None] = [None] * len(requests)
    waiting = list(enumerate(requests))[::-1]

    async def work() -> None:
        connections: dict[tuple[str, int], tuple[asyncio.StreamReader, asyncio.StreamWriter]] = {}
        while waiting:
            position, request = waiting.pop()
            results[position] = await _one(request, connections)
        for _, writer in connections.values():
            writer.close()

    async with asyncio.TaskGroup() as workers:
        for _ in range(min(at_once, len(requests))):
            workers.create_task(work())
    return [each for each in results if each is not None]


async def _one(request: Sent, connections: dict) -> Got:
    loop = asyncio.get_running_loop()
    begun = loop.time()
    if request.called or request.address not in connections:
        connections[request.address] = await asyncio.open_connection(*request.address)
    reader, writer = connections[request.address]
    stays = False
    try:
        if request.called:
            writer.write(told(request.caller, request.called))
        async with asyncio.timeout(30):
            got, stays = await _asked(request, reader, writer)
    finally:
        if not stays or request.called:
            writer.close()
            del connections[request.address]
    return Got(got.status, got.headers, got.body, loop.time() - begun)


async def _asked(request: Sent, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> tuple[Got, bool]:
    """Return the answer, and whether the connection stays open for another."""
    if request.protocol == "h2c":
        writer.write(http2.request(request))
        status, body = await http2.response(reader)
        return Got(status, http2.echoed(body), body), False
    writer.write(request.bytes())
    got, stays = await _read(reader, head_only=request.method == "HEAD", tunnel=request.method == "CONNECT")
    if request.method == "CONNECT" and got.status == 200:
        got = await _through(reader, writer, request, got)
    return got, stays


async def _through(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: Sent, opened: Got) -> Got:
    """Ask the other end of a tunnel who it is; the status stays that of the tunnel."""
    writer.write(Sent(request.address, "GET", "/", "tunnel", request.headers).bytes())
    got, _ = await _read(reader, head_only=False, tunnel=False)
    return Got(opened.status, (*opened.headers, *got.headers), got.body)


async def _read(reader: asyncio.StreamReader, *, head_only: bool, tunnel: bool) -> tuple[Got, bool]:
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("latin-1")[:-4].split("\r\n")
    status = int(first.split(" ", 2)[1])
    headers = tuple((name.lower(), value) for name, _, value in (line.partition(": ") for line in lines))
    told = dict(headers)
    stays = told.get("connection") != "close" and not tunnel
    if head_only or status in (204, 304) or (tunnel and status == 200):
        return Got(status, headers, b""), stays
    if told.get("transfer-encoding") == "chunked":
        body = b""
        while size := int(await reader.readline(), 16):
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readline()
    else:
        body = await reader.readexactly(int(told.get("content-length", "0")))
    return Got(status, headers, body), stays
