"""The common suite on a real Eureka, with what only a real one does: leases that end, states that are overridden."""

import asyncio
import contextlib
from typing import ClassVar

import httpx
import pytest
from tests.platforms.conformance import Conformance
from tests.platforms.following_mesh import FollowingMesh
from tests.platforms.servers.eureka import EurekaServer
from tests.platforms.subject import Instance, Subject

from pidalio.platforms.eureka import KIND, EurekaSettings
from pidalio.platforms.installed import Configured

pytestmark = pytest.mark.platform("eureka")


class RealEureka(Subject):
    lacks: ClassVar = {
        "keeping": "its registry is in memory: one that comes back is empty until instances renew their leases",
        "malformed": "a real one refuses what it cannot read: the registry of the tests does not",
    }
    flood_of: ClassVar = 400

    server: ClassVar[EurekaServer]
    """One for all tests of this file, because it takes long to start: each test begins with an empty registry."""

    @property
    def port(self) -> int:
        return self.server.port

    async def start(self) -> None:
        if self.server.process is None:
            await self.server.start()
        async with asyncio.timeout(60):
            while known := (await self.server.call("GET", "/apps"))["applications"]["application"]:
                await asyncio.gather(*(self._end(one) for application in known for one in application["instance"]))
                await asyncio.sleep(0.2)  # what it answers is up to a second old

    async def _end(self, one) -> None:
        """Take an instance away; one that is gone already was in an answer from before."""
        with contextlib.suppress(httpx.HTTPStatusError):
            await self.server.call("DELETE", f"/apps/{one['app']}/{one['instanceId']}")

    async def stop(self) -> None:
        """Leave it to the tests that follow."""

    def configured(self, port: int) -> Configured:
        settings = EurekaSettings(
            address=f"http://127.0.0.1:{port}/eureka", interval=0.3, settle=2, silence=3, reconcile=3
        )
        return Configured(KIND, settings)

    def hostname(self, service: str) -> str:
        return f"{service}.eureka"

    async def put(self, service: str, name: str, instance: Instance) -> None:
        where = {"version": instance.version, "zone": instance.zone}
        await self.server.register(service.upper(), f"{service}:{name}", instance.address, instance.port, **where)

    async def drop(self, service: str, name: str) -> None:
        await self.server.call("DELETE", f"/apps/{service.upper()}/{service}:{name}")

    async def _become(self, service: str, name: str, status: str) -> None:
        await self.server.call("PUT", f"/apps/{service.upper()}/{service}:{name}/status", value=status)

    async def fail(self, service: str, name: str) -> None:
        await self._become(service, name, "DOWN")

    async def heal(self, service: str, name: str) -> None:
        await self.server.call("DELETE", f"/apps/{service.upper()}/{service}:{name}/status", value="UP")

    async def drain(self, service: str, name: str) -> None:
        await self._become(service, name, "OUT_OF_SERVICE")

    async def restart_server(self, *, keeps: bool) -> None:
        await self.server.restart()


@pytest.fixture(scope="module", autouse=True)
def server(tmp_path_factory):
    RealEureka.server = EurekaServer(tmp_path_factory.mktemp("eureka"))
    yield
    asyncio.run(RealEureka.server.stop())


class TestRealEureka(Conformance):
    def make(self, folder) -> Subject:
        return RealEureka(folder)


async def test_an_instance_whose_lease_ends_is_gone(tmp_path):
    subject = RealEureka(tmp_path)
    async with FollowingMesh(subject, tmp_path) as mesh:
        for number in range(1, 9):
            await mesh.put("web", f"w{number}", f"10.77.0.{number}")
        await mesh.settled()
        await subject.server.register("WEB", "web:dies", "10.77.0.99", 8080, lease=1, version="v1", zone="east")
        mesh.expect("web", "dies", Instance("10.77.0.99", 8080))
        await mesh.settled()
        mesh.expected["web"].pop("dies")
        await mesh.settled()
        assert mesh.follower.standing().state == "synced"
