"""What the adapter reads of the Cloud Controller, and what it does when it may not."""

import pytest
from aiohttp import web
from tests.platforms.cloudfoundry.controller import CLIENT, SECRET, Controller

from pidalio.errors import PlatformUnavailable
from pidalio.platforms.cloudfoundry.api import Api
from pidalio.platforms.cloudfoundry.settings import CloudFoundrySettings


@pytest.fixture
async def controller():
    async with Controller() as made:
        made.app("app-1", "shop", version="v7")
        made.app("app-2", "store")
        made.app("app-3", "other")
        made.route("shop.example.com", **{"app-1": 90, "app-2": 10})
        made.route("Shop.example.com/API", **{"app-3": None})
        made.route("empty.example.com")
        yield made


@pytest.fixture
async def api(controller):
    made = Api(CloudFoundrySettings(nats="h", api=controller.url, client=CLIENT, secret=SECRET))
    yield made
    await made.close()


async def test_routes_apps_spaces_and_organizations_page_by_page(api, controller):
    known = await api.read()
    assert known.weights == {("shop.example.com", ""): {("app-1", "web"): 90, ("app-2", "web"): 10}}
    assert known.hosts == {"shop.example.com"}
    assert [one.name for one in known.apps.values()] == ["shop", "store", "other"]
    shop = known.apps["app-1"]
    assert (shop.space, shop.space_name, shop.organization, shop.organization_name) == (
        "space-1",
        "dev",
        "org-1",
        "acme",
    )
    assert shop.labels == (("version", "v7"),)
    assert controller.asked == ["/v3/routes", "/v3/routes", "/v3/apps", "/v3/apps"]


async def test_a_token_is_used_until_shortly_before_it_expires(api, controller):
    await api.read()
    await api.read()
    assert len(controller.tokens) == 1
    controller.life = 0  # those that come now are old at once
    api._until = 0.0
    await api.read()
    assert len(controller.tokens) > 2


async def test_a_refused_token_is_asked_for_anew_once(api, controller):
    await api.read()
    controller.tokens.append("another's")  # ours was revoked
    await api.read()
    assert len(controller.tokens) == 3
    controller.refuses = 401
    with pytest.raises(PlatformUnavailable, match=r"GET /v3/routes is answered 401"):
        await api.read()


@pytest.mark.parametrize(("status", "lasting", "after"), [(403, True, 1.0), (429, False, 1.0), (503, False, 1.0)])
async def test_what_the_api_refuses_is_one_line_and_no_storm(api, controller, status, lasting, after):
    controller.refuses = status
    with pytest.raises(PlatformUnavailable, match=rf"GET /v3/routes is answered {status}") as caught:
        await api.read()
    assert (caught.value.is_lasting, caught.value.retry_after) == (lasting, after)


async def test_a_wrong_secret(controller):
    api = Api(CloudFoundrySettings(nats="h", api=controller.url, client=CLIENT, secret="wrong"))
    with pytest.raises(
        PlatformUnavailable, match=r"/uaa/oauth/token refuses the client \(401\): check client and secret"
    ):
        await api.read()
    await api.close()


async def test_a_page_elsewhere_is_not_shown_the_token(api, controller, monkeypatch):
    monkeypatch.setattr(controller, "_paged", lambda *_: _elsewhere())
    with pytest.raises(PlatformUnavailable, match=r"the API leads elsewhere"):
        await api.read()


def _elsewhere():
    return web.json_response({"pagination": {"next": {"href": "http://127.0.0.1:1/v3/routes"}}, "resources": []})


async def test_instances_of_a_process(api, controller):
    controller.running("proc-1", "one", "two")
    controller.running("proc-2", "three", routable=False)
    controller.stats["proc-1"][1]["state"] = "CRASHED"
    assert await api.instances("proc-1") == {"one": True}
    assert await api.instances("proc-2") == {"three": False}
    assert await api.instances("gone") is None


async def test_something_else_than_an_api(api, controller):
    controller.routes = [{"no": "url"}]
    with pytest.raises(PlatformUnavailable, match=r"the API answers something else than a route"):
        await api.read()
