"""One real server as a process of the test: started on loopback, broken in every way a test wants, ended with it.

Invariant: only processes that were started here are signalled, by their own id, and none outlives the test's process.
A server keeps its ports and its data when it is killed and comes back.
"""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import ClassVar, Self

import httpx
from tests.ports import free_ports

from .installed import require

PATIENCE = 90.0  # seconds; two cores may be shared by many
LAUNCHER = Path(__file__).with_name("under_parent.py")


class DidNotStart(Exception):
    """The server ended, or did not get ready in time; the text quotes its log."""


class ServerProcess:
    """A server that is started by its command and asked until it is ready; an asynchronous context manager."""

    name: ClassVar[str]
    ports_needed: ClassVar[int] = 1

    def __init__(self, folder: Path) -> None:
        self.home = require(self.name)
        self.folder = folder / type(self).__name__.lower()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.log = self.folder / "log"
        self.ports = free_ports(self.ports_needed)
        self.started = False
        self.process: subprocess.Popen[bytes] | None = None

    # What a server says of itself.

    def command(self) -> list[str | Path]:
        """Return the command line, for the ports and the folder of this instance."""
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        """Return what is added to the environment."""
        return {}

    async def is_ready(self) -> bool:
        """Tell whether the server answers; a refused connection may be raised."""
        raise NotImplementedError

    # Where it is.

    @property
    def port(self) -> int:
        return self.ports[0]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        return self._running().pid

    # What a test does to it.

    async def start(self) -> None:
        """Start it and wait until it is ready; `DidNotStart` quotes its log."""
        for again in (True, True, False):
            try:
                await self._start()
            except DidNotStart as error:
                if self.started or not again or "address already in use" not in str(error).lower():
                    raise
                self.ports = free_ports(self.ports_needed)  # another took one in between
            else:
                self.started = True
                return

    async def _start(self) -> None:
        assert self.process is None, f"{self.name} runs already"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-IS", LAUNCHER, str(os.getpid()), *map(str, self.command())],
                cwd=self.folder,
                env=os.environ | self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            await self._until_ready()
        except BaseException:
            await self.kill()
            raise

    async def kill(self) -> None:
        """End it at once, as `kill -9` does."""
        await self._end(signal.SIGKILL)

    async def stop(self, patience: float = 10.0) -> None:
        """Ask it to end; kill it when it does not within so many seconds."""
        if self.process is None:
            return
        self._signal(signal.SIGCONT)
        self._signal(signal.SIGTERM)
        try:
            await asyncio.to_thread(self.process.wait, patience)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
        await self._end(signal.SIGKILL)

    async def restart(self) -> None:
        """Kill it, if it runs, and start it with the same ports and data."""
        await self.kill()
        await self.start()

    def pause(self) -> None:
        """Stop it in its tracks: connections stay open, from here on nothing is answered."""
        self._signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def resume(self) -> None:
        """Let it go on after `pause`."""
        self._signal(signal.SIGCONT)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.kill()  # nothing of it is needed any more

    # How.

    def _running(self) -> subprocess.Popen[bytes]:
        assert self.process is not None, f"{self.name} does not run"
        return self.process

    def _signal(self, number: int) -> None:
        """Signal the server's group; a process that was not waited for keeps its id, so it is nobody else's."""
        process = self._running()
        if process.poll() is None:
            os.killpg(process.pid, number)

    async def _end(self, number: int) -> None:
        if self.process is None:
            return
        self._signal(number)
        await asyncio.to_thread(self.process.wait)
        self.process = None

    async def _until_ready(self) -> None:
        end = time.monotonic() + PATIENCE
        pause = 0.02
        while True:
            try:
                if await asyncio.wait_for(self.is_ready(), 3):
                    return
            except (OSError, TimeoutError, EOFError, httpx.TransportError):
                pass  # not yet: it opens its ports before, or after, it can answer
            status = self._running().poll()
            if status is not None:
                raise DidNotStart(f"{self.name} ended with status {status}: {self.last_words()}")
            if time.monotonic() > end:
                raise DidNotStart(f"{self.name} was not ready after {PATIENCE:.0f} s: {self.last_words()}")
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, 0.25)

    def last_words(self) -> str:
        """Return the end of its log, where why it failed stands."""
        return self.log.read_text(errors="replace")[-3000:]
