"""Between one Envoy and its control plane: hands bytes through, keeps what was good, and serves it in an outage.

Envoy connects to the relay's UNIX socket. While the control plane is there, every message passes unchanged, so that an
ACK is still Envoy's own. When it is not, the stream leads to a server of this process over `kept` instead: an Envoy
that was restarted meanwhile gets what it had. When the control plane is back the stream is ended, Envoy connects again
and says what it holds, and only what differs is sent: going back costs no request and no restart.
Invariant: nothing is served that Envoy has not acknowledged before, and nothing until the control plane was there once.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import grpc
import msgspec
from grpc import aio

from pidalio.agent.kept import KeptConfiguration
from pidalio.envoy import messages as pb
from pidalio.errors import UsageError
from pidalio.settings import TlsPaths
from pidalio.xds.ads import Ads
from pidalio.xds.delta import METHOD
from pidalio.xds.server import SERVICE, AdsServer
from pidalio.xds.wire import Request, parse_delta

_log = logging.getLogger(__name__)
_EOF: Final[Any] = vars(aio)["EOF"]  # missing in the type stubs
_OPTIONS: Final = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.enable_http_proxy", 0),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.so_reuseport", 0),
]


class Upstream(msgspec.Struct, frozen=True):
    """The control plane: `host:port` or `unix:/path`; how long a connection may take, how often it is tried again.

    With `tls` it must show a certificate for `server_name`, its host when empty.
    """

    address: str
    tls: TlsPaths | None = None
    server_name: str = ""
    connect_seconds: float = 2.0
    retry_seconds: float = 1.0

    async def connect(self) -> aio.Channel | None:
        """Return a connected channel, or None when the control plane does not answer; files are read each time."""
        channel = self._channel()
        try:
            async with asyncio.timeout(self.connect_seconds):
                await channel.channel_ready()
        except TimeoutError:
            await channel.close(None)
            return None
        except BaseException:
            await channel.close(None)
            raise
        return channel

    def _channel(self) -> aio.Channel:
        if self.tls is None:
            return aio.insecure_channel(self.address, options=_OPTIONS)
        try:
            credentials = grpc.ssl_channel_credentials(
                self.tls.ca.read_bytes(), self.tls.key.read_bytes(), self.tls.cert.read_bytes()
            )
        except OSError as error:
            raise UsageError(f"{error.filename}: {error.strerror}") from error
        names = [("grpc.ssl_target_name_override", self.server_name)] if self.server_name else []
        return aio.secure_channel(self.address, credentials, options=[*_OPTIONS, *names])


class XdsRelay:
    """The relay of one Envoy, which connects to `socket`; `noticed(reachable)` tells of losses and returns."""

    def __init__(
        self, upstream: Upstream, *, socket: Path, kept_socket: Path, noticed: Callable[[bool], None] = lambda _: None
    ) -> None:
        self.upstream, self.socket = upstream, socket
        self.kept = KeptConfiguration()
        self._kept_address = f"unix:{kept_socket}"
        self._kept_server = AdsServer(Ads(lambda _node, _peer: self.kept), self._kept_address)
        self._server: aio.Server | None = None
        self._noticed = noticed
        self._reachable: bool | None = None

    @property
    def address(self) -> str:
        """Return what a bootstrap takes as its control plane's address."""
        return f"unix://{self.socket}"

    async def start(self) -> None:
        """Listen."""
        await self._kept_server.start()
        self._server = aio.server(options=_OPTIONS)
        handler = grpc.stream_stream_rpc_method_handler(self._serve)  # no serialisers: bytes in, bytes out
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {METHOD: handler}),))
        self._server.add_insecure_port(f"unix:{self.socket}")
        await self._server.start()

    async def stop(self) -> None:
        """End every stream."""
        if self._server is not None:
            await self._server.stop(0)
        await self._kept_server.stop()

    async def _serve(self, _: object, context: Any) -> None:
        """Serve one stream: through to the control plane, or from what is kept until it is back."""
        channel = await self._connect()
        self._notice(reachable=channel is not None)
        if channel is not None:
            recording = self.kept.recording()
            reason = await self._hand_through(context, channel, recording.heard, recording.sent)
        elif self.kept.is_usable:
            back = asyncio.create_task(self._until_back())
            kept = aio.insecure_channel(self._kept_address, options=_OPTIONS)
            reason = await self._hand_through(context, kept, self.kept.claimed, until=back)
        else:
            reason = f"the control plane at {self.upstream.address} does not answer"
        await context.abort(grpc.StatusCode.UNAVAILABLE, reason)

    async def _connect(self) -> aio.Channel | None:
        try:
            return await self.upstream.connect()
        except UsageError as error:
            _log.warning("cannot use the certificate for %s: %s", self.upstream.address, error)
            return None

    async def _until_back(self) -> str:
        while (channel := await self._connect()) is None:  # noqa: ASYNC110 - another process tells no event
            await asyncio.sleep(self.upstream.retry_seconds)
        await channel.close(None)
        return "the control plane is back"

    async def _hand_through(
        self,
        context: Any,
        channel: aio.Channel,
        heard: Callable[[Request], None],
        sent: Callable[[pb.DeltaDiscoveryResponse], None] | None = None,
        until: asyncio.Task[str] | None = None,
    ) -> str:
        """Copy both directions, telling of each message, until one side ends or `until` is done; return why."""
        call: Any = channel.stream_stream(f"/{SERVICE}/{METHOD}", None, None)(None)
        tasks = [
            asyncio.create_task(_requests(context, call, heard)),
            asyncio.create_task(_responses(context, call, sent)),
            *([until] if until is not None else []),
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            return done.pop().result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            call.cancel()
            await channel.close(None)

    def _notice(self, *, reachable: bool) -> None:
        if reachable != self._reachable:
            self._reachable = reachable
            self._noticed(reachable)


async def _requests(context: Any, call: Any, heard: Callable[[Request], None]) -> str:
    while (data := await context.read()) is not _EOF:
        heard(parse_delta(data))
        with contextlib.suppress(asyncio.InvalidStateError):  # the call has ended: `_responses` tells why
            await call.write(data)
    return "Envoy closed the stream"


async def _responses(context: Any, call: Any, sent: Callable[[pb.DeltaDiscoveryResponse], None] | None) -> str:
    try:
        while (data := await call.read()) is not _EOF:
            if sent is not None:
                sent(pb.DeltaDiscoveryResponse.FromString(data))
            await context.write(data)
    except aio.AioRpcError as error:
        return f"the control plane ended the stream: {error.code().name}: {error.details()}"
    return f"the control plane ended the stream: {await call.details()}"
