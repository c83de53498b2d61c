"""A fake Envoy over a real stream: what is sent, in which order, and what happens when it misbehaves."""

import asyncio
import stat
from pathlib import Path

import pytest
from grpc import aio
from tests.xds.fake_envoy import FakeStateStream
from tests.xds.world import CLUSTER, ENDPOINT, LISTENER, ROUTE, VIRTUAL_HOST

from pidalio.envoy import messages as pb
from pidalio.errors import PortInUse, Refused, Unavailable, UsageError
from pidalio.xds import AdsServer, Limits, State

ALL = (CLUSTER, ENDPOINT, LISTENER, ROUTE, VIRTUAL_HOST)
HOST, ASSIGNMENT, TABLE = "VirtualHost", "ClusterLoadAssignment", "RouteConfiguration"


def states(mesh):
    return {verdict.proxy: verdict.state for verdict in mesh.ads.verdicts(mesh.generation)}


async def until(condition):
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


async def test_a_proxy_gets_everything_and_then_only_what_changes(mesh):
    stream = await mesh.started()
    assert {kind: set(held) for kind, held in stream.envoy.held.items()} == {
        kind: set(mesh.world.names(kind)) for kind in ALL
    }
    mesh.change(mesh.world.put(VIRTUAL_HOST, "r/a", "v2"))
    assert await stream.accept() == (HOST, "r/a")
    assert await stream.quiet() == []
    assert stream.envoy.held[VIRTUAL_HOST]["r/a"].resource.value == b"v2"


async def test_a_reconnecting_proxy_is_sent_nothing_that_it_holds(mesh):
    stream = await mesh.started()
    stream.call.cancel()
    again = await stream.reconnect(*ALL)
    assert sorted([await again.accept() for _ in ALL]) == sorted(
        [("Cluster",), (ASSIGNMENT,), ("Listener",), (TABLE,), (HOST,)]
    )
    assert await again.quiet() == []
    assert [verdict.state for verdict in await mesh.ads.live(mesh.generation, 20)] == [State.LIVE]


async def test_endpoints_that_are_asked_for_before_clusters_are_not_sent_again(mesh):
    """As an Envoy does that has a local cluster."""
    stream = await mesh.started()
    await stream.ask(ENDPOINT, "local_cluster")
    assert await stream.accept() == (ASSIGNMENT, "local_cluster")
    stream.call.cancel()
    again = await stream.reconnect(ENDPOINT, CLUSTER, LISTENER, ROUTE, VIRTUAL_HOST)
    got = [await again.accept() for _ in ALL]
    assert [told for told in got + await again.quiet() if len(told) > 1] == []


async def test_endpoints_are_sent_again_to_a_proxy_that_passes_over_clusters(mesh):
    """As an Envoy does of which some cluster warms."""
    stream = await mesh.started()
    stream.call.cancel()
    again = await stream.reconnect(ENDPOINT, LISTENER)
    while (got := await again.accept()) != (ASSIGNMENT, "c1", "c2"):
        assert got in ((ASSIGNMENT,), ("Listener",))  # nothing else is new


async def test_a_local_cluster_that_nobody_knows_is_answered_at_once(mesh):
    """Envoy asks for no cluster before it has this one."""
    empty = pb.ClusterLoadAssignment(cluster_name="local_cluster")
    stream = await mesh.proxy("delta").connect()
    await stream.ask(ENDPOINT, "local_cluster")
    (entry,) = (await stream.next()).resources
    assert pb.ClusterLoadAssignment.FromString(entry.resource.value) == empty
    state = FakeStateStream(mesh.proxy("state"))
    await state.ask(ENDPOINT, "local_cluster")
    _, content = await state.take()
    assert pb.ClusterLoadAssignment.FromString(content.encode()) == empty


