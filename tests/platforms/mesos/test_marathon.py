"""Marathon beside the master, and each without the other; Mesos-DNS where neither answers."""

import pytest
from tests.platforms.mesos.fake import MesosDns, Serving
from tests.platforms.mesos.joined import Joined
from tests.platforms.mesos.shop import Shop

from pidalio.platforms.mesos import adapter

A, B, C = "10.0.0.1", "10.0.0.2", "10.0.0.3"
ONE = {f"{A}:31001": "HEALTHY v1"}
TWO = {**ONE, f"{B}:31002": "HEALTHY v2"}


@pytest.fixture
async def shop():
    """Master and Marathon on a port each."""
    made = Shop(service_port=10019)
    made.serving = Serving(made.master)
    made.apps = Serving(made.marathon)
    await made.serving.start()
    await made.apps.start()
    made.put("web", "a", A, 31001)
    yield made
    await made.serving.stop()
    await made.apps.stop()


def both(shop, **more):
    return {"master": shop.serving.url, "marathon": shop.apps.url, "reread": 60, **more}


async def test_versions_stand_side_by_side_by_marathon_alone(shop, tmp_path):
    async with Joined(tmp_path, marathon=shop.apps.url) as joined:
        await joined.until_has(ONE)
        shop.put("web", "b", B, 31002, version="v2")
        await joined.until_has(TWO)
        assert joined.ports() == [(10019, "HTTP")]
        shop.drop("web", "a")
        await joined.until_has({f"{B}:31002": "HEALTHY v2"})
        shop.marathon.app("/idle", labels={}, portDefinitions=[{"port": 10020, "name": "grpc"}])
        shop.marathon.tell("api_post_event", appDefinition={"id": "/idle"})
        await joined.until(lambda: joined.ports("idle.marathon.mesos"), [(10020, "GRPC")])


async def test_events_are_followed_and_what_they_miss_is_found(shop, tmp_path):
    async with Joined(tmp_path, marathon=shop.apps.url, reread=1) as joined:
        await joined.until_has(ONE)
        shop.marathon.is_dropping = True
        shop.put("web", "b", B, 31002, version="v2")
        await joined.until_has(TWO)


async def test_only_what_is_named_is_read_again(shop, tmp_path):
    shop.put("api", "x", C, 31009)
    async with Joined(tmp_path, marathon=shop.apps.url, reread=3600) as joined:
        await joined.until_has(ONE)
        await joined.until(lambda: shop.marathon.asked.count("apps") >= 2, True)  # when events began, everything was
        await joined.until_state("synced")
        shop.marathon.asked.clear()
        shop.health("web", "a", is_well=False)
        await joined.until_has({f"{A}:31001": "UNHEALTHY v1"})
        assert set(shop.marathon.asked) == {"/web"}


async def test_without_events_marathon_is_read_now_and_then(shop, tmp_path):
    shop.marathon.has_events = False
    async with Joined(tmp_path, marathon=shop.apps.url, reread=1) as joined:
        await joined.until(joined.codes, ["mesos-no-events"])
        shop.put("web", "b", B, 31002, version="v2")
        await joined.until_has(TWO)
        assert joined.follower.standing().state == "synced"


async def test_tasks_outlive_marathon_and_are_followed_by_the_master(shop, tmp_path):
    async with Joined(tmp_path, **both(shop)) as joined:
        await joined.until_has(ONE)
        await shop.apps.stop()
        await joined.until_state("stale")
        assert "tasks are followed by master alone" in joined.follower.standing().error
        assert joined.has() == ONE
        shop.put("web", "b", B, 31002, version="v2")
        await joined.until_has(TWO)
        assert joined.ports() == [(10019, "HTTP")]  # as Marathon said
        shop.drop("web", "a")
        await joined.until_has({f"{B}:31002": "HEALTHY v2"})
        await shop.apps.start()
        await joined.until_state("synced")
        assert joined.has() == {f"{B}:31002": "HEALTHY v2"}


