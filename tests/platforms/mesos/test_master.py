"""The master's stream, whole, cut, late, out of order, with gaps; and another master after it."""

import pytest
from tests.platforms.mesos.fake import Master, Serving
from tests.platforms.mesos.joined import Joined
from tests.platforms.mesos.shop import Shop

from pidalio.platforms.mesos import master as following

A, B, C = "10.0.0.1", "10.0.0.2", "10.0.0.3"
ONE = {f"{A}:31001": "HEALTHY v1"}
TWO = {**ONE, f"{B}:31002": "HEALTHY v1"}
THREE = {**TWO, f"{C}:31003": "HEALTHY v1"}


@pytest.fixture
async def shop():
    made = Shop()
    await made.serving.start()
    made.put("web", "a", A, 31001)
    made.put("web", "b", B, 31002)
    yield made
    await made.serving.stop()


@pytest.fixture
async def joined(shop, tmp_path):
    """The master alone: what it tells is all that is known."""
    async with Joined(tmp_path, master=shop.serving.url, reread=60) as made:
        await made.until_has(TWO)
        yield made


async def test_what_mesos_alone_tells_of_a_task(shop, joined):
    assert joined.ports() == [(80, "HTTP")]
    shop.put("web", "c", C, 31003)
    await joined.until_has(THREE)
    shop.state("web", "a", "TASK_RUNNING", healthy=False)
    await joined.until_has({**THREE, f"{A}:31001": "UNHEALTHY v1"})
    shop.state("web", "a", "TASK_KILLING")
    await joined.until_has({**THREE, f"{A}:31001": "DRAINING v1"})
    shop.drop("web", "a")
    shop.state("web", "c", "TASK_UNREACHABLE")
    await joined.until_has({f"{B}:31002": "HEALTHY v1", f"{C}:31003": "UNHEALTHY v1"})
    shop.state("web", "c", "TASK_RUNNING")
    await joined.until_has({f"{B}:31002": "HEALTHY v1", f"{C}:31003": "HEALTHY v1"})


async def test_a_machine_that_is_gone_leaves_its_tasks_unhealthy_until_they_are_told(shop, joined):
    shop.master.agent_removed(f"S-{A}")
    await joined.until_has({**TWO, f"{A}:31001": "UNHEALTHY v1"})
    shop.master.agent_added(f"S-{A}")
    shop.state("web", "a", "TASK_RUNNING")
    await joined.until_has(TWO)


async def test_a_stream_that_is_cut_within_an_event_is_asked_for_anew(shop, joined):
    shop.master.withhold()
    shop.put("web", "c", C, 31003)
    shop.master.let_go(dropping=True)
    shop.master.cut_within({"type": "TASK_ADDED", "task_added": {"task": {}}})
    await joined.until_has(THREE)
    await joined.until_state("synced")


async def test_heartbeats_that_stay_away_end_the_stream(shop, joined):
    shop.master.withhold()
    shop.put("web", "c", C, 31003)
    shop.master.let_go(dropping=True)
    shop.master.is_silent = True
    await joined.until(lambda: shop.master.asked.count("SUBSCRIBE") > 1, True)
    shop.master.is_silent = False
    await joined.until_has(THREE)


async def test_events_out_of_order_and_twice_end_in_the_same(shop, joined):
    shop.master.withhold()
    shop.put("web", "c", C, 31003)
    shop.state("web", "c", "TASK_RUNNING", healthy=False)
    shop.state("web", "c", "TASK_RUNNING", healthy=True)
    shop.put("web", "d", "10.0.0.4", 31004)
    shop.drop("web", "d")
    shop.drop("web", "a")
    kept = list(shop.master._withheld)
    shop.master.let_go(backwards=True)
    for record in (*kept, *kept):
        shop.master.send_bytes(record)
    shop.put("web", "e", "10.0.0.5", 31005)
    await joined.until_has({f"{B}:31002": "HEALTHY v1", f"{C}:31003": "HEALTHY v1", "10.0.0.5:31005": "HEALTHY v1"})


