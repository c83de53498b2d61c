"""What instances are spoken to in: HTTP versions, streams and pings, headers of the PROXY protocol (reference §1.2, §2.11)."""

from collections.abc import Iterator

import pytest
from tests.traffic.case import Case
from tests.traffic.client import Got, Sent, fetch
from tests.traffic.envoy import RunningEnvoy
from tests.traffic.fleet import rule
from tests.traffic.framed import Framed
from tests.traffic.polyglot import HTTP2_PREFACE, Polyglot
from tests.traffic.run import compiled

pytestmark = pytest.mark.envoy

_PLAIN = "connectionPool: {tcp: {connectTimeout: 5s}}"
_STAYS = "connectionPool: {http: {h2UpgradePolicy: DO_NOT_UPGRADE}}"
_ADDRESS = "127.9.9.3"
_BEGINNINGS = {
    # the port's protocol, the policy, and how a connection to the instance begins, in a mesh that upgrades
    "by-mesh": ("HTTP", _PLAIN, HTTP2_PREFACE[:3]),
    "not-upgraded": ("HTTP", _STAYS, b"GET "),
    "declared": ("HTTP2", _PLAIN, HTTP2_PREFACE[:3]),
    "as-the-client": ("HTTP2", "connectionPool: {http: {useClientProtocol: true}}", b"GET "),
    "http-as-the-client": ("HTTP", "connectionPool: {http: {useClientProtocol: true}}", b"GET "),
    "proxy-v1": ("HTTP", f"{_STAYS}, proxyProtocol: {{}}", b"PROXY TCP4 "),
    "proxy-v2": ("HTTP", f"{_STAYS}, proxyProtocol: {{version: V2}}", b"\r\n\r\n\x00\r\nQUIT\n"),
}
_UPGRADES = (
    "---\napiVersion: pidalio.dev/v1\nkind: MeshConfig\nmetadata: {name: mesh}\nspec: {h2UpgradePolicy: UPGRADE}\n"
)
_UPGRADED = "connectionPool: {http: {h2UpgradePolicy: UPGRADE}}"
_STREAMS = {
    "one-stream": "connectionPool: {http: {maxConcurrentStreams: 1}}",
    "streams": _PLAIN,
    "unanswered": "connectionPool: {http: {http2KeepAlive: {interval: 0.2s, timeout: 0.3s}}}",
    "pinged": "connectionPool: {http: {http2KeepAlive: {interval: 0.2s, timeout: 5s}}}",
}
_TOGETHER = {"one-stream": 4, "streams": 4}


def _ruled(name: str, address: str, port: int, protocol: str, policy: str) -> str:
    entry = f"""
    hosts: [{name}.default.svc.cluster.local]
    location: MESH_INTERNAL
    resolution: STATIC
    ports: [{{number: 80, name: main, protocol: {protocol}}}]
    endpoints: [{{address: {address}, ports: {{main: {port}}}}}]
    """
    once = f"http: [{{route: [{{destination: {{host: {name}}}}}], retries: {{attempts: 0}}}}]"
    return (
        rule(name, entry, kind="ServiceEntry")
        + rule(name, f"host: {name}\ntrafficPolicy: {{{policy}}}", kind="DestinationRule")
        + rule(name, once)
    )


class Caller:
    """A caller's Envoy in the mesh of `config`."""

    def __init__(self, name: str, config: str) -> None:
        self.envoy = RunningEnvoy(compiled(Case(id=name, intent="", config=config, calls=()), 0)).start()
        self.door = next((one.address, one.port) for one in self.envoy.plans.listeners if one.explicit_proxy)

    def get(self, name: str, times: int = 1) -> list[Got]:
        return fetch([Sent(self.door, "GET", f"http://{name}/", name)] * times, at_once=times)


@pytest.fixture(scope="module")
def polyglot() -> Iterator[Polyglot]:
    running = Polyglot().start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def upgrading(polyglot) -> Iterator[Caller]:
    entries = (_ruled(name, "127.0.0.1", polyglot.port, *stated[:2]) for name, stated in _BEGINNINGS.items())
    caller = Caller("upgrading", "".join(entries) + _UPGRADES)
    yield caller
    caller.envoy.stop()


@pytest.mark.parametrize("name", _BEGINNINGS)
def test_connections_begin_as_the_rule_says(name, upgrading, polyglot):
    polyglot.began.clear()
    upgrading.get(name)
    wanted = _BEGINNINGS[name][-1]
    assert [begun[: len(wanted)] for begun in polyglot.began] == [wanted]


def test_a_rule_upgrades_where_the_mesh_does_not(polyglot):
    config = _ruled("upgraded", "127.0.0.1", polyglot.port, "HTTP", _UPGRADED)
    caller = Caller("upgraded", config + _ruled("plain", "127.0.0.1", polyglot.port, "HTTP", _PLAIN))
    try:
        for name, wanted in (("upgraded", HTTP2_PREFACE[:3]), ("plain", b"GET")):
            polyglot.began.clear()
            caller.get(name)
            assert [begun[:3] for begun in polyglot.began] == [wanted]
    finally:
        caller.envoy.stop()


@pytest.fixture
def framed(request) -> Iterator[tuple[Framed, Caller]]:
    server = Framed(together=_TOGETHER.get(request.param, 1), mute=request.param == "unanswered").start(_ADDRESS)
    caller = Caller("framed", _ruled(request.param, _ADDRESS, server.port, "HTTP2", _STREAMS[request.param]))
    yield server, caller
    caller.envoy.stop()
    server.stop()


@pytest.mark.parametrize(("framed", "connections"), [("one-stream", 4), ("streams", 1)], indirect=["framed"])
def test_a_connection_carries_as_many_streams_as_allowed(framed, connections, request):
    server, caller = framed
    name = request.node.callspec.params["framed"]
    assert {got.status for got in caller.get(name, times=_TOGETHER[name])} == {200}
    assert server.connections == connections


@pytest.mark.parametrize("framed", ["pinged"], indirect=True)
def test_connections_are_pinged(framed):
    server, caller = framed
    assert caller.get("pinged")[0].status == 200
    with server.news:
        assert server.news.wait_for(lambda: server.pings >= 2, 20)
        assert server.ended == 0


@pytest.mark.parametrize("framed", ["unanswered"], indirect=True)
def test_a_connection_whose_pings_nobody_answers_ends(framed):
    server, caller = framed
    caller.get("unanswered")
    with server.news:
        assert server.news.wait_for(lambda: server.ended, 20)
