"""What a proxy refuses is isolated, reported, not sent again, and blocks nothing else."""

import pytest
from tests.unit.xds.proxy import Server, held, shop, started
from tests.xds.world import CLUSTER, ENDPOINT, LISTENER, ROUTE, VIRTUAL_HOST, World

from pidalio.envoy import messages as pb
from pidalio.xds.isolation import split


def push_until_quiet(proxy, bad, error="", limit=60):
    """Answer as Envoy does: a response with a bad resource is refused as a whole."""
    sent = []
    for _ in range(limit):
        message = proxy.next()
        if message is None:
            return sent
        names = [each.name for each in message.resources]
        sent.append(names)
        if bad.intersection(names):
            proxy.nack(error)
        else:
            proxy.ack()
    raise AssertionError("it never becomes quiet")


def test_a_single_refused_resource_is_reported_and_not_sent_again():
    server = shop()
    proxy = started(server)
    server.change(server.world.put(VIRTUAL_HOST, "r/a", "bad"))
    proxy.take()
    before = held(proxy, VIRTUAL_HOST)
    proxy.nack("bad regex")
    assert proxy.take() == []
    server.change({VIRTUAL_HOST: ["r/a"]})
    assert proxy.take() == []
    assert held(proxy, VIRTUAL_HOST) == before
    (rejection,) = server.log.rejections
    assert (rejection.name, rejection.error) == ("r/a", "bad regex")
    assert rejection.version == server.world.get(VIRTUAL_HOST, "r/a").version
    assert proxy.stream.status().types[-1].rejected == (rejection,)


def test_it_blocks_nothing_else_and_its_next_version_is_sent():
    server = shop()
    proxy = started(server)
    server.change(server.world.put(VIRTUAL_HOST, "r/a", "bad"))
    push_until_quiet(proxy, {"r/a"})
    server.change(server.world.put(VIRTUAL_HOST, "r/b", "v2"))
    assert proxy.settle() == [("VirtualHost", "r/b")]
    server.change(server.world.put(VIRTUAL_HOST, "r/a", "mended"))
    assert proxy.settle() == [("VirtualHost", "r/a")]
    assert proxy.stream.rejections == ()


def test_going_back_to_the_held_version_pardons():
    server = shop()
    proxy = started(server)
    server.change(server.world.put(VIRTUAL_HOST, "r/a", "bad"))
    push_until_quiet(proxy, {"r/a"})
    server.change(server.world.put(VIRTUAL_HOST, "r/a", "to c1"))
    assert proxy.settle() == []
    assert proxy.stream.rejections == ()


@pytest.mark.parametrize("error", ["invalid", "virtual host r/h7: bad regex"])
def test_one_bad_resource_among_many_is_found(error):
    server = Server(World(routes={"r": "r"}, hosts={f"r/h{number}": "v" for number in range(32)}))
    proxy = server.connect()
    proxy.ask(ROUTE, "r")
    proxy.settle()
    proxy.ask(VIRTUAL_HOST)
    sent = push_until_quiet(proxy, {"r/h7"}, error)
    assert held(proxy, VIRTUAL_HOST).keys() == {f"r/h{number}" for number in range(32)} - {"r/h7"}
    assert [each.name for each in server.log.rejections] == ["r/h7"]
    assert len(sent) == (3 if "h7" in error else 11)
    assert proxy.stream.generation == server.generation


def test_several_bad_resources_are_found():
    bad = {"c3", "c19", "c20"}
    server = Server(World(clusters={f"c{number}": "v" for number in range(40)}))
    proxy = server.connect()
    proxy.ask(CLUSTER)
    push_until_quiet(proxy, bad)
    assert {each.name for each in server.log.rejections} == bad
    assert len(held(proxy, CLUSTER)) == 37


def test_a_part_that_changed_meanwhile_is_sent_in_its_newest_state():
    server = shop()
    proxy = started(server)
    server.change(server.world.put(VIRTUAL_HOST, "r/a", "v2"), server.world.put(VIRTUAL_HOST, "r/b", "bad"))
    proxy.take()
    server.change(server.world.put(VIRTUAL_HOST, "r/b", "mended"))
    proxy.nack("invalid")
    assert proxy.settle() == [("VirtualHost", "r/a"), ("VirtualHost", "r/b")]
    assert server.log.rejections == []


def test_a_resource_that_half_applied_and_vanished_is_removed():
    server = Server(World(clusters={"a": "1", "b": "bad"}))
    proxy = server.connect()
    proxy.ask(CLUSTER)
    proxy.take()
    server.change(server.world.drop(CLUSTER, "a"))
    proxy.nack("error adding cluster b")
    assert ("Cluster", "-a") in proxy.settle()


def test_removals_go_with_the_first_part():
    assert split({"x": "", "a": "1", "b": "1"}, "b is bad", "") == [["x", "a"], ["b"]]
    assert split({"x": "", "a": "1"}, "", "") == [["x"], ["a"]]
    assert split({"x": "", "y": ""}, "", "") == [["x"], ["y"]]
    assert split({"a": "1", "ab": "1", "c": "1"}, "ab", "") == [["a", "c"], ["ab"]]