async def test_a_control_plane_that_starts_without_marathon_goes_on_by_what_it_knew(shop, tmp_path):
    async with Joined(tmp_path, **both(shop)) as joined:
        await joined.until_has(ONE)
    await shop.apps.stop()
    async with Joined(tmp_path, **both(shop)) as joined:
        assert joined.has() == ONE
        shop.put("web", "b", B, 31002, version="v2")
        await joined.until_has(TWO)
        assert joined.ports() == [(10019, "HTTP")]
        shop.drop("web", "a")
        await joined.until_has({f"{B}:31002": "HEALTHY v2"})


async def test_tasks_are_followed_by_marathon_without_the_master(shop, tmp_path):
    async with Joined(tmp_path, **both(shop)) as joined:
        await joined.until_has(ONE)
        await shop.serving.stop()
        await joined.until_state("stale")
        shop.put("web", "b", B, 31002, version="v2")
        await joined.until_has(TWO)
        shop.drop("web", "a")
        await joined.until_has({f"{B}:31002": "HEALTHY v2"})


async def test_a_task_that_the_master_saw_ending_is_gone_whatever_marathon_lists(shop, tmp_path):
    async with Joined(tmp_path, **both(shop)) as joined:
        await joined.until_has(ONE)
        shop.put("web", "b", B, 31002, version="v2")
        await joined.until_has(TWO)
        shop.marathon.is_dropping = True
        listed = dict(shop.world.tasks)
        shop.state("web", "b", "TASK_FAILED")
        shop.world.tasks = listed
        await joined.until_has(ONE)
        shop.marathon.is_dropping = False
        shop.marathon.tell("deployment_info", plan={}, currentStep={"actions": [{"app": "/web"}]})
        shop.health("web", "a", is_well=False)
        await joined.until_has({f"{A}:31001": "UNHEALTHY v1"})


async def test_an_app_that_cannot_be_read_stays_as_it_was(shop, tmp_path):
    async with Joined(tmp_path, marathon=shop.apps.url) as joined:
        await joined.until_has(ONE)
        shop.marathon.broken[shop.running["web", "a"]] = {"ports": ["31001"]}
        shop.put("web", "b", B, 31002, version="v2")
        await joined.until_has(TWO)
        (report,) = joined.follower.reports()
        task = shop.running["web", "a"]
        assert (report.code, report.message) == (
            "mesos-unreadable",
            f"mesos: /web task {task}: Expected `int`, got `str` - at `$.ports[0]`",
        )


async def test_an_app_without_a_host_name_is_told(shop, tmp_path):
    shop.marathon.app("/odd", labels={"mesh.service": "???"}, portDefinitions=[{"port": 1}])
    async with Joined(tmp_path, marathon=shop.apps.url) as joined:
        await joined.until(joined.codes, ["mesos-no-service"])
        assert "marathon/odd: no host name results from its label mesh.service" in str(list(joined.follower.reports()))
        await joined.until_has(ONE)


async def test_agents_that_dns_does_not_know_are_told(shop, tmp_path):
    shop.put("web", "b", "agent-7.invalid", 31002, version="v2")
    async with Joined(tmp_path, marathon=shop.apps.url) as joined:
        await joined.until(joined.codes, ["mesos-no-address"])
        assert joined.has() == ONE


async def test_the_master_knows_the_addresses_of_agents(shop, tmp_path):
    shop.put("web", "b", "agent-7.invalid", 31002, version="v2")
    shop.world.agent("agent-7.invalid", "east", address=B)
    async with Joined(tmp_path, **both(shop)) as joined:
        await joined.until_has(TWO)
        assert joined.codes() == []


async def test_mesos_dns_alone(shop, tmp_path):
    async with Serving(MesosDns(shop.world)) as dns, Joined(tmp_path, mesos_dns=dns.url, reread=1) as joined:
        await joined.until_has({f"{A}:31001": "HEALTHY"})
        assert joined.ports() == [(80, "HTTP")]
        shop.put("web", "b", B, 31002)
        shop.drop("web", "a")
        await joined.until_has({f"{B}:31002": "HEALTHY"})


