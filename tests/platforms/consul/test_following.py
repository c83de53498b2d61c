"""A real Consul: lost state, many services through few connections, filters, datacenters, protocols."""

import httpx
import pytest
from tests.platforms.consul.catalog import Catalog
from tests.platforms.consul.following import Following
from tests.platforms.servers.consul import ConsulAgent
from tests.platforms.servers.partition import Partition

from pidalio.model import Health, Protocol
from pidalio.platforms.consul.services import PAST_THE_STREAM

pytestmark = pytest.mark.platform("consul")


@pytest.fixture
async def server(tmp_path):
    async with ConsulAgent(tmp_path) as server:
        yield server


async def test_a_consul_that_forgot_everything_takes_nothing_away_until_it_is_told_again(tmp_path):
    async with ConsulAgent(tmp_path, memory=True) as server:
        catalog = Catalog(server)
        for number in range(3):
            await catalog.put("web", f"w{number}", f"10.0.0.{number}")
        await catalog.put("api", "a1", "10.0.1.1")
        async with Following(tmp_path, server.url, settle=20) as mesh:
            await mesh.until(lambda: mesh.state() == "synced")
            await server.restart()
            await mesh.until(lambda: mesh.codes() == ["consul-lost-state"])
            assert len(mesh.addresses("web")) == 3
            assert mesh.addresses("api") == ["10.0.1.1"]
            await catalog.put("web", "w0", "10.0.0.0", Meta={"version": "v2"})
            await catalog.put("web", "w1", "10.0.0.1")
            await catalog.put("api", "a1", "10.0.1.1")
            await mesh.until(lambda: dict(mesh.endpoints("web")[0].labels) == {"version": "v2"})
            assert mesh.addresses("web") == ["10.0.0.0", "10.0.0.1", "10.0.0.2"]
            await mesh.until(lambda: mesh.codes() == [])  # its time is over: what was not said again is gone
            await mesh.until(lambda: mesh.addresses("web") == ["10.0.0.0", "10.0.0.1"])
            assert mesh.addresses("api") == ["10.0.1.1"]


async def test_a_consul_that_forgot_everything_while_nobody_followed_takes_nothing_away_either(tmp_path):
    async with ConsulAgent(tmp_path, memory=True) as server:
        catalog = Catalog(server)
        await catalog.put("web", "w0", "10.0.0.0")
        await catalog.put("web", "w1", "10.0.0.1")
        await catalog.put("api", "a1", "10.0.1.1")
        async with Following(tmp_path, server.url, settle=15) as mesh:
            await mesh.until(lambda: mesh.state() == "synced")
        await server.restart()
        async with Following(tmp_path, server.url, settle=15) as mesh:
            await mesh.until(lambda: mesh.state() == "synced")
            assert mesh.codes() == ["consul-lost-state"]
            assert mesh.addresses("web") == ["10.0.0.0", "10.0.0.1"]
            await catalog.put("web", "w0", "10.0.0.0", Meta={"version": "v2"})
            await mesh.until(lambda: dict(mesh.endpoints("web")[0].labels) == {"version": "v2"})
            assert mesh.codes() == ["consul-lost-state"]
            assert mesh.addresses("web") == ["10.0.0.0", "10.0.0.1"]
            assert mesh.addresses("api") == ["10.0.1.1"]
            await mesh.until(lambda: mesh.service("api") is None)  # its time is over: what was not said again is gone
            await mesh.until(lambda: mesh.addresses("web") == ["10.0.0.0"] and mesh.codes() == [])


async def test_more_services_than_connections_are_all_followed(tmp_path, server):
    catalog = Catalog(server)
    for number in range(30):
        await catalog.put(f"s{number}", f"i{number}", f"10.0.0.{number}")
    async with (
        Partition("127.0.0.1", server.port) as link,
        Following(tmp_path, link.url, connections=12, poll_seconds=0.5) as mesh,
    ):
        await mesh.until(lambda: mesh.state() == "synced")
        for number in range(30):
            await catalog.put(f"s{number}", f"i{number}", f"10.0.1.{number}")
        await mesh.until(lambda: all(mesh.addresses(f"s{n}") == [f"10.0.1.{n}"] for n in range(30)))
        await catalog.put("s30", "i30", "10.0.1.30")
        await catalog.drop("i0")
        await mesh.until(lambda: mesh.addresses("s30") == ["10.0.1.30"] and mesh.service("s0") is None)
        assert link.standing <= 12
        assert mesh.codes() == []


async def test_who_follows_again_at_once_finds_the_connections_free(tmp_path, server):
    catalog = Catalog(server)
    for number in range(150):
        await catalog.put(f"s{number}", f"i{number}", f"10.0.0.{number}")
    for again in range(1, 4):  # an agent takes 200 of one caller
        async with Following(tmp_path, server.url) as mesh:
            await mesh.until(lambda: mesh.state() == "synced")
            await catalog.put("s149", "i149", f"10.0.{again}.1")
            await mesh.until(lambda again=again: mesh.addresses("s149") == [f"10.0.{again}.1"])
            assert mesh.codes() == []


