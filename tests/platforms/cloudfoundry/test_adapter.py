"""The adapter at a real NATS server: time, silence, what is lost, and what the API adds."""

import asyncio
import json
from pathlib import Path
from typing import Self

import pytest
from nats.aio.client import Client
from tests.platforms.cloudfoundry.cells import Cells, message
from tests.platforms.cloudfoundry.controller import CLIENT, SECRET, Controller
from tests.platforms.servers.nats import Nats

from pidalio.history import SqliteHistory
from pidalio.model import Health
from pidalio.platforms.cloudfoundry import bus
from pidalio.platforms.cloudfoundry.adapter import CloudFoundry
from pidalio.platforms.cloudfoundry.settings import CloudFoundrySettings
from pidalio.platforms.following import Follower
from pidalio.platforms.following.follower import Pace
from pidalio.rules import services
from pidalio.server.control_plane import ControlPlane
from pidalio.server.platforms import Taking

pytestmark = pytest.mark.platform("nats")
HOST = "shop.apps.example"
PATIENCE = 30


@pytest.fixture
async def server(tmp_path):
    async with Nats(tmp_path) as made:
        yield made


@pytest.fixture
async def cells(server):
    async with Cells(server.url) as made:
        yield made


@pytest.fixture
async def control(tmp_path):
    history = await SqliteHistory.open(tmp_path / "history.db")
    yield ControlPlane(history)
    await history.close()


@pytest.fixture
async def authority(tmp_path) -> str:
    file = tmp_path / "ca.pem"
    file.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    return str(file)


