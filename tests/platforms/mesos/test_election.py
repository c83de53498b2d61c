"""Which master leads, by a real ZooKeeper."""

import asyncio
import json
from typing import Self

import pytest
from kazoo.client import KazooClient
from kazoo.security import make_digest_acl
from tests.platforms.mesos.fake import Master, Serving
from tests.platforms.mesos.joined import Joined
from tests.platforms.mesos.shop import Shop
from tests.platforms.servers.zookeeper import ZooKeeper

pytestmark = pytest.mark.platform("zookeeper")
A, B = "10.0.0.1", "10.0.0.2"
ONE = {f"{A}:31001": "HEALTHY v1"}
TWO = {**ONE, f"{B}:31002": "HEALTHY v1"}


class Standing:
    """A master that stands for election: its node vanishes with it."""

    def __init__(self, zookeeper: ZooKeeper, serving: Serving, name: str, acl=None) -> None:
        self._address = {"hostname": "localhost", "ip": "127.0.0.1", "port": serving.port}
        self._client = KazooClient(zookeeper.hosts, timeout=1.0, auth_data=[("digest", "mesos:secret")])
        self._name, self._acl = name, acl

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self._stand)
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self._client.stop)
        self._client.close()

    def _stand(self) -> None:
        self._client.start(timeout=30)
        info = {"id": self._name, "address": self._address, "port": 5050, "pid": "master@127.0.0.1:5050"}
        self._client.ensure_path("/mesos")
        self._client.create(
            "/mesos/json.info_", json.dumps(info).encode(), ephemeral=True, sequence=True, acl=self._acl
        )
        if self._acl:
            self._client.set_acls("/mesos", self._acl)


@pytest.fixture
async def zookeeper(tmp_path):
    async with ZooKeeper(tmp_path) as server:
        yield server


@pytest.fixture
async def shop():
    made = Shop()
    await made.serving.start()
    made.put("web", "a", A, 31001)
    yield made
    await made.serving.stop()


async def test_the_leader_is_found_and_followed_when_it_changes(zookeeper, shop, tmp_path):
    other = Master(shop.world, "M2")
    async with (
        Serving(other) as serving,
        Joined(tmp_path, master=f"zk://{zookeeper.hosts}/mesos") as joined,
    ):
        await joined.until(lambda: "no master" in joined.follower.standing().error, True)
        first = Standing(zookeeper, shop.serving, "M1")
        async with first, Standing(zookeeper, serving, "M2"):
            await joined.until_has(ONE)
            assert "SUBSCRIBE" not in other.asked
            await asyncio.to_thread(first._client.stop)
            await joined.until(lambda: "SUBSCRIBE" in other.asked, True)
            shop.put("web", "b", B, 31002)  # the former leader lives on, and tells its own
            other.agent_added(f"S-{B}")
            other.added(shop.running["web", "b"])
            await joined.until_has(TWO)
            await joined.until_state("synced")


async def test_the_leader_is_followed_on_while_zookeeper_is_away(zookeeper, shop, tmp_path):
    other = Master(shop.world, "M2")
    async with (
        Serving(other) as serving,
        Joined(tmp_path, master=f"zk://{zookeeper.hosts}/mesos") as joined,
    ):
        async with Standing(zookeeper, shop.serving, "M1"):
            await joined.until_has(ONE)
            await zookeeper.kill()
            shop.put("web", "b", B, 31002)
            await joined.until_has(TWO)
            shop.master.break_off()
            await joined.until(lambda: shop.master.asked.count("SUBSCRIBE") > 1, True)
            await joined.until_state("synced")
            await zookeeper.start()
        async with Standing(zookeeper, serving, "M2"):
            await joined.until(lambda: "SUBSCRIBE" in other.asked, True)
            assert joined.has() == TWO


async def test_what_zookeeper_does_not_show_is_one_line(zookeeper, shop, tmp_path):
    acl = [make_digest_acl("mesos", "secret", all=True)]
    async with Standing(zookeeper, shop.serving, "M1", acl):
        async with Joined(tmp_path, master=f"zk://{zookeeper.hosts}/mesos") as joined:
            await joined.until(lambda: "its ACL wants another user" in joined.follower.standing().error, True)
        async with Joined(tmp_path, master=f"zk://mesos:secret@{zookeeper.hosts}/mesos") as joined:
            await joined.until_has(ONE)


async def test_a_zookeeper_that_is_not_there_is_one_line(tmp_path):
    async with Joined(tmp_path, master="zk://127.0.0.1:1/mesos") as joined:
        await joined.until(lambda: "ZooKeeper" in joined.follower.standing().error, True)
        assert joined.codes() == ["platform-not-read"]
