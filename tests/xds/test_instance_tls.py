"""Instances that are spoken to with TLS on a real Envoy: each under its own name, beside others without TLS."""

import asyncio
import ssl

import httpx
import pytest
from cryptography import x509
from tests.xds.steered import Steered
from tests.xds.test_envoy_state import Run
from tests.xds.test_tls import Authority, pem

from pidalio.envoy import messages as pb
from pidalio.model import Endpoint, ObjectRef, Port, Protocol, Service
from pidalio.store import tables

pytestmark = pytest.mark.envoy
HOST = "shop.example"
KEY = (HOST, "default", "test/shop")
CLUSTER = f"outbound|80||{HOST}"


class Shop:
    """A service of a platform whose instances the test starts, and what reached them."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.authority = Authority("instances")
        self.reached: list[str] = []

    async def instance(self, name: str, authority: Authority | None = None, port: int = 0) -> int:
        """Start a server that answers its name, with TLS under that name, and return its port."""
        cert, key = (authority or self.authority).issue(self.run.folder, name, x509.DNSName(name))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        server = await asyncio.start_server(self._answer(name), "127.0.0.1", port, ssl=context)
        self.run.backends.append(server)
        return server.sockets[0].getsockname()[1]

    def _answer(self, name: str):
        async def answer(reader, writer):
            try:
                while await reader.readuntil(b"\r\n\r\n"):
                    self.reached.append(name)
                    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(name), name.encode()))
                    await writer.drain()
            except (asyncio.IncompleteReadError, OSError, asyncio.CancelledError):
                writer.close()

        return answer

    def offer(self, *endpoints: Endpoint, ca: str | None = None) -> None:
        """Make these the instances."""
        ca = pem(self.authority.certificate).decode() if ca is None else ca
        ports = (Port(80, "http", Protocol.HTTP),)
        service = Service(HOST, "default", ports, "Test", ObjectRef("Test", "default", "shop"), instance_ca=ca)
        self.run.steered.control.feed("test", {tables.SERVICES: {KEY: service}, tables.ENDPOINTS: {KEY: endpoints}})


def spoken(port: int, tls_name: str = "") -> Endpoint:
    return Endpoint("127.0.0.1", port, 80, tls_name=tls_name)


@pytest.fixture
async def shop(tmp_path):
    async with Steered(tmp_path) as steered:
        run = Run(tmp_path, steered)
        try:
            yield Shop(run)
        finally:
            await run.stop()


async def start(shop: Shop) -> None:
    shop.run.start_envoy(pb.ApiConfigSource.DELTA_GRPC)
    await shop.run.steered.connected()


async def refused(shop: Shop) -> None:
    """Wait until calls get a 503 because connections end before they are any: while TLS is agreed upon."""
    admin = httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(uds=f"{shop.run.folder}/admin"))
    async with admin, asyncio.timeout(30):
        before = await failed(admin)
        while (await shop.run.get(HOST))[0] != 503 or await failed(admin) <= before:
            await asyncio.sleep(0.01)


async def failed(admin: httpx.AsyncClient) -> int:
    answer = await admin.get("http://envoy/stats", params={"filter": "shop.*cx_connect_fail$", "format": "json"})
    return sum(one.get("value", 0) for one in answer.json()["stats"])


async def test_each_instance_is_verified_under_its_own_name_beside_others_without_tls(shop):
    one, two = await shop.instance("one.guid"), await shop.instance("two.guid")
    _, plain = await shop.run.backend("plain")
    shop.offer(spoken(one, "one.guid"), spoken(two, "two.guid"), spoken(plain))
    await start(shop)
    await shop.run.until(HOST, (200, "plain"))
    answers = [await shop.run.get(HOST) for _ in range(150)]
    assert set(answers) == {(200, "one.guid"), (200, "two.guid"), (200, "plain")}  # one is missed: 3 (2/3)^150


async def test_another_instance_at_the_address_gets_no_byte(shop):
    """The port was given to another app, which has a certificate of the same authority."""
    port = await shop.instance("other.guid")
    shop.offer(spoken(port, "gone.guid"))
    await start(shop)
    await refused(shop)
    assert {(await shop.run.get(HOST))[0] for _ in range(5)} == {503}
    assert shop.reached == []
    shop.offer(spoken(port, "other.guid"))  # the platform says who is there now: the same address, another name
    await shop.run.until(HOST, (200, "other.guid"))
    shop.offer(spoken(port, "gone.guid"))
    await refused(shop)


async def test_a_certificate_of_anybody_else_is_refused(shop):
    port = await shop.instance("one.guid", Authority("somebody"))
    shop.offer(spoken(port, "one.guid"))
    await start(shop)
    await refused(shop)
    assert shop.reached == []


async def test_instances_come_and_go_without_a_change_of_their_cluster(shop):
    one, two = await shop.instance("one.guid"), await shop.instance("two.guid")
    _, plain = await shop.run.backend("plain")
    shop.offer(spoken(plain))
    await start(shop)
    await shop.run.until(HOST, (200, "plain"))
    before = len(shop.run.steered.log.lines)
    shop.offer(spoken(one, "one.guid"))
    await shop.run.until(HOST, (200, "one.guid"))
    shop.offer(spoken(two, "two.guid"))
    await shop.run.until(HOST, (200, "two.guid"))
    shop.offer(spoken(plain))
    await shop.run.until(HOST, (200, "plain"))
    assert shop.run.steered.pushed(before) == [("ClusterLoadAssignment", CLUSTER)] * 3


async def test_without_an_authority_nothing_is_sent_to_where_tls_is_meant(shop):
    port = await shop.instance("one.guid")
    _, plain = await shop.run.backend("plain")
    shop.offer(spoken(port, "one.guid"), spoken(plain), ca="")
    await start(shop)
    await shop.run.until(HOST, (200, "plain"))
    assert {await shop.run.get(HOST) for _ in range(50)} == {(200, "plain")}
    assert shop.reached == []