async def test_mesos_dns_tells_what_is_new_while_nothing_better_answers(shop, tmp_path):
    dns = MesosDns(shop.world)
    async with Serving(dns) as serving, Joined(tmp_path, **both(shop, reread=1, mesos_dns=serving.url)) as joined:
        await joined.until_has(ONE)
        await shop.serving.stop()
        await shop.apps.stop()
        shop.put("web", "b", B, 31002, version="v2")
        dns.extra = [{"name": "web", "id": 7}]
        await joined.until_has({**ONE, f"{B}:31002": "HEALTHY"})
        await joined.until(lambda: sorted(joined.codes()), ["mesos-fallback", "mesos-unreadable", "platform-stale"])
        assert joined.ports() == [(10019, "HTTP")]
        await shop.serving.start()
        await shop.apps.start()
        await joined.until_has(TWO)
        await joined.until(lambda: "mesos-fallback" in joined.codes(), False)
        await joined.until_state("synced")


async def test_a_pod_is_a_service(shop, tmp_path):
    agent = shop.world.agent(C, "east")
    endpoint = {
        "name": "http",
        "containerPort": 8080,
        "hostPort": 0,
        "protocol": ["tcp"],
        "labels": {"VIP_0": "/pod:80"},
    }
    spec = {
        "id": "/shop/pod",
        "labels": {"version": "v1"},
        "networks": [{"mode": "container", "name": "dcos"}],
        "containers": [{"name": "main", "endpoints": [endpoint]}, {"name": "beside"}],
    }
    instance = {
        "id": "shop_pod.instance-1",
        "status": "STABLE",
        "agentHostname": C,
        "agentId": agent,
        "networks": [{"name": "dcos", "addresses": ["9.0.0.5"]}],
        "containers": [
            {"name": "main", "status": "TASK_RUNNING", "endpoints": [{"name": "http", "allocatedHostPort": 31007}]},
            {"name": "beside", "status": "TASK_RUNNING"},
        ],
    }
    shop.marathon.pods = [{"id": "/shop/pod", "spec": spec, "status": "STABLE", "instances": [instance]}]
    async with Joined(tmp_path, **both(shop)) as joined:
        await joined.until_has({"9.0.0.5:8080": "HEALTHY v1"}, "pod.shop.marathon.mesos")
        assert joined.ports("pod.shop.marathon.mesos") == [(80, "HTTP")]


async def test_what_is_no_marathon_is_one_line(shop, tmp_path):
    async with Joined(tmp_path, marathon=shop.serving.url) as joined:
        await joined.until(lambda: "no Marathon answers here" in joined.follower.standing().error, True)


async def test_what_checks_of_marathon_found_outlives_a_restart_without_it(shop, tmp_path):
    shop.put("web", "b", B, 31002, version="v2")
    shop.health("web", "a", is_well=False)
    sick = {**TWO, f"{A}:31001": "UNHEALTHY v1"}
    async with Joined(tmp_path, **both(shop)) as joined:
        await joined.until_has(sick)
    await shop.apps.stop()
    async with Joined(tmp_path, **both(shop)) as joined:
        await joined.until_state("stale")
        shop.put("web", "c", C, 31003)
        await joined.until_has({**sick, f"{C}:31003": "HEALTHY v1"})


async def test_a_source_that_hangs_keeps_nothing_back(shop, tmp_path, monkeypatch):
    monkeypatch.setattr(adapter, "_PATIENCE", 0.3)
    shop.marathon.is_hanging = True
    async with Joined(tmp_path, **both(shop)) as joined:
        await joined.until_has(ONE)
        shop.marathon.is_hanging = False


async def test_an_answer_that_is_doubted_and_cannot_be_asked_for_again_is_not_forgotten(shop, tmp_path):
    """Twenty tasks vanish at once; the second question fails; in the end the truth is there."""
    for number in range(20):
        shop.put("many", f"m{number}", f"10.1.0.{number + 1}", 31000)
    async with Joined(tmp_path, marathon=shop.apps.url, reread=1) as joined:
        await joined.until(lambda: len(joined.has("many.marathon.mesos")), 20)
        shop.marathon.is_dropping = True
        for number in range(20):
            shop.drop("many", f"m{number}")
        shop.marathon.failures = 1  # of every two full reads, the second fails, once
        await joined.until(lambda: joined.has("many.marathon.mesos"), {})
        assert shop.marathon.failures == 0
        await joined.until_state("synced")
