"""The load generator's process, and what it says."""

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from steps import Load

HERE = Path(__file__).resolve().parent
SLOW_SECONDS = 0.29  # the rule says 300 ms; a timer may be a moment early
STEADY = "/reviews/steady"


class Driver:
    """The load generator's process, and what it says."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._numbers = 0
        self._waiting: dict[int, tuple[asyncio.Future[dict[str, Any]], Callable[[dict[str, Any]], None]]] = {}
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, port: int) -> "Driver":
        """Start it, and tell it where the gateway is."""
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(HERE / "load.py"), stdin=pipe, stdout=pipe, start_new_session=True
        )
        driver = cls(process)
        driver.order({"port": port})
        return driver

    def order(self, message: dict[str, Any]) -> None:
        """Send one line."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message).encode() + b"\n")

    async def ask(
        self, verb: str, message: dict[str, Any], progress: Callable[[dict[str, Any]], None] = lambda _: None
    ) -> dict[str, Any]:
        """Send one line that has an answer, and wait for it."""
        self._numbers += 1
        future = asyncio.get_running_loop().create_future()
        self._waiting[self._numbers] = future, progress
        self.order({verb: self._numbers, **message})
        return await future

    async def drive(
        self, load: Load, count: int, progress: Callable[[dict[str, Any]], None] = lambda _: None
    ) -> dict[str, Any]:
        """Make `count` requests and return what came of them."""
        order = {"path": load.path, "headers": load.headers, "count": count, "slow": SLOW_SECONDS}
        return await self.ask("job", order, progress)

    async def stop(self) -> None:
        """Close its input: it ends."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()
        await self._reading

    async def _read(self) -> None:
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            message = json.loads(line)
            number = message.get("job") or message.get("tell")
            future, progress = self._waiting[number]
            if message.get("done"):
                del self._waiting[number]
                future.set_result(message)
            else:
                progress(message)
        for future, _ in self._waiting.values():
            future.set_exception(RuntimeError("the load generator ended"))