async def test_an_event_about_a_task_that_nobody_told_of_makes_the_state_be_read_again(shop, joined):
    shop.master.withhold()
    shop.put("web", "c", C, 31003)
    shop.drop("web", "a")
    shop.master.let_go(dropping=True)
    shop.state("web", "c", "TASK_RUNNING", healthy=True)
    await joined.until_has({f"{B}:31002": "HEALTHY v1", f"{C}:31003": "HEALTHY v1"})
    assert shop.master.asked.count("SUBSCRIBE") == 1


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (b"5\n{nope", "JSON is malformed"),
        (b'21\n{"type":"TASK_ADDED"}', "TASK_ADDED without `task_added`"),
        (b'2000\n{"type":"X"' + b" " * 1988 + b"}", "an event of 0 MB is not read"),
    ],
    ids=["no-json", "no-task", "too-large"],
)
async def test_an_event_that_cannot_be_read_is_told_and_changes_nothing(shop, tmp_path, monkeypatch, event, said):
    monkeypatch.setattr(following, "BIGGEST", 1 << 20 if len(event) < 100 else 1900)
    if len(event) > 100:
        shop.drop("web", "b")  # so that the state is smaller than that
    async with Joined(tmp_path, master=shop.serving.url) as joined:
        await joined.until_has(TWO if len(event) < 100 else ONE)
        shop.master.send_bytes(event)
        await joined.until(joined.codes, ["mesos-unreadable"])
        assert said in next(iter(joined.follower.reports())).message
        shop.put("web", "c", C, 31003)
        await joined.until(lambda: f"{C}:31003" in joined.has(), True)
        assert joined.follower.standing().state == "synced"


async def test_a_task_of_a_state_that_cannot_be_read_stays_as_it_was(shop, joined):
    task = shop.world.tasks[shop.running["web", "a"]]
    task["discovery"]["ports"]["ports"][0]["number"] = "31001"
    shop.master.break_off()
    await joined.until(joined.codes, ["mesos-unreadable"])
    (report,) = joined.follower.reports()
    assert report.message == (
        f"mesos: {shop.running['web', 'a']}: Expected `int`, got `str` - at `$.discovery.ports.ports[0].number`"
    )
    assert joined.has() == TWO


async def test_what_is_no_stream_of_a_master_is_one_line(shop, joined, caplog):
    shop.master.send_bytes(b"<html>")
    await joined.until(lambda: "no event stream of a master" in caplog.text, True)
    await joined.until_state("synced")
    assert joined.has() == TWO


async def test_a_new_master_that_knows_little_is_given_time(shop, tmp_path):
    shop.put("web", "c", C, 31003)
    async with Joined(tmp_path, master=shop.serving.url, reregistration=3600) as joined:
        await joined.until_has(THREE)
        shop.master.withhold()  # the old one tells nothing more
        shop.drop("web", "b")
        shop.master.registered, shop.master.recovered = {f"S-{A}"}, {f"S-{B}", f"S-{C}"}
        await shop.restart(keeps=True)
        shop.master.let_go(dropping=True)
        await joined.until(joined.codes, ["mesos-failover"])
        assert joined.has() == THREE
        shop.master.agent_added(f"S-{B}")
        shop.master.agent_added(f"S-{C}")
        shop.master.added(shop.running["web", "c"])
        await joined.until_has({**ONE, f"{C}:31003": "HEALTHY v1"})
        assert joined.codes() == []


async def test_what_a_new_master_never_hears_of_again_goes_after_its_time(shop, tmp_path):
    async with Joined(tmp_path, master=shop.serving.url, reregistration=2) as joined:
        await joined.until_has(TWO)
        shop.world.tasks.pop(shop.running["web", "b"])
        shop.master.registered = {f"S-{A}"}
        await shop.restart(keeps=True)
        await joined.until(joined.codes, ["mesos-failover"])
        assert joined.has() == TWO
        await joined.until_has(ONE)


async def test_a_machine_that_comes_back_as_another_agent_has_lost_its_tasks(shop, tmp_path):
    async with Joined(tmp_path, master=shop.serving.url, reregistration=3600) as joined:
        await joined.until_has(TWO)
        agent = shop.world.agents.pop(f"S-{B}")
        shop.world.tasks.pop(shop.running["web", "b"])
        shop.master.registered = {f"S-{A}"}
        await shop.restart(keeps=True)
        await joined.until(joined.codes, ["mesos-failover"])
        assert joined.has() == TWO
        agent["agent_info"]["id"] = {"value": "S-new"}
        shop.world.agents["S-new"] = agent
        shop.master.agent_added("S-new")
        shop.running["api", "x"] = key = shop.world.task("/api", "S-new", {"http": 31002}, {})
        shop.master.added(key)
        await joined.until_has(ONE)
        await joined.until_has({f"{B}:31002": "HEALTHY"}, "api.marathon.mesos")


