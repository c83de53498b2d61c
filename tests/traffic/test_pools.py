"""Which instances get requests, by health, priority, weight and threshold: measured shares against told ones."""

import msgspec
import pytest
from tests.traffic.case import Call
from tests.traffic.client import Sent, fetch
from tests.traffic.envoy import RunningEnvoy
from tests.traffic.observe import Outcome, broken_expectations

from pidalio.ir import (
    AssignmentPlan,
    ClusterPlan,
    Direction,
    Discovery,
    EndpointPlan,
    ForwardPlan,
    HttpPlan,
    ListenerPlan,
    LoadBalancing,
    LocalityPlan,
    MatchPlan,
    PathKind,
    PathMatch,
    ProxyPlans,
    RoutePlan,
    RouteTablePlan,
    VirtualHostPlan,
    WeightedCluster,
    one_chain,
)
from pidalio.model import Health, Locality
from pidalio.simulate import Request, decide

_HEALTH = {"h": Health.HEALTHY, "u": Health.UNHEALTHY, "d": Health.DRAINING, "k": Health.UNKNOWN}
_WORLDS = (
    *("h", "huuu", "hhuu", "uuuu", "hdk", "ddd", "dddu", "hkdu", "dh", "ddhu", "hhdddu"),
    *("dd/hh", "hhhu/hh", "hhuu/hh", "uu/uu", "hu/hu", "uuh/uuu", "uuu/uuh", "uuuuh/uuuuuuuhhh", "uh/uuh/uuuh"),
    *("ddu/uu", "dhuu/uuu", "ddhu/hh", "dduu/uuuu", "dd/dd", "hdduu/hdddddd"),
)
_TIMES = 300


def _cluster(name, world, port, *, threshold=None, balancing=LoadBalancing.ROUND_ROBIN, weights=()):
    localities = tuple(
        LocalityPlan(
            tuple(
                EndpointPlan(
                    f"127.90.{priority + 1}.{position}",
                    port,
                    weight=weights[position - 1] if weights else 1,
                    health=_HEALTH[health],
                )
                for position, health in enumerate(members, 1)
            ),
            priority=priority,
        )
        for priority, members in enumerate(world.split("/"))
    )
    return ClusterPlan(
        name,
        Discovery.STATIC,
        load_balancing=balancing,
        healthy_panic_threshold=threshold,
        assignment=AssignmentPlan(name, localities),
    )


def _plans(clusters):
    routes = tuple(
        RoutePlan(
            MatchPlan(path=PathMatch(PathKind.EXACT, f"/{number}")),
            ForwardPlan((WeightedCluster(cluster.name, 1),)),
            cluster.name,
        )
        for number, cluster in enumerate(clusters)
    )
    table = RouteTablePlan("pools", (VirtualHostPlan("all", ("*",), routes),))
    listener = ListenerPlan("in", "127.0.0.1", 1, Direction.INBOUND, one_chain(HttpPlan("in", "pools")))
    return ProxyPlans((listener,), (table,), tuple(clusters), ())


def _told(plans, number):
    """Return the shares and the status that the simulator expects for cluster `number`."""
    decision = decide(plans, "in", Request(authority="any", path=f"/{number}"))
    reached = {each.address: each.share for each in decision.action.destinations[0].pool.endpoints if each.share}
    status = decision.verdict.status
    assert sum(reached.values()) == pytest.approx(0 if status == 503 else 1)
    return ({} if status == 503 else reached), status or 200


def _measured(envoy, number):
    request = Sent(envoy.address("in"), "GET", f"/{number}", "any")
    answers = fetch([request] * _TIMES, at_once=1)
    addresses = [got.header("x-from") for got in answers if got.header("x-from")]
    reached = {address: addresses.count(address) / _TIMES for address in addresses}
    return Outcome(status=answers[-1].status, reached=reached)


@pytest.mark.envoy
@pytest.mark.parametrize("threshold", [0, 60, None])
def test_health_priorities_and_panic(threshold, backend):
    plans = _plans([_cluster(world, world, backend.port, threshold=threshold) for world in _WORLDS])
    _compare(plans, _WORLDS)


@pytest.mark.envoy
def test_weights_of_instances(backend):
    clusters = [
        _cluster(balancing.name, "hhhu", backend.port, threshold=0, balancing=balancing, weights=(1, 2, 5, 7))
        for balancing in (LoadBalancing.LEAST_REQUEST, LoadBalancing.ROUND_ROBIN, LoadBalancing.RANDOM)
    ]
    _compare(_plans(clusters), [cluster.name for cluster in clusters])


_PLACES = (
    # localities of each priority: their weight and their members
    "70:h 30:h",
    "1:hh 1:h",
    "70:hu 30:h",
    "70:huu 30:hh",
    "70:uu 30:h",
    "70:hd 30:hu",
    "9:h 1:u/5:h",
    "7:uuu 3:h/5:h 5:h",
    "70:uu 30:uu",
)


@pytest.mark.envoy
@pytest.mark.parametrize("balancing", [LoadBalancing.ROUND_ROBIN, LoadBalancing.LEAST_REQUEST, LoadBalancing.RANDOM])
@pytest.mark.parametrize("threshold", [0, None])
def test_weights_of_localities(balancing, threshold, backend):
    clusters = [_placed(world, backend.port, balancing, threshold) for world in _PLACES]
    _compare(_plans(clusters), _PLACES)


def _placed(world, port, balancing, threshold):
    localities = []
    for priority, part in enumerate(world.split("/")):
        for zone, place in enumerate(part.split()):
            weight, _, members = place.partition(":")
            endpoints = tuple(
                EndpointPlan(f"127.91.{priority * 8 + zone + 1}.{position}", port, health=_HEALTH[health])
                for position, health in enumerate(members, 1)
            )
            localities.append(LocalityPlan(endpoints, Locality("eu", f"z{zone}"), int(weight), priority))
    return ClusterPlan(
        world,
        Discovery.STATIC,
        load_balancing=balancing,
        locality_weighted=True,
        healthy_panic_threshold=threshold,
        assignment=AssignmentPlan(world, tuple(localities)),
    )


def _compare(plans, names):
    envoy = RunningEnvoy(plans).start()
    wrong = []
    try:
        for number, name in enumerate(names):
            shares, status = _told(plans, number)
            call = Call(url=f"/{number}", to=shares, status=status, times=_TIMES)
            wrong += [f"{name}: {each}" for each in broken_expectations(call, _measured(envoy, number))]
    finally:
        envoy.stop()
    assert not wrong, "\n".join(wrong)


def test_a_pool_is_the_same_however_it_travels(backend):
    inline = _cluster("one", "hhu", backend.port)
    split = msgspec.structs.replace(inline, discovery=Discovery.EDS, assignment=None)
    apart = msgspec.structs.replace(_plans([split]), assignments=(inline.assignment,))
    assert _told(apart, 0) == _told(_plans([inline]), 0)
