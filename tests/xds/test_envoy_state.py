"""A real Envoy on one state-of-the-world ADS stream, steered by a whole control plane: as on a delta stream."""

import asyncio
import socket
import subprocess
from pathlib import Path

import httpx
import pytest
from tests.traffic.envoy import own_address
from tests.xds.steered import PATIENCE, Steered, entry, split, subsets

from pidalio.api.load import load
from pidalio.envoy import messages as pb
from pidalio.envoy.bootstrap import ads_bootstrap, node
from pidalio.envoy.executable import find_envoy
from pidalio.envoy.protos import to_json
from pidalio.model import Locality, ObjectRef, Proxy, Workload
from pidalio.server.proxies import metadata_of
from pidalio.store import tables
from pidalio.xds import State

pytestmark = pytest.mark.envoy
REVIEWS, RATINGS = "reviews.example", "ratings.example"


class Run:
    """An Envoy with its explicit listener, backends that answer their name, and a client."""

    def __init__(self, folder: Path, steered: Steered) -> None:
        self.folder, self.steered = folder, steered
        self.address = own_address()
        self.outbound = f"{self.address}:15001"
        self.backends: list[asyncio.Server] = []
        self.client = httpx.AsyncClient()
        self.envoy: subprocess.Popen | None = None

    async def backend(self, name: str) -> tuple[str, int]:
        async def answer(reader, writer):
            try:
                while await reader.readuntil(b"\r\n\r\n"):
                    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(name), name.encode()))
                    await writer.drain()
            except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
                writer.close()

        self.backends.append(await asyncio.start_server(answer, "127.0.0.1", 0))
        return name, self.backends[-1].sockets[0].getsockname()[1]

    def start_envoy(self, variant: int = pb.ApiConfigSource.GRPC, locality: Locality | None = None) -> None:
        proxy = Proxy.from_id(f"sidecar~{self.address}~web-0.default~default.svc.cluster.local")
        metadata = metadata_of(proxy) | {"LABELS": {"app": "web"}, "PIDALIO": {"outbound": self.outbound}}
        bootstrap = ads_bootstrap(
            node=node(proxy.id, "web", locality=locality, metadata=metadata),
            xds_address=f"unix://{self.folder}/xds",
            admin_path=f"{self.folder}/admin",
        )
        bootstrap.dynamic_resources.ads_config.api_type = variant
        config = self.folder / "envoy.json"
        config.write_text(to_json(bootstrap))
        arguments = ["--disable-hot-restart", "--concurrency", "1", "-l", "warning"]
        with (self.folder / "log").open("wb") as log:
            self.envoy = subprocess.Popen(
                [find_envoy(), "-c", config, *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    async def get(self, host: str) -> tuple[int, str]:
        answer = await self.client.get(f"http://{self.outbound}/", headers={"host": host})
        return answer.status_code, answer.text

    async def until(self, host: str, expected: tuple[int, str]) -> None:
        """An acknowledged configuration reaches the worker a moment later."""
        async with asyncio.timeout(PATIENCE):
            while await self.get(host) != expected:
                await asyncio.sleep(0.002)

    async def stop(self) -> None:
        await self.client.aclose()
        if self.envoy is not None:
            self.envoy.terminate()
            await asyncio.to_thread(self.envoy.wait)
        for backend in self.backends:
            backend.close()


@pytest.fixture
async def run(tmp_path):
    async with Steered(tmp_path) as steered:
        run = Run(tmp_path, steered)
        try:
            found = [await run.backend("v1"), await run.backend("v2")]
            rules = subsets(REVIEWS, "v1", "v2") + split(REVIEWS, v1=100, v2=0)
            await steered.announce(entry(REVIEWS, 80, *found) + rules)
            run.start_envoy()
            await steered.connected()
            await run.until(REVIEWS, (200, "v1"))
            yield run
        finally:
            await run.stop()


async def test_a_changed_weight_is_one_route_table(run):
    before = len(run.steered.log.lines)
    await run.steered.apply(split(REVIEWS, v1=0, v2=100))
    await run.until(REVIEWS, (200, "v2"))
    assert run.steered.pushed(before) == [("RouteConfiguration", "http_proxy")]


async def test_a_service_comes_and_goes_under_load(run):
    steered = run.steered
    found = await run.backend("ratings")
    statuses = set()

    async def load_on_reviews():
        while True:
            statuses.add(await run.get(REVIEWS))

    load = asyncio.create_task(load_on_reviews())
    for _ in range(3):
        await steered.apply(entry(RATINGS, 80, found))
        await run.until(RATINGS, (200, "ratings"))
        before = len(steered.log.lines)
        deleted = await steered.control.delete([ObjectRef("ServiceEntry", "default", "ratings")], author="test")
        assert not deleted.is_refused
        await steered.live()
        assert (await run.get(RATINGS))[0] in (502, 503)  # unknown hosts are looked up, and this one has no address
        assert steered.pushed(before)[0] == ("RouteConfiguration", "http_proxy")
    load.cancel()
    await asyncio.gather(load, return_exceptions=True)
    assert statuses == {(200, "v1")}


async def test_a_removed_cluster_leaves_after_the_routes(run):
    steered = run.steered
    found = await run.backend("ratings")
    await steered.apply(entry(RATINGS, 80, found))
    before = len(steered.log.lines)
    await steered.control.delete([ObjectRef("ServiceEntry", "default", "ratings")], author="test")
    async with asyncio.timeout(PATIENCE):
        while len(steered.pushed(before)) < 2:
            await asyncio.sleep(0.01)
    assert steered.pushed(before) == [
        ("RouteConfiguration", "http_proxy"),
        ("Cluster", f"-outbound|80||{RATINGS}"),
    ]
    assert await run.get(REVIEWS) == (200, "v1")


async def test_an_instance_joins_and_leaves(run):
    v3 = await run.backend("v3")
    before = len(run.steered.log.lines)
    await run.steered.apply(entry(REVIEWS, 80, ("v1", v3[1])))
    await run.until(REVIEWS, (200, "v3"))
    assert {kind for kind, *_ in run.steered.pushed(before)} == {"ClusterLoadAssignment"}


async def test_nothing_is_sent_again_to_who_comes_back_and_traffic_goes_on(run):
    before = len(run.steered.log.lines)
    for _ in range(2):
        await run.steered.stop()
        assert await run.get(REVIEWS) == (200, "v1")
        await run.steered.serve()
        await run.steered.connected()
        assert await run.get(REVIEWS) == (200, "v1")
    assert run.steered.pushed(before) == []
    await run.steered.stop()
    await run.steered.announce(split(REVIEWS, v1=0, v2=100))
    await run.steered.serve()
    await run.steered.connected()
    await run.until(REVIEWS, (200, "v2"))
    assert run.steered.pushed(before) == [("RouteConfiguration", "http_proxy")]


async def test_a_refused_listener_blocks_nothing_and_says_whose_it_is(run):
    with socket.socket() as taken:
        taken.bind((run.address, 9080))
        taken.listen()
        service = """
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{name: http, port: 9080}]}
"""
        row = Workload("web-0", "default", run.address, labels=(("app", "web"),))
        run.steered.control.feed("test", {tables.WORKLOADS: {("default", "web-0", "test"): row}})
        await run.steered.control.apply(load(service, "").parsed, author="test")
        await run.steered.control.apply(load(split(REVIEWS, v1=0, v2=100), "").parsed, author="test", force=True)
        (verdict,) = await run.steered.control.live(run.steered.control.world.generation, PATIENCE)
        assert verdict.state is State.REJECTED
        assert [str(origin.object) for origin in verdict.rejections[0].origins] == ["Service default/web"]
        await run.until(REVIEWS, (200, "v2"))
    (report,) = [each for each in run.steered.control.reports() if each.code == "rejected-by-envoy"]
    assert str(report.object) == "Service default/web"
