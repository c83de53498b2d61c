"""Two real control planes over a real etcd, with proxies that move between them: killed, cut off, both dead.

Each control plane is a process (`pidalio serve`), each proxy a real stream whose node names a WorkloadGroup.
"""

import asyncio
import contextlib
import shutil
import signal
import tempfile
from pathlib import Path

import pytest
from grpc import aio
from tests.e2e.commands import pidalio
from tests.platforms.servers.etcd import Etcd
from tests.platforms.servers.partition import Partition
from tests.platforms.vm.proxies import GroupProxy

from pidalio.errors import PidalioError
from pidalio.http import discovery
from pidalio.http.client import Client, Target
from pidalio.http.wire import Registration, WorkloadView

pytestmark = pytest.mark.platform("etcd")

MESH = """
apiVersion: v1
kind: Service
metadata: {name: reviews}
spec: {selector: {app: reviews}, ports: [{name: http, port: 9080}]}
---
apiVersion: networking.istio.io/v1
kind: WorkloadGroup
metadata: {name: reviews}
spec:
  template: {labels: {app: reviews}}
"""
GRACE = 2.0
PATIENCE = 60


class Plane:
    """One control plane as a process, reached by links that can be broken: `etcd` to its store, `xds` to its proxies."""

    def __init__(self, folder: Path, name: str, server: Etcd) -> None:
        self.folder = folder / name
        self.folder.mkdir()
        (self.folder / "mesh.yaml").write_text(MESH)
        self.etcd = Partition("127.0.0.1", server.port)
        self.stack = contextlib.AsyncExitStack()
        self.seen: list[frozenset[str]] = []
        self.watching: asyncio.Task[None] | None = None
        self.channel: aio.Channel

    async def start(self) -> None:
        await self.etcd.restore()
        command = pidalio(
            "serve",
            "mesh.yaml",
            "--registrations",
            f"etcd={self.etcd.url}",
            "--registration-grace",
            str(GRACE),
            folder=self.folder,
        )
        self.process = await self.stack.enter_async_context(command)
        await self.process.prints("ready: ")
        self.pointer = discovery.find(self.folder)
        self.channel = aio.insecure_channel(self.pointer.xds, options=[("grpc.use_local_subchannel_pool", 1)])

    async def kill(self) -> None:
        self.process.signal(signal.SIGKILL)
        await self.stop()

    async def stop(self) -> None:
        await self.stack.aclose()
        await self.channel.close(None)

    async def client(self) -> Client:
        return Client(Target.named(self.pointer.api))

    async def pool(self) -> frozenset[str]:
        """Return the addresses that callers of the service are told."""
        async with Client(Target.named(self.pointer.api)) as client:
            answer = await client.endpoints()
        return frozenset(one.address for one in answer)

    async def until(self, *addresses: str) -> None:
        wanted = frozenset(f"{address}:9080" for address in addresses)
        async with asyncio.timeout(PATIENCE):
            while (now := await self.pool()) != wanted:
                await asyncio.sleep(0.05)
        assert now == wanted

    @contextlib.asynccontextmanager
    async def never_without(self, *addresses: str):
        """Fail when one of these addresses was out of the pool at any time inside the block."""
        wanted = frozenset(f"{address}:9080" for address in addresses)
        missed: list[frozenset[str]] = []

        async def look() -> None:
            while True:
                with contextlib.suppress(PidalioError):  # it was killed
                    missed.extend([wanted - now] if wanted - (now := await self.pool()) else [])
                await asyncio.sleep(0.02)

        task = asyncio.create_task(look())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        assert missed == []


@pytest.fixture
def folder():
    made = Path(tempfile.mkdtemp(prefix="pd", dir="/tmp"))
    yield made
    shutil.rmtree(made)


@pytest.fixture
async def server(tmp_path):
    async with Etcd(tmp_path) as running:
        yield running


@pytest.fixture
async def planes(folder, server):
    made = [Plane(folder, name, server) for name in ("a", "b")]
    for plane in made:
        await plane.start()
    yield made
    for plane in made:
        with contextlib.suppress(Exception):
            await plane.stop()
        await plane.etcd.cut()


