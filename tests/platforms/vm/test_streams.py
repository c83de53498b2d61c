"""Proxies whose node names a WorkloadGroup, on real streams of a real control plane."""

import asyncio
import shutil
import tempfile
from pathlib import Path

import pytest
from grpc import aio
from tests.platforms.vm.proxies import GroupProxy

from pidalio.errors import Refused
from pidalio.http.client import Client, Target
from pidalio.model import Health, Locality
from pidalio.server.registering import StreamRegistrar
from pidalio.server.serve import Server
from pidalio.settings import ServerSettings
from pidalio.store import tables
from pidalio.xds import Node, Peer

SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: reviews}
spec: {selector: {app: reviews}, ports: [{name: http, port: 9080}]}
"""
GROUP = """
apiVersion: networking.istio.io/v1
kind: WorkloadGroup
metadata: {name: reviews}
spec:
  template: {labels: {app: reviews}, ports: {http: 9081}, network: vms, locality: eu/one, serviceAccount: reviews}
"""
PROBE = "  probe: {httpGet: {port: 9081}}\n"


class Running:
    """A control plane on its own, and what it knows."""

    def __init__(self, folder: Path, server: Server) -> None:
        self.folder, self.server = folder, server
        self.channel = aio.insecure_channel(server.xds_address)

    def proxy(self, *args, **more) -> GroupProxy:
        return GroupProxy(self.channel, *args, **more)

    def rows(self) -> dict:
        rows = {one.id: one.workload for one in self.server.registrations.entries()}
        return {name: row for name, row in rows.items() if self.live(row.name)}

    def live(self, name: str):
        return tables.WORKLOADS.get(self.server.control.world, ("default", name, "Agent"))

    async def until(self, claim) -> None:
        async with asyncio.timeout(20):
            while not claim():
                await asyncio.sleep(0.01)

    def codes(self) -> list[str]:
        return sorted(one.code for one in (*self.server.reports(), *self.server.registrations.reports()))

    def write(self, *texts: str) -> None:
        (self.folder / "mesh.yaml").write_text("---".join(texts))


@pytest.fixture
async def running():
    folder = Path(tempfile.mkdtemp(prefix="pd", dir="/tmp"))
    (folder / "mesh.yaml").write_text(SERVICE + "---" + GROUP)
    settings = ServerSettings(folder=folder, files=(str(folder / "mesh.yaml"),), registration_grace=0.2)
    async with Server(settings) as server:
        made = Running(folder, server)
        yield made
        await made.channel.close(None)
    shutil.rmtree(folder)


@pytest.mark.parametrize("delta", [True, False])
async def test_a_proxy_of_a_group_is_an_instance_while_its_stream_lives(running, delta):
    proxy = await running.proxy(delta=delta, locality={"region": "us", "zone": "two"}).come()
    (row,) = running.rows().values()
    assert (row.name, row.address, row.labels, row.ports, row.locality, row.health) == (
        "reviews-10.0.0.7-vms",
        "10.0.0.7",
        (("app", "reviews"), ("version", "v7")),
        (("http", 9081),),
        Locality("us", "two"),
        Health.HEALTHY,
    )
    await proxy.go()
    await running.until(lambda: running.server.registrations.entry("reviews-10.0.0.7-vms.default").disconnected_at)
    await proxy.come()  # within the grace time
    await asyncio.sleep(0.5)
    assert list(running.rows()) == ["reviews-10.0.0.7-vms.default"]
    await proxy.go()
    await running.until(lambda: not running.rows())


async def test_the_platforms_view_tells_of_them(running):
    await running.proxy().come()
    async with Client(Target(f"unix:{running.server.api_socket}")) as client:
        (view,) = [one for one in await client.platforms() if one.name == "agents"]
    assert (view.kind, view.instances, view.state, view.detail) == (
        "vm",
        1,
        "synced",
        "0 by their agents, 1 by their streams",
    )


@pytest.mark.parametrize("delta", [True, False])
async def test_health_told_over_the_stream(running, delta):
    running.write(SERVICE, GROUP + PROBE)
    await running.until(lambda: running.server.control.objects("WorkloadGroup")[0].spec.probe)
    proxy = await running.proxy(delta=delta).come()
    name = "reviews-10.0.0.7-vms"
    assert running.live(name).health is Health.UNHEALTHY  # no word yet
    await proxy.tell()
    await running.until(lambda: running.live(name).health is Health.HEALTHY)
    await proxy.tell("connection refused")
    await running.until(lambda: running.live(name).health is Health.UNHEALTHY)
    assert running.server.registrations.word(f"{name}.default").reason == "connection refused"
    await proxy.go()
    await proxy.come()
    assert running.live(name).health is Health.UNHEALTHY
    await proxy.tell()
    await running.until(lambda: running.live(name).health is Health.HEALTHY)


async def test_a_group_that_comes_late_registers_those_who_wait(running):
    running.write(SERVICE)
    await running.until(lambda: not running.server.control.objects("WorkloadGroup"))
    proxy = await running.proxy().come()
    assert running.rows() == {}
    assert "group-unknown" in running.codes()
    running.write(SERVICE, GROUP)
    await running.until(lambda: list(running.rows()) == ["reviews-10.0.0.7-vms.default"])
    assert await proxy.ended() == "WorkloadGroup default/reviews is there now: come again"  # for it has labels now
    await proxy.come()
    (known,) = running.server.control.proxies().values()
    assert known.labels == (("app", "reviews"), ("version", "v7"))
    assert "group-unknown" not in running.codes()


async def test_a_proxy_that_names_no_group_is_none(running):
    await running.proxy("").come()
    assert running.rows() == {}
    assert "group-unknown" not in running.codes()


class Steered:
    """Streams with identities, as a transport with mutual TLS knows them."""

    def __init__(self, running: Running) -> None:
        self.control = running.server.control

    async def come(self, *identities: str, address: str = "10.0.0.7"):
        node = Node(
            f"sidecar~{address}~vm.default~default.svc.cluster.local", metadata={"AUTO_REGISTER_GROUP": "reviews"}
        )
        peer = Peer("ipv4:127.0.0.1:1", identities)
        await self.control.prepare(node, peer)
        return self.control.ads.open(node, peer, lambda: None)


async def test_the_identity_of_a_proxy_must_be_of_the_group(running):
    steered = Steered(running)
    with pytest.raises(Refused, match="speaks for namespace other"):
        await steered.come("spiffe://mesh/ns/other/sa/reviews")
    with pytest.raises(Refused, match="is not of service account reviews"):
        await steered.come("spiffe://mesh/ns/default/sa/thief")
    assert running.rows() == {}
    await steered.come("spiffe://mesh/ns/default/sa/reviews")
    assert list(running.rows()) == ["reviews-10.0.0.7-vms.default"]


async def test_what_another_identity_holds_is_refused_and_told(running):
    steered = Steered(running)
    first = await steered.come("one.example.com")
    await steered.come("two.example.com")
    assert "registration-refused" in running.codes()
    assert running.server.registrations.entry("reviews-10.0.0.7-vms.default").holder == "one.example.com"
    steered.control.ads.close(first, "it ended")
    known = running.server.registrations
    await running.until(
        lambda: (one := known.entry("reviews-10.0.0.7-vms.default")) and one.holder == "two.example.com"
    )
    assert "registration-refused" not in running.codes()


async def test_a_stream_without_a_registrar_is_no_more_than_a_stream(running):
    """A health message of a proxy that is no guest changes nothing and ends nothing."""
    registrar: StreamRegistrar = running.server.control.ads.presence
    registrar.health(99, "ill")
    registrar.left(99)
    proxy = await running.proxy("").come()
    await proxy.tell("ill")
    await proxy.tell()
    assert not proxy.call.done()