async def test_a_restarted_server_sends_only_what_changed(mesh):
    stream = await mesh.started()
    await mesh.server.stop()
    assert await stream.ended() == ("UNAVAILABLE", "the control plane is stopping")
    mesh.world.put(CLUSTER, "c1", "changed")
    await mesh.start()
    again = await stream.reconnect(*ALL)
    got = [await again.accept() for _ in ALL]
    told = [each for each in got + await again.quiet() if len(each) > 1]
    assert sorted(told) == [("Cluster", "c1"), (ASSIGNMENT, "c1")]


async def test_make_before_break(mesh):
    stream = await mesh.started()
    world = mesh.world
    mesh.change(
        world.put(VIRTUAL_HOST, "r/a", "to c3"),
        world.put(CLUSTER, "c3", "c3"),
        world.put(ENDPOINT, "c3", "3"),
        world.drop(CLUSTER, "c1"),
        world.drop(ENDPOINT, "c1"),
    )
    clusters = await stream.next()
    assert [each.name for each in clusters.resources] == ["c3"]
    await stream.ask(ENDPOINT, "c3")
    assert await stream.accept() == (ASSIGNMENT, "c3")
    assert await stream.quiet() == []
    await stream.ack(clusters)
    hosts = await stream.next()
    assert [each.name for each in hosts.resources] == ["r/a"]
    assert await stream.quiet() == []
    await stream.ack(hosts)
    assert await stream.accept() == ("Cluster", "-c1")


async def test_a_refused_resource_blocks_nothing(mesh):
    stream = await mesh.started()
    mesh.change(*(mesh.world.put(VIRTUAL_HOST, f"r/{name}", "v2") for name in "abcd"))
    message = await stream.next()
    await stream.nack(message, "only says that something is wrong")
    while message := await stream.next():
        names = {each.name for each in message.resources}
        if "r/c" not in names:
            await stream.ack(message)
        else:
            await stream.nack(message, "wrong")
            if len(names) == 1:
                break
    while "r/d" not in stream.envoy.held[VIRTUAL_HOST]:
        await stream.accept()
    assert await stream.quiet() == []
    assert {name: each.resource.value for name, each in stream.envoy.held[VIRTUAL_HOST].items()} == {
        "r/a": b"v2",
        "r/b": b"v2",
        "r/d": b"v2",
    }
    assert [each.name for each in mesh.log.rejections] == ["r/c"]
    (verdict,) = await mesh.ads.live(mesh.generation, 20)
    assert (verdict.state, verdict.reason) == (State.REJECTED, "it refused r/c: wrong")
    mesh.change(mesh.world.put(VIRTUAL_HOST, "r/c", "mended"))
    assert await stream.accept() == (HOST, "r/c")
    (verdict,) = await mesh.ads.live(mesh.generation, 20)
    assert verdict.state is State.LIVE


async def test_a_proxy_that_reads_nothing_delays_no_other(mesh):
    slow, good = await mesh.started("slow"), await mesh.started("good")
    big = "x" * 3_000_000
    for number in range(3):
        mesh.change(
            mesh.world.put(VIRTUAL_HOST, "r/a", big + str(number)), mesh.world.put(ENDPOINT, "c1", big + str(number))
        )
        assert sorted([await good.accept(), await good.accept()]) == [(ASSIGNMENT, "c1"), (HOST, "r/a")]
    assert await good.quiet() == []
    await until(lambda: states(mesh) == {"good": State.LIVE, "slow": State.LAGGING})
    pushed = [line for line in mesh.log.lines if line[:2] == ("pushed", "slow") and line[3:] in (("r/a",), ("c1",))]
    assert len(pushed) <= 2
    while {
        each.resource.value[-1:]
        for kind in (VIRTUAL_HOST, ENDPOINT)
        for name, each in slow.envoy.held[kind].items()
        if name in ("r/a", "c1")
    } != {b"2"}:
        await slow.accept()
    assert [each.state for each in await mesh.ads.live(mesh.generation, 20)] == [State.LIVE, State.LIVE]