async def grace(times: float = 2.5) -> None:
    """Let the grace time pass, more than twice: what was to be removed is."""
    await asyncio.sleep(GRACE * times)


async def test_a_proxy_that_moves_stays_in_both_pools(planes):
    a, b = planes
    proxy = await GroupProxy(a.channel, address="10.0.0.1").come()
    for plane in planes:
        await plane.until("10.0.0.1")
    async with a.never_without("10.0.0.1"), b.never_without("10.0.0.1"):
        await proxy.go()
        proxy = await GroupProxy(b.channel, address="10.0.0.1").come()
        await grace()
    await proxy.go()
    for plane in planes:
        await plane.until()


async def test_proxies_of_a_control_plane_that_is_killed_go_over(planes):
    a, b = planes
    proxies = [await GroupProxy(a.channel, address=f"10.0.0.{n}").come() for n in (1, 2)]
    await b.until("10.0.0.1", "10.0.0.2")
    async with b.never_without("10.0.0.1", "10.0.0.2"):
        await a.kill()
        proxies = [await GroupProxy(b.channel, address=f"10.0.0.{n}").come() for n in (1, 2)]
        await grace()
        await a.start()
        await a.until("10.0.0.1", "10.0.0.2")
        async with a.never_without("10.0.0.1", "10.0.0.2"):
            await grace()
    await proxies[0].go()
    for plane in planes:
        await plane.until("10.0.0.2")


async def test_one_that_is_cut_off_removes_nothing_and_one_that_moves_meanwhile_is_one(planes):
    a, b = planes
    proxies = [await GroupProxy(a.channel, address=f"10.0.0.{n}").come() for n in (1, 2)]
    await b.until("10.0.0.1", "10.0.0.2")
    async with a.never_without("10.0.0.1", "10.0.0.2"), b.never_without("10.0.0.1", "10.0.0.2"):
        await a.etcd.cut()
        await proxies[0].go()
        moved = await GroupProxy(b.channel, address="10.0.0.1").come()
        await grace()
        await a.etcd.restore()
        await grace(4)
    await moved.go()
    for plane in planes:
        await plane.until("10.0.0.2")


async def test_a_store_that_is_away_takes_nothing_and_refuses_nobody(planes, server):
    a, b = planes
    await GroupProxy(a.channel, address="10.0.0.1").come()
    await b.until("10.0.0.1")
    async with a.never_without("10.0.0.1"), b.never_without("10.0.0.1"):
        await server.kill()
        await GroupProxy(b.channel, address="10.0.0.2").come()
        await b.until("10.0.0.1", "10.0.0.2")
        async with await a.client() as client:
            await client.register(Registration(WorkloadView("lease-0", "default", "10.0.0.3", {"app": "reviews"})))
        await a.until("10.0.0.1", "10.0.0.3")
        await server.start()
        for plane in planes:
            await plane.until("10.0.0.1", "10.0.0.2", "10.0.0.3")


async def test_both_die_and_return(planes):
    a, b = planes
    await GroupProxy(a.channel, address="10.0.0.1").come()
    await GroupProxy(b.channel, address="10.0.0.2").come()
    for plane in planes:
        await plane.until("10.0.0.1", "10.0.0.2")
    for plane in planes:
        await plane.kill()
    for plane in planes:
        await plane.start()
        assert await plane.pool() == {"10.0.0.1:9080", "10.0.0.2:9080"}
    async with a.never_without("10.0.0.1", "10.0.0.2"), b.never_without("10.0.0.1", "10.0.0.2"):
        await GroupProxy(b.channel, address="10.0.0.1").come()  # each comes to the other one
        await GroupProxy(a.channel, address="10.0.0.2").come()
        await grace()


async def test_an_agent_that_renews_its_lease_elsewhere_is_one(planes):
    a, b = planes
    view = WorkloadView("lease-0", "default", "10.0.0.3", {"app": "reviews"})
    async with await a.client() as at_a, await b.client() as at_b:
        await at_a.register(Registration(view, lease=GRACE))
        await b.until("10.0.0.3")
        async with a.never_without("10.0.0.3"), b.never_without("10.0.0.3"):
            await at_b.register(Registration(view, lease=60))
            await grace()
        await at_a.deregister("lease-0", "default")
    for plane in planes:
        await plane.until()
