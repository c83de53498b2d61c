"""A platform in the mesh: what stays, what goes, and what is shown while it fails."""

import asyncio
from collections.abc import Mapping

from tests.platforms.following.scripted import HTTP, all_of, fails, follow, offer, web

from pidalio.history import SqliteHistory
from pidalio.model import Endpoint, Health
from pidalio.platforms.offers import Offer, offered
from pidalio.rules import services
from pidalio.server.control_plane import ControlPlane
from pidalio.store import tables


def endpoints(control, name: str = "web") -> list[str]:
    return [one.address for one in services.endpoints(control.world, (f"{name}.test", "default"))]


async def test_what_a_platform_shows_is_live_and_synced(control):
    follower = await follow(control, all_of([*web(2), offer("api", "10.0.1.1")]))
    assert endpoints(control) == ["10.0.0.1", "10.0.0.2"]
    standing = follower.standing()
    assert (standing.state, standing.services, standing.instances) == ("synced", 2, 3)
    assert not standing.reports


async def test_instances_that_share_an_address_count_each(control):
    shared = [Endpoint("10.0.0.1", 8080 + number, 80, workload=f"web-{number}") for number in range(3)]
    one_of_two_ports = [Endpoint("10.0.0.2", port, port, workload="web-3") for port in (80, 81)]
    services = [Offer("TestService", "web", "web.test", "default", HTTP, (*shared, *one_of_two_ports))]
    assert (await follow(control, all_of(services))).standing().instances == 4


async def test_an_error_is_never_empty(control):
    follower = await follow(control, all_of(web(2)), fails("refused"), lambda feed: asyncio.sleep(0))
    assert endpoints(control) == ["10.0.0.1", "10.0.0.2"]
    standing = follower.standing()
    assert (standing.state, standing.error) == ("stale", "refused")
    assert [one.code for one in standing.reports] == ["platform-stale"]


async def test_a_platform_that_was_never_read_is_an_error(control):
    follower = await follow(control, fails("no route to host"))
    assert [(one.code, one.message) for one in follower.reports()] == [
        ("platform-not-read", "test was never read: no route to host")
    ]
    assert not follower.is_ready


async def test_a_suspicious_answer_counts_when_it_is_given_twice(control):
    await follow(control, all_of(web(40)), all_of(web(3)))
    assert len(endpoints(control)) == 3


async def test_a_suspicious_answer_that_is_taken_back_changes_nothing(control):
    seen: list[int] = []
    control.distribution.apply, apply = (
        lambda edits: (seen.append(len(endpoints(control))), apply(edits))[1],
        control.distribution.apply,
    )
    await follow(control, all_of(web(40)), all_of([], again=web(40)))
    assert len(endpoints(control)) == 40
    assert len(seen) == 1  # only the first answer was ever applied


async def test_an_empty_answer_that_is_confirmed_counts(control):
    await follow(control, all_of(web(5)), all_of([]))
    assert endpoints(control) == []


async def test_instances_that_all_fall_ill_at_once_are_held_until_enough_are_well(control):
    steps = (all_of(web(5)), all_of(web(5, Health.UNHEALTHY)))
    follower = await follow(control, *steps)
    assert follower.standing().state == "held"
    (found,) = {one.health for one in services.endpoints(control.world, ("web.test", "default"))}
    assert found is Health.HEALTHY
    await control.release("test", author="ada")
    (found,) = {one.health for one in services.endpoints(control.world, ("web.test", "default"))}
    assert found is Health.UNHEALTHY


async def test_what_is_held_back_follows_changes_and_is_believed_with_them(control):
    sick = web(5, Health.UNHEALTHY)[0]

    async def recovers(feed) -> None:
        well = [Endpoint(one.address, 8080, 80) for one in sick.endpoints[:3]]
        mended = Offer("TestService", "web", "web.test", "default", HTTP, (*well, *sick.endpoints[3:]))
        feed.change(offered(feed.name, [mended]))
        await asyncio.sleep(0.05)

    follower = await follow(control, all_of(web(5)), all_of([sick]), recovers)
    assert follower.standing().state == "synced"
    healthy = [
        one.address
        for one in services.endpoints(control.world, ("web.test", "default"))
        if one.health is Health.HEALTHY
    ]
    assert healthy == ["10.0.0.1", "10.0.0.2", "10.0.0.3"]