async def test_the_same_master_is_believed_at_once(shop, joined):
    shop.master.withhold()
    shop.drop("web", "b")
    shop.master.let_go(dropping=True)
    shop.master.break_off()
    await joined.until_has(ONE)
    assert joined.codes() == []


async def test_a_control_plane_that_starts_beside_a_young_master_keeps_what_it_knew(shop, tmp_path):
    async with Joined(tmp_path, master=shop.serving.url) as joined:
        await joined.until_has(TWO)
    shop.master.registered, shop.master.recovered = {f"S-{A}"}, {f"S-{B}"}
    async with Joined(tmp_path, master=shop.serving.url) as joined:
        await joined.until(joined.codes, ["mesos-failover"])
        assert joined.has() == TWO
        shop.world.tasks.pop(shop.running["web", "b"])
        shop.master.agent_added(f"S-{B}")
        await joined.until_has(ONE)


async def test_masters_that_do_not_lead_send_on_and_dead_ones_are_passed_over(shop, tmp_path):
    other = Master(shop.world, "M2")
    async with Serving(other) as serving:
        other.leader = shop.serving.url
        async with Joined(tmp_path, master=f"http://127.0.0.1:1,{serving.url}") as joined:
            await joined.until_has(TWO)
            assert "SUBSCRIBE" in shop.master.asked
            await shop.serving.stop()
            other.leader = ""
            await joined.until(lambda: "SUBSCRIBE" in other.asked, True)
            await joined.until_state("synced")
            assert joined.has() == TWO


async def test_masters_that_send_to_each_other_are_one_line(shop, tmp_path):
    shop.master.leader = shop.serving.url
    async with Joined(tmp_path, master=shop.serving.url) as joined:
        await joined.until(lambda: "no master leads, or they disagree" in joined.follower.standing().error, True)


@pytest.mark.parametrize(
    ("settings", "cure"),
    [
        ({}, "state user and passwordFile, or tokenFile"),
        ({"user": "ada", "password": "x"}, "see user and passwordFile"),
        ({"token": "x"}, "the token has expired"),
    ],
    ids=["nobody", "user", "token"],
)
async def test_a_refusal_says_what_to_do(shop, tmp_path, settings, cure):
    shop.master.unauthorized = True
    async with Joined(tmp_path, master=shop.serving.url, **settings) as joined:
        await joined.until(lambda: cure in joined.follower.standing().error, True)
        assert joined.codes() == ["platform-not-read"]


async def test_clocks_of_different_machines_are_not_compared(shop, joined):
    shop.world.clock += 1000  # the master's clock is ahead
    shop.state("web", "a", "TASK_UNREACHABLE", source="SOURCE_MASTER")
    await joined.until_has({**TWO, f"{A}:31001": "UNHEALTHY v1"})
    shop.world.clock -= 900
    shop.state("web", "a", "TASK_RUNNING")
    await joined.until_has(TWO)


async def test_a_word_that_says_less_takes_nothing_back(shop, tmp_path):
    agent = shop.world.agent(C, "east")
    infos = [{"ip_addresses": [{"ip_address": "9.0.0.7"}]}]
    shop.running["box", "a"] = key = shop.world.task(
        "/box", agent, {"http": 8080}, {}, resources=[], container={"type": "MESOS", "network_infos": [{"name": "n"}]}
    )
    status = {"container_status": {"network_infos": infos}, "healthy": True}
    async with Joined(tmp_path, master=shop.serving.url) as joined:
        shop.master.update(key, "TASK_RUNNING", **status)
        await joined.until_has({"9.0.0.7:8080": "HEALTHY"}, "box.marathon.mesos")
        shop.master.update(key, "TASK_KILLING")
        await joined.until_has({"9.0.0.7:8080": "DRAINING"}, "box.marathon.mesos")


async def test_what_is_no_master_is_one_line(shop, tmp_path):
    async with Joined(tmp_path, master=f"{shop.serving.url}/v2") as joined:
        await joined.until(lambda: "no master of Mesos 1.0 or newer" in joined.follower.standing().error, True)
