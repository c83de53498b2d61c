"""ADS on a socket, both variants: one reader and one writer per stream, bytes in and bytes out.

A stream's handler writes, a task beside it reads; between them is an event, never a queue.
Invariant: a writer that its proxy does not read from waits alone; nothing else awaits a write.
"""

import asyncio
import contextlib
import os
import socket
import tempfile
from collections.abc import Awaitable, Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final, TypeAlias

import grpc
import msgspec
from grpc import aio

from pidalio.errors import InvalidInput, PortInUse, Refused, Unavailable, UsageError
from pidalio.settings import split_address
from pidalio.xds import delta, state_of_the_world
from pidalio.xds.ads import Ads
from pidalio.xds.delta import Delta
from pidalio.xds.node import Node, Peer
from pidalio.xds.state_of_the_world import StateOfTheWorld
from pidalio.xds.stream import Stream
from pidalio.xds.tls import TlsFiles, credentials
from pidalio.xds.variant import Variant

SERVICE: Final = "envoy.service.discovery.v3.AggregatedDiscoveryService"
_VARIANTS: Final[dict[str, type[Delta] | type[StateOfTheWorld]]] = {
    delta.METHOD: Delta,
    state_of_the_world.METHOD: StateOfTheWorld,
}
_EOF: Final[Any] = vars(aio)["EOF"]  # missing in the type stubs


Prepare: TypeAlias = Callable[[Node, Peer], Awaitable[None]]
"""What is awaited before a stream is opened; it raises `Refused` to turn the proxy away."""


class Transport(msgspec.Struct, frozen=True):
    """Options of the sockets; times in seconds, sizes in bytes.

    `message`: the largest request (a reconnect says about 80 bytes per held name). `keepalive`: how often a silent
    connection is probed. `sweep`: how often time-dependent work is looked for.
    """

    message: int = 16 * 1024 * 1024
    keepalive: float = 30.0
    keepalive_timeout: float = 20.0
    sweep: float = 0.25
    grace: float = 2.0