class Following:
    """The adapter at work inside a block."""

    def __init__(self, control: ControlPlane, server: Nats, **settings) -> None:
        stated = {"nats": server.url, "interval": 0.3, "threshold": 60.0, "settle": 0.5} | settings
        self.control = control
        self.adapter = CloudFoundry(CloudFoundrySettings(**stated))
        pace = Pace(patience=0.01, gather=0, keep=1)
        self.follower = Follower("cf", "cloudfoundry", self.adapter, Taking(control, lambda _: None), pace=pace)

    async def __aenter__(self) -> Self:
        self.task = asyncio.create_task(self.follower.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    def seen(self, host: str = HOST) -> list[str]:
        return [one.address for one in services.endpoints(self.control.world, (host, "default"))]

    def codes(self) -> set[str]:
        return {one.code for one in self.follower.reports()}

    async def until(self, look, *wanted) -> None:
        """Wait until `look` gives what is wanted (or anything that is true)."""
        try:
            async with asyncio.timeout(PATIENCE):
                while not (look() == wanted[0] if wanted else look()):
                    await asyncio.sleep(0.01)
        except TimeoutError:
            raise AssertionError((look(), wanted, self.follower.standing())) from None

    async def served(self, *addresses: str, host: str = HOST) -> None:
        await self.until(lambda: self.seen(host), list(addresses))


def plain(number: int, host: str = HOST, **fields):
    return message(host, f"10.0.0.{number}", 61000, guid=f"g{number}", **fields)


def tls(number: int, host: str = HOST, **fields):
    named = {"tls_port": 61002, "server_cert_domain_san": f"g{number}", "tags": {"process_id": "proc-1"}}
    return plain(number, host, **named, **fields)


async def router(server: Nats, interval: int, threshold: int) -> Client:
    """Connect a router that answers greetings."""
    client = Client()
    await client.connect(server.url)
    times = {"minimumRegisterIntervalInSeconds": interval, "pruneThresholdInSeconds": threshold}

    async def answer(asked) -> None:
        await client.publish(asked.reply, json.dumps({"id": "0-real", "hosts": [], **times}).encode())

    await client.subscribe("router.greet", cb=answer)
    await client.flush()
    return client


async def test_routers_say_the_times_and_what_nobody_repeats_is_forgotten(control, server, cells, authority):
    real = await router(server, 1, 3)
    settings = {"interval": 0.0, "threshold": 0.0, "instance_ca": authority}
    async with Following(control, server, **settings) as following:
        await cells.register("1", plain(1))
        await cells.register("2", plain(2))
        await cells.register("3", tls(3))
        await following.served("10.0.0.1", "10.0.0.2", "10.0.0.3")
        assert following.adapter.times == bus.Times(1, 3)
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
        assert heard == ["router.greet"]
    heard.clear()
    async with Following(control, server, announce=True) as following:
        await following.until(lambda: following.follower.is_ready)
        assert heard == ["router.greet", "router.start", "service-discovery.start"]
        answer = json.loads((await cells.client.request("router.greet", b"", timeout=10)).data)
        assert (answer["minimumRegisterIntervalInSeconds"], answer["pruneThresholdInSeconds"]) == (1, 60)


async def test_internal_routes_are_followed_too(control, server, cells):
    body = {**plain(1, "app.apps.internal"), "port": 0, "uris": ["app.apps.internal", "0.app.apps.internal"]}
    cells.kind = "service-discovery"
    async with Following(control, server, internal_port=9000) as following:
        await cells.register("1", body)
        await following.served("10.0.0.1", host="0.app.apps.internal")
        ((one),) = services.endpoints(control.world, ("app.apps.internal", "default"))
        assert (one.port, one.service_port) == (9000, 80)


async def test_while_nats_is_gone_nothing_ages_and_everything_gets_its_time_anew(control, server, cells):
    async with Following(control, server, threshold=2.0) as following:
        for number in (1, 2):
            await cells.register(str(number), plain(number))
        await following.served("10.0.0.1", "10.0.0.2")
        await server.kill()
        await following.until(lambda: following.follower.standing().state, "stale")
        assert "2 instances without TLS stay, and could be another app's by now" in following.follower.standing().error
        del cells.messages["2"]
        await asyncio.sleep(2.5)  # longer than the threshold: what has to be proved is that nothing happens
        assert following.seen() == ["10.0.0.1", "10.0.0.2"]
        await server.start()
        await cells.connect()
        await following.until(lambda: following.follower.standing().state, "synced")
        assert following.seen() == ["10.0.0.1", "10.0.0.2"]
        await following.served("10.0.0.1")


async def test_consistency_first_forgets_also_while_nats_is_gone(control, server, cells):
    async with Following(control, server, threshold=1.0, prune_offline=True) as following:
        await cells.register("1", plain(1))
        await following.served("10.0.0.1")
        await server.kill()
        await following.served()


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


async def test_servers_are_tried_in_turn(control, server, cells):
    async with Following(control, server, nats=f"127.0.0.1:1,{server.url}") as following:
        await cells.register("1", plain(1))
        await following.served("10.0.0.1")


async def test_an_address_that_another_app_gets_leaves_the_old_one_at_once(control, server, cells):
    async with Following(control, server) as following:
        await cells.register("1", plain(1, app="first"))
        await following.served("10.0.0.1")
        del cells.messages["1"]
        await cells.register("2", {**plain(1, "other.apps.example", app="second"), "private_instance_id": "new"})
        await following.served("10.0.0.1", host="other.apps.example")
        assert following.seen() == []


async def test_what_is_dropped_is_told_until_it_is_mended(control, server, cells):
    async with Following(control, server) as following:
        await cells.register("1", plain(1, app="shop"))
        await cells.register("2", {**plain(2, app="bad"), "port": "61000"})
        await following.until(following.codes, {"cloudfoundry-message"})
        (told,) = following.follower.reports()
        assert told.message == (
            "a message of app bad at 10.0.0.2 is dropped: Expected `int | null`, got `str` - at `$.port`"
        )
        await following.served("10.0.0.1")
        await cells.register("2", plain(2, app="bad"))
        await following.served("10.0.0.1", "10.0.0.2")
        assert following.codes() == set()


async def test_a_path_is_a_rule_of_the_platform_and_goes_with_it(control, server, cells):
    async with Following(control, server) as following:
        await cells.register("1", plain(1))
        await cells.register("2", plain(2, f"{HOST}/api"))
        await following.served("10.0.0.1")
        await following.until(
            lambda: [str(one.ref) for one in control.objects()], [f"VirtualService default/cf-{HOST}"]
        )
        (item,) = control.objects()
        api = item.spec.http[0].route[0].destination.host
        await following.served("10.0.0.2", host=api)
        await cells.unregister("2")
        await following.until(lambda: control.objects() == ())
        assert following.seen() == ["10.0.0.1"]


async def test_another_authority_is_trusted_as_soon_as_it_is_written(control, server, cells, authority):
    async with Following(control, server, instance_ca=authority) as following:
        await cells.register("1", tls(1))
        await following.served("10.0.0.1")
        trusted = lambda: services.instance_ca(control.world, (HOST, "default"))  # noqa: E731
        await asyncio.to_thread(Path(authority).write_text, "no certificate")
        await cells.register("2", tls(2))
        await following.served("10.0.0.1", "10.0.0.2")
        assert "AAAA" in trusted()
        other = "-----BEGIN CERTIFICATE-----\nBBBB\n-----END CERTIFICATE-----\n"
        await asyncio.to_thread(Path(authority).write_text, other)
        await following.until(trusted, other)


async def test_messages_that_come_too_fast_are_told_and_healed(control, server, cells, monkeypatch, authority):
    monkeypatch.setattr(bus, "_PENDING", 5)
    async with Following(control, server, instance_ca=authority) as following:
        await cells.register("1", tls(1))
        await following.served("10.0.0.1")
        del cells.messages["1"]
        for _ in range(2000):
            await cells.client.publish("router.register", json.dumps(plain(2)).encode())
        await cells.client.flush()
        await following.until(lambda: "cloudfoundry-dropped" in following.codes())
        # what was not heard of in the round after is conspicuous, and is not taken away without a word of somebody
        await following.until(following.codes, {"cloudfoundry-silent"})
        assert "10.0.0.1" in following.seen()


class TestController:
    @pytest.fixture
    async def api(self):
        async with Controller() as made:
            made.app("old", "shop", version="v1")
            made.app("new", "shop-2", version="v2")
            made.route(HOST, old=90, new=10)
            yield made

    def settings(self, api: Controller, **changes):
        return {"api": api.url, "client": CLIENT, "secret": SECRET, "reconcile": 1.0} | changes

    async def test_names_labels_and_weights(self, control, server, cells, api):
        async with Following(control, server, **self.settings(api)) as following:
            for number, app in ((1, "old"), (2, "old"), (3, "new")):
                await cells.register(str(number), plain(number, app=app))
            await following.served("10.0.0.1", "10.0.0.2", "10.0.0.3")
            found = services.endpoints(control.world, (HOST, "default"))
            assert [(one.weight, dict(one.labels)["version"]) for one in found] == [(9, "v1"), (9, "v1"), (2, "v2")]
            api.route(HOST, old=50, new=50)
            weights = lambda: [one.weight for one in services.endpoints(control.world, (HOST, "default"))]  # noqa: E731
            await following.until(weights, [1, 1, 2])
            api.refuses = 503
            await following.until(following.codes, {"cloudfoundry-api"})
            await cells.register("4", plain(4, app="new"))  # instances are followed all the same, by what was known
            await following.until(weights, [1, 1, 1, 1])
            api.refuses = 0
            await following.until(following.codes, set())

    async def test_nothing_is_said_before_the_api_was_read_once(self, control, server, cells, api):
        api.refuses = 503
        async with Following(control, server, **self.settings(api)) as following:
            await cells.register("1", plain(1, app="old"))
            await following.until(following.codes, {"cloudfoundry-api"})
            await asyncio.sleep(1)  # twice what it takes to settle: that nothing is said has to be proved
            assert following.seen() == []
            api.refuses = 0
            await following.served("10.0.0.1")

    async def test_who_is_silent_is_asked_about(self, control, server, cells, api, authority):
        api.running("proc-1", "g2")
        settings = self.settings(api, instance_ca=authority)
        async with Following(control, server, **settings) as following:
            for number in (1, 2):
                await cells.register(str(number), tls(number, app="old"))
            await following.served("10.0.0.1", "10.0.0.2")
            cells.messages.clear()
            await following.served("10.0.0.2")

    async def test_who_is_silent_is_told_of_where_nobody_can_be_asked(self, control, server, cells, authority):
        async with Following(control, server, instance_ca=authority) as following:
            await cells.register("1", tls(1, app="old"))
            await following.served("10.0.0.1")
            cells.messages.clear()
            await following.until(following.codes, {"cloudfoundry-silent"})
            assert following.seen() == ["10.0.0.1"]
            await cells.register("1", tls(1, app="old"))
            await following.until(following.codes, set())

    async def test_who_must_not_be_routed_to_is_unwell(self, control, server, cells, api, authority):
        api.running("proc-1", "g1", routable=False)
        settings = self.settings(api, instance_ca=authority, stats=True)
        async with Following(control, server, **settings) as following:
            await cells.register("1", tls(1, app="old"))
            health = lambda: [one.health for one in services.endpoints(control.world, (HOST, "default"))]  # noqa: E731
            await following.until(health, [Health.UNHEALTHY])
