"""Every limit and every way of ejection that a DestinationRule has, each on a real Envoy (reference §1.2)."""

import socket
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.traffic.backend import CALL_ID
from tests.traffic.case import Case
from tests.traffic.client import Got, Sent, fetch
from tests.traffic.envoy import LOG_ID, RunningEnvoy
from tests.traffic.fleet import rule, service
from tests.traffic.run import compiled

pytestmark = pytest.mark.envoy

_OUT = "baseEjectionTime: 300s, interval: 300s, maxEjectionPercent: 100"
_POLICIES = {
    "requests": "connectionPool: {http: {http2MaxRequests: 2}}",
    "retries": "connectionPool: {http: {maxRetries: 1}}",
    "many-retries": "connectionPool: {tcp: {connectTimeout: 5s}}",
    "short-lived": "connectionPool: {http: {maxRequestsPerConnection: 2}}",
    "idle-http": "connectionPool: {http: {idleTimeout: 0.3s}}",
    "idle-tcp": "connectionPool: {tcp: {idleTimeout: 0.3s}}",
    "idle-both": "connectionPool: {tcp: {idleTimeout: 0.3s}, http: {idleTimeout: 300s}}",
    "lasting": "connectionPool: {tcp: {maxConnectionDuration: 0.3s}}",
    "alive": "connectionPool: {tcp: {tcpKeepalive: {time: 7s, interval: 3s, probes: 2}}}",
    "codes": f"outlierDetection: {{consecutive5xxErrors: 2, outlierDetectionHttpErrorCodes: [418, 429], {_OUT}}}",
    "other-codes": f"outlierDetection: {{consecutive5xxErrors: 2, outlierDetectionHttpErrorCodes: [418], {_OUT}}}",
    "deprecated": f"outlierDetection: {{consecutive5xxErrors: 0, consecutiveErrors: 2, {_OUT}}}",
    "panic": f"outlierDetection: {{consecutive5xxErrors: 1, minHealthPercent: 60, {_OUT}}}",
    "no-panic": f"outlierDetection: {{consecutive5xxErrors: 1, {_OUT}}}",
}
_REFUSED = {
    "split": f"splitExternalLocalOriginErrors: true, consecutive5xxErrors: 1, consecutiveLocalOriginFailures: 3, {_OUT}",
    "not-split": f"consecutive5xxErrors: 1, {_OUT}",
}
_FULL = "127.9.9.2"
_PATIENCE = 20


def _entry(name: str, address: str, port: int) -> str:
    return rule(
        name,
        f"""
        hosts: [{name}.default.svc.cluster.local]
        location: MESH_INTERNAL
        resolution: STATIC
        ports: [{{number: 80, name: main, protocol: HTTP}}]
        endpoints: [{{address: {address}, ports: {{main: {port}}}}}]
        """,
        kind="ServiceEntry",
    )


def _policy(name: str, policy: str) -> str:
    return rule(name, f"host: {name}\ntrafficPolicy: {{{policy}}}", kind="DestinationRule")


def _retrying(name: str, attempts: int) -> str:
    more = ", retryOn: 5xx" if attempts else ""
    return rule(
        name, f"http: [{{route: [{{destination: {{host: {name}}}}}], retries: {{attempts: {attempts}{more}}}}}]"
    )


@pytest.fixture(scope="module")
def refusing() -> Iterator[int]:
    """A port that refuses every connection: it is bound, and nobody listens."""
    with socket.socket() as held:
        held.bind(("127.9.9.1", 0))
        yield held.getsockname()[1]


@pytest.fixture(scope="module")
def full() -> Iterator[int]:
    """A port that answers nobody: all connections that it may keep waiting are there."""
    with socket.socket() as server:
        server.bind((_FULL, 0))
        server.listen(0)
        port = server.getsockname()[1]
        waiting = []
        while True:
            one = socket.socket()
            waiting.append(one)
            one.settimeout(0.5)
            try:
                one.connect((_FULL, port))
            except TimeoutError:
                break
        yield port
        for one in waiting:
            one.close()


@pytest.fixture(scope="module")
def envoy(backend, refusing, full):
    config = "".join(
        service(name, "v1*4" if "panic" in name else "v1") + _policy(name, _POLICIES[name]) for name in _POLICIES
    )
    config += _retrying("retries", 3) + _retrying("many-retries", 3)
    for name, policy in _REFUSED.items():
        config += (
            _entry(name, "127.9.9.1", refusing) + _policy(name, f"outlierDetection: {{{policy}}}") + _retrying(name, 0)
        )
    config += _entry("full", _FULL, full) + _policy("full", "connectionPool: {tcp: {connectTimeout: 0.3s}}")
    config += _retrying("full", 0)
    running = RunningEnvoy(compiled(Case(id="limits", intent="", config=config, calls=()), backend.port)).start()
    yield running
    running.stop()


