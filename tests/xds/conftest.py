"""A server over a world, on a UNIX socket of the test's own."""

from collections.abc import AsyncIterator

import pytest
from tests.xds.fake_envoy import FakeEnvoy
from tests.xds.world import CLUSTER, ENDPOINT, LISTENER, ROUTE, VIRTUAL_HOST, Log, World

from pidalio.xds import Ads, AdsServer, Limits, Transport


class Mesh:
    """The server, its world, and proxies that connect to it."""

    def __init__(self, path: str) -> None:
        self.address = f"unix:{path}"
        self.world = World(
            clusters={"c1": "c1", "c2": "c2"},
            endpoints={"c1": "1", "c2": "2"},
            listeners={"l": "l"},
            routes={"r": "r"},
            hosts={"r/a": "to c1", "r/b": "to c2"},
        )
        self.log = Log()
        self.generation = 1
        self.refusal: Exception | None = None
        self.limits = Limits()
        self.transport = Transport(sweep=0.02)
        self.proxies: list[FakeEnvoy] = []

    async def start(self) -> None:
        self.ads = Ads(self._resolve, events=self.log, limits=self.limits)
        self.ads.current(self.generation)
        self.server = AdsServer(self.ads, self.address, transport=self.transport)
        await self.server.start()

    def _resolve(self, node, peer):
        if self.refusal is not None:
            raise self.refusal
        self.node, self.peer = node, peer
        return self.world

    def change(self, *changes) -> None:
        self.generation += 1
        for change in changes:
            self.ads.changed(self.world, change, self.generation)
        self.ads.current(self.generation)

    def proxy(self, name: str = "a") -> FakeEnvoy:
        self.proxies.append(FakeEnvoy(self.address, name))
        return self.proxies[-1]

    async def started(self, name: str = "a"):
        """A proxy that asked for everything and holds it; return its stream."""
        stream = await self.proxy(name).connect()
        for kind, *names in ((CLUSTER,), (ENDPOINT, "c1", "c2"), (LISTENER,), (ROUTE, "r"), (VIRTUAL_HOST,)):
            await stream.ask(kind, *names)
            await stream.accept()
        assert await stream.quiet() == []
        return stream

    async def stop(self) -> None:
        for proxy in self.proxies:
            await proxy.close()
        await self.server.stop()


@pytest.fixture
async def mesh(tmp_path) -> AsyncIterator[Mesh]:
    mesh = Mesh(str(tmp_path / "xds.sock"))
    await mesh.start()
    yield mesh
    await mesh.stop()