async def test_a_proxy_that_does_not_answer_is_dropped(mesh):
    await mesh.server.stop()
    mesh.limits = Limits(unanswered=0.05)
    await mesh.start()
    stream = await mesh.proxy().connect()
    await stream.ask(CLUSTER)
    code, line = await stream.ended()
    assert (code, line) == ("DEADLINE_EXCEEDED", "a did not answer for 0.05 s")
    assert ("disconnected", "a", line) in mesh.log.lines


async def test_a_stuck_proxy_that_reads_nothing_is_dropped(mesh):
    await mesh.server.stop()
    mesh.limits = Limits(unanswered=0.05)
    mesh.world.put(CLUSTER, "c1", "x" * 40_000_000)
    await mesh.start()
    stream = await mesh.proxy().connect()
    await stream.ask(CLUSTER)
    await until(lambda: any(line[0] == "disconnected" for line in mesh.log.lines))
    assert mesh.ads.streams() == ()


async def test_a_half_closed_stream_ends(mesh):
    stream = await mesh.started()
    await stream.call.done_writing()
    assert await stream.ended() == ("OK", "")
    assert mesh.ads.streams() == ()


async def test_a_cancelled_stream_is_forgotten(mesh):
    stream = await mesh.started()
    stream.call.cancel()
    await until(lambda: not mesh.ads.streams())
    assert mesh.log.lines[-1] == ("disconnected", "a", "the proxy closed it")


async def test_two_streams_of_one_node_are_both_served(mesh):
    one, two = await mesh.started(), await mesh.started()
    mesh.change(mesh.world.put(VIRTUAL_HOST, "r/b", "v2"))
    assert await one.accept() == await two.accept() == (HOST, "r/b")
    assert [status.streams for status in mesh.ads.status()] == [2, 2]


async def test_named_wildcard_and_taken_back(mesh):
    stream = await mesh.proxy().connect()
    await stream.ask(CLUSTER, "c1", "nosuch")
    assert await stream.accept() == ("Cluster", "c1", "-nosuch")
    await stream.ask(CLUSTER, "*")
    assert await stream.accept() == ("Cluster", "c2")
    await stream.ask(CLUSTER, drop=("*",))
    assert await stream.quiet() == []
    mesh.change(mesh.world.put(CLUSTER, "c1", "2"), mesh.world.put(CLUSTER, "c2", "2"))
    assert await stream.accept() == ("Cluster", "c1")
    assert await stream.quiet() == []


async def test_an_unknown_nonce_is_ignored(mesh):
    stream = await mesh.started()
    mesh.change(mesh.world.put(VIRTUAL_HOST, "r/a", "v2"))
    message = await stream.next()
    mesh.change(mesh.world.put(VIRTUAL_HOST, "r/a", "v3"))
    await stream.ask(VIRTUAL_HOST, nonce="never sent")
    assert await stream.quiet() == []
    await stream.ack(message)
    assert await stream.accept() == (HOST, "r/a")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Refused("not of this mesh"), "PERMISSION_DENIED"),
        (UsageError("'a' is not a proxy id"), "INVALID_ARGUMENT"),
        (Unavailable("no generation yet"), "UNAVAILABLE"),
    ],
    ids=lambda value: str(value) if isinstance(value, str) else type(value).__name__,
)
async def test_a_proxy_that_is_turned_away_is_told_why(mesh, error, code):
    mesh.refusal = error
    stream = await mesh.proxy().connect()
    await stream.ask(CLUSTER)
    assert await stream.ended() == (code, str(error))
    assert mesh.ads.streams() == ()


async def test_rubbish_is_refused(mesh):
    stream = await mesh.proxy().connect()
    await stream.call.write(b"\xff\xff\xff")
    code, line = await stream.ended()
    assert code == "INVALID_ARGUMENT"
    assert "DeltaDiscoveryRequest" in line
    stream = await mesh.started()
    await stream.call.write(b"")
    assert await stream.ended() == ("INVALID_ARGUMENT", "a discovery request names no type_url")


