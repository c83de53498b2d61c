"""Resources that end by themselves are sent again in time, and nobody waits for that."""

import msgspec
from tests.unit.xds.proxy import Server
from tests.xds.world import World, made

from pidalio.agent.kept import KeptConfiguration
from pidalio.envoy import messages as pb
from pidalio.xds.typeurls import RUNTIME
from pidalio.xds.wire import parse_delta

RENEWED = [("Runtime", "faults")]


def lending(ttl: int = 3_000):
    server = Server(World())
    server.world.content[RUNTIME] = {"faults": msgspec.structs.replace(made(RUNTIME, "faults", "1"), ttl=ttl)}
    proxy = server.connect()
    proxy.ask(RUNTIME, "faults")
    assert proxy.settle() == RENEWED
    return server, proxy


def after(server: Server, seconds: float) -> None:
    server.clock.now += seconds
    server.ads.overdue()


def test_it_is_sent_again_after_each_third_of_its_time():
    server, proxy = lending()
    for _ in range(4):
        after(server, 0.9)
        assert proxy.take() == []
        after(server, 0.1)
        assert proxy.settle() == RENEWED


def test_a_renewal_that_is_not_answered_is_not_piled_up_and_nobody_lags_for_it():
    server, proxy = lending()
    after(server, 1)
    assert proxy.take() == RENEWED
    assert proxy.stream.generation == server.generation
    after(server, 1)
    assert proxy.take() == []
    proxy.ack()
    after(server, 0)
    assert proxy.settle() == RENEWED


def test_what_does_not_end_is_not_sent_again():
    server, proxy = lending(ttl=0)
    after(server, 100)
    assert proxy.take() == []


def test_a_layer_that_is_gone_becomes_empty():
    server, proxy = lending()
    server.change(server.world.drop(RUNTIME, "faults"))
    assert proxy.settle() == RENEWED
    after(server, 100)
    assert proxy.take() == []


def test_an_agent_does_not_keep_it():
    server = Server(World(clusters={"c": "1"}, listeners={"l": "1"}))
    server.world.content[RUNTIME] = {"faults": msgspec.structs.replace(made(RUNTIME, "faults", "1"), ttl=3_000)}
    proxy = server.connect()
    kept = KeptConfiguration()
    recording = kept.recording()
    for kind, names in ((RUNTIME, ["faults"]), (server_kind("Cluster"), []), (server_kind("Listener"), [])):
        recording.heard(parse_delta(request(type_url=kind, resource_names_subscribe=names)))
        proxy.ask(kind, *names)
        response = proxy.next()
        recording.sent(response)
        recording.heard(parse_delta(request(type_url=kind, response_nonce=response.nonce)))
        proxy.ack()
    assert kept.is_usable
    assert not kept.names(RUNTIME)
    assert kept.get(RUNTIME, "faults") is None


def server_kind(name: str) -> str:
    return f"type.googleapis.com/envoy.config.{name.lower()}.v3.{name}"


def request(**fields) -> bytes:
    return pb.DeltaDiscoveryRequest(**fields).SerializeToString()
