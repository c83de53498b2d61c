"""One service of the example shop: it says who answered, and whom it asked on the way.

The same program is every service; the environment tells which one:

    SERVICE, VERSION   who it is
    CALLS              whom it asks, as `name=URL` separated by blanks
    HOST, PORT         where it listens (the mesh tells it)
    http_proxy         its sidecar, through which it calls (the mesh tells it; empty: it calls directly)

A path whose first part names one of its CALLS is asked of that one only, every other path of all of them.
It answers 200, or the first failed status among those it asked. `/healthz` asks nobody.
It knows nothing of versions, weights or retries: that is the mesh's part.
"""

import asyncio
import contextlib
import json
import os
import signal
from typing import Any
from urllib.parse import urlsplit

HEAD_LIMIT = 64 * 1024
PASSED_ON = frozenset({"cookie", "traceparent", "tracestate", "baggage", "user-agent"})
NOT_PASSED_ON = ("x-envoy-", "x-forwarded-")

Headers = list[tuple[str, str]]
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def read_message(reader: asyncio.StreamReader) -> tuple[str, Headers, bytes]:
    """Read one HTTP/1.1 message with a length; return its first line, headers (lower case) and body."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head[:-4].split("\r\n")
    headers = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    length = int(dict(headers).get("content-length", "0"))
    return first, headers, await reader.readexactly(length) if length else b""


def write_message(writer: asyncio.StreamWriter, first: str, headers: Headers, body: bytes = b"") -> None:
    """Write one HTTP/1.1 message."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    writer.write(f"{first}\r\n{lines}content-length: {len(body)}\r\n\r\n".encode("latin-1") + body)


class Upstreams:
    """Calls other services over kept connections, through the sidecar where there is one."""

    def __init__(self, calls: dict[str, str], proxy: str) -> None:
        self._calls = calls
        self._proxy = urlsplit(proxy) if proxy else None
        self._idle: dict[tuple[str, int], list[Streams]] = {}

    async def ask(self, path: str, headers: Headers) -> list[dict[str, Any]]:
        """Ask those whom `path` concerns, at the same time; return their answers."""
        first = path.lstrip("/").partition("?")[0].partition("/")[0]
        names = [first] if first in self._calls else list(self._calls)
        return list(await asyncio.gather(*(self._call(name, path, headers) for name in names)))

    async def _call(self, name: str, path: str, headers: Headers) -> dict[str, Any]:
        url = urlsplit(self._calls[name] + path)
        via = self._proxy or url
        target = url.geturl() if self._proxy else path
        try:
            status, body = await self._exchange(
                (via.hostname or "", via.port or 80), f"GET {target} HTTP/1.1", [("host", url.netloc), *headers]
            )
        except (OSError, asyncio.IncompleteReadError) as error:
            return {"service": name, "status": 502, "error": str(error)}
        try:
            return {**json.loads(body), "status": status}
        except ValueError:
            return {"service": name, "status": status, "error": body.decode(errors="replace")}

    async def _exchange(self, address: tuple[str, int], first: str, headers: Headers) -> tuple[int, bytes]:
        idle = self._idle.setdefault(address, [])
        while idle:  # one that was closed while it lay idle answers nothing: the next is tried
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                return await self._finish(address, idle.pop(), first, headers)
        return await self._finish(address, await asyncio.open_connection(*address, limit=HEAD_LIMIT), first, headers)

    async def _finish(
        self, address: tuple[str, int], streams: Streams, first: str, headers: Headers
    ) -> tuple[int, bytes]:
        reader, writer = streams
        try:
            write_message(writer, first, headers)
            line, answered, body = await read_message(reader)
        except BaseException:
            writer.close()
            raise
        if ("connection", "close") in answered:
            writer.close()
        else:
            self._idle[address].append(streams)
        return int(line.split(" ", 2)[1]), body


class Service:
    """Answers callers, one request of a connection after the other."""

    def __init__(self, environment: dict[str, str]) -> None:
        host, port = environment.get("HOST", "127.0.0.1"), int(environment.get("PORT", "9080"))
        calls = dict(call.split("=", 1) for call in environment.get("CALLS", "").split())
        self._name = {
            "service": environment.get("SERVICE", "service"),
            "version": environment.get("VERSION", ""),
            "instance": f"{host}:{port}",
        }
        self._upstreams = Upstreams(calls, environment.get("http_proxy", ""))
        self._address = (host, port)
        self._connections: set[asyncio.Task[None]] = set()
        self._waiting: set[asyncio.StreamWriter] = set()
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT, then finish what is under way."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        server = await asyncio.start_server(self._accept, *self._address, limit=HEAD_LIMIT, backlog=1024)
        await self._stopping.wait()
        server.close()
        for writer in self._waiting:
            writer.close()
        await asyncio.gather(*self._connections)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._connection(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):  # the caller went away
            is_open = True
            while is_open:
                self._waiting.add(writer)
                first, headers, _ = await read_message(reader)
                self._waiting.discard(writer)
                is_open = await self._request(writer, first, headers)
        self._waiting.discard(writer)
        writer.close()

    async def _request(self, writer: asyncio.StreamWriter, first: str, headers: Headers) -> bool:
        """Answer one request; return whether the connection stays open."""
        _, path, _ = first.split(" ", 2)
        status, answer = await self._answer(path, headers)
        closing = self._stopping.is_set() or ("connection", "close") in headers
        extra = [("connection", "close")] if closing else []
        body = json.dumps(answer).encode()
        write_message(writer, f"HTTP/1.1 {status} Answered", [("content-type", "application/json"), *extra], body)
        await writer.drain()
        return not closing

    async def _answer(self, path: str, headers: Headers) -> tuple[int, dict[str, Any]]:
        if path == "/healthz":
            return 200, {**self._name}
        handed_on = [(name, value) for name, value in headers if is_passed_on(name)]
        calls = await self._upstreams.ask(path, handed_on)
        failed = [int(call["status"]) for call in calls if call["status"] >= 400]
        return failed[0] if failed else 200, {**self._name, "path": path, "calls": calls}


def is_passed_on(header: str) -> bool:
    """Tell whether a request header goes along to those whom the service asks."""
    return header in PASSED_ON or (header.startswith("x-") and not header.startswith(NOT_PASSED_ON))


async def main() -> None:
    """Serve as the environment says."""
    await Service(dict(os.environ)).run()


if __name__ == "__main__":
    asyncio.run(main())
