"""What a proxy asks for: wildcards, names, names that do not exist, and what it still holds when it comes back."""

from tests.unit.xds.proxy import Server, held, shop, started
from tests.xds.world import CLUSTER, ENDPOINT, LISTENER, ROUTE, VIRTUAL_HOST, World

HOST, ASSIGNMENT, TABLE = "VirtualHost", "ClusterLoadAssignment", "RouteConfiguration"


def reconnected(server, old, *changes):
    """The same proxy on a new stream, saying what it holds, all types at once as Envoy does."""
    server.ads.close(old.stream, "gone")
    server.change(*changes)
    proxy = server.connect()
    proxy.ask(CLUSTER, initial=held(old, CLUSTER))
    proxy.ask(ENDPOINT, *held(old, ENDPOINT), initial=held(old, ENDPOINT))
    proxy.ask(LISTENER, initial=held(old, LISTENER))
    proxy.ask(ROUTE, *held(old, ROUTE), initial=held(old, ROUTE))
    proxy.ask(VIRTUAL_HOST, initial=held(old, VIRTUAL_HOST))
    return proxy


EMPTY = [("Cluster",), (ASSIGNMENT,), ("Listener",), (TABLE,), (HOST,)]


def test_nothing_is_sent_again_that_the_proxy_holds():
    server = shop()
    proxy = reconnected(server, started(server))
    assert proxy.take() == EMPTY
    proxy.ack()
    assert proxy.take() == []
    assert proxy.stream.generation == server.generation


def test_what_changed_meanwhile_is_sent():
    server = shop()
    proxy = reconnected(server, started(server), server.world.put(VIRTUAL_HOST, "r/a", "v2"))
    assert proxy.take() == [*EMPTY[:4], (HOST, "r/a")]


def test_what_vanished_meanwhile_is_removed_clusters_last():
    server = shop()
    world = server.world
    old = started(server)
    proxy = reconnected(
        server, old, world.drop(VIRTUAL_HOST, "r/a"), world.drop(CLUSTER, "c1"), world.drop(ENDPOINT, "c1")
    )
    assert proxy.take() == [*EMPTY[:4], (HOST, "-r/a")]
    proxy.ack()
    assert proxy.take() == [("Cluster", "-c1")]


def test_a_cluster_is_not_removed_before_the_proxy_asked_for_what_may_refer_to_it():
    server = shop(patience=5)
    old = started(server)
    server.change(server.world.drop(CLUSTER, "c1"))
    server.ads.close(old.stream, "gone")
    proxy = server.connect()
    proxy.ask(CLUSTER, initial=held(old, CLUSTER))
    assert proxy.settle() == [("Cluster",)]
    server.clock.now += 5.1
    assert proxy.settle() == [("Cluster", "-c1")]


def test_endpoints_of_a_cluster_that_changed_meanwhile_are_sent_though_they_are_held():
    server = shop()
    proxy = reconnected(server, started(server), server.world.put(CLUSTER, "c1", "changed"))
    assert proxy.take()[:2] == [("Cluster", "c1"), (ASSIGNMENT, "c1")]


def test_endpoints_follow_also_when_the_proxy_asks_for_them_later():
    server = shop()
    old = started(server)
    server.ads.close(old.stream, "gone")
    server.change(server.world.put(CLUSTER, "c1", "changed"))
    proxy = server.connect()
    proxy.ask(CLUSTER, initial=held(old, CLUSTER))
    assert proxy.take() == [("Cluster", "c1")]
    proxy.ask(ENDPOINT, "c1", "c2", initial=held(old, ENDPOINT))
    assert proxy.take() == [(ASSIGNMENT, "c1")]


def test_virtual_hosts_claimed_for_a_table_that_is_new_are_sent():
    server = shop()
    old = started(server)
    server.ads.close(old.stream, "gone")
    proxy = server.connect()
    proxy.ask(CLUSTER, initial=held(old, CLUSTER))
    proxy.ask(ROUTE, "r")
    proxy.ask(VIRTUAL_HOST, initial=held(old, VIRTUAL_HOST))
    assert proxy.take()[1:] == [(TABLE, "r"), (HOST, "r/a", "r/b")]


