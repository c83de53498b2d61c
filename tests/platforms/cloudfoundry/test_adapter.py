"""The adapter at a real NATS server: time, silence, what is lost, and who has an address."""

import asyncio
import json

import pytest
from tests.platforms.cloudfoundry.at_work import HOST, Following, plain, tls

from pidalio.platforms.cloudfoundry import bus
from pidalio.platforms.cloudfoundry.adapter import CloudFoundry
from pidalio.platforms.cloudfoundry.mapping import service_host
from pidalio.platforms.cloudfoundry.settings import CloudFoundrySettings
from pidalio.rules import services

pytestmark = pytest.mark.platform("nats")


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


async def test_what_is_gone_is_said_though_the_connection_ends_in_the_midst_of_it(control, server, cells):
    below = service_host((HOST, "/api"), CloudFoundrySettings(nats="h"))
    async with Following(control, server) as following:
        await cells.register("1", plain(1))
        await cells.register("2", plain(2, f"{HOST}/api"))
        await following.served("10.0.0.1")
        await following.served("10.0.0.2", host=below)
        says, is_saying = following.follower.objects, asyncio.Event()

        async def never(*_: object, **__: object) -> None:
            is_saying.set()
            await asyncio.Event().wait()

        following.follower.objects = never  # the rule of the path is taken back, and that takes long
        await cells.unregister("2")
        await is_saying.wait()
        await server.kill()
        await following.until(lambda: following.follower.standing().state, "stale")
        following.follower.objects = says
        await server.start()
        await cells.connect()
        await following.until(lambda: services.service(control.world, (below, "default")) is None)
        await following.until(lambda: following.follower.standing().objects, 0)
        assert following.seen() == ["10.0.0.1"]


async def test_an_address_that_another_got_while_the_api_was_asked_is_not_forgotten():
    adapter = CloudFoundry(CloudFoundrySettings(nats="h"), clock=lambda: 0.0)
    adapter.registered("router", json.dumps(tls(1)).encode())
    (silent,) = adapter._directory.registry.entries.values()
    other = {**tls(1), "private_instance_id": "g9", "server_cert_domain_san": "g9"}
    adapter.registered("router", json.dumps(other).encode())
    adapter._settle_about([silent], [silent])
    assert [one.instance.guid for one in adapter._directory.registry.entries.values()] == ["g9"]
