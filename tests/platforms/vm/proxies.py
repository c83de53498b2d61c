"""A proxy whose node names a group, as Istio's agent has it: one stream of either variant, over a real socket."""

import asyncio
import contextlib
from typing import Any

from grpc import aio
from tests.xds.fake_envoy import METHOD, STATE_METHOD

from pidalio.envoy import messages as pb
from pidalio.xds.typeurls import HEALTH, LISTENER


class GroupProxy:
    """One VM's proxy; `come` opens its stream and asks for listeners, `tell` says how the instance is."""

    def __init__(
        self,
        channel: aio.Channel,
        group: str = "reviews",
        address: str = "10.0.0.7",
        *,
        delta: bool = True,
        **node: Any,
    ) -> None:
        self.channel, self.delta = channel, delta
        self.kind: Any = pb.DeltaDiscoveryRequest if delta else pb.DiscoveryRequest
        self.node = pb.Node(id=f"sidecar~{address}~vm.default~default.svc.cluster.local", **node)
        self.node.metadata.update({"AUTO_REGISTER_GROUP": group, "LABELS": {"version": "v7"}})
        self.call: Any = None

    async def come(self) -> "GroupProxy":
        self.call = self.channel.stream_stream(METHOD if self.delta else STATE_METHOD)()
        await self.call.write(self.kind(node=self.node, type_url=LISTENER).SerializeToString())
        await asyncio.wait_for(self.call.read(), 20)
        return self

    async def tell(self, error: str = "") -> None:
        request = self.kind(type_url=HEALTH)
        if error:
            request.error_detail.code, request.error_detail.message = 500, error
        await self.call.write(request.SerializeToString())

    async def go(self) -> None:
        self.call.cancel()
        with contextlib.suppress(asyncio.CancelledError, aio.AioRpcError):
            await self.call.code()

    async def ended(self) -> str:
        """Wait for the server to end the stream; return its line."""
        with contextlib.suppress(aio.AioRpcError):
            while await asyncio.wait_for(self.call.read(), 20) is not aio.EOF:
                pass
        return await self.call.details()
