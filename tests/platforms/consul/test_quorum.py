"""Two real servers of Consul, one of which dies: the other has no leader, and what it knows is followed."""

import asyncio
import json

import pytest
from tests.platforms.consul.catalog import Catalog
from tests.platforms.consul.following import Following
from tests.platforms.servers.consul import ConsulAgent

pytestmark = pytest.mark.platform("consul")


class OneOfTwo(ConsulAgent):
    """A server that leads, or follows, only with another one."""

    def __init__(self, folder, name: str, other: "OneOfTwo | None" = None) -> None:
        super().__init__(folder / name)
        self.node, self.other = name, other

    def command(self):
        made = super().command()
        config = self.folder / "config.json"
        told = json.loads(config.read_text()) | {"node_name": self.node, "bootstrap_expect": 2}
        if self.other is not None:
            told["retry_join"] = [f"127.0.0.1:{self.other.ports[2]}"]
        config.write_text(json.dumps(told))
        return made

    async def is_ready(self) -> bool:
        """It answers; with the other one, it has a leader too."""
        return self.other is None or bool(await self.call("GET", "/v1/status/leader"))


async def test_a_server_without_a_quorum_is_followed_until_it_has_one_again(tmp_path):
    async with OneOfTwo(tmp_path, "one") as one, OneOfTwo(tmp_path, "two", one) as two:
        await Catalog(one).put("web", "w1", "10.0.0.1")
        while not await one.call("GET", "/v1/health/service/web", stale=""):
            await asyncio.sleep(0.05)  # the one that lives has heard of it
        async with Following(tmp_path, one.url, wait_seconds=2) as mesh:
            await mesh.until(lambda: mesh.state() == "synced")
            await two.kill()
            await mesh.until(lambda: "consul-no-leader" in mesh.codes())
            await mesh.until(lambda: mesh.state() == "synced")
            assert mesh.addresses("web") == ["10.0.0.1"]
        async with Following(tmp_path, one.url, wait_seconds=2) as mesh:  # begun anew, without a leader
            await mesh.until(lambda: mesh.state() == "synced" and "consul-no-leader" in mesh.codes())
            assert mesh.addresses("web") == ["10.0.0.1"]
            await two.start()
            await mesh.until(lambda: mesh.codes() == [])
            await Catalog(one).put("web", "w2", "10.0.0.2")
            await mesh.until(lambda: mesh.addresses("web") == ["10.0.0.1", "10.0.0.2"])


async def test_a_server_that_never_had_a_leader_is_not_taken_for_an_empty_one(tmp_path):
    async with OneOfTwo(tmp_path, "one") as one, Following(tmp_path, one.url) as mesh:
        await mesh.until(lambda: "platform-not-read" in mesh.codes())
        await mesh.until(lambda: "No cluster leader" in mesh.follower.standing().error)
        assert mesh.state() == "starting"
