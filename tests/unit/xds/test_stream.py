"""What one stream is sent, in which order, and what it is not sent."""

import pytest
from tests.unit.xds.proxy import Server, held, shop, started
from tests.xds.world import CLUSTER, ENDPOINT, LISTENER, ROUTE, VIRTUAL_HOST, World

HOST, ASSIGNMENT = "VirtualHost", "ClusterLoadAssignment"


def test_nothing_refers_to_a_cluster_that_is_not_acknowledged():
    server = shop()
    proxy = server.connect()
    for kind in (VIRTUAL_HOST, LISTENER, CLUSTER):
        proxy.ask(kind)
    proxy.ask(ROUTE, "r")
    proxy.ask(ENDPOINT, "c1", "c2")
    assert proxy.take() == [
        ("Cluster", "c1", "c2"),
        (ASSIGNMENT, "c1", "c2"),
        ("Listener", "l"),
        ("RouteConfiguration", "r"),
    ]
    proxy.ack(CLUSTER)
    assert proxy.take() == []
    proxy.ack(ENDPOINT)
    assert proxy.take() == [(HOST, "r/a", "r/b")]


@pytest.mark.parametrize("kind", [CLUSTER, LISTENER, ENDPOINT, ROUTE, VIRTUAL_HOST])
def test_a_first_request_is_answered_even_when_there_is_nothing(kind):
    proxy = Server(World()).connect()
    proxy.ask(kind)
    assert proxy.take() == [(kind.rpartition(".")[2],)]
    proxy.ack()
    assert proxy.take() == []


def test_one_changed_virtual_host_travels_alone():
    server = shop()
    proxy = started(server)
    server.change(server.world.put(VIRTUAL_HOST, "r/a", "to c2"))
    assert proxy.settle() == [(HOST, "r/a")]


def test_a_change_that_changes_nothing_sends_nothing():
    server = shop()
    proxy = started(server)
    server.change({VIRTUAL_HOST: ["r/a", "r/b"], CLUSTER: ["c1"], LISTENER: ["l"]})
    assert proxy.take() == []
    assert proxy.stream.generation == 2


def test_changes_meet_while_an_answer_is_awaited():
    server = shop()
    proxy = started(server)
    server.change(server.world.put(VIRTUAL_HOST, "r/a", "v2"))
    assert proxy.take() == [(HOST, "r/a")]
    for content in ("v3", "v4"):
        server.change(server.world.put(VIRTUAL_HOST, "r/a", content))
        assert proxy.take() == []
    proxy.ack()
    message = proxy.next()
    assert [each.resource.value for each in message.resources] == [b"v4"]
    proxy.ack()
    assert proxy.take() == []


def test_a_change_taken_back_while_an_answer_is_awaited_is_sent_once_more():
    server = shop()
    proxy = started(server)
    server.change(server.world.put(VIRTUAL_HOST, "r/a", "v2"))
    proxy.take()
    server.change(server.world.put(VIRTUAL_HOST, "r/a", "to c1"))
    proxy.ack()
    assert proxy.settle() == [(HOST, "r/a")]


def test_endpoints_follow_every_change_of_their_cluster():
    server = shop()
    proxy = started(server)
    server.change(server.world.put(CLUSTER, "c1", "c1 with other limits"))
    assert proxy.take() == [("Cluster", "c1"), (ASSIGNMENT, "c1")]


def test_a_changed_endpoint_sends_endpoints_only():
    server = shop()
    proxy = started(server)
    server.change(server.world.put(ENDPOINT, "c2", "3"))
    assert proxy.settle() == [(ASSIGNMENT, "c2")]


def test_a_new_cluster_comes_before_the_route_that_names_it():
    server = shop()
    proxy = started(server)
    put = server.world.put
    server.change(put(VIRTUAL_HOST, "r/a", "to c3"), put(CLUSTER, "c3", "c3"), put(ENDPOINT, "c3", "3"))
    assert proxy.take() == [("Cluster", "c3")]
    proxy.ask(ENDPOINT, "c3")
    assert proxy.take() == [(ASSIGNMENT, "c3")]
    proxy.ack(CLUSTER)
    assert proxy.take() == []
    proxy.ack(ENDPOINT)
    assert proxy.take() == [(HOST, "r/a")]


def test_a_route_that_names_no_new_cluster_does_not_wait():
    server = shop()
    proxy = started(server)
    server.change(server.world.put(CLUSTER, "c3", "never warm"))
    assert proxy.take() == [("Cluster", "c3")]
    server.change(server.world.put(VIRTUAL_HOST, "r/a", "to c2"))
    assert proxy.take() == [(HOST, "r/a")]


def test_a_cluster_that_never_warms_holds_routes_back_for_a_time_only():
    server = shop(patience=5)
    proxy = started(server)
    server.change(server.world.put(CLUSTER, "c3", "c3"), server.world.put(VIRTUAL_HOST, "r/a", "to c3"))
    assert proxy.take() == [("Cluster", "c3")]
    assert "c3" in proxy.stream.waiting
    server.clock.now += 4.9
    assert proxy.take() == []
    server.clock.now += 0.2
    assert proxy.take() == [(HOST, "r/a")]


