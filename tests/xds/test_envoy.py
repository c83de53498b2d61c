"""A real Envoy on one delta ADS stream: what reaches it takes effect, without a lost request."""

import asyncio
import subprocess
from pathlib import Path
from typing import Self

import httpx
import pytest
from tests.xds.world import Log

from pidalio.envoy.bootstrap import ads_bootstrap, node
from pidalio.envoy.executable import find_envoy
from pidalio.envoy.protos import to_json
from pidalio.envoy.resource import (
    Resource,
    cluster_resource,
    listener_resource,
    load_assignment_resource,
    placeholder_resource,
    route_resource,
    virtual_host_resource,
)
from pidalio.ir import (
    AssignmentPlan,
    ClusterPlan,
    Direction,
    Discovery,
    EndpointPlan,
    ForwardPlan,
    HttpPlan,
    ListenerPlan,
    LocalityPlan,
    MatchPlan,
    PathKind,
    PathMatch,
    RoutePlan,
    RouteTablePlan,
    VirtualHostPlan,
    WeightedCluster,
    one_chain,
)
from pidalio.model import Locality
from pidalio.xds import Ads, AdsServer, State, responses
from pidalio.xds.typeurls import CLUSTER, ENDPOINT, LISTENER, ROUTE, VIRTUAL_HOST

pytestmark = pytest.mark.envoy
TIMEOUT = 30