@pytest.mark.parametrize(("parameters", "backend"), [({}, "streaming"), (PAST_THE_STREAM, "blocking-query")])
async def test_questions_about_a_service_get_past_the_stream_of_the_agent(server, parameters, backend):
    await Catalog(server).put("web", "w1", "10.0.0.1")
    async with httpx.AsyncClient(base_url=server.url) as http:
        answer = await http.get("/v1/health/service/web", params={"index": "1", "wait": "1s", **parameters})
    assert [each["Service"]["ID"] for each in answer.json()] == ["w1"]
    assert answer.headers["X-Consul-Query-Backend"] == backend


async def test_a_wake_up_without_a_change_changes_nothing(tmp_path, server):
    catalog = Catalog(server)
    await catalog.put("web", "w1", "10.0.0.1")
    async with Following(tmp_path, server.url) as mesh:
        await mesh.until(lambda: mesh.state() == "synced")
        generation = mesh.control.world.generation
        for number in range(20):
            await server.call("PUT", f"/v1/kv/key-{number}", {"any": "value"})
            await catalog.check("web", "w1", "passing", f"more-{number}")
        await catalog.put("api", "a1", "10.0.1.1")
        await mesh.until(lambda: mesh.addresses("api") == ["10.0.1.1"])
        assert mesh.control.world.generation == generation + 1


async def test_an_instance_without_a_port_is_told(tmp_path, server):
    catalog = Catalog(server)
    await catalog.put("web", "w1", "10.0.0.1")
    await catalog.put("web", "w2", "10.0.0.2", 0)
    async with Following(tmp_path, server.url) as mesh:
        await mesh.until(lambda: mesh.codes() == ["consul-bad-instance"])
        await catalog.put("web", "w2", "10.0.0.2", 8080)
        await mesh.until(lambda: mesh.addresses("web") == ["10.0.0.1", "10.0.0.2"])
        assert mesh.codes() == []


async def test_proxies_and_consul_itself_are_no_services_and_a_filter_chooses(tmp_path, server):
    catalog = Catalog(server)
    await catalog.put("web", "w1", "10.0.0.1", Tags=["mesh"])
    await catalog.put("web", "w2", "10.0.0.2")
    await catalog.put("api", "a1", "10.0.1.1")
    proxy = {"Kind": "connect-proxy", "Proxy": {"DestinationServiceName": "web"}}
    await catalog.put("web-sidecar-proxy", "p1", "10.0.0.1", 21000, Tags=["mesh"], **proxy)
    async with Following(tmp_path, server.url, filter='"mesh" in Service.Tags') as mesh:
        await mesh.until(lambda: mesh.state() == "synced")
        assert mesh.addresses("web") == ["10.0.0.1"]
        for name in ("api", "web-sidecar-proxy", "consul"):
            assert mesh.service(name) is None
        assert mesh.follower.standing().services == 1


async def test_service_defaults_state_protocols(tmp_path, server):
    await Catalog(server).put("web", "w1", "10.0.0.1")
    defaults = {"Kind": "service-defaults", "Name": "web", "Protocol": "http"}
    await server.call("PUT", "/v1/config", defaults)
    async with Following(tmp_path, server.url) as mesh:
        await mesh.until(lambda: mesh.state() == "synced")
        assert mesh.service("web").ports[0].protocol is Protocol.HTTP
        await server.call("PUT", "/v1/config", {**defaults, "Protocol": "grpc"})
        await mesh.until(lambda: mesh.service("web").ports[0].protocol is Protocol.GRPC)


async def test_a_node_that_goes_takes_its_instances_out(tmp_path, server):
    catalog = Catalog(server)
    await catalog.put("web", "w1", "10.0.0.1")
    await catalog.put("web", "w2", "10.0.0.2")
    async with Following(tmp_path, server.url) as mesh:
        await mesh.until(lambda: mesh.state() == "synced")
        check = {"Node": catalog.node, "CheckID": "serfHealth", "Name": "serf", "Status": "critical"}
        node = {"Node": catalog.node, "Address": "10.0.0.1", "SkipNodeUpdate": True, "Check": check}
        await server.call("PUT", "/v1/catalog/register", node)
        await mesh.until(lambda: {one.health for one in mesh.endpoints("web")} == {Health.UNHEALTHY})


async def test_a_datacenter_that_does_not_exist_holds_up_nothing_of_another(tmp_path, server):
    await Catalog(server).put("web", "w1", "10.0.0.1")
    async with Following(tmp_path, server.url, datacenters="dc1,dc2") as mesh:
        await mesh.until(lambda: mesh.addresses("web") == ["10.0.0.1"])
        await mesh.until(lambda: mesh.codes() == ["platform-not-read"])
        (told,) = mesh.told()
        assert "datacenter dc2" in told.message
        assert [one.locality.region for one in mesh.endpoints("web")] == ["dc1"]