async def test_an_answer_about_other_tables_leaves_what_is_held_back_alone(control):
    """Each answer is asked for twice while the whole is not believed; it is about no more than itself both times."""

    def about(table, offers):
        async def step(feed) -> None:
            async def read():
                return {table: offered(feed.name, offers)[table]}

            await feed.complete(await read(), read, within=(table,))

        return step

    sick, more = web(5, Health.UNHEALTHY), offer("api")
    steps = (all_of(web(5)), about(tables.ENDPOINTS, sick), about(tables.SERVICES, [*sick, more]))
    follower = await follow(control, *steps)
    assert follower.standing().state == "held"
    assert len(endpoints(control)) == 5
    await control.release("test", author="ada")
    (found,) = {one.health for one in services.endpoints(control.world, ("web.test", "default"))}
    assert found is Health.UNHEALTHY
    assert services.service(control.world, ("api.test", "default"))


async def test_what_is_said_while_an_answer_is_judged_is_newer_than_what_is_held_back(control):
    sick, one = web(9, Health.UNHEALTHY), offer("api", "10.0.1.1")

    async def falls_ill(feed) -> None:
        async def again():
            feed.change(offered(feed.name, [offer("api", "10.0.1.9")]))
            return offered(feed.name, [*sick, one])

        await feed.complete(offered(feed.name, [*sick, one]), again)

    follower = await follow(control, all_of([*web(9), one]), falls_ill)
    assert follower.standing().state == "held"
    await control.release("test", author="ada")
    assert endpoints(control, "api") == ["10.0.1.9"]


async def test_what_is_known_survives_a_restart_while_the_platform_is_gone(control, tmp_path):
    file = tmp_path / "test.jsonl"
    await follow(control, all_of([*web(3), offer("api", "10.0.1.1")]), file=file)
    history = await SqliteHistory.open(tmp_path / "other.db")
    other = ControlPlane(history)
    follower = await follow(other, fails("still gone"), file=file)
    assert endpoints(other) == endpoints(control) == ["10.0.0.1", "10.0.0.2", "10.0.0.3"]
    assert endpoints(other, "api") == ["10.0.1.1"]
    assert [one.code for one in follower.reports()] == ["platform-stale"]
    await history.close()


async def test_a_file_that_cannot_be_read_does_not_stop_anything(control, tmp_path):
    file = tmp_path / "test.jsonl"
    file.write_text("{torn")
    await follow(control, all_of(web(1)), file=file)
    assert endpoints(control) == ["10.0.0.1"]


async def test_an_answer_without_a_change_changes_nothing(control):
    await follow(control, all_of(web(3)))
    generation = control.world.generation
    await follow(control, all_of(web(3)))
    assert control.world.generation == generation


async def test_changes_that_come_together_are_one_and_the_last_one_counts(control):
    async def flood(feed) -> None:
        for number in range(1, 100):
            feed.change(offered(feed.name, web(number)))
        await asyncio.sleep(0.05)

    await follow(control, all_of(web(1)))
    generation = control.world.generation
    await follow(control, flood)
    assert len(endpoints(control)) == 99
    assert control.world.generation == generation + 1


VIRTUAL_SERVICE: Mapping[str, object] = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "VirtualService",
    "metadata": {"name": "web", "namespace": "default"},
    "spec": {"hosts": ["web.test"], "http": [{"route": [{"destination": {"host": "web.test"}}]}]},
}


async def test_rule_objects_come_go_and_survive(control, tmp_path):
    file = tmp_path / "test.jsonl"

    def objects(units, *, complete=False):
        return lambda feed: feed.objects(units, complete=complete)

    await follow(control, objects({"web": VIRTUAL_SERVICE}), file=file)
    assert [str(item.ref) for item in control.objects()] == ["VirtualService default/web"]
    history = await SqliteHistory.open(tmp_path / "other.db")
    other = ControlPlane(history)
    await follow(other, fails("gone"), file=file)
    assert [str(item.ref) for item in other.objects()] == ["VirtualService default/web"]
    await follow(other, objects({}, complete=True), file=file)
    assert other.objects() == ()
    await history.close()


async def test_an_adapter_is_told_what_stands_in_force(control, tmp_path):
    seen: list[set[object]] = []

    async def looks(feed) -> None:
        seen.append({(table, *key) for table, rows in feed.known().items() for key in rows})

    file = tmp_path / "test.jsonl"
    await follow(control, all_of(web(2)), file=file)
    history = await SqliteHistory.open(tmp_path / "other.db")
    await follow(ControlPlane(history), looks, file=file)
    await history.close()
    key = ("web.test", "default", "test/web")
    assert seen == [{(tables.SERVICES, *key), (tables.ENDPOINTS, *key)}]
