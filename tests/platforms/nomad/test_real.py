"""The common suite and tokens on a real Nomad: each instance is a job whose task is Nomad's own mock."""

import asyncio
import re
import shutil
from typing import ClassVar

import pytest
from tests.platforms.conformance import Conformance
from tests.platforms.following_mesh import FollowingMesh
from tests.platforms.servers.nomad import NomadAgent
from tests.platforms.subject import Instance, Subject

from pidalio.platforms.installed import Configured
from pidalio.platforms.nomad import KIND, NomadSettings

pytestmark = pytest.mark.platform("nomad")


class RealNomad(Subject):
    lacks: ClassVar = {
        "drain": "Nomad has no word for it: what is to get nothing new is deregistered",
        "zones": "a zone is the datacenter of the agent, which is one here",
        "health": "mock tasks have no checks that a test could fail: the Nomad of the tests has",
        "keeping": "mock tasks do not survive their agent: their registrations end with it and are others then",
        "asking twice": "what ends is said in order, by a whole registry that is younger",
        "malformed": "a real one says nothing that cannot be understood: the Nomad of the tests does",
    }
    flood_of: ClassVar = 12

    def __init__(self, folder, *, token: str = "", acl: bool = False) -> None:
        super().__init__(folder)
        self.agent = NomadAgent(folder, acl=acl)
        self.token = token

    @property
    def port(self) -> int:
        return self.agent.port

    async def start(self) -> None:
        await self.agent.start()

    async def stop(self) -> None:
        await self.agent.stop()

    def configured(self, port: int) -> Configured:
        settings = NomadSettings(address=f"http://127.0.0.1:{port}", token=self.token, silence=15)
        return Configured(KIND, settings)

    def hostname(self, service: str) -> str:
        return f"{service}.default.nomad"

    async def put(self, service: str, name: str, instance: Instance) -> None:
        told = {
            "Name": service,
            "Provider": "nomad",
            "Address": instance.address,
            "PortLabel": str(instance.port),
            "Tags": [f"version={instance.version}"],
        }
        task = {
            "Name": "t",
            "Driver": "mock_driver",
            "Config": {"run_for": "24h"},
            "Resources": {"CPU": 1, "MemoryMB": 10},
        }
        group = {"Name": "g", "Count": 1, "Services": [told], "Tasks": [task]}
        job = {"ID": f"{service}-{name}", "Type": "service", "Datacenters": ["dc1"], "TaskGroups": [group]}
        await self.agent.call("POST", "/v1/jobs", {"Job": job})
        await self._until(service, name, lambda found: any(_is(each, instance) for each in found))

    async def drop(self, service: str, name: str) -> None:
        await self.agent.end(f"{service}-{name}")
        await self._until(service, name, lambda found: not found)

    async def _until(self, service: str, name: str, is_so) -> None:
        async with asyncio.timeout(60):
            while True:
                found = await self.agent.call("GET", f"/v1/service/{service}")
                if is_so([each for each in found if each["JobID"] == f"{service}-{name}"]):
                    return
                await asyncio.sleep(0.05)

    async def restart_server(self, *, keeps: bool) -> None:
        await self.agent.kill()
        if not keeps:
            shutil.rmtree(self.agent.folder / "data", ignore_errors=True)
        await self.agent.start()


def _is(found, instance: Instance) -> bool:
    return (found["Address"], found["Port"], found["Tags"]) == (
        instance.address,
        instance.port,
        [f"version={instance.version}"],
    )


class TestRealNomad(Conformance):
    def make(self, folder) -> Subject:
        return RealNomad(folder)


async def test_a_token_that_may_only_read_jobs_follows_services_and_says_what_is_missing(tmp_path):
    subject = RealNomad(tmp_path, acl=True)
    await subject.start()
    subject.start = _nothing
    subject.token = await subject.agent.token("reader", 'namespace "default" { capabilities = ["read-job"] }')
    async with FollowingMesh(subject, tmp_path) as mesh:
        await mesh.put("web", "w1", "10.77.0.1")
        await mesh.settled()
        assert [one.code for one in await mesh.told()] == ["nomad-no-nodes"]


async def test_a_token_that_is_none_makes_the_platform_unread_and_not_empty(tmp_path):
    subject = RealNomad(tmp_path, acl=True, token="00000000-0000-0000-0000-000000000000")
    async with FollowingMesh(subject, tmp_path) as mesh:
        await mesh.told()
        async with asyncio.timeout(60):
            while "platform-not-read" not in (told := {one.code: one.message for one in mesh.follower.reports()}):
                await asyncio.sleep(0.05)
        assert re.search(r"403|Permission denied", told["platform-not-read"])


async def _nothing() -> None:
    return