def test_virtual_hosts_are_looked_at_whichever_type_is_asked_for_first():
    server = shop()
    old = started(server)
    server.ads.close(old.stream, "gone")
    server.change(server.world.put(VIRTUAL_HOST, "r/a", "v2"))
    proxy = server.connect()
    proxy.ask(CLUSTER, initial=held(old, CLUSTER))
    proxy.ask(VIRTUAL_HOST, initial=held(old, VIRTUAL_HOST))
    assert proxy.settle() == [("Cluster",), (HOST,)]
    proxy.ask(ROUTE, "r", initial=held(old, ROUTE))
    assert proxy.settle() == [(TABLE,), (HOST, "r/a")]


def test_virtual_hosts_of_other_tables_are_not_sent():
    server = shop()
    proxy = started(server)
    server.change(server.world.put(VIRTUAL_HOST, "other/a", "v"), server.world.put(ROUTE, "other", "o"))
    assert proxy.take() == []


def test_virtual_hosts_come_with_a_further_table():
    server = shop()
    proxy = started(server)
    server.change(server.world.put(VIRTUAL_HOST, "r/2/a", "v"), server.world.put(ROUTE, "r/2", "o"))
    proxy.settle()
    proxy.ask(ROUTE, "r/2")
    assert proxy.take() == [(TABLE, "r/2"), (HOST, "r/2/a")]


def test_a_table_that_was_forgotten_comes_with_its_virtual_hosts():
    server = shop()
    proxy = started(server)
    proxy.ask(ROUTE, drop=("r",))
    assert held(proxy, VIRTUAL_HOST) == {}
    assert proxy.take() == []
    proxy.ask(ROUTE, "r")
    assert proxy.settle() == [(TABLE, "r"), (HOST, "r/a", "r/b")]
    proxy.ask(ROUTE, "r")
    assert proxy.settle() == [(TABLE, "r"), (HOST, "r/a", "r/b")]


def test_a_vanished_table_and_its_virtual_hosts_are_left_to_connections_that_drain():
    server = shop()
    proxy = started(server)
    world = server.world
    changes = (world.drop(VIRTUAL_HOST, "r/a"), world.drop(VIRTUAL_HOST, "r/b"), world.drop(ROUTE, "r"))
    server.change(*changes, world.drop(LISTENER, "l"))
    assert proxy.settle() == [("Listener", "-l")]


def test_an_unknown_table_is_answered_with_a_reason_until_it_exists():
    server = shop()
    proxy = started(server)
    proxy.ask(ROUTE, "later")
    message = proxy.next()
    assert b"no usable route configuration 'later'" in message.resources[0].resource.value
    proxy.ack()
    server.change(server.world.put(ROUTE, "later", "here"))
    assert proxy.settle() == [(TABLE, "later")]


def test_unknown_endpoints_are_empty_and_never_removed():
    server = shop()
    proxy = started(server)
    proxy.ask(ENDPOINT, "c9")
    message = proxy.next()
    assert (len(message.resources), list(message.removed_resources)) == (1, [])
    proxy.ack()
    server.change(server.world.put(ENDPOINT, "c9", "9"))
    assert proxy.settle() == [(ASSIGNMENT, "c9")]
    server.change(server.world.put(CLUSTER, "c9", "c"))
    proxy.settle()
    server.change(server.world.drop(ENDPOINT, "c9"))
    assert proxy.settle() == [(ASSIGNMENT, "c9")]


def test_endpoints_of_a_cluster_that_goes_are_not_emptied():
    server = shop()
    proxy = started(server)
    server.change(server.world.drop(ENDPOINT, "c1"), server.world.drop(CLUSTER, "c1"))
    assert proxy.settle() == [("Cluster", "-c1")]


def test_a_held_name_asked_for_again_is_sent_again():
    server = shop()
    proxy = started(server)
    proxy.ask(ENDPOINT, "c1")
    assert proxy.settle() == [(ASSIGNMENT, "c1")]


def test_a_name_taken_back_is_not_sent_any_more():
    server = shop()
    proxy = started(server)
    proxy.ask(ENDPOINT, drop=("c1",))
    server.change(server.world.put(ENDPOINT, "c1", "9"), server.world.put(ENDPOINT, "c2", "9"))
    assert proxy.settle() == [(ASSIGNMENT, "c2")]


