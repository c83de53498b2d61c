"""An application that speaks everything on one port, and remembers how each connection began.

HTTP/2 goes to a gRPC server that echoes; HTTP/1.1 is answered 200; other bytes come back as they are.
"""

import asyncio
import tempfile
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import grpc

HTTP2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_METHODS = (b"GET ", b"POST ", b"PUT ")


@dataclass
class Polyglot:
    """`greeting` is sent to everybody at once, before anything was read."""

    greeting: bytes = b""
    port: int = 0
    began: list[bytes] = field(default_factory=list)
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)

    def start(self) -> "Polyglot":
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self._thread.start()
        assert ready.wait(10), "the application did not start"
        return self

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(10)

    def _run(self, ready: threading.Event) -> None:
        self._loop.run_until_complete(self._serve(ready))
        self._loop.close()

    async def _serve(self, ready: threading.Event) -> None:
        self._ended = asyncio.Event()
        with tempfile.TemporaryDirectory(prefix="pdt", dir="/tmp") as folder:
            self._socket = str(Path(folder) / "grpc")
            echo = grpc.unary_unary_rpc_method_handler(_echo)
            calls = grpc.aio.server()
            calls.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Echo", {"Say": echo}),))
            calls.add_insecure_port(f"unix:{self._socket}")
            await calls.start()
            server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
            self.port = server.sockets[0].getsockname()[1]
            ready.set()
            await self._ended.wait()
            server.close()
            await calls.stop(None)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            writer.write(self.greeting)
            await self._converse(reader, writer)
        writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = await reader.read(65536)
        self.began.append(first)
        if HTTP2_PREFACE.startswith(first[: len(HTTP2_PREFACE)]) and first:
            await self._relay(first, reader, writer)
        elif first.startswith(_METHODS):
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        else:
            writer.write(first)
        await writer.drain()

    async def _relay(self, first: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_unix_connection(self._socket)
        inner_writer.write(first)
        await asyncio.wait(
            [
                asyncio.create_task(_pump(reader, inner_writer)),
                asyncio.create_task(_pump(inner_reader, writer)),
            ],
            return_when=asyncio.FIRST_COMPLETED,
        )
        inner_writer.close()


async def _echo(request: bytes, context: grpc.aio.ServicerContext) -> bytes:
    told = {key for key, _ in context.invocation_metadata()}
    return request + (b" by a proxy" if "x-request-id" in told else b"")


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