class Shop:
    """A target made by the product's own builders: clusters `v1`, `v2`..., each one backend that answers its name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.backends: list[asyncio.Server] = []
        self.content: dict[str, dict[str, Resource]] = {
            kind: {} for kind in (CLUSTER, ENDPOINT, LISTENER, ROUTE, VIRTUAL_HOST)
        }

    def names(self, type_url):
        return self.content.get(type_url, {}).keys()

    def get(self, type_url, name):
        return self.content.get(type_url, {}).get(name)

    def put(self, resource: Resource) -> dict[str, list[str]]:
        self.content[resource.type_url][resource.name] = resource
        return {resource.type_url: [resource.name]}

    def drop(self, type_url: str, name: str) -> dict[str, list[str]]:
        del self.content[type_url][name]
        return {type_url: [name]}

    async def backend(self, name: str) -> None:
        async def answer(reader, writer):
            while await reader.readuntil(b"\r\n\r\n"):
                body = name.encode()
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))
                await writer.drain()

        async def serve(reader, writer):
            try:
                await answer(reader, writer)
            except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
                writer.close()

        self.backends.append(await asyncio.start_unix_server(serve, str(self.folder / name)))

    def table(self, name: str) -> list[dict[str, list[str]]]:
        return [
            self.put(
                listener_resource(
                    ListenerPlan(
                        name, f"unix://{self.folder}/{name}", 0, Direction.OUTBOUND, one_chain(HttpPlan(name, name))
                    )
                )
            ),
            self.put(route_resource(RouteTablePlan(name, delta=True))),
            self.put(placeholder_resource(name)),
        ]

    def cluster(self, name: str, timeout: int = 1000) -> dict[str, list[str]]:
        return self.put(cluster_resource(ClusterPlan(name, Discovery.EDS, connect_timeout=timeout)))

    def endpoint(self, name: str, backend: str) -> dict[str, list[str]]:
        place = LocalityPlan((EndpointPlan(f"unix://{self.folder}/{backend}", 0),), weight=1)
        return self.put(load_assignment_resource(AssignmentPlan(name, (place,))))

    def host(self, table: str, host: str, cluster: str, regex: str = "") -> dict[str, list[str]]:
        path = PathMatch(PathKind.REGEX, regex) if regex else PathMatch()
        route = RoutePlan(MatchPlan(path=path), ForwardPlan((WeightedCluster(cluster, 1),)))
        return self.put(virtual_host_resource(table, VirtualHostPlan(host, (host,), (route,))))


class Run:
    """The server, a proxy, and a client of its listeners."""

    def __init__(self, folder: Path, locality: Locality) -> None:
        self.folder = folder
        self.locality = locality
        self.shop = Shop(folder)
        self.log = Log()
        self.generation = 0
        self.envoy: subprocess.Popen | None = None
        self.clients: dict[str, httpx.AsyncClient] = {}

    async def serve(self) -> None:
        self.ads = Ads(lambda node, peer: self.shop, events=self.log)
        self.ads.current(self.generation)
        self.server = AdsServer(self.ads, f"unix:{self.folder}/xds")
        await self.server.start()

    def start_envoy(self) -> None:
        config = self.folder / "envoy.json"
        bootstrap = ads_bootstrap(
            node=node("a", "shop", locality=self.locality),
            xds_address=f"unix://{self.folder}/xds",
            admin_path=f"{self.folder}/admin",
        )
        config.write_text(to_json(bootstrap))
        arguments = ["--disable-hot-restart", "--concurrency", "1", "-l", "warning"]
        with (self.folder / "log").open("wb") as log:
            self.envoy = subprocess.Popen(
                [find_envoy(), "-c", config, *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    async def change(self, *changes) -> list[tuple[str, ...]]:
        """Announce changes, wait until they are live, and tell what was pushed."""
        before = len(self.log.lines)
        self.announce(*changes)
        await self.live()
        return [line[2:] for line in self.log.lines[before:] if line[0] == "pushed"]

    def announce(self, *changes) -> None:
        self.generation += 1
        for change in changes:
            self.ads.changed(self.shop, change, self.generation)
        self.ads.current(self.generation)

    async def live(self) -> None:
        (verdict,) = await self.ads.live(self.generation, TIMEOUT)
        assert verdict.state is State.LIVE, (verdict, self.log.lines, (self.folder / "log").read_text())

    async def connected(self) -> None:
        async with asyncio.timeout(TIMEOUT):
            while not self.ads.streams():
                await asyncio.sleep(0.01)
        await self.live()

    async def get(self, host: str, listener: str = "out") -> tuple[int, str]:
        client = self.clients.get(listener)
        if client is None:
            transport = httpx.AsyncHTTPTransport(uds=f"{self.folder}/{listener}")
            client = self.clients[listener] = httpx.AsyncClient(transport=transport)
        answer = await client.get("http://x/", headers={"host": host})
        return answer.status_code, answer.text

    async def until(self, host: str, expected: tuple[int, str]) -> None:
        """An acknowledged configuration reaches the worker a moment later."""
        async with asyncio.timeout(TIMEOUT):
            while await self.get(host) != expected:
                await asyncio.sleep(0.002)

    async def stop(self) -> None:
        for client in self.clients.values():
            await client.aclose()
        if self.envoy is not None:
            self.envoy.terminate()
            await asyncio.to_thread(self.envoy.wait)
        await self.server.stop()
        for backend in self.shop.backends:
            backend.close()


@pytest.fixture(params=[Locality(), Locality("r", "z")], ids=["nowhere", "somewhere"])
async def run(tmp_path, request):
    """Run twice: an Envoy that knows where it is asks for its local cluster, before anything else."""
    run = Run(tmp_path, request.param)
    shop = run.shop
    for name in ("v1", "v2", "v3"):
        await shop.backend(name)
    for name in ("v1", "v2"):
        shop.cluster(name)
        shop.endpoint(name, name)
    shop.table("out")
    shop.host("out", "a", "v1")
    shop.host("out", "b", "v2")
    await run.serve()
    run.start_envoy()
    try:
        await run.connected()
        await run.until("a", (200, "v1"))
        yield run
    finally:
        await run.stop()


class Load:
    """Requests to one host, one after the other, for as long as the block lasts; counts what is not 200."""

    def __init__(self, run: Run, host: str) -> None:
        self.run, self.host = run, host
        self.statuses: dict[int, int] = {}

    async def __aenter__(self) -> Self:
        self.task = asyncio.create_task(self.loop())
        return self

    async def loop(self) -> None:
        while True:
            status, _ = await self.run.get(self.host)
            self.statuses[status] = self.statuses.get(status, 0) + 1

    async def __aexit__(self, *_: object) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


async def test_one_changed_virtual_host_is_sent_and_nothing_else(run):
    assert await run.change(run.shop.host("out", "a", "v2")) == [("VirtualHost", "out/a")]
    await run.until("a", (200, "v2"))
    assert await run.get("b") == (200, "v2")
    assert await run.change(run.shop.drop(VIRTUAL_HOST, "out/b")) == [("VirtualHost", "-out/b")]
    await run.until("b", (404, ""))


async def test_one_changed_endpoint_is_sent_and_nothing_else(run):
    assert await run.change(run.shop.endpoint("v1", "v3")) == [("ClusterLoadAssignment", "v1")]
    await run.until("a", (200, "v3"))


async def test_a_changed_cluster_is_live_at_once_for_its_endpoints_follow(run):
    assert await run.change(run.shop.cluster("v1", timeout=2000)) == [
        ("Cluster", "v1"),
        ("ClusterLoadAssignment", "v1"),
    ]
    assert await run.get("a") == (200, "v1")


async def test_a_cluster_is_replaced_under_load_without_a_lost_request(run):
    shop = run.shop
    async with Load(run, "a") as load:
        for old, new in (("v1", "n1"), ("n1", "n2"), ("n2", "n3"), ("n3", "n4")):
            pushed = await run.change(
                shop.drop(CLUSTER, old),
                shop.drop(ENDPOINT, old),
                shop.host("out", "a", new),
                shop.endpoint(new, "v3"),
                shop.cluster(new),
            )
            assert pushed == [
                ("Cluster", new),
                ("ClusterLoadAssignment", new),
                ("VirtualHost", "out/a"),
                ("Cluster", f"-{old}"),
            ]
        await run.until("a", (200, "v3"))
    assert load.statuses.keys() == {200}, load.statuses


async def test_a_further_listener_gets_its_table_and_virtual_hosts(run):
    shop = run.shop
    await run.change(*shop.table("other"), shop.host("other", "a", "v2"))
    await run.live()
    async with asyncio.timeout(TIMEOUT):
        while not (run.folder / "other").exists():
            await asyncio.sleep(0.01)
    assert await run.get("a", "other") == (200, "v2")
    assert await run.change(shop.host("other", "a", "v1")) == [("VirtualHost", "other/a")]


async def test_a_refused_virtual_host_is_found_and_blocks_nothing(run):
    shop = run.shop
    run.announce(
        *(shop.host("out", name, "v1") for name in "cdefg"),
        shop.host("out", "bad", "v1", regex="("),
        shop.host("out", "b", "v1"),
    )
    (verdict,) = await run.ads.live(run.generation, TIMEOUT)
    assert verdict.state is State.REJECTED
    (rejection,) = verdict.rejections
    assert rejection.name == "out/bad"
    assert "(" in rejection.error
    for name in "cdefgb":
        await run.until(name, (200, "v1"))
    assert await run.change(shop.host("out", "bad", "v1")) == [("VirtualHost", "out/bad")]
    await run.until("bad", (200, "v1"))


async def test_nothing_is_sent_again_after_a_restart_and_traffic_goes_on(run):
    before = len(run.log.lines)
    async with Load(run, "a") as load:
        await run.server.stop()
        assert await run.get("a") == (200, "v1")
        await run.serve()
        await run.connected()
        run.shop.host("out", "b", "v1")
        await run.server.stop()
        await run.serve()
        await run.connected()
        await run.until("b", (200, "v1"))
    assert load.statuses.keys() == {200}, load.statuses
    pushed = [line[2:] for line in run.log.lines[before:] if line[0] == "pushed" and len(line) > 3]
    assert pushed == [("VirtualHost", "out/b")]


async def test_what_vanished_while_the_server_was_away_is_removed_in_order(run):
    shop = run.shop
    before = len(run.log.lines)
    async with Load(run, "a") as load:
        await run.server.stop()
        shop.host("out", "a", "new")
        shop.cluster("new")
        shop.endpoint("new", "v3")
        for kind in (CLUSTER, ENDPOINT):
            shop.drop(kind, "v1")
        await run.serve()
        await run.connected()
        await run.until("a", (200, "v3"))
    assert load.statuses.keys() == {200}, load.statuses
    pushed = [line[2:] for line in run.log.lines[before:] if line[0] == "pushed" and len(line) > 3]
    assert pushed[0] == ("Cluster", "new")
    assert pushed[-2:] == [("VirtualHost", "out/a"), ("Cluster", "-v1")]


async def test_a_listener_without_table_answers_with_the_reason(run):
    changes = run.shop.table("lost")
    run.shop.drop(ROUTE, "lost")
    run.shop.drop(VIRTUAL_HOST, "lost/~")
    await run.change(*changes)
    async with asyncio.timeout(TIMEOUT):
        while not (run.folder / "lost").exists():
            await asyncio.sleep(0.01)
    assert await run.get("a", "lost") == (503, "pidalio: no usable route configuration 'lost'\n")


async def test_a_malformed_endpoint_blocks_no_other_cluster(run):
    shop = run.shop
    place = LocalityPlan((EndpointPlan("not-an-address", 80),), weight=1)
    run.announce(
        shop.cluster("bad"),
        shop.put(load_assignment_resource(AssignmentPlan("bad", (place,)))),
        shop.host("out", "bad", "bad"),
        shop.cluster("good"),
        shop.endpoint("good", "v3"),
        shop.host("out", "good", "good"),
    )
    (verdict,) = await run.ads.live(run.generation, TIMEOUT)
    assert (verdict.state, [each.name for each in verdict.rejections]) == (State.REJECTED, ["bad"])
    await run.until("good", (200, "v3"))
    status, _ = await run.get("bad")
    assert status == 503
    assert await run.change(shop.endpoint("bad", "v2")) == [("ClusterLoadAssignment", "bad")]
    await run.until("bad", (200, "v2"))


async def test_a_domain_moves_between_virtual_hosts_under_load(run):
    shop = run.shop
    async with Load(run, "a") as load:
        for number in range(4):
            name = f"host-{number}"
            route = RoutePlan(MatchPlan(), ForwardPlan((WeightedCluster("v1", 1),)))
            added = shop.put(virtual_host_resource("out", VirtualHostPlan(name, ("a",), (route,))))
            removed = shop.drop(VIRTUAL_HOST, f"out/host-{number - 1}" if number else "out/a")
            assert await run.change(added, removed) == [
                ("VirtualHost", f"out/{name}", f"-{next(iter(removed.values()))[0]}")
            ]
    assert load.statuses.keys() == {200}, load.statuses
    assert run.log.rejections == []


async def test_a_cluster_that_warms_when_the_stream_ends_gets_its_endpoints_from_the_next(run, monkeypatch):
    monkeypatch.setattr(responses, "_follow", lambda *_: None)
    run.announce(run.shop.cluster("v1", timeout=2000))
    async with asyncio.timeout(TIMEOUT):
        while not any(line[2:] == ("Cluster", "v1") for line in run.log.lines):
            await asyncio.sleep(0.01)
    assert await run.get("a") == (200, "v1")
    (verdict,) = run.ads.verdicts(run.generation)
    assert verdict.state is State.LAGGING
    monkeypatch.undo()
    await run.server.stop()
    await run.serve()
    await run.connected()
    assert await run.get("a") == (200, "v1")
