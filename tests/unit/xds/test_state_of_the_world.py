"""State-of-the-world streams: sets are complete, nothing that is held is lost, and nothing is sent twice."""

import pytest
from tests.unit.xds.proxy import Server
from tests.unit.xds.state_proxy import StateProxy
from tests.xds.world import CLUSTER, ENDPOINT, LISTENER, ROUTE, World

from pidalio.errors import Refused
from pidalio.xds import State
from pidalio.xds.state_of_the_world import version_of

ASSIGNMENT, TABLE = "ClusterLoadAssignment", "RouteConfiguration"


def shop(**limits) -> Server:
    world = World(
        clusters={"c1": "c1", "c2": "c2"},
        endpoints={"c1": "e1", "c2": "e2"},
        listeners={"l": "l"},
        routes={"r": "to c1 c2"},
    )
    return Server(world, **limits)


def ask_all(proxy: StateProxy) -> list[tuple[str, ...]]:
    found = []
    for kind, *names in ((CLUSTER,), (ENDPOINT, "c1", "c2"), (LISTENER,), (ROUTE, "r")):
        proxy.ask(kind, *names)
        found += proxy.settle()
    return found


def started(server: Server) -> StateProxy:
    proxy = StateProxy(server)
    ask_all(proxy)
    return proxy


def test_everything_at_first_and_then_nothing():
    server = shop()
    proxy = StateProxy(server)
    assert ask_all(proxy) == [
        ("Cluster", "c1", "c2"),
        (ASSIGNMENT, "e1", "e2"),
        ("Listener", "l"),
        (TABLE, "to c1 c2"),
    ]
    assert proxy.take() == []
    assert proxy.stream.generation == server.generation


def test_a_new_cluster_comes_with_all_others_and_before_the_route_that_names_it():
    server = shop()
    proxy = started(server)
    put = server.world.put
    server.change(put(ROUTE, "r", "to c3"), put(CLUSTER, "c3", "c3"), put(ENDPOINT, "c3", "e3"))
    assert proxy.take() == [("Cluster", "c1", "c2", "c3")]
    proxy.ask(ENDPOINT, "c1", "c2", "c3")
    assert proxy.take() == [(ASSIGNMENT, "e3")]
    proxy.ack(CLUSTER)
    assert proxy.take() == []
    proxy.ack(ENDPOINT)
    assert proxy.take() == [(TABLE, "to c3")]


def test_a_changed_cluster_is_followed_by_its_endpoints_alone():
    server = shop()
    proxy = started(server)
    server.change(server.world.put(CLUSTER, "c1", "c1 changed"))
    assert proxy.settle() == [("Cluster", "c1 changed", "c2"), (ASSIGNMENT, "e1")]


def test_one_changed_assignment_travels_alone():
    server = shop()
    proxy = started(server)
    server.change(server.world.put(ENDPOINT, "c2", "e2 changed"))
    assert proxy.settle() == [(ASSIGNMENT, "e2 changed")]


def test_a_removed_cluster_stays_in_the_set_until_no_route_needs_it():
    server = shop()
    proxy = started(server)
    world = server.world
    server.change(
        world.put(ROUTE, "r", "to c2"),
        world.put(LISTENER, "l", "l changed"),
        world.put(CLUSTER, "c2", "c2 changed"),
        world.drop(CLUSTER, "c1"),
        world.drop(ENDPOINT, "c1"),
    )
    assert proxy.take() == [
        ("Cluster", "c1", "c2 changed"),
        (ASSIGNMENT, "e2"),
        ("Listener", "l changed"),
        (TABLE, "to c2"),
    ]
    proxy.ack()
    assert proxy.settle() == [("Cluster", "c2 changed")]


def test_a_removed_listener_is_left_out():
    server = shop()
    proxy = started(server)
    server.change(server.world.drop(LISTENER, "l"))
    assert proxy.settle() == [("Listener",)]


