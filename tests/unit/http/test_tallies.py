"""What a campaign did, from what proxies counted: before it and during."""

import msgspec
import pytest
from tests.unit.http.embedded import Embedded

from pidalio.errors import UsageError
from pidalio.http.fault_bodies import FaultOrder, FaultView
from pidalio.http.tallies import Tallies
from pidalio.model import Tally

HOST = "reviews.default.svc.cluster.local"


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def tally(age: float, requests: int, aborts: int = 0, slow: int = 0) -> Tally:
    """Return a tally of calls to one host: those that were not aborted took 1 ms, `slow` of them 300 ms."""
    times = ((1.0, requests - slow), (250.0, requests - slow), (500.0, requests))
    return Tally(age, requests, aborts, aborts, slow, times, ((HOST, requests - aborts, 0),))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tallies(clock) -> Tallies:
    return Tallies(epoch=clock)


def view(started: float, *proxies: str, ended: float | None = None) -> FaultView:
    return FaultView(FaultOrder("storm", "reviews"), HOST, started, started + 300, proxies or ("a",), ended)


def test_nothing_is_known_before_a_proxy_tells(tallies):
    assert tallies.effect(view(1000)) is None


def test_before_and_during_are_told_apart(tallies, clock):
    tallies.tell("a", [tally(age, requests) for age, requests in ((60, 100), (30, 400), (0, 700))])
    clock.now += 30
    tallies.tell("a", [tally(20, 800, 20, 10), tally(0, 1000, 60, 30)])
    effect = tallies.effect(view(1000))
    before, during = effect.before, effect.during
    assert (before.seconds, before.requests, before.errors, before.aborts) == (60, 600, 0, 0)
    assert (before.success, before.host_success, before.half_within, before.most_within) == (100, 100, 1, 1)
    assert (during.seconds, during.requests, during.aborts, during.delays) == (30, 300, 60, 30)
    assert (during.success, during.host_success) == (pytest.approx(80), pytest.approx(80))
    assert (during.half_within, during.most_within) == (1, 500)


def test_proxies_are_summed_and_others_do_not_count(tallies, clock):
    for proxy in ("a", "b", "c"):
        tallies.tell(proxy, [tally(10, 0), tally(0, 100, 10)])
    clock.now += 20
    effect = tallies.effect(view(990, "a", "b", "silent"))
    assert (effect.proxies, effect.during.requests, effect.during.aborts) == (2, 200, 20)


def test_what_comes_after_the_end_is_not_its_own(tallies, clock):
    tallies.tell("a", [tally(0, 100)])
    clock.now += 100
    tallies.tell("a", [tally(95, 200, 50), tally(0, 900, 50)])
    effect = tallies.effect(view(1000, ended=1002))
    assert (effect.during.requests, effect.during.aborts) == (100, 50)


def test_times_may_come_after_what_was_counted(tallies, clock):
    tallies.tell("a", [tally(0, 100)])
    clock.now += 14
    late = ((1.0, 100), (250.0, 100), (500.0, 100))
    tallies.tell("a", [msgspec.structs.replace(tally(9, 200, slow=50), times=late), tally(0, 300, slow=50)])
    during = tallies.effect(view(1000, ended=1005)).during
    assert (during.requests, during.delays, during.most_within) == (100, 50, 500)


def test_an_envoy_that_was_started_again_counts_from_nothing(tallies, clock):
    tallies.tell("a", [tally(0, 1000, 100)])
    clock.now += 10
    tallies.tell("a", [tally(5, 30, 3), tally(0, 50, 5)])
    assert tallies.effect(view(1000)).during.requests == 50


def test_without_calls_nothing_is_computed(tallies, clock):
    tallies.tell("a", [Tally(), Tally()])
    figures = tallies.effect(view(1000)).during
    assert (figures.success, figures.host_success, figures.half_within) == (None, None, None)


async def test_agents_tell_and_the_list_shows_also_when_it_is_over(mesh: Embedded) -> None:
    proxy = mesh.connect().start()
    proxy.ask("type.googleapis.com/envoy.service.runtime.v3.Runtime", "faults")
    proxy.settle()
    await mesh.client.start_fault(FaultOrder("storm", "reviews", http_status=503, abort_percent=5.0))
    await mesh.client.tallies(proxy.id, (tally(60, 0), tally(1, 600)))
    await mesh.client.tallies(proxy.id, (tally(0, 700, 5),))
    (running,) = await mesh.client.faults()
    assert (running.effect.before.requests, running.effect.during.aborts) == (600, 5)
    await mesh.client.stop_fault("storm")
    await mesh.client.start_fault(FaultOrder("next", "reviews", http_status=503, abort_percent=5.0))
    following, over = await mesh.client.faults()
    assert following.effect is None
    assert over.effect.during.aborts == 5


async def test_only_what_belongs_to_a_campaign_is_kept(mesh: Embedded) -> None:
    proxy = mesh.connect().start()
    proxy.ask("type.googleapis.com/envoy.service.runtime.v3.Runtime", "faults")
    proxy.settle()
    campaigns = mesh.served.campaigns
    assert campaigns.counted(proxy.id, [tally(0, 1)]) == 0
    await mesh.client.start_fault(FaultOrder("storm", "reviews", http_status=503, abort_percent=5.0))
    assert campaigns.counted("sidecar~10.0.0.9~other.default~default.svc.cluster.local", [tally(0, 1)]) == 0
    assert campaigns.counted(proxy.id, [tally(0, 1)]) == 1
    await mesh.client.stop_fault("storm")
    assert campaigns.counted(proxy.id, [tally(0, 1)]) == 1
    for much in ([tally(0, 1)] * 51, [Tally(hosts=((HOST, 1, 1),) * 2001)]):
        with pytest.raises(UsageError, match="at most 50 tallies"):
            await mesh.client.tallies(proxy.id, tuple(much))