async def test_a_first_request_without_node_is_refused(mesh):
    stream = await mesh.proxy("").connect()
    await stream.ask(CLUSTER)
    code, line = await stream.ended()
    assert code == "INVALID_ARGUMENT"
    assert "node" in line


async def test_both_variants_are_served_side_by_side(mesh):
    delta = await mesh.started("delta")
    state = FakeStateStream(mesh.proxy("state"))
    await state.ask(CLUSTER)
    version, *contents = await state.take()
    assert contents == ["c1", "c2"]
    await state.ask(ENDPOINT, "c1", "c2")
    assert (await state.take())[1:] == ("1", "2")
    await state.ask(LISTENER)
    assert (await state.take())[1:] == ("l",)
    await state.ask(ROUTE, "r")
    assert (await state.take())[1:] == ("r",)
    await until(lambda: states(mesh) == {"delta": State.LIVE, "state": State.LAGGING})  # it takes no virtual hosts
    mesh.change(mesh.world.put(CLUSTER, "c2", "c2 changed"), mesh.world.put(VIRTUAL_HOST, "r/a", "v2"))
    found = [await delta.accept() for _ in range(3)]
    assert sorted(found) == [("Cluster", "c2"), (ASSIGNMENT, "c2"), (HOST, "r/a")]
    changed, *contents = await state.take()
    assert contents == ["c1", "c2 changed"]
    assert changed != version
    assert (await state.take())[1:] == ("2",)
    assert [(each.node.id, each.node.takes_parts) for each in mesh.ads.streams()] == [("delta", True), ("state", False)]


async def test_a_refused_set_names_its_resource(mesh):
    stream = FakeStateStream(mesh.proxy())
    await stream.ask(LISTENER)
    await stream.take(error="no")
    await until(lambda: mesh.log.rejections)
    assert [(each.name, each.error) for each in mesh.log.rejections] == [("l", "no")]


async def test_rubbish_is_refused_in_either_variant(mesh):
    stream = FakeStateStream(mesh.proxy())
    await stream.call.write(b"\xff\xff")
    assert (await stream.call.code()).name == "INVALID_ARGUMENT"
    assert "DiscoveryRequest" in await stream.call.details()


async def test_other_methods_are_not_served(mesh):
    async with aio.insecure_channel(mesh.address) as channel:
        call = channel.stream_stream("/envoy.service.discovery.v3.AggregatedDiscoveryService/FetchResources")()
        assert (await call.code()).name == "UNIMPLEMENTED"


async def test_the_node_is_read(mesh):
    from pidalio.envoy import messages as pb

    stream = await mesh.proxy().connect()
    request = pb.DeltaDiscoveryRequest(type_url=CLUSTER)
    request.node.cluster = "shop"
    request.node.locality.zone = "z1"
    request.node.metadata.update({"LABELS": {"version": "v1"}, "LIST": [1, True, None]})
    await stream.send(request)
    await stream.accept()
    node = mesh.node
    assert (node.id, node.cluster, node.locality.zone) == ("a", "shop", "z1")
    assert node.metadata == {"LABELS": {"version": "v1"}, "LIST": [1.0, True, None]}
    assert mesh.peer.identities == ()


async def test_the_socket_is_its_owners_alone_and_not_taken_from_another(mesh):
    path = mesh.address.removeprefix("unix:")
    assert stat.S_IMODE(Path(path).stat().st_mode) == 0o600
    with pytest.raises(PortInUse, match="another process listens"):
        await AdsServer(mesh.ads, mesh.address).start()


async def test_a_port_in_use_is_reported(mesh):
    first = AdsServer(mesh.ads, "127.0.0.1:0")
    await first.start()
    try:
        with pytest.raises(PortInUse, match=first.address):
            await AdsServer(mesh.ads, first.address).start()
    finally:
        await first.stop()
