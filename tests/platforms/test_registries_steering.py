"""Traffic follows the other registries, each a real server: it dies and comes back, and no request is lost."""

import pytest
from tests.e2e.embedded import Folder
from tests.platforms.etcd.test_conformance import EtcdSubject
from tests.platforms.eureka.test_real import RealEureka
from tests.platforms.nomad.test_real import RealNomad
from tests.platforms.servers.eureka import EurekaServer
from tests.platforms.steering import Instance as Program
from tests.platforms.steering import Steering
from tests.platforms.story import Part, traffic_follows_and_outlives
from tests.platforms.subject import Instance, Subject
from tests.platforms.zookeeper.test_conformance import ZooKeeperSubject
from tests.platforms.zookeeper.tree import BASE

pytestmark = [pytest.mark.envoy, pytest.mark.slow]


@pytest.fixture
def folder(tmp_path) -> Folder:
    return Folder(tmp_path)


def zookeeper(folder):
    subject = ZooKeeperSubject(folder)
    return subject, subject.server, f"zookeeper=127.0.0.1:{subject.port}{BASE}?session=4"


def etcd(folder):
    subject = EtcdSubject(folder)
    return subject, subject.server, f"etcd=http://127.0.0.1:{subject.port}?port=80"


def nomad(folder):
    subject = RealNomad(folder)
    return subject, subject.agent, f"nomad=http://127.0.0.1:{subject.port}"


def eureka(folder):
    RealEureka.server = EurekaServer(folder)
    subject = RealEureka(folder)
    return subject, subject.server, f"eureka=http://127.0.0.1:{subject.port}/eureka?interval=0.3&settle=60"


class Registry(Part):
    port = 80

    def __init__(self, subject: Subject, server, platform: str) -> None:
        self.subject, self.server = subject, server
        self.name, self.host = platform.partition("=")[0], subject.hostname("web")

    async def put(self, one: Program) -> None:
        await self.subject.put("web", one.version, Instance(one.address, one.port, one.version))

    async def drop(self, one: Program) -> None:
        await self.subject.drop("web", one.version)

    async def end(self) -> None:
        await self.server.kill()

    async def return_with(self, *known: Program) -> None:
        await self.server.start()
        if "keeping" in self.subject.lacks:
            for one in known:
                await self.put(one)  # as instances do that renew their lease


@pytest.mark.parametrize(
    "make", [pytest.param(one, marks=pytest.mark.platform(one.__name__)) for one in (zookeeper, etcd, nomad, eureka)]
)
async def test_traffic_follows_and_outlives_the_registry(make, folder, tmp_path):
    subject, server, platform = make(tmp_path / "server")
    await subject.start()
    try:
        async with Steering(folder, platform) as mesh:
            await traffic_follows_and_outlives(mesh, Registry(subject, server, platform))
    finally:
        await server.stop()
        await subject.stop()