def test_a_refused_cluster_is_sent_again_without_the_bad_one_and_its_former_version_stays():
    server = shop()
    proxy = started(server)
    put = server.world.put
    server.change(put(CLUSTER, "c1", "c1 bad"), put(CLUSTER, "c2", "c2 good"), put(CLUSTER, "c3", "c3"))
    assert proxy.take()[0] == ("Cluster", "c1 bad", "c2 good", "c3")
    proxy.nack("cannot use c1", CLUSTER)
    assert proxy.take() == [("Cluster", "c1", "c2 good", "c3")]
    proxy.ack(CLUSTER)
    assert ("Cluster", "c1 bad", "c2 good", "c3") in proxy.take()
    proxy.nack("cannot use c1", CLUSTER)
    proxy.settle()
    assert [each.name for each in proxy.stream.rejections] == ["c1"]
    server.change(put(CLUSTER, "c4", "c4"))
    assert proxy.settle()[0] == ("Cluster", "c1", "c2 good", "c3", "c4")
    server.change(put(CLUSTER, "c1", "c1 mended"))
    assert proxy.settle()[0] == ("Cluster", "c1 mended", "c2 good", "c3", "c4")
    assert proxy.stream.rejections == ()


def test_who_comes_back_to_the_same_is_sent_nothing():
    server = shop()
    proxy = started(server).again()
    assert ask_all(proxy) == []
    assert proxy.stream.generation == server.generation
    server.change(server.world.put(ENDPOINT, "c1", "e1 changed"))
    assert proxy.settle() == [(ASSIGNMENT, "e1 changed")]
    server.change(server.world.put(CLUSTER, "c1", "c1 changed"))
    assert proxy.settle() == [("Cluster", "c1 changed", "c2"), (ASSIGNMENT, "e1 changed")]


def test_who_comes_back_to_a_restarted_control_plane_is_sent_nothing_if_nothing_changed():
    versions = started(shop()).versions
    assert ask_all(StateProxy(shop(), versions=versions)) == []
    server = shop()
    server.change(server.world.put(CLUSTER, "c2", "c2 changed"))
    proxy = StateProxy(server, versions=versions)
    assert ask_all(proxy) == [("Cluster", "c1", "c2 changed"), (ASSIGNMENT, "e1", "e2")]


def test_what_changed_meanwhile_is_all_that_is_sent_and_removals_wait():
    server = shop()
    proxy = started(server)
    versions, world = proxy.versions, server.world
    server.ads.close(proxy.stream, "gone")
    server.change(
        world.put(ROUTE, "r", "to c2"),
        world.drop(CLUSTER, "c1"),
        world.drop(ENDPOINT, "c1"),
        world.put(CLUSTER, "c3", "c3"),
    )
    proxy = StateProxy(server, versions=versions)
    proxy.ask(CLUSTER)
    assert proxy.take() == [("Cluster", "c1", "c2", "c3")]
    proxy.ack()
    proxy.ask(ENDPOINT, "c1", "c2", "c3")
    proxy.settle()
    proxy.ask(LISTENER)
    proxy.ask(ROUTE, "r")
    assert proxy.settle() == [(TABLE, "to c2"), ("Cluster", "c2", "c3")]


def test_an_answer_that_got_lost_with_the_stream_counts():
    server = shop()
    proxy = started(server)
    server.change(server.world.put(CLUSTER, "c1", "c1 changed"))
    (cluster, _) = proxy.take()
    assert cluster == ("Cluster", "c1 changed", "c2")
    for message in proxy.unanswered:
        proxy.versions[message.type_url] = message.version_info
    assert ask_all(proxy.again()) == []


def test_an_unknown_version_is_sent_everything():
    proxy = StateProxy(shop(), versions=dict.fromkeys((CLUSTER, ENDPOINT, LISTENER, ROUTE), "of another server"))
    assert len(ask_all(proxy)) == 4


def test_what_was_refused_is_not_sent_again_after_a_reconnect():
    server = shop()
    proxy = started(server)
    server.change(server.world.put(ROUTE, "r", "bad"))
    assert proxy.take() == [(TABLE, "bad")]
    proxy.nack("no")
    proxy = proxy.again()
    assert ask_all(proxy) == []
    assert [each.name for each in proxy.stream.rejections] == ["r"]


