"""What only a real ZooKeeper shows: sessions that end, rights, nodes that are no instances."""

import asyncio

import pytest
from kazoo.security import make_digest_acl
from tests.platforms.followed import Followed, eventually
from tests.platforms.servers.zookeeper import ZooKeeper
from tests.platforms.zookeeper.tree import BASE, Registrar, curator

from pidalio.platforms.installed import from_option
from pidalio.rules import services

pytestmark = pytest.mark.platform("zookeeper")


@pytest.fixture
async def server(tmp_path):
    async with ZooKeeper(tmp_path) as running:
        yield running


def following(control, server, query: str = "") -> Followed:
    return Followed(control, from_option(f"zookeeper={server.hosts}{BASE}?session=4{query}"))


def seen(control, host: str = "web.zookeeper") -> list[str]:
    return [one.address for one in services.endpoints(control.world, (host, "default"))]


async def test_instances_vanish_with_the_session_that_registered_them(control, server):
    async with Registrar(server.hosts) as stays, following(control, server):
        await stays.put("web", "i1", curator("web", "10.0.0.1", 8080))
        async with Registrar(server.hosts) as dies:
            await dies.put("web", "i2", curator("web", "10.0.0.2", 8080))
            await eventually(lambda: seen(control), ["10.0.0.1", "10.0.0.2"])
        await eventually(lambda: seen(control), ["10.0.0.1"])


async def test_a_path_that_is_not_there_yet_has_no_services_and_may_come(control, server):
    async with Registrar(server.hosts) as registrar, following(control, server) as follower:
        await eventually(lambda: follower.standing().state, "synced")
        await registrar.put("web", "i1", curator("web", "10.0.0.1", 8080))
        await eventually(lambda: seen(control), ["10.0.0.1"])


async def test_a_node_that_is_no_instance_is_told_and_counts_when_it_is_mended(control, server):
    async with Registrar(server.hosts) as registrar, following(control, server) as follower:
        await registrar.put("web", "i1", b"not JSON")
        await registrar.put("web", "i2", curator("web", "10.0.0.2", 8080))
        await eventually(lambda: seen(control), ["10.0.0.2"])
        await eventually(lambda: [one.code for one in follower.reports()], ["zookeeper-bad-node"])
        (report,) = follower.reports()
        assert report.message.startswith("zookeeper: /discovery/web/i1: it holds no JSON")
        await registrar.put("web", "i1", curator("web", "10.0.0.1", 8080))
        await eventually(lambda: seen(control), ["10.0.0.1", "10.0.0.2"])
        await eventually(lambda: list(follower.reports()), [])


async def test_rights_are_needed_and_a_lack_of_them_is_not_empty(control, server, tmp_path):
    async with Registrar(server.hosts) as registrar:
        await registrar.put("web", "i1", curator("web", "10.0.0.1", 8080))
        acl = [make_digest_acl("ann", "secret", all=True)]
        await asyncio.to_thread(registrar.client.set_acls, f"{BASE}/web", acl)
        async with following(control, server) as follower:
            await eventually(lambda: [one.code for one in follower.reports()], ["platform-not-read"])
            assert "refuses to show /discovery/web" in follower.standing().error
        file = tmp_path / "credentials"
        file.write_text("ann:secret\n")
        async with following(control, server, f"&credentialsFile={file}"):
            await eventually(lambda: seen(control), ["10.0.0.1"])


async def test_serversets(control, server):
    member = {"serviceEndpoint": {"host": "10.0.0.1", "port": 8080}, "additionalEndpoints": {}, "status": "ALIVE"}
    async with Registrar(server.hosts) as registrar, following(control, server, "&layout=serverset"):
        await registrar.put("web", "member_0000000001", member)
        await registrar.put("web", "lock-1", b"")
        await eventually(lambda: seen(control), ["10.0.0.1"])
        await registrar.drop("web/member_0000000001")
        await eventually(lambda: seen(control), [])
