"""A link that a test breaks: a TCP proxy on loopback before a server.

`cut` is a server that is gone: callers are refused, connections reset.
`freeze` is a half-open network: connections stand, what is sent is taken, nothing arrives.
Invariant: bytes are never reordered or lost but by `cut`; what `freeze` or `delay` held back arrives after `restore`.
"""

import asyncio
import contextlib
import socket
import struct
from typing import Self

from tests.ports import free_ports

CHUNK = 1 << 16
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with a reset instead of an orderly end."""
    bare = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        bare.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    writer.transport.abort()


class Partition:
    """A link to `host` and `port`; callers use `self.port` at 127.0.0.1."""

    def __init__(self, host: str, port: int) -> None:
        self.target = (host, port)
        self.port = free_ports(1)[0]
        self.accepted = 0  # connections since the beginning
        self.latency = 0.0
        self.flowing = asyncio.Event()
        self.flowing.set()
        self.links: dict[asyncio.Task[None], list[asyncio.StreamWriter]] = {}
        self.server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def standing(self) -> int:
        """How many connections stand."""
        return len(self.links)

    async def cut(self) -> None:
        """Refuse new connections and reset those that stand."""
        if self.server is not None:
            self.server.close()
            self.server = None
        await self._reset_all()

    def freeze(self) -> None:
        """Let nothing through in either direction, while connections stand and new ones are taken."""
        self.flowing.clear()

    def delay(self, seconds: float) -> None:
        """Hold each piece back so long, in each direction, from now on."""
        self.latency = seconds

    async def restore(self) -> None:
        """Let everything through again, and at once; what was held back arrives."""
        self.latency = 0.0
        self.flowing.set()
        if self.server is None:
            self.server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)

    async def __aenter__(self) -> Self:
        await self.restore()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.cut()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Link a caller; what was accepted in the moment of a `cut` is reset like the others."""
        if self.server is None:
            _reset(writer)
            return
        self.accepted += 1
        sides = [writer]
        task = asyncio.create_task(self._link(reader, sides))
        self.links[task] = sides
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Leave nothing open of a link that ended, even of one that was cancelled before it began."""
        for side in self.links.pop(task):
            side.transport.abort()  # does nothing where it is closed
        if not task.cancelled() and (error := task.exception()):
            raise error  # asyncio tells it

    async def _link(self, reader: asyncio.StreamReader, sides: list[asyncio.StreamWriter]) -> None:
        try:
            await self.flowing.wait()
            onward_reader, onward = await asyncio.open_connection(*self.target)
            sides.append(onward)
            async with asyncio.TaskGroup() as both:
                both.create_task(self._carry(reader, onward))
                both.create_task(self._carry(onward_reader, sides[0]))
        except* OSError:
            pass  # one side is gone; the other is told as a network would, below
        else:
            for side in sides:
                side.close()
        finally:
            for side in sides:
                if not side.is_closing():
                    _reset(side)
            for side in sides:
                with contextlib.suppress(OSError):
                    await side.wait_closed()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(CHUNK):
            if self.latency:
                await asyncio.sleep(self.latency)
            await self.flowing.wait()
            writer.write(piece)
            await writer.drain()
        await self.flowing.wait()
        if writer.can_write_eof():
            writer.write_eof()

    async def _reset_all(self) -> None:
        links = list(self.links)
        for task in links:
            task.cancel()
        await asyncio.gather(*links, return_exceptions=True)