class _End(Exception):
    """Ends a stream with a status and a line for the proxy's log."""

    def __init__(self, code: grpc.StatusCode, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class AdsServer:
    """Serves `ads` at `address`: `unix:/path` or `host:port` (port 0 for any free one, see `address` after `start`).

    `prepare` is awaited before each stream is opened: the place for long work that must not hold the event loop.
    """

    def __init__(
        self,
        ads: Ads,
        address: str,
        *,
        tls: TlsFiles | None = None,
        transport: Transport | None = None,
        prepare: Prepare | None = None,
    ) -> None:
        self.address = address
        self._prepare = prepare
        self._ads = ads
        self._tls = tls
        self._transport = transport or Transport()
        self._connections: dict[Stream, _Connection] = {}
        self._server: aio.Server | None = None
        self._sweeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen; raise `PortInUse` where the address is taken."""
        await _refuse_if_taken(self.address)
        self._server = aio.server(options=transport_options(self._transport))
        handlers = {method: self._handler(variant) for method, variant in _VARIANTS.items()}
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
        self._bind(self._server)
        await self._server.start()
        self._sweeper = asyncio.create_task(self._sweep(), name="xds sweep")

    def _handler(self, variant: Callable[[], Variant]) -> Any:
        async def serve(_: object, context: Any) -> None:
            await self._serve(context, variant())

        return grpc.stream_stream_rpc_method_handler(serve)  # no serialisers: bytes in, bytes out

    def _bind(self, server: aio.Server) -> None:
        mask = os.umask(0o177)  # a UNIX socket is its owner's alone from the moment it exists
        try:
            if self._tls is None:
                port = server.add_insecure_port(self.address)
            else:
                port = server.add_secure_port(self.address, credentials(self._tls))
        except RuntimeError as error:
            raise PortInUse(f"cannot listen on {self.address}: say another address") from error
        finally:
            os.umask(mask)
        if not self.address.startswith("unix:"):
            self.address = f"{self.address.rpartition(':')[0]}:{port}"

    async def stop(self) -> None:
        """End every stream so that proxies reconnect elsewhere, and close the sockets."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sweeper
        for connection in tuple(self._connections.values()):
            connection.end(grpc.StatusCode.UNAVAILABLE, "the control plane is stopping")
        if self._server is not None:
            await self._server.stop(self._transport.grace)

    def end(self, number: int, reason: str) -> None:
        """End one stream, so that its proxy comes again."""
        for stream, connection in tuple(self._connections.items()):
            if stream.number == number:
                connection.end(grpc.StatusCode.UNAVAILABLE, reason)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(self._transport.sweep)
            for stream in self._ads.overdue():
                reason = f"{stream.node.id} did not answer for {self._ads.limits.unanswered:g} s"
                self._connections[stream].end(grpc.StatusCode.DEADLINE_EXCEEDED, reason)

    async def _serve(self, context: Any, variant: Variant) -> None:
        """Serve one stream to its end."""
        connection = _Connection(context, variant)
        try:
            first = await context.read()
            if first is _EOF:
                return
            stream = await connection.admit(self._ads, first, self._prepare)
            self._connections[stream] = connection
            try:
                await connection.run()
            finally:
                del self._connections[stream]
                self._ads.close(stream, connection.reason)
        except _End as end:
            await context.abort(end.code, end.reason)


class _Connection:
    """One stream's transport: wakes the writer, reads requests, knows why it ended."""

    def __init__(self, context: Any, variant: Variant) -> None:
        self.reason = "the proxy closed it"
        self._context = context
        self._variant = variant
        self._stream: Stream | None = None
        self._work = asyncio.Event()
        self._end: _End | None = None
        self._writer: asyncio.Task[None] | None = None

    async def admit(self, ads: Ads, data: bytes, prepare: Prepare | None) -> Stream:
        """Open a stream with its first request; raise `_End` where it is turned away."""
        with _ended_by_errors():
            request = self._variant.parse(data)
            if request.node is None:
                raise InvalidInput("the first request of a stream must carry a node with an id")
            peer = peer_of(self._context)
            if prepare is not None:
                await prepare(request.node, peer)
            self._stream = ads.open(request.node, peer, self._work.set, self._variant)
        try:
            with _ended_by_errors():
                self._stream.receive(request)
        except _End as end:
            ads.close(self._stream, end.reason)
            raise
        self._work.set()
        return self._stream

    async def run(self) -> None:
        """Read and write until one side ends; raise `_End` where the proxy is to be told why."""
        assert self._stream is not None  # noqa: S101 - admitted before
        self._writer = asyncio.create_task(self._write(self._stream))
        reader = asyncio.create_task(self._read(self._stream))
        tasks = (self._writer, reader)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
        self._raise(results)

    def _raise(self, results: Iterable[BaseException | None]) -> None:
        if self._end is not None:
            raise self._end
        for result in results:
            if isinstance(result, _End):
                self.reason = result.reason
                raise result
            if isinstance(result, BaseException) and not isinstance(result, asyncio.CancelledError):
                self.reason = str(result)
                raise result

    def end(self, code: grpc.StatusCode, reason: str) -> None:
        """End the stream from outside, also when its writer is stuck."""
        self.reason = reason
        self._end = _End(code, reason)
        if self._writer is not None:
            self._writer.cancel()

    async def _read(self, stream: Stream) -> None:
        with _ended_by_errors():
            while (data := await self._context.read()) is not _EOF:
                stream.receive(self._variant.parse(data))
                if stream.has_work:
                    self._work.set()

    async def _write(self, stream: Stream) -> None:
        while True:
            await self._work.wait()
            self._work.clear()
            while (data := stream.next_response()) is not None:
                await self._context.write(data)


def peer_of(context: Any) -> Peer:
    """Read the transport's identity: URI and DNS names of the client's certificate, then its common name."""
    found = context.auth_context()
    names = [*found.get("x509_subject_alternative_name", ()), *found.get("x509_common_name", ())]
    return Peer(context.peer(), tuple(name.decode(errors="replace") for name in names))


@contextlib.contextmanager
def _ended_by_errors() -> Iterator[None]:
    """Turn an error that says what the proxy did wrong into the status that its stream ends with."""
    try:
        yield
    except (InvalidInput, UsageError) as error:
        raise _End(grpc.StatusCode.INVALID_ARGUMENT, str(error)) from error
    except Unavailable as error:
        raise _End(grpc.StatusCode.UNAVAILABLE, str(error)) from error
    except Refused as error:
        raise _End(grpc.StatusCode.PERMISSION_DENIED, str(error)) from error


def transport_options(transport: Transport) -> list[tuple[str, int]]:
    """Return gRPC's options for the server's sockets."""
    return [
        ("grpc.so_reuseport", 0),
        ("grpc.max_receive_message_length", transport.message),
        ("grpc.max_send_message_length", -1),
        ("grpc.keepalive_time_ms", int(transport.keepalive * 1000)),
        ("grpc.keepalive_timeout_ms", int(transport.keepalive_timeout * 1000)),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.http2.min_ping_interval_without_data_ms", 5000),
        ("grpc.max_concurrent_streams", 100),
    ]


async def _refuse_if_taken(address: str) -> None:
    """Raise `PortInUse` where gRPC could not listen: it would write a line of its own, or take a path away."""
    try:
        if not address.startswith("unix:"):
            _try_to_bind(*split_address(address))
        elif await _is_answered(Path(address.removeprefix("unix:"))):
            raise PortInUse(
                f"cannot listen on {address}: another process listens on it: stop it, or say another address"
            )
    except OSError as error:
        reason = error.strerror or error
        raise PortInUse(f"cannot listen on {address}: {reason}: stop what holds it, or say another address") from error


def _try_to_bind(host: str, port: int) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))


async def _is_answered(path: Path) -> bool:
    """Tell whether someone listens on a UNIX socket; raise `OSError` where none can be made."""
    try:
        _, writer = await asyncio.open_unix_connection(str(path))
    except (FileNotFoundError, ConnectionRefusedError):
        with tempfile.TemporaryFile(dir=path.parent):
            return False
    writer.close()
    return True