def test_a_proxy_that_refuses_the_first_endpoints_of_a_cluster_gets_none_so_that_it_warms():
    server = shop()
    proxy = started(server)
    server.change(server.world.put(CLUSTER, "c3", "c3"), server.world.put(ENDPOINT, "c3", "malformed"))
    assert proxy.take() == [("Cluster", "c3")]
    proxy.ask(ENDPOINT, "c3")
    proxy.take()
    proxy.nack("malformed IP address", ENDPOINT)
    message = proxy.next()
    assert pb.ClusterLoadAssignment.FromString(message.resources[0].resource.value).cluster_name == "c3"
    proxy.ack()
    assert proxy.take() == []
    assert [each.name for each in proxy.stream.rejections] == ["c3"]
    server.change(server.world.put(CLUSTER, "c3", "changed"))
    assert proxy.settle() == [("Cluster", "c3"), ("ClusterLoadAssignment", "c3")]
    assert [each.name for each in proxy.stream.rejections] == ["c3"]
    server.change(server.world.put(ENDPOINT, "c3", "good"))
    assert proxy.settle() == [("ClusterLoadAssignment", "c3")]
    assert proxy.stream.rejections == ()


def test_a_proxy_that_refuses_a_route_table_gets_a_stand_in_and_later_the_table_with_its_virtual_hosts():
    server = shop()
    server.world.put(ROUTE, "r", "bad")
    proxy = server.connect()
    proxy.ask(ROUTE, "r")
    proxy.take()
    proxy.nack("bad")
    assert b"no usable route configuration" in proxy.next().resources[0].resource.value
    proxy.ack()
    proxy.ask(VIRTUAL_HOST)
    assert proxy.settle() == [("VirtualHost",)]
    server.change(server.world.put(ROUTE, "r", "good"))
    assert proxy.settle() == [("RouteConfiguration", "r"), ("VirtualHost", "r/a", "r/b")]


def test_the_former_content_stays_when_a_new_version_is_refused():
    server = shop()
    proxy = started(server)
    server.change(server.world.put(ENDPOINT, "c1", "malformed"), server.world.put(ROUTE, "r", "bad"))
    proxy.take()
    proxy.nack("malformed", ENDPOINT)
    proxy.nack("bad", ROUTE)
    assert proxy.take() == []


def test_a_conflict_is_tried_again_when_the_other_has_given_way():
    server = shop()
    proxy = started(server)
    server.change(server.world.put(VIRTUAL_HOST, "r/b", "also has a's domain"))
    proxy.take()
    proxy.nack("Duplicate entry of domain a in route r")
    assert proxy.take() == []
    assert [each.name for each in proxy.stream.rejections] == ["r/b"]
    server.change(server.world.put(VIRTUAL_HOST, "r/a", "has another domain"))
    assert proxy.take() == [("VirtualHost", "r/a")]
    proxy.ack()
    assert proxy.take() == [("VirtualHost", "r/b")]
    proxy.ack()
    assert proxy.stream.rejections == ()


def test_a_conflict_that_stays_is_tried_once_for_each_change():
    server = shop()
    proxy = started(server)
    server.change(server.world.put(VIRTUAL_HOST, "r/b", "also has a's domain"))
    push_until_quiet(proxy, {"r/b"}, "Duplicate entry of domain a in route r")
    server.change(server.world.put(VIRTUAL_HOST, "r/a", "still has the domain"))
    sent = push_until_quiet(proxy, {"r/b"}, "Duplicate entry of domain a in route r")
    assert sent == [["r/a"], ["r/b"]]
    assert [each.name for each in proxy.stream.rejections] == ["r/b"]


def test_a_proxy_that_comes_back_is_not_sent_again_what_it_refused():
    server = shop()
    old = started(server)
    server.change(server.world.put(VIRTUAL_HOST, "r/a", "bad"), server.world.put(ENDPOINT, "c1", "malformed"))
    push_until_quiet(old, {"r/a", "c1"})
    server.ads.close(old.stream, "gone")
    proxy = server.connect()
    for kind in (CLUSTER, ENDPOINT, LISTENER, ROUTE, VIRTUAL_HOST):
        names = held(old, kind) if kind in (ENDPOINT, ROUTE) else ()
        proxy.ask(kind, *names, initial=held(old, kind))
    assert [each[1:] for each in proxy.settle()] == [()] * 5
    assert {each.name for each in proxy.stream.rejections} == {"c1", "r/a"}
    server.change(server.world.put(VIRTUAL_HOST, "r/a", "good"), server.world.put(CLUSTER, "c1", "changed"))
    assert ("VirtualHost", "r/a") in proxy.settle()
    server.change(server.world.put(ENDPOINT, "c1", "good"))
    assert proxy.settle() == [("ClusterLoadAssignment", "c1")]


def test_a_proxy_that_starts_anew_may_accept_what_its_predecessor_refused():
    server = shop()
    old = started(server)
    server.change(server.world.put(VIRTUAL_HOST, "r/a", "bad"))
    push_until_quiet(old, {"r/a"})
    server.ads.close(old.stream, "gone")
    assert held(started(server), VIRTUAL_HOST)["r/a"] == server.world.get(VIRTUAL_HOST, "r/a").version


def test_a_changed_cluster_takes_over_its_former_endpoints_when_the_new_ones_are_refused():
    server = shop()
    proxy = started(server)
    server.change(server.world.put(ENDPOINT, "c1", "malformed"))
    push_until_quiet(proxy, {"c1"})
    server.change(server.world.put(CLUSTER, "c1", "changed"))
    assert proxy.next().type_url == CLUSTER
    assert [each.resource.value for each in proxy.next().resources] == [b"1"]
    proxy.ack()
    assert [each.name for each in proxy.stream.rejections] == ["c1"]
