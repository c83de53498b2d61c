"""Traffic follows the other registries, each a real server: it dies and comes back, and no request is lost."""

import pytest
from tests.e2e.embedded import Folder
from tests.platforms.etcd.test_conformance import EtcdSubject
from tests.platforms.eureka.test_real import RealEureka
from tests.platforms.nomad.test_real import RealNomad
from tests.platforms.servers.eureka import EurekaServer
from tests.platforms.steering import Instance as Program
from tests.platforms.steering import Steering
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


@pytest.mark.parametrize(
    "make", [pytest.param(one, marks=pytest.mark.platform(one.__name__)) for one in (zookeeper, etcd, nomad, eureka)]
)
async def test_traffic_follows_and_outlives_the_registry(make, folder, tmp_path):
    subject, server, platform = make(tmp_path / "server")
    await subject.start()
    try:
        await story(subject, server, platform, folder)
    finally:
        await server.stop()
        await subject.stop()


async def story(subject: Subject, server, platform: str, folder: Folder) -> None:
    host, name = subject.hostname("web"), platform.partition("=")[0]

    async def put(identity: str, one: Program) -> None:
        await subject.put("web", identity, Instance(one.address, one.port, one.version))

    async with Steering(folder, platform) as mesh:
        first, second = await mesh.instance("v1"), await mesh.instance("v2")
        await put("w1", first)
        await mesh.until_served(host, "v1", port=80)
        await put("w2", second)
        await mesh.until_served(host, "v1", "v2", port=80)
        async with mesh.load(host, port=80) as load:
            await load.more(50)
            await subject.drop("web", "w1")
            await mesh.until_served(host, "v2", port=80)
            await first.stop()
            third = await mesh.instance("v3")
            await put("w3", third)
            await mesh.until_served(host, "v2", "v3", port=80)

            await server.kill()
            await load.more(200)
            await mesh.weights(host, v2=100, v3=0, port=80)
            assert "stale" in await mesh.ask("platforms")

            await mesh.keeps(name, third.address)
            await mesh.kill_control()
            await load.more(100)
            await mesh.start_control()  # the registry is away: what was known of it is live
            await mesh.weights(host, v2=0, v3=100, port=80)

            await server.start()
            if "keeping" in subject.lacks:
                await put("w2", second)  # as instances do that renew their lease
                await put("w3", third)
            fourth = await mesh.instance("v4")
            await put("w4", fourth)
            await mesh.knows(fourth.address)
            await mesh.weights(host, v3=50, v4=50, port=80)
            await load.more(100)
        assert load.failed == {}
