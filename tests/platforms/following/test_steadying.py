"""Health that goes up and down: a fall counts at once, a return waits, and membership is never touched."""

import asyncio

import msgspec
import pytest
from tests.platforms.following.scripted import all_of, follow, offer, web

from pidalio.model import Endpoint, Health, Workload
from pidalio.platforms.following.steadying import Steadying
from pidalio.platforms.offers import offered
from pidalio.rules import services
from pidalio.store import tables

SLOT = (tables.ENDPOINTS, ("web.test", "default", "test/web"))
WELL, ILL = Health.HEALTHY, Health.UNHEALTHY


class Instances:
    """One row of a platform: what it says, and what is believed."""

    def __init__(self) -> None:
        self.steadying, self.live, self.now = Steadying(), None, 0.0

    def say(self, *healths: Health, after: float = 1.0, first: int = 1) -> list[Health]:
        self.now += after
        row = tuple(Endpoint(f"10.0.0.{number}", 80, 80, health=one) for number, one in enumerate(healths, first))
        self.live = self.steadying.steady(SLOT, self.live, row, self.now)
        return self.believed

    def wait(self, seconds: float) -> list[Health]:
        self.now += seconds
        for _, row in self.steadying.due({SLOT: self.live}, self.now):
            self.live = row
        return self.believed

    @property
    def believed(self) -> list[Health]:
        return [one.health for one in self.live]

    def flap(self, times: int) -> list[Health]:
        for _ in range(times):
            self.say(ILL, WELL)
            self.say(WELL, WELL)
        return self.believed


@pytest.fixture
def instances() -> Instances:
    made = Instances()
    made.say(WELL, WELL)
    return made


def test_two_falls_cost_nothing(instances):
    assert instances.flap(2) == [WELL, WELL]
    assert instances.steadying.soonest is None


def test_from_the_third_on_it_must_stay_well(instances):
    assert instances.flap(3) == [ILL, WELL]
    assert instances.steadying.soonest == instances.now + 10
    assert instances.wait(9.9) == [ILL, WELL]
    assert instances.wait(0.2) == [WELL, WELL]
    assert instances.flap(1) == [ILL, WELL]
    assert instances.steadying.soonest == instances.now + 20


def test_a_fall_counts_at_once_also_of_one_that_is_held_back(instances):
    instances.flap(3)
    assert instances.say(ILL, WELL) == [ILL, WELL]
    assert instances.steadying.soonest is None
    assert instances.wait(100) == [ILL, WELL]
    assert instances.say(WELL, WELL) == [ILL, WELL]
    assert instances.steadying.soonest == instances.now + 20


def test_what_is_said_again_does_not_lengthen_the_wait(instances):
    instances.flap(3)
    soonest = instances.steadying.soonest
    instances.say(WELL, WELL, after=5)
    assert instances.steadying.soonest == soonest
    assert instances.say(WELL, WELL, after=6) == [WELL, WELL]


def test_who_leaves_leaves_and_who_comes_comes_whatever_it_did_before(instances):
    instances.flap(5)
    assert instances.say(WELL, first=2) == [WELL]
    assert instances.say(WELL, WELL) == [WELL, WELL]
    assert instances.steadying.soonest is None


def test_draining_is_neither_a_fall_nor_a_return(instances):
    for _ in range(9):
        assert instances.say(Health.DRAINING, WELL) == [Health.DRAINING, WELL]
        assert instances.say(WELL, WELL) == [WELL, WELL]


def test_ten_quiet_minutes_forgive(instances):
    instances.flap(3)
    instances.wait(700)
    assert instances.flap(2) == [WELL, WELL]


def test_a_workload_is_steadied_too():
    steadying, slot = Steadying(), (tables.WORKLOADS, ("default", "web-1", "test/Pod"))
    live = well = Workload("web-1", "default", "10.0.0.1", ())
    ill = msgspec.structs.replace(well, health=ILL)
    for now in range(3):
        live = steadying.steady(slot, live, ill, now)
        live = steadying.steady(slot, live, well, now)
    assert live.health is ILL
    (told,) = steadying.reports("test")
    assert "web-1 of namespace default fell ill 3 times" in told.message
    ((_, live),) = steadying.due({slot: live}, 100.0)
    assert live == well


def test_falls_that_do_not_count_any_more_are_forgotten():
    steadying = Steadying()
    for number in range(5000):
        slot = (tables.ENDPOINTS, (f"web-{number}.test", "default", "test/web"))
        well, ill = ((Endpoint("10.0.0.1", 80, 80, health=one),) for one in (WELL, ILL))
        steadying.steady(slot, well, ill, number)
    assert len(steadying._falls) < 2000


async def test_one_that_goes_up_and_down_is_told(control):
    """`instance-flapping`: by changes and by complete answers alike."""

    def turn(health: Health):
        row = offer("web", "10.0.0.1", health=health), offer("api", "10.0.1.1"), offer("ui", "10.0.1.2")

        async def step(feed) -> None:
            feed.change(offered(feed.name, row))
            await asyncio.sleep(0.01)

        return (step, all_of(row))

    steps = [one for _ in range(3) for health in (ILL, WELL) for one in turn(health)]
    follower = await follow(control, all_of([*web(1), offer("api", "10.0.1.1"), offer("ui", "10.0.1.2")]), *steps)
    (told,) = follower.reports()
    assert told.code == "instance-flapping"
    assert told.message == (
        "test: 10.0.0.1:8080 of web.test fell ill 3 times in ten minutes: it must stay well before it counts"
    )
    (one,) = services.endpoints(control.world, ("web.test", "default"))
    assert one.health is ILL


async def test_one_that_stays_well_is_let_in(control, monkeypatch):
    monkeypatch.setattr("pidalio.model.damping.FIRST", 0.05)
    healths = [health for _ in range(3) for health in (ILL, WELL)]

    async def let_in(feed) -> None:
        for health in healths:
            feed.change(offered(feed.name, [offer("web", "10.0.0.1", health=health)]))
            await asyncio.sleep(0.01)
        while next(iter(services.endpoints(control.world, ("web.test", "default")))).health is ILL:
            await asyncio.sleep(0.01)

    follower = await follow(control, all_of(web(1)), let_in)
    assert not list(follower.reports())
