"""Streams together: who is woken, who is live, who is turned away."""

import asyncio

import pytest
from tests.unit.xds.proxy import Server, shop, started
from tests.xds.world import CLUSTER, LISTENER, VIRTUAL_HOST, World

from pidalio.errors import Refused
from pidalio.xds import Ads, Limits, Node, Peer, State


def states(verdicts):
    return {verdict.proxy: verdict.state for verdict in verdicts}


async def test_live_waits_for_the_last_acknowledgement():
    server = shop()
    one, two = started(server, "one"), started(server, "two")
    server.change(server.world.put(VIRTUAL_HOST, "r/a", "v2"))
    one.settle()
    waiting = asyncio.ensure_future(server.ads.live(server.generation, 60))
    await asyncio.sleep(0)
    assert not waiting.done()
    two.settle()
    assert states(await waiting) == {"one": State.LIVE, "two": State.LIVE}


async def test_live_says_who_lags_and_who_refused():
    server = shop()
    one, _, three = started(server, "one"), started(server, "two"), started(server, "three")
    server.change(server.world.put(VIRTUAL_HOST, "r/a", "v2"))
    one.settle()
    three.take()
    three.nack("no")
    found = {verdict.proxy: verdict for verdict in await server.ads.live(server.generation, 0)}
    assert states(found.values()) == {"one": State.LIVE, "two": State.LAGGING, "three": State.REJECTED}
    assert "no" in found["three"].reason
    assert found["two"].generation == server.generation - 1


async def test_live_waits_for_the_compiler():
    server = shop()
    started(server)
    waiting = asyncio.ensure_future(server.ads.live(5, 60))
    await asyncio.sleep(0)
    server.ads.current(4)
    await asyncio.sleep(0)
    assert not waiting.done()
    server.ads.current(5)
    assert states(await waiting) == {"a": State.LIVE}


async def test_a_proxy_that_leaves_is_not_waited_for():
    server = shop()
    proxy = started(server)
    server.change(server.world.put(VIRTUAL_HOST, "r/a", "v2"))
    waiting = asyncio.ensure_future(server.ads.live(server.generation, 60))
    await asyncio.sleep(0)
    server.ads.close(proxy.stream, "gone")
    assert await waiting == ()


def test_a_proxy_that_has_not_asked_for_its_listeners_is_not_live():
    server = shop()
    proxy = server.connect()
    proxy.ask(CLUSTER)
    proxy.settle()
    (verdict,) = server.ads.verdicts(1)
    assert verdict.state is State.LAGGING
    assert "Listener" in verdict.reason


def test_a_later_change_does_not_hide_that_an_earlier_one_is_live():
    server = shop()
    proxy = started(server)
    server.change(server.world.put(VIRTUAL_HOST, "r/a", "v2"))
    proxy.settle()
    server.change(server.world.put(VIRTUAL_HOST, "r/a", "v3"))
    assert states(server.ads.verdicts(2)) == {"a": State.LIVE}
    assert states(server.ads.verdicts(3)) == {"a": State.LAGGING}


def test_only_streams_of_the_target_that_asked_are_woken():
    woken = []
    worlds = {"x": World(clusters={"c": "1"}), "y": World(clusters={"c": "1"})}
    ads = Ads(lambda node, peer: worlds[node.id])
    for name in worlds:
        stream = ads.open(Node(name), Peer(), lambda name=name: woken.append(name))
        from pidalio.xds.wire import Request

        stream.receive(Request(CLUSTER))
    ads.changed(worlds["x"], worlds["x"].put(CLUSTER, "c", "2"), 1)
    ads.changed(worlds["y"], worlds["y"].put(LISTENER, "l", "2"), 1)
    assert woken == ["x"]


def test_two_streams_of_one_node_are_both_served_and_told():
    server = shop()
    one, two = started(server), started(server)
    server.change(server.world.put(VIRTUAL_HOST, "r/a", "v2"))
    assert one.settle() == two.settle() == [("VirtualHost", "r/a")]
    assert [status.streams for status in server.ads.status()] == [2, 2]
    assert server.log.lines.count(("connected", "a")) == 2
    server.ads.close(one.stream, "gone")
    assert [status.streams for status in server.ads.status()] == [1]


def test_more_streams_than_allowed_are_refused():
    server = Server(World(), streams_per_identity=1)
    proxy = server.connect()
    with pytest.raises(Refused, match="a has 1 streams"):
        server.connect()
    server.connect("b")
    server.ads.close(proxy.stream, "gone")
    server.connect()


def test_more_names_than_allowed_are_refused():
    proxy = Server(World(), names=2).connect()
    with pytest.raises(Refused, match="more than 2 names"):
        proxy.ask(CLUSTER, "a", "b", "c")


def test_a_stream_that_does_not_answer_is_overdue():
    server = shop(unanswered=10)
    slow, good = started(server, "slow"), started(server, "good")
    server.change(server.world.put(VIRTUAL_HOST, "r/a", "v2"))
    slow.take()
    good.settle()
    server.clock.now += 10.1
    assert server.ads.overdue() == [slow.stream]


def test_status_counts():
    server = shop()
    proxy = started(server)
    server.change(server.world.put(VIRTUAL_HOST, "r/a", "v2"))
    proxy.take()
    server.change(server.world.put(VIRTUAL_HOST, "r/b", "v2"))
    (status,) = server.ads.status()
    host = status.types[-1]
    assert (host.acked, host.sent, host.due) == (2, 1, 1)
    assert (status.generation, status.responses) == (1, 6)
    assert status.bytes > 0
    assert server.ads.held("a", CLUSTER).keys() == {"c1", "c2"}
    assert Limits() == server.ads.limits
