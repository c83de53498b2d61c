"""Commands as processes of their own, as users start them."""

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path

COMMAND = [sys.executable, "-c", "from pidalio.cli import main; main(prog_name='pidalio')"]
PATIENCE = 60


class Command:
    """A running command, leader of its own process group, and what it printed (both streams)."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.output = ""
        self._printed = asyncio.Condition()
        self._reading = asyncio.create_task(self._read())

    @property
    def pid(self) -> int:
        return self.process.pid

    async def prints(self, text: str) -> None:
        """Wait until it printed `text`; fail when it ends without."""
        async with asyncio.timeout(PATIENCE), self._printed:
            await self._printed.wait_for(lambda: text in self.output or self._reading.done())
        assert text in self.output, self.output

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    async def ends(self) -> int:
        """Wait until it ended, and return its status."""
        async with asyncio.timeout(PATIENCE):
            status = await self.process.wait()
            await self._reading
        return status

    async def _read(self) -> None:
        assert self.process.stdout is not None
        while data := await self.process.stdout.read(4096):
            async with self._printed:
                self.output += data.decode(errors="replace")
                self._printed.notify_all()
        async with self._printed:
            self._printed.notify_all()


@contextlib.asynccontextmanager
async def started(*argv: str | Path, folder: Path, environment: dict[str, str] | None = None):
    """Run a command; one that is left at the end of the block is killed."""
    process = await asyncio.create_subprocess_exec(
        *map(str, argv),
        cwd=folder,
        env=os.environ | (environment or {}),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    command = Command(process)
    try:
        yield command
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGKILL)
        await command.ends()


def pidalio(*arguments: str | Path, folder: Path, environment: dict[str, str] | None = None):
    """Run `pidalio` with these arguments."""
    return started(*COMMAND, *arguments, folder=folder, environment=environment)


def processes_in(folder: Path) -> dict[int, str]:
    """Return the processes (Linux) whose command line or environment names the folder: all that a mesh started."""
    found: dict[int, str] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                where = str((entry / "cwd").readlink())
                if str(folder) in line or where.startswith(str(folder)):
                    found[int(entry.name)] = line
    return found
