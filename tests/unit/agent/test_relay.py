"""A real Envoy behind the relay: what it holds outlives its control plane, and is brought up to date when that is back."""

import asyncio
import json
import os
import signal

import httpx
import pytest
from tests.ports import free_port

from pidalio.agent.envoy_process import EnvoyFiles, EnvoyOptions
from pidalio.agent.envoy_supervisor import EnvoySupervisor
from pidalio.agent.kept import Recording
from pidalio.agent.relay import Upstream, XdsRelay
from pidalio.envoy import messages as pb
from pidalio.envoy.bootstrap import ads_bootstrap, node
from pidalio.envoy.protos import from_json, to_json
from pidalio.envoy.resource import Resource, resource
from pidalio.model import Locality
from pidalio.xds.ads import Ads
from pidalio.xds.server import AdsServer
from pidalio.xds.typeurls import CLUSTER, ENDPOINT, LISTENER, ROUTE

from .conftest import listener, until

pytestmark = pytest.mark.envoy

ADS = {"ads": {}, "resource_api_version": "V3"}


class World:
    """A control plane of the xds package over a table of resources."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.tables: dict[str, dict[str, Resource]] = {}
        self.server: AdsServer | None = None
        self.sent: list[str] = []

    def names(self, type_url):
        return self.tables.get(type_url, {}).keys()

    def get(self, type_url, name):
        return self.tables.get(type_url, {}).get(name)

    def put(self, kind: str, message) -> None:
        name = message.cluster_name if kind == ENDPOINT else message.name
        self.tables.setdefault(kind, {})[name] = resource(kind, name, message, ())

    async def start(self) -> None:
        self.server = AdsServer(Ads(lambda _node, _peer: self, events=self), self.address)
        await self.server.start()

    async def stop(self) -> None:
        await self.server.stop()
        self.server = None

    def pushed(self, proxy, type_url, names, removed, size, generation) -> None:
        self.sent.extend(names)

    def connected(self, proxy, stream, peer) -> None: ...
    def disconnected(self, proxy, stream, reason) -> None: ...
    def acked(self, proxy, type_url, names, seconds, generation) -> None: ...
    def rejected(self, proxy, rejection) -> None: ...


def say(world: World, port: int, text: str) -> None:
    """Have the proxy answer `text` through a listener, a route table, a cluster and its endpoints."""
    shape = listener("in", "127.0.0.1", port)
    hcm = shape["filter_chains"][0]["filters"][0]["typed_config"]
    table = {"name": "table", **hcm.pop("route_config")}
    hcm["rds"] = {"route_config_name": "table", "config_source": ADS}
    table["virtual_hosts"][0]["routes"][0]["direct_response"]["body"]["inline_string"] = text
    cluster = {"name": "c", "type": "EDS", "eds_cluster_config": {"eds_config": ADS}}
    world.put(CLUSTER, from_json(json.dumps(cluster), pb.Cluster))
    world.put(ENDPOINT, from_json(json.dumps({"cluster_name": "c"}), pb.ClusterLoadAssignment))
    world.put(LISTENER, from_json(json.dumps(shape), pb.Listener))
    world.put(ROUTE, from_json(json.dumps(table), pb.RouteConfiguration))


@pytest.fixture
async def world(run_folder):
    made = World(f"unix:{run_folder}/control.sock")
    await made.start()
    yield made
    if made.server is not None:
        await made.stop()


@pytest.fixture
async def relay(world, run_folder):
    noticed: list[bool] = []
    upstream = Upstream(world.address, connect_seconds=0.3, retry_seconds=0.05)
    made = XdsRelay(
        upstream, socket=run_folder / "relay.sock", kept_socket=run_folder / "kept.sock", noticed=noticed.append
    )
    made.seen = noticed
    await made.start()
    yield made
    await made.stop()


@pytest.fixture(params=[Locality(), Locality("r", "z")], ids=["nowhere", "somewhere"])
async def supervisor(relay, processes, run_folder, envoy_executable, request):
    """An Envoy that knows where it is asks for its local cluster before anything else."""
    files = EnvoyFiles(run_folder / "e.json", run_folder / "e.sock", run_folder / "e.log")
    name = "sidecar~127.0.0.1~reviews-0.default~default.svc.cluster.local"

    def bootstrap(_) -> str:
        return to_json(
            ads_bootstrap(
                node=node(name, "reviews", locality=request.param),
                xds_address=relay.address,
                admin_path=str(files.admin),
            )
        )

    async def changed(error) -> None: ...

    made = EnvoySupervisor("reviews-0", bootstrap, EnvoyOptions(envoy_executable), files, processes, changed=changed)
    life = asyncio.create_task(made.run())
    yield made
    await made.stop()
    await life


async def answer(port: int) -> str:
    async with httpx.AsyncClient(trust_env=False) as client:
        try:
            return (await client.get(f"http://127.0.0.1:{port}/")).text
        except httpx.TransportError as error:
            return repr(error)


async def ready(supervisor) -> None:
    async with asyncio.timeout(30):
        await supervisor.ready.wait()


def pid(supervisor) -> int:
    return supervisor.envoy._process.pid


async def test_envoy_restarted_while_the_control_plane_is_down_serves(world, relay, supervisor):
    port = free_port()
    say(world, port, "first")
    await ready(supervisor)
    await until(lambda: relay.kept.is_usable)
    assert await answer(port) == "first"

    await world.stop()
    before = pid(supervisor)
    os.kill(before, signal.SIGKILL)
    await until(lambda: supervisor.restarts == 1 and supervisor.ready.is_set())
    assert pid(supervisor) != before
    assert await answer(port) == "first"
    assert relay.seen == [True, False]


async def test_returning_control_plane_sends_what_differs_and_restarts_nothing(world, relay, supervisor):
    port = free_port()
    say(world, port, "first")
    await ready(supervisor)
    await until(lambda: relay.kept.is_usable)
    await world.stop()
    os.kill(pid(supervisor), signal.SIGKILL)
    await until(lambda: supervisor.restarts == 1 and supervisor.ready.is_set())
    before = pid(supervisor)

    say(world, port, "second")
    world.sent.clear()
    await world.start()
    await until(lambda: said(port, "second"))
    assert pid(supervisor) == before
    assert set(world.sent) == {"table"}
    assert relay.seen == [True, False, True]


async def test_what_envoy_accepted_last_stays_though_its_answer_was_not_heard(world, relay, supervisor, monkeypatch):
    """The control plane dies between Envoy's acceptance and the moment in which the agent reads of it."""
    port = free_port()
    say(world, port, "first")
    await ready(supervisor)
    await until(lambda: relay.kept.is_usable)
    await world.stop()
    await until(lambda: relay.seen == [True, False])

    heard = Recording.heard
    monkeypatch.setattr(Recording, "heard", lambda self, request: None if request.nonce else heard(self, request))
    say(world, port, "second")
    await world.start()
    await until(lambda: said(port, "second"))
    await world.stop()
    await until(lambda: relay.seen == [True, False, True, False])
    await until(lambda: settled(relay))
    assert await answer(port) == "second"

    before = pid(supervisor)
    os.kill(before, signal.SIGKILL)
    await until(lambda: supervisor.restarts == 1 and supervisor.ready.is_set())
    assert await answer(port) == "second"