def test_names_decide_what_a_client_gets_and_missing_ones_are_left_out():
    server = shop()
    proxy = StateProxy(server)
    proxy.ask(LISTENER, "l", "nothing")
    assert proxy.settle() == [("Listener", "l")]
    proxy.ask(CLUSTER, "c2")
    assert proxy.settle() == [("Cluster", "c2")]
    proxy.ask(CLUSTER, "c2", "c1")
    assert proxy.settle() == [("Cluster", "c1", "c2")]
    proxy.ask(CLUSTER, "c1")
    assert proxy.take() == []
    server.change(server.world.put(CLUSTER, "c1", "v2"), server.world.put(CLUSTER, "c2", "v2 of c2"))
    assert proxy.settle() == [("Cluster", "v2")]
    proxy.ask(CLUSTER)
    assert proxy.take() == []
    server.change(server.world.put(CLUSTER, "c1", "v3"))
    assert proxy.take() == []
    proxy.ask(CLUSTER, "*")
    assert proxy.settle() == [("Cluster", "v2 of c2", "v3")]
    assert server.ads.verdicts(server.generation)[0].state is State.LIVE


def test_names_end_what_an_empty_request_began():
    proxy = StateProxy(shop())
    proxy.ask(CLUSTER)
    assert proxy.settle() == [("Cluster", "c1", "c2")]
    proxy.ask(CLUSTER, "c1")
    assert proxy.settle() == [("Cluster", "c1")]


def test_a_missing_table_and_missing_endpoints_are_answered():
    proxy = StateProxy(shop())
    proxy.ask(ROUTE, "nothing")
    proxy.ask(ENDPOINT, "nothing")
    messages = [proxy.next(), proxy.next()]
    assert [len(each.resources) for each in messages] == [1, 1]
    assert proxy.next() is None


def test_a_listener_that_appears_later_is_sent():
    server = shop()
    proxy = StateProxy(server)
    proxy.ask(LISTENER, "later")
    assert proxy.settle() == [("Listener",)]
    server.change(server.world.put(LISTENER, "later", "now"))
    assert proxy.settle() == [("Listener", "now")]


def test_a_stale_nonce_acknowledges_nothing_but_its_names_count():
    server = shop()
    proxy = started(server)
    old = proxy.nonces[ENDPOINT]
    server.change(server.world.put(ENDPOINT, "c1", "e1 changed"))
    assert proxy.take() == [(ASSIGNMENT, "e1 changed")]
    proxy.ask(ENDPOINT, "c1", "c2", nonce=old)
    assert server.ads.verdicts(server.generation)[0].state is State.LAGGING
    proxy.ask(ENDPOINT, "c1", "c2", nonce="of another stream", error="nothing of ours")
    assert proxy.take() == []
    proxy.ack()
    assert server.ads.verdicts(server.generation)[0].state is State.LIVE
    assert proxy.take() == []


def test_an_answer_answers_what_it_overtook():
    server = shop(patience=5)
    proxy = started(server)
    server.change(server.world.put(CLUSTER, "c1", "v2"))
    assert proxy.take() == [("Cluster", "c2", "v2"), (ASSIGNMENT, "e1")]
    proxy.ack(ENDPOINT)
    server.clock.now += 6
    server.change(server.world.put(CLUSTER, "c1", "v3"))
    assert proxy.take() == [("Cluster", "c2", "v3"), (ASSIGNMENT, "e1")]
    proxy.unanswered.pop(0)
    proxy.ack()
    assert server.ads.verdicts(server.generation)[0].state is State.LIVE


def test_clusters_are_never_parted():
    world = World(clusters={f"c{number}": f"c{number}" for number in range(5)})
    proxy = StateProxy(Server(world, clusters=2))
    proxy.ask(CLUSTER)
    assert [len(each) for each in proxy.settle()] == [6]


def test_a_stream_is_bounded():
    proxy = StateProxy(Server(World(), names=3))
    with pytest.raises(Refused, match="more than 3 names"):
        proxy.ask(ENDPOINT, "a", "b", "c", "d")


def test_the_version_of_a_set_does_not_depend_on_order():
    assert version_of({"a": "1", "b": "2"}) == version_of({"b": "2", "a": "1"}) != version_of({"a": "2", "b": "1"})
