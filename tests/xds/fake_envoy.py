"""A client that speaks ADS of either variant over a real stream, and can misbehave in every way that Envoy, or worse, does."""

import asyncio
import contextlib
import itertools
from typing import Any

from grpc import aio

from pidalio.envoy import messages as pb

METHOD = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources"
STATE_METHOD = "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources"
_BARRIER = "type.googleapis.com/test.Barrier"
_PATIENCE = 20.0


class FakeEnvoy:
    """One node; `connect` opens a stream, several may be open. What it accepted is in `held`, by type and name."""

    def __init__(self, address: str, node: str = "a", *, channel: aio.Channel | None = None) -> None:
        self.channel = channel or aio.insecure_channel(address)
        self.node = node
        self.held: dict[str, dict[str, Any]] = {}

    async def connect(self) -> "FakeStream":
        return FakeStream(self)

    async def close(self) -> None:
        await self.channel.close()

    def versions(self, kind: str) -> dict[str, str]:
        return {name: each.version for name, each in self.held.get(kind, {}).items()}


class FakeStream:
    """One stream: `next` takes a response, `ack` and `nack` answer it; the node travels with the first request."""

    _barriers = itertools.count()

    def __init__(self, envoy: FakeEnvoy) -> None:
        self.envoy = envoy
        method = envoy.channel.stream_stream(METHOD)
        self.call = method()
        self._first = True
        self._taken: list[Any] = []

    async def ask(self, kind: str, *names: str, drop=(), initial=None, nonce: str = "") -> None:
        request = pb.DeltaDiscoveryRequest(
            type_url=kind,
            resource_names_subscribe=names,
            resource_names_unsubscribe=drop,
            initial_resource_versions=initial or {},
            response_nonce=nonce,
        )
        await self.send(request)

    async def send(self, request: Any) -> None:
        if self._first:
            request.node.id = self.envoy.node
            self._first = False
        await self.call.write(request.SerializeToString())

    async def next(self) -> Any:
        """Take the next response; fail when the stream ends instead."""
        if self._taken:
            return self._taken.pop(0)
        return await self._read()

    async def _read(self) -> Any:
        data = await asyncio.wait_for(self.call.read(), _PATIENCE)
        assert data is not aio.EOF, f"the stream ended: {await self.call.code()} {await self.call.details()}"
        return pb.DeltaDiscoveryResponse.FromString(data)

    async def ack(self, message: Any) -> None:
        held = self.envoy.held.setdefault(message.type_url, {})
        held.update((each.name, each) for each in message.resources)
        for name in message.removed_resources:
            held.pop(name, None)
        await self.send(pb.DeltaDiscoveryRequest(type_url=message.type_url, response_nonce=message.nonce))

    async def nack(self, message: Any, error: str) -> None:
        request: Any = pb.DeltaDiscoveryRequest(type_url=message.type_url, response_nonce=message.nonce)
        request.error_detail.message = error
        await self.send(request)

    async def accept(self) -> tuple[str, ...]:
        """Take the next response, acknowledge it, and tell what was in it."""
        message = await self.next()
        await self.ack(message)
        return told(message)

    async def quiet(self) -> list[tuple[str, ...]]:
        """Tell what was sent and not taken so far; empty when the server has nothing to say.

        A request of a type of its own is answered behind whatever was due when it arrived; the second one makes sure
        that the writer has gone round once more.
        """
        for _ in range(2):
            barrier = f"{_BARRIER}{next(self._barriers)}"
            await self.ask(barrier)
            while (message := await self._read()).type_url != barrier:
                self._taken.append(message)
            await self.send(pb.DeltaDiscoveryRequest(type_url=barrier, response_nonce=message.nonce))
        return [told(each) for each in self._taken]

    async def reconnect(self, *kinds: str) -> "FakeStream":
        """Open a new stream as Envoy does: every type at once, with the versions it holds."""
        stream = FakeStream(self.envoy)
        for kind in kinds:
            versions = self.envoy.versions(kind)
            named = kind.endswith(("ClusterLoadAssignment", "RouteConfiguration"))
            await stream.ask(kind, *(versions if named else ()), initial=versions)
        return stream

    async def ended(self) -> tuple[str, str]:
        """Wait for the server to end the stream; return status and line."""
        with contextlib.suppress(aio.AioRpcError):
            while await asyncio.wait_for(self.call.read(), _PATIENCE) is not aio.EOF:
                pass
        return (await self.call.code()).name, await self.call.details()


class FakeStateStream:
    """One state-of-the-world stream: `ask` says all names, `take` answers the next response and tells its contents."""

    def __init__(self, envoy: FakeEnvoy) -> None:
        self.envoy = envoy
        self.call = envoy.channel.stream_stream(STATE_METHOD)()
        self.names: dict[str, tuple[str, ...]] = {}
        self._first = True

    async def ask(self, kind: str, *names: str, version: str = "", nonce: str = "", error: str = "") -> None:
        self.names[kind] = names
        request: Any = pb.DiscoveryRequest(
            type_url=kind, resource_names=names, version_info=version, response_nonce=nonce
        )
        if error:
            request.error_detail.message = error
        if self._first:
            request.node.id = self.envoy.node
            self._first = False
        await self.call.write(request.SerializeToString())

    async def take(self, error: str = "") -> tuple[str, ...]:
        """Take the next response, acknowledge or refuse it, and tell its version and what was in it."""
        data = await asyncio.wait_for(self.call.read(), _PATIENCE)
        assert data is not aio.EOF, f"the stream ended: {await self.call.code()} {await self.call.details()}"
        message = pb.DiscoveryResponse.FromString(data)
        kind = message.type_url
        await self.ask(kind, *self.names[kind], version=message.version_info, nonce=message.nonce, error=error)
        return (message.version_info, *sorted(each.value.decode() for each in message.resources))


def told(message: Any) -> tuple[str, ...]:
    removed = (f"-{name}" for name in message.removed_resources)
    return (message.type_url.rpartition(".")[2], *sorted(each.name for each in message.resources), *sorted(removed))
