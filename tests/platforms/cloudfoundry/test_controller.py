"""The adapter with a Cloud Controller: names, labels and weights, and who is silent."""

import asyncio

import pytest
from tests.platforms.cloudfoundry.at_work import HOST, Following, plain, tls
from tests.platforms.cloudfoundry.controller import CLIENT, SECRET, Controller

from pidalio.model import Health
from pidalio.platforms.cloudfoundry import controller
from pidalio.rules import services

pytestmark = pytest.mark.platform("nats")


@pytest.fixture
async def api():
    async with Controller() as made:
        made.app("old", "shop", version="v1")
        made.app("new", "shop-2", version="v2")
        made.route(HOST, old=90, new=10)
        yield made


def settings_of(api: Controller, **changes):
    return {"api": api.url, "client": CLIENT, "secret": SECRET, "reconcile": 1.0} | changes


async def test_names_labels_and_weights(control, server, cells, api):
    async with Following(control, server, **settings_of(api)) as following:
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


async def test_nothing_is_said_before_the_api_was_read_once(control, server, cells, api):
    api.refuses = 503
    async with Following(control, server, **settings_of(api)) as following:
        await cells.register("1", plain(1, app="old"))
        await following.until(following.codes, {"cloudfoundry-api"})
        (told,) = following.follower.reports()
        assert told.message.endswith("; routes stay as they were before the start until it was read once")
        await asyncio.sleep(1)  # twice what it takes to settle: that nothing is said has to be proved
        assert following.seen() == []
        api.refuses = 0
        await following.served("10.0.0.1")


async def test_who_is_silent_is_asked_about(control, server, cells, api, authority):
    api.running("proc-1", "g2")
    settings = settings_of(api, instance_ca=authority)
    async with Following(control, server, **settings) as following:
        for number in (1, 2):
            await cells.register(str(number), tls(number, app="old"))
        await following.served("10.0.0.1", "10.0.0.2")
        cells.messages.clear()
        await following.served("10.0.0.2")


async def test_who_is_silent_is_told_of_where_nobody_can_be_asked(control, server, cells, authority):
    async with Following(control, server, instance_ca=authority) as following:
        await cells.register("1", tls(1, app="old"))
        await following.served("10.0.0.1")
        cells.messages.clear()
        await following.until(following.codes, {"cloudfoundry-silent"})
        assert following.seen() == ["10.0.0.1"]
        await cells.register("1", tls(1, app="old"))
        await following.until(following.codes, set())


async def test_who_must_not_be_routed_to_is_unwell(control, server, cells, api, authority):
    api.running("proc-1", "g1", routable=False)
    settings = settings_of(api, instance_ca=authority, stats=True)
    async with Following(control, server, **settings) as following:
        await cells.register("1", tls(1, app="old"))
        health = lambda: [one.health for one in services.endpoints(control.world, (HOST, "default"))]  # noqa: E731
        await following.until(health, [Health.UNHEALTHY])


def versions(control) -> list[str]:
    return [dict(one.labels).get("version", "") for one in services.endpoints(control.world, (HOST, "default"))]


async def test_an_app_that_is_new_is_read_soon(control, server, cells, api, monkeypatch):
    monkeypatch.setattr(controller, "_SOON", 0.1)
    async with Following(control, server, **settings_of(api, reconcile=1000)) as following:
        await cells.register("1", plain(1, app="old"))
        await following.served("10.0.0.1")
        api.app("newest", "shop-3", version="v3")
        await cells.register("2", plain(2, app="newest"))
        await following.until(lambda: versions(control), ["v1", "v3"])


async def test_an_app_that_is_met_while_apps_are_read_is_read_soon(control, server, cells, api, monkeypatch):
    monkeypatch.setattr(controller, "_SOON", 0.1)
    async with Following(control, server, **settings_of(api, reconcile=1000)) as following:
        await cells.register("1", plain(1, app="old"))
        await following.served("10.0.0.1")
        asked, api.page = api.asked.count("/v3/apps"), 10
        api.flows.clear()
        api.app("newest", "shop-3", version="v3")
        await cells.register("2", plain(2, app="newest"))
        await following.until(lambda: api.asked.count("/v3/apps") > asked)
        api.app("later", "shop-4", version="v4")
        await cells.register("3", plain(3, app="later"))
        await following.served("10.0.0.1", "10.0.0.2", "10.0.0.3")
        api.flows.set()
        await following.until(lambda: versions(control), ["v1", "v3", "v4"])


async def test_an_app_of_nobody_is_asked_about_once(control, server, cells, api, monkeypatch):
    monkeypatch.setattr(controller, "_SOON", 0.1)
    async with Following(control, server, **settings_of(api, reconcile=1000)) as following:
        await cells.register("1", plain(1, app="old"))
        await following.served("10.0.0.1")
        await cells.register("2", plain(2, app="of nobody"))
        await following.until(lambda: api.asked.count("/v3/routes"), 2)
        await cells.register("2", plain(2, app="of nobody"))
        await asyncio.sleep(0.5)  # five times what is soon: that nobody is asked about again has to be proved
        assert api.asked.count("/v3/routes") == 2


async def test_an_api_that_names_no_instances_takes_none_away(control, server, cells, api, authority):
    api.stats["proc-1"] = [{"type": "web", "index": 0, "state": "RUNNING"}]
    async with Following(control, server, **settings_of(api, instance_ca=authority)) as following:
        await cells.register("1", tls(1, app="old"))
        await following.served("10.0.0.1")
        cells.messages.clear()
        await following.until(following.codes, {"cloudfoundry-silent"})
        assert following.seen() == ["10.0.0.1"]


async def test_a_wrong_secret_is_one_line_that_says_what_to_do(control, server, cells, api):
    async with Following(control, server, **settings_of(api, secret="wrong")) as following:
        await following.until(following.codes, {"cloudfoundry-api"})
        (told,) = following.follower.reports()
        assert "refuses the client (401): check client and secret" in told.message


async def test_an_api_whose_first_reading_was_interrupted_is_read_at_once(control, server, cells, api):
    api.flows.clear()
    async with Following(control, server, **settings_of(api, reconcile=1000)) as following:
        await cells.register("1", plain(1, app="old"))
        await following.until(lambda: api.asked)
        await server.kill()
        await following.until(following.codes, {"platform-not-read"})
        api.flows.set()
        await server.start()
        await cells.connect()
        await following.served("10.0.0.1")
