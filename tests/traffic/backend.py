"""One echo server for all instances: it answers on every 127.x.y.z, says which it was reached at, and remembers.

Headers of a request tell it what to do: `x-echo-status` answers with that status, `x-echo-fails: n` does so for the
first n tries of this call only, `x-echo-delay` waits that many milliseconds first, `x-echo-drops: n` ends the
connection instead of an answer for the first n tries, `x-echo-grpc` is the answer's `grpc-status`.
Whoever sends something else than a request is told the address in a line; instances of v31 tell it before that.
It tells by `x-peer` the port of the caller's connection, and knows which connections have ended.
All are proxies, too, that lead a CONNECT, and a POST whose body is chunked, to themselves, and tell where it was to go.
"""

import asyncio
import json
import threading
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field

from tests.traffic.fleet import speaks_first

CALL_ID = "x-echo-call"


@dataclass
class Seen:
    address: str
    method: str
    path: str
    host: str
    headers: list[tuple[str, str]]

    def header(self, name: str) -> str | None:
        values = [value for key, value in self.headers if key == name]
        return ",".join(values) if values else None


@dataclass
class Backend:
    port: int = 0
    _seen: dict[str, list[Seen]] = field(default_factory=lambda: defaultdict(list))
    _ended: set[int] = field(default_factory=set)
    _news: threading.Condition = field(default_factory=threading.Condition)
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    _thread: threading.Thread | None = None

    def start(self) -> "Backend":
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self._thread.start()
        assert ready.wait(10), "the echo server did not start"
        return self

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        assert self._thread is not None
        self._thread.join(10)

    def seen(self, call: str) -> list[Seen]:
        """Return the requests of one call so far, in order of arrival."""
        with self._news:
            return list(self._seen[call])

    def wait_for(self, call: str, count: int, seconds: float = 10) -> list[Seen]:
        """Return the requests of one call once there are `count` of them (mirrored ones come late)."""
        with self._news:
            self._news.wait_for(lambda: len(self._seen[call]) >= count, seconds)
            return list(self._seen[call])

    def has_ended(self, peer: int, seconds: float = 0) -> bool:
        """Tell whether the connection from port `peer` has ended, or does within some time."""
        with self._news:
            return self._news.wait_for(lambda: peer in self._ended, seconds)

    def _run(self, ready: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "0.0.0.0", 0, backlog=512))
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        self._loop.run_forever()
        server.close()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        address, peer = writer.get_extra_info("sockname")[0], writer.get_extra_info("peername")[1]
        with self._news:
            self._ended.discard(peer)
        with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            if speaks_first(address):
                writer.write(f"from {address}\r\n".encode())
            through = ""
            while (begun := await reader.readexactly(1)).isalpha():
                asked = _Asked(begun + await reader.readuntil(b"\r\n\r\n"))
                if asked.method == "CONNECT":
                    through = f" through CONNECT {asked.path}"
                    writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
                elif asked.is_chunked:
                    answer = f"from {address} through POST {asked.told.get('host')}\r\n"
                    writer.write(b"HTTP/1.1 200 Posted\r\ntransfer-encoding: chunked\r\n\r\n")
                    await reader.readuntil(b"\r\n")
                    writer.write(f"{len(answer):x}\r\n{answer}\r\n".encode())
                    await reader.read()
                else:
                    writer.write(await self._answer(address, peer, asked, through))
            writer.write(f"from {address}{through}\r\n".encode())
            await reader.read()
        with self._news:
            self._ended.add(peer)
            self._news.notify_all()
        writer.close()

    async def _answer(self, address: str, peer: int, asked: "_Asked", through: str) -> bytes:
        method, path, headers, told = asked.method, asked.path, asked.headers, asked.told
        seen = Seen(address, method, path, told.get("host", ""), headers)
        call = told.get(CALL_ID, "")
        with self._news:
            self._seen[call].append(seen)
            tried = len(self._seen[call])
            self._news.notify_all()
        if tried <= int(told.get("x-echo-drops", "0")):
            raise ConnectionAbortedError
        status = int(told.get("x-echo-status", "200"))
        if tried > int(told.get("x-echo-fails", "1000000")):
            status = 200
        if "x-echo-delay" in told:
            await asyncio.sleep(int(told["x-echo-delay"]) / 1000)
        body = json.dumps({"address": address, "method": method, "path": path, "host": seen.host, "headers": headers})
        content = b"" if method == "HEAD" else body.encode()
        start = f"HTTP/1.1 {status} Told\r\nserver: echo\r\nx-from: {address}\r\nx-peer: {peer}\r\nx-drop-me: 1\r\n"
        if "x-echo-grpc" in told:
            start += f"grpc-status: {told['x-echo-grpc']}\r\n"
        if through:
            start += f"x-through: {through.removeprefix(' through ')}\r\n"
        return f"{start}content-length: {len(content)}\r\n\r\n".encode() + content


class _Asked:
    """The head of a request."""

    def __init__(self, head: bytes) -> None:
        first, *lines = head.decode("latin-1")[:-4].split("\r\n")
        self.method, self.path, _ = first.split(" ", 2)
        self.headers = [(name.lower(), value) for name, _, value in (line.partition(": ") for line in lines)]
        self.told = dict(self.headers)

    @property
    def is_chunked(self) -> bool:
        return self.method == "POST" and self.told.get("transfer-encoding") == "chunked"
