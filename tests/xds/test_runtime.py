"""Values of a real Envoy's runtime that the control plane lends: renewed while it is there, gone when it is not."""

import asyncio
import subprocess
import time
from pathlib import Path

import httpx
import pytest
from tests.xds.world import Log

from pidalio.envoy import messages as pb
from pidalio.envoy.bootstrap import FAULT_LAYER, ads_bootstrap, node
from pidalio.envoy.executable import find_envoy
from pidalio.envoy.protos import to_json
from pidalio.envoy.resource import Resource, shares_resource
from pidalio.ir import SharesPlan
from pidalio.xds import Ads, AdsServer, Limits
from pidalio.xds.typeurls import RUNTIME

pytestmark = pytest.mark.envoy
TIMEOUT = 30
KEY = "pidalio.fault.x.abort"
LEASE = 2_000
PUSHED = ("pushed", "a", "Runtime", FAULT_LAYER)


class Lender:
    """A target that holds nothing but, perhaps, shares of faults."""

    def __init__(self) -> None:
        self.shares: Resource | None = None

    def names(self, type_url):
        return {FAULT_LAYER} if type_url == RUNTIME and self.shares else set()

    def get(self, type_url, name):
        return self.shares if type_url == RUNTIME and name == FAULT_LAYER else None


class Timed(Log):
    """A log that knows when something was pushed last."""

    def pushed(self, *what) -> None:
        super().pushed(*what)
        self.last_push = time.monotonic()


class Run:
    """The server, and a proxy of one variant."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.lender, self.log = folder, Lender(), Timed()
        self.generation = 1
        self.client = httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(uds=f"{folder}/admin"))
        self.envoy: subprocess.Popen | None = None

    async def serve(self) -> None:
        self.ads = Ads(lambda node, peer: self.lender, events=self.log, limits=Limits())
        self.ads.current(self.generation)
        self.server = AdsServer(self.ads, f"unix:{self.folder}/xds")
        await self.server.start()

    def start_envoy(self, variant: int) -> None:
        who = node("a", "shop")
        bootstrap = ads_bootstrap(node=who, xds_address=f"unix://{self.folder}/xds", admin_path=f"{self.folder}/admin")
        bootstrap.dynamic_resources.ads_config.api_type = variant
        (self.folder / "envoy.json").write_text(to_json(bootstrap))
        arguments = ["--disable-hot-restart", "--concurrency", "1", "-l", "warning"]
        with (self.folder / "log").open("wb") as log:
            self.envoy = subprocess.Popen(
                [find_envoy(), "-c", self.folder / "envoy.json", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def lend(self, millionths: int | None) -> None:
        plan = SharesPlan(((KEY, millionths),), LEASE) if millionths is not None else None
        self.lender.shares = shares_resource(plan) if plan else None
        self.generation += 1
        self.ads.changed(self.lender, {RUNTIME: [FAULT_LAYER]}, self.generation)
        self.ads.current(self.generation)

    async def runtime(self) -> dict[str, str]:
        """Return what Envoy's runtime says of campaigns; nothing before it answers."""
        try:
            entries = (await self.client.get("http://admin/runtime")).json()["entries"]
        except httpx.TransportError:
            return {"": "no answer"}
        return {key: one["final_value"] for key, one in entries.items() if key.startswith("pidalio.")}

    async def until(self, *keys: str) -> dict[str, str]:
        async with asyncio.timeout(TIMEOUT):
            while (found := await self.runtime()).keys() != set(keys):
                await asyncio.sleep(0.02)
        return found

    async def pushes(self, count: int) -> None:
        before = self.log.lines.count(PUSHED)
        async with asyncio.timeout(TIMEOUT):
            while self.log.lines.count(PUSHED) < before + count:
                await asyncio.sleep(0.02)

    async def stop(self) -> None:
        await self.client.aclose()
        if self.envoy is not None:
            self.envoy.terminate()
            await asyncio.to_thread(self.envoy.wait)
        await self.server.stop()


@pytest.fixture(params=[pb.ApiConfigSource.DELTA_GRPC, pb.ApiConfigSource.GRPC], ids=["delta", "state"])
async def run(tmp_path, request):
    run = Run(tmp_path)
    await run.serve()
    run.start_envoy(request.param)
    try:
        yield run
    finally:
        await run.stop()


async def test_a_layer_that_nobody_writes_is_answered_at_once(run):
    await run.until()
    async with asyncio.timeout(TIMEOUT):
        while not any(line[:3] == ("acked", "a", "Cluster") for line in run.log.lines):
            await asyncio.sleep(0.02)
    first = [line[2] for line in run.log.lines if line[0] == "pushed"]
    assert first[:2] == ["Runtime", "Cluster"]
    assert not run.log.rejections


async def test_a_share_holds_for_as_long_as_it_is_renewed_and_not_longer(run):
    await run.until()
    run.lend(1)
    assert "MILLION" in (await run.until(KEY))[KEY]
    # Nine renewals are three leases: the share is there at each of them.
    for _ in range(9):
        await run.pushes(1)
        assert KEY in await run.runtime()
    (stream,) = run.ads.streams()
    assert stream.generation == run.generation
    await run.server.stop()
    await run.until()
    # Envoy itself waits for the rest of its lease. Time runs from the last renewal, however long we stood still since;
    # where that one was no longer sent, the one before was a third of the lease earlier.
    assert time.monotonic() - run.log.last_push >= LEASE / 1000 / 3
    assert not run.log.rejections


async def test_a_share_that_is_taken_back_ends_at_once_and_may_come_again(run):
    await run.until()
    run.lend(500_000)
    await run.until(KEY)
    run.lend(None)
    await run.until()
    run.lend(1)
    await run.until(KEY)
    assert not run.log.rejections


async def test_a_share_that_ended_while_the_control_plane_was_away_comes_back_with_it(run):
    await run.until()
    run.lend(500_000)
    await run.until(KEY)
    await run.server.stop()
    await run.until()
    await run.serve()
    await run.until(KEY)
    assert not run.log.rejections
