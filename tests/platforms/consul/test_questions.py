"""What a real Consul cannot be made to say at will: no leader, nonsense, refusals. A server of the test says it."""

import asyncio
from collections import Counter
from typing import Any, Self

import pytest
from aiohttp import web
from tests.platforms.consul.following import Following

from pidalio.model import Health
from pidalio.platforms.consul.settings import RESERVED

WEB = {"Node": {"Node": "n1", "Address": "10.0.0.5"}, "Service": {"ID": "w1", "Service": "web", "Port": 8080}}
API = {"Node": {"Node": "n1", "Address": "10.0.0.5"}, "Service": {"ID": "a1", "Service": "api", "Port": 9000}}
OLD = {"Node": {"Node": "n1", "Address": "10.0.0.7"}, "Service": {"ID": "o1", "Service": "old", "Port": 8080}}
NEW = {"Node": {"Node": "n1", "Address": "10.0.0.9"}, "Service": {"ID": "n1", "Service": "new", "Port": 8080}}
CRITICAL = {"CheckID": "service:w1", "Status": "critical"}


class Scripted:
    """Answers what `answers` has for the last part of a path, and with the status that `refuses` has for it."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {"services": {"consul": [], "web": [], "api": []}, "web": [WEB], "api": [API]}
        self.refuses: dict[str, int] = {}
        self.hides: set[str] = set()
        self.leader = True
        self.index = 7
        self.streams: dict[str, tuple[int, Any]] = {}  # what the agent's stream of events knows, where it lost one
        self.waiting: set[str] = set()
        self.asked: Counter[str] = Counter()
        self.held: dict[str, asyncio.Event] = {}  # answers about these names wait after they were made
        self.past: set[str] = set()  # services that were asked about past it

    async def __aenter__(self) -> Self:
        routes = web.Application()
        routes.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(routes, shutdown_timeout=0.01)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        name = request.path.rpartition("/")[2]
        if datacenter := request.query.get("dc"):
            name = f"{datacenter}/{name}" if f"{datacenter}/{name}" in {**self.answers, **self.refuses} else name
        self.asked[name] += 1
        index, value = self.index, self.answers.get(name, [])
        if "near" in request.query:
            self.past.add(name)
        elif name in self.streams and "index" in request.query:
            index, value = self.streams[name]
        if name in self.held:
            self.waiting.add(name)
            await self.held[name].wait()
        if int(request.query.get("index", "0")) >= index:
            await asyncio.sleep(0.1)  # the time to wait is short here
        if status := self.refuses.get(name):
            return web.Response(status=status, text="rpc error")
        if name == "authorize" and not self.hides:
            return web.Response(status=401, text="ACL support disabled")
        if name == "authorize":
            return web.json_response(
                [{**one, "Allow": one["Segment"] not in self.hides} for one in await request.json()]
            )
        if not self.leader and "stale" not in request.query:
            return web.Response(status=500, text="No cluster leader")
        head = {"X-Consul-Index": str(index), "X-Consul-KnownLeader": str(self.leader).lower()}
        return (
            web.Response(body=value, headers=head)
            if isinstance(value, bytes)
            else web.json_response(value, headers=head)
        )


@pytest.fixture
async def server():
    async with Scripted() as server:
        yield server


@pytest.fixture
async def mesh(tmp_path, server):
    async with Following(tmp_path, server.url) as mesh:
        await mesh.until(lambda: mesh.state() == "synced")
        yield mesh


def one_line(mesh: Following, code: str) -> str:
    (told,) = [report for report in mesh.told() if report.code == code]
    assert "\n" not in told.message
    return told.message


async def test_without_a_leader_what_one_server_knows_is_followed(server, mesh):
    server.leader = False
    await mesh.until(lambda: mesh.codes() == ["consul-no-leader"])
    server.answers["web"] = [WEB, {**WEB, "Service": {**WEB["Service"], "ID": "w2", "Address": "10.0.0.6"}}]
    server.index += 1
    await mesh.until(lambda: mesh.addresses("web") == ["10.0.0.5", "10.0.0.6"])
    server.leader = True
    await mesh.until(lambda: mesh.codes() == [])


async def test_a_server_without_a_leader_that_is_behind_changes_nothing(server, mesh):
    server.leader = False
    server.index, server.answers["services"], server.answers["web"] = 3, {"consul": [], "api": []}, []
    await mesh.until(lambda: mesh.state() == "stale")
    assert "no leader, and the one that answers is behind" in one_line(mesh, "platform-stale")
    assert mesh.addresses("web") == ["10.0.0.5"]
    server.leader = True
    server.index, server.answers["services"], server.answers["web"] = 9, {"consul": [], "api": [], "web": []}, [WEB]
    await mesh.until(lambda: mesh.state() == "synced" and not mesh.codes())
    assert mesh.addresses("web") == ["10.0.0.5"]


async def test_a_server_without_a_leader_that_knows_nothing_says_nothing(server, mesh):
    server.leader = False
    server.answers["services"] = {}
    await mesh.until(lambda: mesh.state() == "stale")
    assert "no leader, and the one that answers knows nothing" in one_line(mesh, "platform-stale")
    assert mesh.addresses("api") == ["10.0.0.5"]


@pytest.mark.parametrize("answer", [b"<html>", b"[1, 2]", b'{"web": 5}', b""])
async def test_names_that_are_none_touch_nothing(server, mesh, answer):
    server.answers["services"] = answer
    server.index += 1
    await mesh.until(lambda: mesh.state() == "stale")
    assert "Consul's list of services cannot be read" in one_line(mesh, "platform-stale")
    assert mesh.addresses("web") == ["10.0.0.5"]


async def test_a_service_that_cannot_be_read_stays_and_holds_up_no_other(server, mesh):
    server.answers["web"] = b"<html>"
    server.refuses["api"] = 500
    server.index += 1
    await mesh.until(lambda: mesh.codes() == ["consul-unread"])
    server.answers["services"] = {"consul": [], "web": [], "api": [], "new": []}
    server.answers["new"] = [{**API, "Service": {**API["Service"], "ID": "n1", "Service": "new"}}]
    server.index += 1
    await mesh.until(lambda: mesh.addresses("new") == ["10.0.0.5"])
    assert mesh.addresses("web") == mesh.addresses("api") == ["10.0.0.5"]
    assert one_line(mesh, "consul-unread").startswith("api, web cannot be read: ")
    server.refuses.clear()
    server.answers["web"] = [WEB]
    await mesh.until(lambda: mesh.codes() == [])


async def test_an_instance_with_a_string_port_is_told_and_its_neighbours_count(server, mesh):
    bad = {**WEB, "Service": {**WEB["Service"], "ID": "w2", "Port": "http"}}
    server.answers["web"] = [WEB, bad]
    server.index += 1
    await mesh.until(lambda: mesh.codes() == ["consul-bad-instance"])
    assert "instance w2 of node n1 cannot be read and is left out" in one_line(mesh, "consul-bad-instance")
    assert mesh.addresses("web") == ["10.0.0.5"]


@pytest.mark.parametrize(
    ("instances", "code"),
    [
        pytest.param(
            [WEB, {**WEB, "Service": {**WEB["Service"], "ID": "w2", "Port": 9090}}], "consul-ports-differ", id="ports"
        ),
        pytest.param(
            [{**WEB, "Service": {**WEB["Service"], "Meta": {"service-port": "x"}}}], "consul-bad-meta", id="meta"
        ),
    ],
)
async def test_what_is_wrong_with_a_service_is_told_until_it_is_mended(server, mesh, instances, code):
    server.answers["web"] = instances
    server.index += 1
    await mesh.until(lambda: mesh.codes() == [code])
    server.answers["web"] = [WEB]
    server.index += 1
    await mesh.until(lambda: mesh.codes() == [])


async def test_settings_of_consul_that_cannot_be_read_are_told_and_hold_up_nothing(tmp_path, server):
    server.refuses["service-defaults"] = 500
    async with Following(tmp_path, server.url) as mesh:
        await mesh.until(lambda: mesh.state() == "synced")
        assert "service-defaults cannot be read" in one_line(mesh, "consul-unread")
        assert mesh.addresses("web") == ["10.0.0.5"]
        server.refuses.clear()
        await mesh.until(lambda: mesh.codes() == [])


async def test_a_service_that_fails_at_the_very_beginning_is_not_taken_for_gone(tmp_path, server):
    async with Following(tmp_path, server.url) as mesh:
        await mesh.until(lambda: mesh.state() == "synced")
    server.refuses["web"] = 500
    async with Following(tmp_path, server.url) as mesh:
        await mesh.until(lambda: "consul-unread" in mesh.codes())
        assert mesh.addresses("web") == ["10.0.0.5"]  # known from before
        server.refuses.clear()
        await mesh.until(lambda: mesh.state() == "synced" and not mesh.codes())
        assert mesh.addresses("web") == ["10.0.0.5"]


async def test_what_the_token_may_not_read_any_more_is_not_gone(server, mesh):
    server.hides = {"api"}
    server.answers["services"] = {"web": []}
    server.answers["api"] = []
    server.index += 1
    await mesh.until(lambda: mesh.codes() == ["consul-hidden"])
    assert "the token may not read all of api" in one_line(mesh, "consul-hidden")
    assert mesh.addresses("api") == ["10.0.0.5"]
    server.hides = {"nobody"}
    server.index += 1
    await mesh.until(lambda: mesh.service("api") is None)  # now it is


@pytest.mark.parametrize("index", [7, 8], ids=["nothing more", "all but that"])
async def test_a_stream_of_events_that_lost_one_is_asked_no_longer(tmp_path, server, index):
    async with Following(tmp_path, server.url, poll_seconds=0.2) as mesh:
        await mesh.until(lambda: mesh.state() == "synced")
        generation = mesh.control.world.generation
        server.streams["web"] = (index, [WEB])
        server.answers["web"], server.index = [WEB, OLD], 8
        await mesh.until(lambda: mesh.addresses("web") == ["10.0.0.5", "10.0.0.7"])
        await mesh.until(lambda: server.past == {"web"})
        server.answers["web"], server.index = [WEB, OLD, NEW], 9
        await mesh.until(lambda: mesh.addresses("web") == ["10.0.0.5", "10.0.0.7", "10.0.0.9"])
        assert mesh.control.world.generation == generation + 2


async def test_an_index_that_went_backwards_takes_nothing_away_for_a_while(tmp_path, server):
    async with Following(tmp_path, server.url, settle=2) as mesh:
        await mesh.until(lambda: mesh.state() == "synced")
        server.index, server.answers["services"], server.answers["web"] = 3, {"consul": [], "api": []}, []
        await mesh.until(lambda: mesh.codes() == ["consul-lost-state"])
        assert mesh.addresses("web") == mesh.addresses("api") == ["10.0.0.5"]
        await mesh.until(lambda: mesh.service("web") is None)
        assert mesh.codes() == []
        assert mesh.addresses("api") == ["10.0.0.5"]


async def test_what_an_earlier_process_knew_stays_for_a_while_where_most_of_it_is_missing(tmp_path, server):
    async with Following(tmp_path, server.url) as mesh:
        await mesh.until(lambda: mesh.state() == "synced")
    server.answers |= {"services": {"consul": []}, "web": [], "api": []}
    async with Following(tmp_path, server.url, settle=3) as mesh:
        await mesh.until(lambda: mesh.state() == "synced")
        assert mesh.codes() == ["consul-lost-state"]
        assert mesh.addresses("web") == mesh.addresses("api") == ["10.0.0.5"]
        server.answers |= {"services": {"consul": [], "web": []}, "web": [{**WEB, "Checks": [CRITICAL]}]}
        server.index += 1
        await mesh.until(lambda: mesh.endpoints("web")[0].health is Health.UNHEALTHY)  # registered again: it counts
        assert mesh.addresses("api") == ["10.0.0.5"]
        await mesh.until(lambda: mesh.service("api") is None)
        assert mesh.codes() == []
        assert mesh.addresses("web") == ["10.0.0.5"]


async def test_what_an_earlier_process_knew_is_gone_at_once_where_most_is_still_there(tmp_path, server):
    server.answers |= {"services": {"consul": [], "web": [], "api": [], "old": []}, "old": [OLD]}
    async with Following(tmp_path, server.url) as mesh:
        await mesh.until(lambda: mesh.addresses("old") == ["10.0.0.7"])
    server.answers |= {"services": {"consul": [], "web": [], "api": []}, "old": []}
    async with Following(tmp_path, server.url, settle=1000) as mesh:
        assert mesh.addresses("old") == ["10.0.0.7"]
        await mesh.until(lambda: mesh.service("old") is None)
        assert mesh.codes() == []
        assert mesh.addresses("web") == mesh.addresses("api") == ["10.0.0.5"]


async def test_what_the_token_of_a_later_process_may_not_read_is_not_gone(tmp_path, server):
    async with Following(tmp_path, server.url) as mesh:
        await mesh.until(lambda: mesh.state() == "synced")
    server.hides = {"api"}
    server.answers |= {"services": {"consul": [], "web": []}, "api": []}
    async with Following(tmp_path, server.url) as mesh:
        await mesh.until(lambda: mesh.state() == "synced")
        assert mesh.codes() == ["consul-hidden"]
        assert mesh.addresses("api") == ["10.0.0.5"]
        server.hides = {"nobody"}
        server.index += 1
        await mesh.until(lambda: mesh.service("api") is None)  # now it is


async def test_what_an_earlier_process_knew_of_a_datacenter_stays_until_that_one_is_read(tmp_path, server):
    far = {"Node": {"Node": "n1", "Address": "10.9.0.5"}, "Service": {"ID": "w1", "Service": "web", "Port": 8080}}
    server.answers |= {"dc2/services": {"consul": [], "web": []}, "dc2/web": [far]}
    async with Following(tmp_path, server.url, datacenters="dc1,dc2") as mesh:
        await mesh.until(lambda: mesh.addresses("web") == ["10.0.0.5", "10.9.0.5"])
    server.refuses["dc2/services"] = 500
    server.answers["api"] = [{**API, "Node": {"Node": "n1", "Address": "10.0.0.8"}}]
    server.answers["web"] = [{**WEB, "Node": {"Node": "n1", "Address": "10.0.0.8"}}]
    async with Following(tmp_path, server.url, datacenters="dc1,dc2") as mesh:
        await mesh.until(lambda: mesh.addresses("api") == ["10.0.0.8"])
        assert mesh.addresses("web") == ["10.0.0.8", "10.9.0.5"]
        server.refuses.clear()
        server.answers["dc2/web"] = []
        await mesh.until(lambda: mesh.addresses("web") == ["10.0.0.8"])


async def test_datacenters_are_regions_of_one_service_and_fail_alone(tmp_path, server):
    far = {"Node": {"Node": "n1", "Address": "10.9.0.5"}, "Service": {"ID": "w1", "Service": "web", "Port": 8080}}
    server.answers |= {"dc2/services": {"consul": [], "web": []}, "dc2/web": [far]}
    async with Following(tmp_path, server.url, datacenters="dc1,dc2") as mesh:
        await mesh.until(lambda: mesh.state() == "synced")
        found = {one.address: one.locality.region for one in mesh.endpoints("web")}
        assert found == {"10.0.0.5": "dc1", "10.9.0.5": "dc2"}
        server.refuses["dc2/services"] = 500
        await mesh.until(lambda: mesh.state() == "stale")
        assert "datacenter dc2: " in one_line(mesh, "platform-stale")
        server.answers["api"] = []
        server.index += 1
        await mesh.until(lambda: mesh.addresses("api") == [])
        assert mesh.addresses("web") == ["10.0.0.5", "10.9.0.5"]
        server.refuses.clear()
        await mesh.until(lambda: mesh.state() == "synced" and not mesh.codes())


async def test_an_answer_that_comes_when_its_service_is_gone_brings_it_back_no_more(tmp_path, server):
    server.answers["services"]["old"], server.answers["old"] = [], [OLD]
    async with Following(tmp_path, server.url, connections=RESERVED + 1, poll_seconds=0.1) as mesh:
        await mesh.until(lambda: mesh.state() == "synced")  # `api` has a question of its own, the others a queue
        server.held["web"] = asyncio.Event()
        await mesh.until(lambda: "web" in server.waiting)
        del server.answers["services"]["web"]
        server.index = 8
        await mesh.until(lambda: mesh.service("web") is None)
        server.held.pop("web").set()
        asked = server.asked["old"]
        await mesh.until(lambda: server.asked["old"] > asked + 5)
        assert mesh.service("web") is None


async def test_who_is_interrupted_while_it_says_everything_leaves_that_to_the_next(tmp_path, server):
    server.refuses["web"] = 500
    async with Following(tmp_path, server.url) as mesh:
        says, is_saying = mesh.follower.complete, asyncio.Event()

        async def never(*_: object) -> None:
            mesh.follower.complete = says
            is_saying.set()
            await asyncio.Event().wait()

        await mesh.until(lambda: mesh.codes() == ["consul-unread"])
        mesh.follower.complete = never
        del server.refuses["web"]
        await is_saying.wait()  # by whoever read `web`
        del server.answers["services"]["web"]
        server.index = 8
        await mesh.until(lambda: mesh.follower.is_ready)
        assert mesh.addresses("api") == ["10.0.0.5"]