def settled(relay) -> bool:
    """Tell whether the relay's own server has said all that it has to say to an Envoy that asked for everything."""
    return any(
        {CLUSTER, ENDPOINT, LISTENER, ROUTE} <= stream.subscriptions.keys()
        and all(asked.is_settled for asked in stream.subscriptions.values())
        for stream in relay._kept_server._ads.streams()
    )


async def said(port: int, text: str) -> bool:
    return await answer(port) == text


async def test_without_a_first_configuration_nothing_is_served(world, relay, supervisor):
    """An empty configuration would be worse than none: Envoy waits for its control plane."""
    await world.stop()
    await until(lambda: False in relay.seen)
    assert not supervisor.ready.is_set()
    port = free_port()
    say(world, port, "first")
    await world.start()
    await ready(supervisor)
    await until(lambda: said(port, "first"))


async def test_refused_resource_is_not_kept(world, relay, supervisor):
    port = free_port()
    say(world, port, "first")
    await ready(supervisor)
    await until(lambda: relay.kept.is_usable)
    kept = relay.kept.get(LISTENER, "in").version

    await world.stop()
    world.sent.clear()
    broken = from_json(json.dumps({"name": "in"}), pb.Listener)  # no address
    world.put(LISTENER, broken)
    await world.start()
    await until(lambda: "in" in world.sent)
    rejected = "listener_manager.lds.update_rejected"
    await until(lambda: counted(supervisor, rejected))
    assert relay.kept.get(LISTENER, "in").version == kept
    assert await answer(port) == "first"


async def counted(supervisor, name: str) -> bool:
    return (await supervisor.envoy.admin.stats(f"^{name}$")).get(name, 0) > 0
