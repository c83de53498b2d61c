"""Instances that are asked whether they are well, and answer as a test says: statuses, silence, or nobody there.

A check is told from a request by Envoy's user agent; requests are answered 200 unless the instance is broken.
"""

import asyncio
import itertools
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any

SILENCE = 0
"""In the place of a status: the check is taken and never answered."""
PATIENCE = 60


class Patient:
    """One instance at an address and port of its own.

    `checks` are the paths of all checks so far, or what a check over TCP sent, `answers` what each was answered;
    `requests` counts the others.
    """

    def __init__(self, ward: "Ward", address: str) -> None:
        self.ward, self.where = ward, address
        self.port = 0
        self.checks: list[str] = []
        self.answers: list[int] = []
        self.requests = 0
        self.is_broken = False
        self._script: Iterator[int] = itertools.repeat(200)
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    def answer(self, *statuses: int, then: Iterable[int] | None = None) -> int:
        """Answer the next checks so, and all that follow with the last, or with `then`; return how many there were."""
        rest = itertools.repeat(statuses[-1]) if then is None else then
        with self.ward.news:
            self._script = itertools.chain(statuses, rest)
            return len(self.answers)

    def wait_for(self, count: int) -> None:
        """Return once there were `count` checks in all."""
        self.ward.wait(lambda: len(self.checks) >= count, lambda: f"{len(self.checks)} checks instead of {count}")

    def close(self) -> None:
        """Refuse connections, and end those that are there."""
        self.ward.run(self.leave())

    def open(self) -> None:
        """Take connections at the same port again."""
        self.ward.run(self.listen())

    async def listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, self.where, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def leave(self) -> None:
        if self._server:
            self._server.close()
        for writer in self._open:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            while line := (await reader.readuntil(b"\r\n")).decode():
                words = line.split()
                answer = await self._request(words[1], reader) if len(words) == 3 else self._word(words[0])
                writer.write(answer)
        self._open.discard(writer)
        writer.close()

    async def _request(self, path: str, reader: asyncio.StreamReader) -> bytes:
        head = await reader.readuntil(b"\r\n\r\n")
        if b"user-agent: Envoy/HC" not in head:
            with self.ward.news:
                self.requests += 1
                self.ward.news.notify_all()
            status = 500 if self.is_broken else 200
            return f"HTTP/1.1 {status} Told\r\nx-from: {self.where}\r\ncontent-length: 0\r\n\r\n".encode()
        status = self._asked(path)
        if status == SILENCE:
            return b""
        return f"HTTP/1.1 {status} Told\r\ncontent-length: 0\r\n\r\n".encode()

    def _word(self, sent: str) -> bytes:
        """Answer a check over TCP: with the greeting that the test expects where the status is 200."""
        return b"+PONG\r\n" if self._asked(sent) == 200 else b"-LOADING\r\n"

    def _asked(self, what: str) -> int:
        with self.ward.news:
            status = next(self._script)
            self.checks.append(what)
            self.answers.append(status)
            self.ward.news.notify_all()
        return status


class Ward:
    """Runs patients in a thread of its own."""

    def __init__(self) -> None:
        self.news = threading.Condition()
        self._patients: list[Patient] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def admit(self, address: str) -> Patient:
        found = Patient(self, address)
        self._patients.append(found)
        self.run(found.listen())
        return found

    def run(self, what: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(PATIENCE)

    def wait(self, until: Callable[[], bool], why: Callable[[], str]) -> None:
        with self.news:
            assert self.news.wait_for(until, PATIENCE), why()

    def stop(self) -> None:
        self.run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _end(self) -> None:
        for one in self._patients:
            await one.leave()
        tasks = asyncio.all_tasks(self._loop) - {asyncio.current_task(self._loop)}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
