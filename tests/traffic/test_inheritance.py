"""How blocks of a host's policy, its ports and its subsets replace each other, seen by what a real Envoy does (§2.7).

Each cluster shows by its behaviour which blocks hold: H it keeps a user with one instance, B it refuses what exceeds
its connections, E it ejects who answers 500.
"""

import time
from collections.abc import Iterator

import pytest
from tests.traffic.case import Case
from tests.traffic.client import Got, Sent, fetch
from tests.traffic.envoy import RunningEnvoy
from tests.traffic.fleet import rule, service
from tests.traffic.run import compiled

pytestmark = pytest.mark.envoy

_BLOCKS = {
    "H": "loadBalancer: {consistentHash: {httpHeaderName: x-user}}",
    "h": "loadBalancer: {simple: RANDOM}",
    "B": "connectionPool: {tcp: {maxConnections: 1}, http: {http1MaxPendingRequests: 1}}",
    "b": "connectionPool: {tcp: {connectTimeout: 5s}}",
    "E": "outlierDetection: {consecutive5xxErrors: 1, baseEjectionTime: 300s, interval: 300s, maxEjectionPercent: 100}",
    "e": "outlierDetection: {consecutive5xxErrors: 0}",
}
_CLUSTERS = ("80", "90", "80 v1", "90 v1")
_CASES = {
    # the host's blocks / those of its port 90 / the subset's / those of its port 90: what holds for each cluster
    "everywhere": ("HBE", None, None, None, ("HBE", "HBE", "HBE", "HBE")),
    "port-takes-all": ("HBE", "B", None, None, ("HBE", "B", "HBE", "B")),
    "subset-over-port": ("HB", "h", "E", None, ("HB", "", "HBE", "E")),
    "subset-block-by-block": ("HBE", None, "he", None, ("HBE", "HBE", "B", "B")),
    "subset-fills-nothing-in": ("H", None, "b", None, ("H", "H", "H", "H")),
    "port-of-subset-takes-all": ("HBE", None, "h", "E", ("HBE", "HBE", "BE", "E")),
    "port-of-subset-over-port": ("HBE", "B", "E", "H", ("HBE", "B", "HBE", "H")),
    "subset-alone": (None, None, "HB", "e", ("", "", "HB", "")),
}
_TARGET = "target-port"
"""A case of its own: a port entry names the service's port, never the one that instances listen on."""
_PATIENCE = 20


def _policy(blocks: str | None, port: str | None, number: str = "90") -> str:
    parts = [_BLOCKS[one] for one in blocks or ""]
    if port is not None:
        entry = ", ".join([f"port: {{number: {number}}}", *(_BLOCKS[one] for one in port)])
        parts.append(f"portLevelSettings: [{{{entry}}}]")
    return f"trafficPolicy: {{{', '.join(parts)}}}" if parts else ""


def _world() -> Iterator[str]:
    for name, (top, port, subset, port_of_subset, _) in _CASES.items():
        yield from _ruled(name, _policy(top, port), _policy(subset, port_of_subset))
    yield from _ruled(_TARGET, _policy("H", "h", "$PORT"), "")


def _ruled(name: str, top: str, subset: str) -> Iterator[str]:
    inside = ", ".join(filter(None, ("name: v1, labels: {version: v1}", subset)))
    yield service(name, "v1*3 v2", ports="80/http 90/http")
    yield rule(
        name, "\n".join(filter(None, (f"host: {name}", top, f"subsets: [{{{inside}}}]"))), kind="DestinationRule"
    )
    yield rule(
        name,
        f"""
        http:
        - match: [{{headers: {{x-to: {{exact: v1}}}}}}]
          route: [{{destination: {{host: {name}, subset: v1}}}}]
        - route: [{{destination: {{host: {name}}}}}]
        """,
    )


class _Cluster:
    """One cluster of one service, called through Envoy."""

    def __init__(self, door: tuple[str, int], name: str, which: str) -> None:
        port, _, subset = which.partition(" ")
        self.door, self.host = door, f"{name}:{port}"
        self.to = (("x-to", subset),) if subset else ()

    def get(self, *headers: tuple[str, str], times: int = 1, at_once: int = 1) -> list[Got]:
        sent = Sent(self.door, "GET", f"http://{self.host}/", self.host, (*self.to, ("x-user", "ada"), *headers))
        return fetch([sent] * times, at_once=at_once)

    def keeps_users(self) -> bool:
        # at random over at least three instances: all on one by chance less than once in 3 ** 15
        return len({got.header("x-from") for got in self.get(times=16)}) == 1

    def is_bounded(self) -> bool:
        answers = self.get(("x-echo-delay", "300"), times=12, at_once=12)
        assert {got.status for got in answers} <= {200, 503}
        return any(got.header("x-envoy-overloaded") for got in answers)

    def fail(self) -> None:
        self.get(("x-echo-status", "500"), times=24)

    def is_empty(self) -> bool:
        return {(got.status, got.body) for got in self.get(times=4)} == {(503, b"no healthy upstream")}


@pytest.fixture(scope="module")
def door(backend):
    case = Case(id="inheritance", intent="", config="".join(_world()), calls=())
    envoy = RunningEnvoy(compiled(case, backend.port)).start()
    yield next((each.address, each.port) for each in envoy.plans.listeners if each.explicit_proxy)
    envoy.stop()


@pytest.mark.parametrize("name", _CASES)
def test_blocks_hold_as_stated(name, door):
    expected = dict(zip(_CLUSTERS, _CASES[name][-1], strict=True))
    clusters = {which: _Cluster(door, name, which) for which in _CLUSTERS}
    found = {
        which: ("H" if one.keeps_users() else "") + ("B" if one.is_bounded() else "") for which, one in clusters.items()
    }
    for one in clusters.values():
        one.fail()
    # Envoy takes further ejections of a second at its end: those who eject nobody are asked when the others are done.
    until = time.monotonic() + _PATIENCE
    ejecting = [which for which in _CLUSTERS if "E" in expected[which]]
    while (left := [one for one in ejecting if not clusters[one].is_empty()]) and time.monotonic() < until:
        for one in left:
            clusters[one].fail()
    found = {which: text + ("E" if clusters[which].is_empty() else "") for which, text in found.items()}
    assert found == expected


def test_a_port_entry_names_the_services_port(door):
    assert _Cluster(door, _TARGET, "80").keeps_users()
