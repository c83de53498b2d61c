"""How the adapter comes to a NATS server, what it says there, and whom it trusts."""

import asyncio
import contextlib
import ipaddress
import json
from pathlib import Path

import pytest
from cryptography import x509
from nats.aio.client import Client
from nats.aio.msg import Msg
from tests.platforms.cloudfoundry.at_work import HOST, Following, plain, router, tls
from tests.platforms.servers.nats import Nats
from tests.xds.test_tls import Authority, pem

from pidalio.platforms.cloudfoundry import bus
from pidalio.platforms.cloudfoundry.settings import CloudFoundrySettings
from pidalio.rules import services

pytestmark = pytest.mark.platform("nats")


async def test_routers_say_the_times_and_what_nobody_repeats_is_forgotten(control, server, cells, authority):
    real = await router(server, 1, 3)
    settings = {"interval": 0.0, "threshold": 0.0, "instance_ca": authority}
    async with Following(control, server, **settings) as following:
        await cells.register("1", plain(1))
        await cells.register("2", plain(2))
        await cells.register("3", tls(3))
        await following.served("10.0.0.1", "10.0.0.2", "10.0.0.3")
        assert following.adapter.times() == bus.Times(1, 3)
        del cells.messages["2"], cells.messages["3"]  # their cell is gone, without a word
        await following.served("10.0.0.1", "10.0.0.3")
    await real.close()


async def test_nothing_is_said_to_the_platform_but_a_greeting_unless_it_is_wanted(control, server, cells):
    heard: list[str] = []

    async def note(said) -> None:
        heard.append(said.subject)

    for subject in ("router.*", "service-discovery.*"):
        await cells.client.subscribe(subject, cb=note)
    async with Following(control, server) as following:
        await following.until(lambda: following.follower.is_ready)
        assert sorted(heard) == ["router.greet", "service-discovery.greet"]
    heard.clear()
    async with Following(control, server, announce=True) as following:
        await following.until(lambda: following.follower.is_ready)
        assert heard[2:] == ["router.start", "service-discovery.start"]
        answer = json.loads((await cells.client.request("router.greet", b"", timeout=10)).data)
        assert (answer["minimumRegisterIntervalInSeconds"], answer["pruneThresholdInSeconds"]) == (1, 60)


async def test_a_wrong_password_is_one_line_and_the_right_one_works(control, tmp_path):
    async with Nats(tmp_path / "asks", user="mesh", password="right") as server:
        wrong = {"user": "mesh", "password": "wrong"}
        async with Following(control, server, **wrong) as following:
            await following.until(following.codes, {"platform-not-read"})
            assert following.follower.standing().error.endswith(
                "NATS refuses us ('Authorization Violation'): check user and password"
            )
        file = tmp_path / "password"
        file.write_text("right\n")
        async with Following(control, server, user="mesh", password_file=str(file)) as following:
            await following.until(lambda: following.follower.is_ready)


async def test_nothing_is_sent_before_the_answer_to_who_we_are(control, server):
    """A server that refuses closes its end, and the network resets whom it has not read: its answer would be lost."""

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'INFO {"auth_required":true}\r\n')
        said = await reader.readline()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.3):
                said += await reader.read(1)
        writer.write(b"-ERR 'Authorization Violation'\r\n" if said.endswith(b"\n") else b"")
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as refusing:
        nats = f"nats://127.0.0.1:{refusing.sockets[0].getsockname()[1]}"
        async with Following(control, server, nats=nats, user="mesh", password="wrong") as following:
            await following.until(following.codes, {"platform-not-read"})
            assert "NATS refuses us ('Authorization Violation')" in following.follower.standing().error


async def test_servers_are_tried_in_turn(control, server, cells):
    async with Following(control, server, nats=f"127.0.0.1:1,{server.url}") as following:
        await cells.register("1", plain(1))
        await following.served("10.0.0.1")


async def test_another_authority_is_trusted_as_soon_as_it_is_written(control, server, cells, authority):
    async with Following(control, server, instance_ca=authority) as following:
        await cells.register("1", tls(1))
        await following.served("10.0.0.1")
        trusted = lambda: services.service(control.world, (HOST, "default")).instance_ca  # noqa: E731
        first = trusted()
        await asyncio.to_thread(Path(authority).write_text, "no certificate")
        await cells.register("2", tls(2))
        await following.served("10.0.0.1", "10.0.0.2")
        assert trusted() == first
        other = pem(Authority("second").certificate).decode()
        await asyncio.to_thread(Path(authority).write_text, other)
        await following.until(trusted, other)


async def test_an_authority_that_is_none_is_one_line(control, server, authority):
    await asyncio.to_thread(
        Path(authority).write_text, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    )
    async with Following(control, server, instance_ca=authority) as following:
        await following.until(following.codes, {"platform-not-read"})
        assert "instanceCa has no certificates in PEM that can be read" in following.follower.standing().error


class NatsWithTls(Nats):
    """A server that asks for a certificate of its clients."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.authority = Authority("nats")
        loopback = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        self.files = {name: self.authority.issue(folder, name, loopback) for name in ("server", "client")}
        self.ca = folder / "nats-ca.pem"
        self.ca.write_bytes(pem(self.authority.certificate))

    def command(self):
        cert, key = self.files["server"]
        asks = ["--tls", "--tlsverify", "--tlscert", cert, "--tlskey", key, "--tlscacert", self.ca]
        return [*super().command(), *asks]


async def test_mutual_tls(control, tmp_path):
    async with NatsWithTls(tmp_path) as server:
        cert, key = map(str, server.files["client"])
        nats = f"tls://127.0.0.1:{server.port}"
        async with Following(control, server, nats=nats, ca=str(server.ca)) as following:
            await following.until(following.codes, {"platform-not-read"})
        named = {"nats": nats, "ca": str(server.ca), "cert": cert, "key": key}
        async with Following(control, server, **named) as following:
            await following.until(lambda: following.follower.is_ready)


async def test_a_burst_leaves_the_event_loop_its_turns():
    heard: list[bytes] = []

    class Listener:
        def registered(self, kind: str, data: bytes) -> None:
            heard.append(data)

    hand = bus.Bus(CloudFoundrySettings(nats="h"))._handing("router", Client(), Listener())
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(others())
    for _ in range(2000):
        await hand(Msg(Client(), subject="router.register", data=b"{}"))
    task.cancel()
    assert len(heard) == 2000
    assert turns >= 10