@pytest.fixture
def get(envoy):
    door = next((each.address, each.port) for each in envoy.plans.listeners if each.explicit_proxy)

    def call(name: str, *headers: tuple[str, str], times: int = 1, at_once: int = 1) -> list[Got]:
        return fetch([Sent(door, "GET", f"http://{name}/", name, headers)] * times, at_once=at_once)

    return call


def _peer(got: Got) -> int:
    return int(got.header("x-peer") or 0)


def test_more_requests_at_once_than_allowed_fail_fast(get):
    answers = get("requests", ("x-echo-delay", "500"), times=8, at_once=8)
    assert Counter(got.status for got in answers) == {200: 2, 503: 6}
    assert {got.header("x-envoy-overloaded") for got in answers if got.status == 503} == {"true"}


@pytest.mark.parametrize(("name", "least", "most"), [("many-retries", 32, 32), ("retries", 9, 20)])
def test_no_more_retries_are_active_than_allowed(get, backend, name, least, most):
    told = (("x-echo-status", "503"), ("x-echo-delay", "300"), (CALL_ID, f"limits-{name}"))
    assert {got.status for got in get(name, *told, times=8, at_once=8)} == {503}
    assert least <= len(backend.seen(f"limits-{name}")) <= most


def test_a_connection_takes_no_more_requests_than_allowed(get):
    peers = [_peer(got) for got in get("short-lived", times=6)]
    assert peers[0::2] == peers[1::2]
    assert len(set(peers)) == 3
    assert len({_peer(got) for got in get("many-retries", times=6)}) == 1


@pytest.mark.parametrize("name", ["idle-http", "idle-tcp", "lasting"])
def test_connections_end_in_time(get, backend, name):
    (first,) = get(name)
    assert backend.has_ended(_peer(first), seconds=_PATIENCE)


def test_what_http_says_of_idle_connections_comes_first(get, backend):
    (kept,) = get("idle-both")
    (idle,) = get("idle-tcp")
    assert backend.has_ended(_peer(idle), seconds=_PATIENCE)
    assert not backend.has_ended(_peer(kept))
    assert _peer(get("idle-both")[0]) == _peer(kept)


def _timer(peer: int) -> tuple[str, float]:
    """Return the timer of the connection from a local port, and when it is due: 02 is keep-alive."""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        local, state, timer = (line.split()[at] for at in (1, 3, 5))
        if int(local.rpartition(":")[2], 16) == peer and state == "01":
            kind, _, due = timer.partition(":")
            return kind, int(due, 16) / 100
    raise AssertionError(f"no connection from port {peer}")


def test_connections_are_kept_alive(get):
    kind, due = _timer(_peer(get("alive")[0]))
    assert kind == "02"
    assert 0 < due <= 7
    assert _timer(_peer(get("many-retries")[0]))[0] == "00"


def test_a_connection_that_nobody_takes_fails_in_time(get, envoy):
    (got,) = get("full", (LOG_ID, "full"))
    assert got.status == 503
    assert got.seconds >= 0.25
    log = envoy.logged("full")
    assert (log["flags"], "connection_timeout" in log["details"]) == ("UF", True)


def _is_empty(answers: list[Got]) -> bool:
    return {(got.status, got.body) for got in answers} == {(503, b"no healthy upstream")}


def _until_empty(get, name: str, *told: tuple[str, str], times: int = 1) -> None:
    """Call until nobody is left: Envoy takes further ejections of a second at its end."""
    until = time.monotonic() + _PATIENCE
    while not _is_empty(get(name, times=4)):
        assert time.monotonic() < until, f"{name} ejects nobody"
        get(name, *told, times=times)


def test_errors_are_what_the_rule_says(get):
    get("other-codes", ("x-echo-status", "500"), times=10)
    get("other-codes", ("x-echo-status", "429"), times=10)
    _until_empty(get, "codes", ("x-echo-status", "429"), times=2)
    assert {got.status for got in get("other-codes", times=10)} == {200}
    _until_empty(get, "other-codes", ("x-echo-status", "418"), times=2)


def test_errors_counted_the_old_way_are_those_of_gateways(get):
    get("deprecated", ("x-echo-status", "500"), times=10)
    assert {got.status for got in get("deprecated", times=10)} == {200}
    _until_empty(get, "deprecated", ("x-echo-status", "502"), times=2)


def test_failures_to_connect_are_counted_apart_where_a_rule_says_so(get):
    bodies = [got.body for got in get("split", times=4)]
    assert [b"Connection refused" in body or b"connection failure" in body for body in bodies[:3]] == [True] * 3
    _until_empty(get, "split")
    assert b"no healthy upstream" not in get("not-split")[0].body
    _until_empty(get, "not-split")


def test_health_is_ignored_when_too_few_are_healthy(get):
    for name in ("panic", "no-panic"):
        get(name, ("x-echo-status", "500"), times=40)
    _until_empty(get, "no-panic", ("x-echo-status", "500"), times=8)
    get("panic", ("x-echo-status", "500"), times=40)
    answers = get("panic", times=60)
    assert {got.status for got in answers} == {200}
    assert len({got.header("x-from") for got in answers}) == 4