def test_a_late_answer_to_clusters_does_not_hold_back_other_clusters():
    server = shop(patience=5)
    proxy = started(server)
    server.change(server.world.put(CLUSTER, "c3", "never warm"))
    proxy.take()
    server.change(server.world.put(CLUSTER, "c4", "c4"))
    assert proxy.take() == []
    server.clock.now += 5.1
    assert proxy.take() == [("Cluster", "c4")]
    proxy.ack()
    assert held(proxy, CLUSTER).keys() == {"c1", "c2", "c3", "c4"}


def test_a_cluster_is_removed_after_what_refers_to_it():
    server = shop()
    proxy = started(server)
    drop = server.world.drop
    server.change(drop(CLUSTER, "c1"), drop(ENDPOINT, "c1"), server.world.put(VIRTUAL_HOST, "r/a", "to c2"))
    assert proxy.take() == [(HOST, "r/a")]
    proxy.ack()
    assert proxy.take() == [("Cluster", "-c1")]
    proxy.ack()
    assert held(proxy, CLUSTER).keys() == {"c2"}


def test_a_removed_cluster_lingers_and_the_change_is_live_meanwhile():
    server = shop(linger=2)
    proxy = started(server)
    server.change(server.world.drop(CLUSTER, "c1"), server.world.put(VIRTUAL_HOST, "r/a", "to c2"))
    assert proxy.settle() == [(HOST, "r/a")]
    assert proxy.stream.generation == server.generation
    server.clock.now += 2.1
    assert proxy.take() == [("Cluster", "-c1")]
    assert proxy.stream.generation == server.generation
    proxy.ack()
    assert held(proxy, CLUSTER).keys() == {"c2"}


def test_a_removal_without_linger_is_part_of_the_change():
    server = shop()
    proxy = started(server)
    server.change(server.world.drop(CLUSTER, "c1"), server.world.put(VIRTUAL_HOST, "r/a", "to c2"))
    assert proxy.take() == [(HOST, "r/a")]
    proxy.ack()
    assert proxy.stream.generation == server.generation - 1
    assert proxy.settle() == [("Cluster", "-c1")]
    assert proxy.stream.generation == server.generation


def test_a_cluster_that_comes_back_before_its_removal_stays():
    server = shop()
    proxy = started(server)
    cluster = server.world.get(CLUSTER, "c1")
    server.change(server.world.drop(CLUSTER, "c1"), server.world.put(VIRTUAL_HOST, "r/a", "v2"))
    assert proxy.take() == [(HOST, "r/a")]
    server.world.content[CLUSTER]["c1"] = cluster
    server.change({CLUSTER: ["c1"]})
    proxy.ack()
    assert proxy.take() == []
    assert proxy.stream.generation == server.generation


def test_a_cluster_that_a_refused_route_may_still_use_is_kept():
    server = shop()
    proxy = started(server)
    server.change(server.world.drop(CLUSTER, "c1"), server.world.put(VIRTUAL_HOST, "r/a", "bad"))
    proxy.take()
    proxy.nack("bad regex")
    assert proxy.take() == []
    assert "r/a was refused" in proxy.stream.waiting
    server.change(server.world.put(VIRTUAL_HOST, "r/a", "good"))
    assert proxy.settle() == [(HOST, "r/a"), ("Cluster", "-c1")]


def test_virtual_hosts_move_in_one_response():
    server = shop()
    proxy = started(server)
    server.change(server.world.drop(VIRTUAL_HOST, "r/a"), server.world.put(VIRTUAL_HOST, "r/c", "has a's domain"))
    assert proxy.settle() == [(HOST, "r/c", "-r/a")]


def test_initial_clusters_come_in_chunks():
    world = World(clusters={f"c{number}": "c" for number in range(450)}, listeners={"l": "l"})
    proxy = Server(world).connect()
    proxy.ask(CLUSTER)
    proxy.ask(LISTENER)
    sizes = []
    while messages := proxy.take():
        sizes += [(kind, len(names)) for kind, *names in messages]
        proxy.ack()
    assert sizes == [("Cluster", 200), ("Cluster", 200), ("Cluster", 50), ("Listener", 1)]
    assert len(held(proxy, CLUSTER)) == 450


def test_a_stale_or_unknown_nonce_says_nothing():
    server = shop()
    proxy = started(server)
    server.change(server.world.put(VIRTUAL_HOST, "r/a", "v2"))
    message = proxy.next()
    before = held(proxy, VIRTUAL_HOST)
    message.nonce = "no such"
    proxy.ack()
    assert held(proxy, VIRTUAL_HOST) == before
    assert not proxy.stream.subscriptions[VIRTUAL_HOST].is_settled


def test_many_endpoints_come_in_chunks():
    world = World(endpoints={f"c{number}": "e" for number in range(5)})
    proxy = Server(world, endpoints=2).connect()
    proxy.ask(ENDPOINT, *world.names(ENDPOINT))
    assert [len(each) - 1 for each in proxy.settle()] == [2, 2, 1]
