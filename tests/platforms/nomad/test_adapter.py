"""The adapter against a Nomad of the tests: stream, lists, nodes, checks and refusals."""

import asyncio
import contextlib

import pytest
from tests.platforms.followed import PATIENCE, Followed, eventually, healths
from tests.platforms.nomad.server import Nomad, registration

from pidalio.platforms.installed import Configured
from pidalio.platforms.nomad import KIND, NomadSettings


@pytest.fixture
async def nomad():
    async with Nomad() as server:
        yield server


def following(control, address: str, **settings) -> Followed:
    chosen = NomadSettings(address=address, **settings)
    chosen.check()
    return Followed(control, Configured(KIND, chosen))


def seen(control, host: str = "web.default.nomad") -> dict[str, str]:
    return healths(control, host)


def well(*numbers: int) -> dict[str, str]:
    return {f"10.0.0.{number}": "HEALTHY" for number in numbers}


async def test_events_bring_what_changes(control, nomad):
    nomad.put(registration("web", 1))
    async with following(control, nomad.url):
        await eventually(lambda: seen(control), well(1))
        nomad.put(registration("web", 2))
        await eventually(lambda: seen(control), well(1, 2))
        nomad.drop(registration("web", 1))
        await eventually(lambda: seen(control), well(2))
        nomad.put(registration("api", 3))
        await eventually(lambda: seen(control, "api.default.nomad"), well(3))
        assert sum(path.startswith("/v1/services") for path in nomad.asked) == 1


async def test_after_a_lost_stream_everything_is_read_anew(control, nomad):
    nomad.put(registration("web", 1))
    async with following(control, nomad.url):
        await eventually(lambda: seen(control), well(1))
        nomad.services.clear()
        second = registration("web", 2)
        nomad.services[second["ID"]] = second  # and nobody is told
        nomad.cut()
        await eventually(lambda: seen(control), well(2))


async def test_what_no_event_told_is_found_by_reading_now_and_then(control, nomad):
    nomad.put(registration("web", 1))
    async with following(control, nomad.url, reconcile=0.2):
        await eventually(lambda: seen(control), well(1))
        second = registration("web", 2)
        nomad.services[second["ID"]] = second
        await eventually(lambda: seen(control), well(1, 2))


async def test_what_events_tell_while_everything_is_read_anew_counts(control, nomad):
    """Nothing tells it again: not the stream, and everything is not read again before long."""
    nomad.put(registration("web", 1))
    nomad.put(registration("web", 2))
    nomad.node(1, "ready")
    async with following(control, nomad.url, reconcile=1):
        await eventually(lambda: seen(control), well(1, 2))
        gate = nomad.gates["service"] = asyncio.Event()
        await asyncio.wait_for(nomad.waits.wait(), PATIENCE)
        nomad.put(registration("web", 3))
        nomad.drop(registration("web", 2))
        nomad.node(1, "down")
        wanted = {"10.0.0.1": "UNHEALTHY", "10.0.0.3": "HEALTHY"}
        with contextlib.suppress(TimeoutError):  # they may be taken over at once, or afterwards
            await asyncio.wait_for(eventually(lambda: seen(control), wanted), 0.3)
        nomad.put(registration("api", 9))
        nomad.gates["services"] = asyncio.Event()
        gate.set()
        await eventually(lambda: seen(control, "api.default.nomad"), well(9))
        assert seen(control) == wanted


async def test_what_the_stream_says_of_nodes_that_is_older_than_what_was_read_is_passed_over(control, nomad):
    """A stream begins with the last events before it, so each one would take a node out that was away once."""
    nomad.put(registration("web", 1))
    nomad.node(1, "ready")
    nomad.tell("Node", "NodeEvent", {"Node": {"ID": "node-1", "Status": "down", "Datacenter": "dc2"}})
    async with following(control, nomad.url):
        nomad.put(registration("api", 9))
        await eventually(lambda: seen(control, "api.default.nomad"), well(9))
        assert seen(control) == well(1)


async def test_a_region_without_a_leader_is_asked_for_what_it_knows(control, nomad):
    nomad.put(registration("web", 1))
    nomad.leader = False
    async with following(control, nomad.url) as follower:
        await eventually(lambda: seen(control), well(1))
        await eventually(lambda: follower.standing().state, "synced")


async def test_a_node_that_is_lost_takes_its_instances_out_and_back(control, nomad):
    nomad.put(registration("web", 1))
    nomad.put(registration("web", 2))
    async with following(control, nomad.url):
        await eventually(lambda: seen(control), well(1, 2))
        nomad.node(1, "disconnected")
        await eventually(lambda: seen(control), {"10.0.0.1": "UNHEALTHY", "10.0.0.2": "HEALTHY"})
        nomad.node(1, "ready")
        await eventually(lambda: seen(control), well(1, 2))


async def test_a_token_without_nodes_follows_services_and_says_what_is_missing(control, nomad):
    nomad.refuses.add("/v1/nodes")
    nomad.put(registration("web", 1))
    async with following(control, nomad.url) as follower:
        await eventually(lambda: seen(control), well(1))
        assert [one.code for one in follower.reports()] == ["nomad-no-nodes"]


async def test_a_refusal_is_not_empty(control, nomad):
    nomad.put(registration("web", 1))
    async with following(control, nomad.url) as follower:
        await eventually(lambda: seen(control), well(1))
        nomad.refuses.update({"/v1/services", "/v1/nodes"})
        nomad.cut()
        await eventually(lambda: "403: Permission denied" in follower.standing().error, True)
        assert follower.standing().state == "stale"
        assert seen(control) == well(1)


async def test_checks_are_asked_for_where_it_is_wished(control, nomad):
    nomad.put(registration("web", 1))
    nomad.put(registration("web", 2))
    nomad.checks["alloc-1"] = {"c1": {"ID": "c1", "Service": "web", "Status": "failure", "Mode": "healthiness"}}
    async with following(control, nomad.url, checks=True, check_interval=0.1):
        await eventually(lambda: seen(control), {"10.0.0.1": "UNHEALTHY", "10.0.0.2": "HEALTHY"})
        nomad.checks["alloc-1"]["c1"]["Status"] = "success"
        await eventually(lambda: seen(control), well(1, 2))


async def test_a_registration_that_cannot_be_used_is_told_and_the_others_count(control, nomad):
    nomad.put(registration("web", 1, Port="http"))
    nomad.put(registration("web", 2))
    async with following(control, nomad.url) as follower:
        await eventually(lambda: seen(control), well(2))
        (report,) = follower.reports()
        assert report.code == "nomad-bad-registration"
        assert "_nomad-task-1-web-http: Expected `int`, got `str`" in report.message
        nomad.put(registration("web", 3, Port=0))
        nomad.put(registration("web", 4))
        await eventually(lambda: seen(control), well(2, 4))


async def test_each_registration_that_cannot_be_used_is_told_until_it_is_mended_or_gone(control, nomad):
    nomad.put(registration("web", 1, Port="http"))

    def told() -> list[str]:
        return [number for number in "12" if any(f"task-{number}-web" in one.message for one in follower.reports())]

    async with following(control, nomad.url) as follower:
        await eventually(told, ["1"])
        nomad.put(registration("web", 2, Port=0))
        await eventually(told, ["1", "2"])
        nomad.put(registration("web", 1))
        await eventually(told, ["2"])
        nomad.drop(registration("web", 2))
        await eventually(told, [])