def test_an_answer_to_a_name_taken_back_meanwhile_is_not_held():
    server = shop()
    proxy = started(server)
    server.change(server.world.put(ENDPOINT, "c1", "9"))
    proxy.take()
    proxy.ask(ENDPOINT, drop=("c1",))
    proxy.ack()
    assert "c1" not in held(proxy, ENDPOINT)
    proxy.ask(ENDPOINT, "c1")
    assert proxy.settle() == [(ASSIGNMENT, "c1")]


def test_an_empty_first_request_for_endpoints_asks_for_none():
    proxy = shop().connect()
    proxy.ask(ENDPOINT)
    assert proxy.settle() == [(ASSIGNMENT,)]


def test_a_legacy_wildcard_stays_one_when_names_are_added_and_taken_back():
    server = Server(World(clusters={"a": "1", "b": "1"}))
    proxy = server.connect()
    proxy.ask(CLUSTER)
    assert proxy.settle() == [("Cluster", "a", "b")]
    proxy.ask(CLUSTER, "a")
    assert proxy.settle() == [("Cluster", "a")]
    proxy.ask(CLUSTER, drop=("a",))
    assert proxy.settle() == [("Cluster", "a")]
    server.change(server.world.put(CLUSTER, "b", "2"), server.world.put(CLUSTER, "c", "2"))
    assert proxy.settle() == [("Cluster", "b", "c")]


def test_an_explicit_wildcard_ends_when_it_is_taken_back():
    server = Server(World(clusters={"a": "1", "b": "1"}))
    proxy = server.connect()
    proxy.ask(CLUSTER, "*", "a")
    assert proxy.settle() == [("Cluster", "a", "b")]
    proxy.ask(CLUSTER, drop=("*",))
    server.change(server.world.put(CLUSTER, "a", "2"), server.world.put(CLUSTER, "b", "2"))
    assert proxy.settle() == [("Cluster", "a")]
    assert held(proxy, CLUSTER).keys() == {"a"}
    proxy.ask(CLUSTER, "*")
    assert proxy.settle() == [("Cluster", "b")]


def test_names_without_wildcard_bring_those_only_and_unknown_ones_are_named_removed():
    server = Server(World(clusters={"a": "1", "b": "1"}))
    proxy = server.connect()
    proxy.ask(CLUSTER, "a", "x")
    assert proxy.settle() == [("Cluster", "a", "-x")]
    server.change(server.world.put(CLUSTER, "x", "1"), server.world.put(CLUSTER, "b", "2"))
    assert proxy.settle() == [("Cluster", "x")]


def test_a_table_that_comes_to_exist_brings_virtual_hosts_that_existed_before_it():
    server = shop()
    proxy = started(server)
    proxy.ask(ROUTE, "later")
    proxy.settle()
    server.change(server.world.put(VIRTUAL_HOST, "later/a", "v"))
    assert proxy.settle() == []
    server.change(server.world.put(ROUTE, "later", "here"))
    assert proxy.settle() == [(TABLE, "later"), (HOST, "later/a")]


def test_a_stand_in_held_from_a_former_stream_takes_no_virtual_hosts():
    server = shop()
    old = started(server)
    old.ask(ROUTE, "later")
    old.settle()
    changes = (server.world.put(ROUTE, "later", "here"), server.world.put(VIRTUAL_HOST, "later/a", "v"))
    proxy = reconnected(server, old, *changes)
    assert proxy.settle()[3:] == [(TABLE, "later"), (HOST, "later/a")]


def test_a_proxy_that_comes_back_while_a_cluster_warms_gets_all_endpoints_again():
    """Envoy withholds its request for clusters meanwhile: it would never come."""
    server = shop()
    old = started(server)
    server.ads.close(old.stream, "gone")
    server.change(server.world.put(VIRTUAL_HOST, "r/a", "to c3"), server.world.put(CLUSTER, "c3", "c3"))
    proxy = server.connect()
    proxy.ask(ENDPOINT, "c1", "c2", initial=held(old, ENDPOINT))
    proxy.ask(LISTENER, initial=held(old, LISTENER))
    proxy.ask(ROUTE, "r", initial=held(old, ROUTE))
    proxy.ask(VIRTUAL_HOST, initial=held(old, VIRTUAL_HOST))
    assert proxy.settle() == [(ASSIGNMENT, "c1", "c2"), ("Listener",), (TABLE,)]
    proxy.ask(CLUSTER, initial=held(old, CLUSTER))
    assert proxy.take() == [("Cluster", "c3")]
    proxy.ack()
    assert proxy.take() == [(HOST, "r/a")]
