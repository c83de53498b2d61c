"""Start, watch and end processes of other programs: Envoys, workloads, exec probes.

Owns the connection to the guard (`agent.guard`), a small process that is their parent.
Invariant: no process started here outlives this one, whatever ends it.
Starting costs this process neither a fork nor a thread.
"""

import asyncio
import contextlib
import errno
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

GUARD = Path(__file__).with_name("guard.py")
LOST = -int(signal.SIGKILL)  # the status of a process whose guard was killed: the kernel killed it too


class Process:
    """One started process, leader of its own process group; `log` holds its output, both streams."""

    def __init__(self, processes: "Processes", number: int, log: Path) -> None:
        self._processes, self._number = processes, number
        self._ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.log = log
        self.pid = 0

    @property
    def status(self) -> int | None:
        """Return the exit status, negative for a signal, None while it runs."""
        return self._ended.result() if self._ended.done() else None

    async def wait(self) -> int:
        """Wait until it ended and return its exit status; several may wait."""
        return await asyncio.shield(self._ended)

    def send_signal(self, number: int) -> None:
        """Send a signal to its whole group; one that ended is left alone."""
        if not self._ended.done():
            self._processes.tell({"signal": self._number, "number": number})

    async def stop(self, *, grace_seconds: float) -> int:
        """Ask it to end, kill what is left after the grace, and return its exit status."""
        self.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(grace_seconds):
                return await self.wait()
        except TimeoutError:
            self.send_signal(signal.SIGKILL)
            return await self.wait()

    def end(self, status: int) -> None:
        """Record that it ended."""
        if not self._ended.done():
            self._ended.set_result(status)


class Processes:
    """Every process that this agent started; the guard starts with the first of them, and again if it is killed.

    After `close` none starts any more.
    """

    def __init__(self) -> None:
        self._closed = False
        self._guard: subprocess.Popen[bytes] | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()
        self._next = 0
        self._live: dict[int, Process] = {}
        self._starting: dict[int, asyncio.Future[int]] = {}

    async def start(
        self, argv: Sequence[str], *, log: Path, env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> Process:
        """Start `argv` with its output appended to `log`; raise `OSError` when it cannot be (no such command)."""
        async with self._lock:
            await self._connect()
        self._next += 1
        number, process = self._next, Process(self, self._next, log)
        started = self._starting[number] = asyncio.get_running_loop().create_future()
        self._live[number] = process
        environment = dict(os.environ if env is None else env)
        where = str(cwd) if cwd else None
        self.tell({"start": number, "argv": list(argv), "env": environment, "log": str(log), "cwd": where})
        try:
            process.pid = await started
        except OSError:
            self._live.pop(number, None)
            raise
        except asyncio.CancelledError:  # nobody will own it
            process.send_signal(signal.SIGKILL)
            raise
        return process

    async def close(self) -> None:
        """End every process that is left, and the guard; return when all are gone."""
        self._closed = True
        async with self._lock:  # who is just connecting has connected then
            if self._guard is None or self._writer is None or self._reading is None:
                return
        self._writer.close()
        guard, self._guard = self._guard, None
        await asyncio.to_thread(guard.wait)
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
        self._forget_all()

    def tell(self, message: Mapping[str, Any]) -> None:
        """Send the guard one message; without a guard there is nobody left to concern."""
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(json.dumps(message).encode() + b"\n")

    async def _connect(self) -> None:
        """Start the guard unless it runs; cancelled, it leaves nothing: once it was started nothing is awaited."""
        if self._closed:
            raise ConnectionResetError(errno.ECONNRESET, "nothing is started any more", str(GUARD))
        if self._guard is not None and self._guard.poll() is None:
            return
        if self._reading is not None:  # of a guard that was killed, and with it all that it had started
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
            self._forget_all()
        mine, theirs = socket.socketpair()
        with contextlib.ExitStack() as unless_started, theirs:
            unless_started.callback(mine.close)
            reader, writer = await asyncio.open_connection(sock=mine)
            unless_started.callback(writer.close)
            command = [sys.executable, "-I", "-S", str(GUARD)]
            self._guard = subprocess.Popen(  # noqa: ASYNC220 - a vfork of milliseconds, once
                command, stdin=theirs.fileno(), stdout=subprocess.DEVNULL, start_new_session=True
            )
            unless_started.pop_all()
        self._writer = writer
        self._reading = asyncio.create_task(self._read(reader, writer), name="processes")

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                message = json.loads(line)
                if "started" in message:
                    self._settle(message["started"], message["pid"])
                elif "failed" in message:
                    error = OSError(message["errno"], message["error"], message["path"])
                    self._settle(message["failed"], error)
                elif (process := self._live.pop(message["ended"], None)) is not None:
                    process.end(message["status"])
        finally:
            writer.close()
        self._forget_all()

    def _settle(self, number: int, outcome: int | OSError) -> None:
        started = self._starting.pop(number, None)
        if started is None or started.done():
            return
        if isinstance(outcome, OSError):
            started.set_exception(outcome)
        else:
            started.set_result(outcome)

    def _forget_all(self) -> None:
        for number in list(self._starting):
            self._settle(number, ConnectionResetError("the process that starts others ended"))
        for process in self._live.values():
            process.end(LOST)
        self._live.clear()
