"""gRPC's own xDS client, steered by a whole control plane: the same rules that steer Envoys."""

import asyncio
import json
import math
import os
import sys
from collections import Counter
from pathlib import Path

import grpc
import pytest
from grpc import aio
from tests.xds.steered import PATIENCE, Steered, entry, rule, split, subsets

from pidalio.agent.certificates import create_authority, issue
from pidalio.effectiveness import survey
from pidalio.model import Delivery, Proxy, ProxyType
from pidalio.settings import TlsPaths
from pidalio.up.grpc_bootstrap import grpc_bootstrap
from pidalio.up.joining import ServerPlace
from pidalio.xds import TlsFiles

CALLER = Path(__file__).with_name("grpc_caller.py")
REVIEWS, RATINGS = "reviews.example", "ratings.example"
TARGET = f"{REVIEWS}:9080"


class Backend:
    """A gRPC server that answers its name, or fails with `status`; `seen` counts calls."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.status: grpc.StatusCode | None = None
        self.seen = 0
        self.hold: asyncio.Event | None = None

    async def start(self) -> tuple[str, int]:
        self.server = aio.server(options=[("grpc.so_reuseport", 0)])
        self.server.add_generic_rpc_handlers((_Any(self),))
        self.port = self.server.add_insecure_port("127.0.0.1:0")
        await self.server.start()
        return self.name, self.port

    async def answer(self, request: bytes, context) -> bytes:
        self.seen += 1
        if self.hold is not None:
            await self.hold.wait()
        if self.status is not None:
            await context.abort(self.status, "as the test says")
        return self.name.encode()


class _Any(grpc.GenericRpcHandler):
    def __init__(self, backend: Backend) -> None:
        self.backend = backend

    def service(self, details):
        return grpc.unary_unary_rpc_method_handler(self.backend.answer)


class Run:
    """A control plane, its backends, and a client in a process of its own."""

    def __init__(self, folder: Path, steered: Steered) -> None:
        self.folder, self.steered = folder, steered
        self.backends: list[Backend] = []

    async def backend(self, name: str) -> Backend:
        self.backends.append(Backend(name))
        await self.backends[-1].start()
        return self.backends[-1]

    async def start_caller(self, tls: TlsPaths | None = None) -> None:
        proxy = Proxy(ProxyType.SIDECAR, "127.0.0.1", "web-0", "default", delivery=Delivery.GRPC)
        bootstrap = grpc_bootstrap(proxy, ServerPlace(self.steered.server.address, tls=tls))
        environment = os.environ | {"GRPC_XDS_BOOTSTRAP_CONFIG": json.dumps(bootstrap)}
        self.caller = await asyncio.create_subprocess_exec(
            sys.executable, str(CALLER), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, env=environment
        )
        assert await self._line() == "ready"

    async def call(self, calls: int = 1, *, target: str = TARGET, **more) -> Counter[str]:
        """Make calls one after the other; return what came back, counted."""
        self.caller.stdin.write(json.dumps({"target": target, "calls": calls} | more).encode() + b"\n")
        return Counter(json.loads(await self._line()))

    async def _line(self) -> str:
        return (await asyncio.wait_for(self.caller.stdout.readline(), 3 * PATIENCE)).decode().strip()

    async def until(self, expected: str, **more) -> None:
        """An acknowledged configuration is in use a moment later."""
        async with asyncio.timeout(PATIENCE):
            while await self.call(**more) != {expected: 1}:
                await asyncio.sleep(0.01)

    async def stop(self) -> None:
        self.caller.stdin.close()
        await self.caller.wait()
        for backend in self.backends:
            await backend.server.stop(None)


@pytest.fixture
async def run(tmp_path):
    async with Steered(tmp_path) as steered:
        run = Run(tmp_path, steered)
        await run.start_caller()
        try:
            yield run
        finally:
            await run.stop()


def reviews(*backends: Backend, protocol: str = "GRPC") -> str:
    return entry(REVIEWS, 9080, *((each.name, each.port) for each in backends), protocol=protocol)


async def test_calls_reach_the_service_and_every_instance_of_it(run):
    one, two = await run.backend("v1"), await run.backend("v2")
    await run.steered.announce(reviews(one, two))
    found = await run.call(40)
    assert found.keys() == {"v1", "v2"}
    assert found.total() == 40


def bound(calls: int, share: float) -> float:
    """Return how far a count may be from its mean: beyond lies less than one in a million."""
    return 5 * math.sqrt(calls * share * (1 - share)) + 1


async def versions(run: Run) -> tuple[Backend, Backend]:
    one, two = await run.backend("v1"), await run.backend("v2")
    await run.steered.announce(reviews(one, two) + subsets(REVIEWS, "v1", "v2"))
    return one, two


def to(version: str, weight: int | None = None, more: str = "") -> str:
    share = f", weight: {weight}" if weight is not None else ""
    return f"{{destination: {{host: {REVIEWS}, subset: {version}}}{share}{more}}}"


async def test_weights_split_calls_and_change_while_they_are_made(run):
    await versions(run)
    for weights in ({"v1": 90, "v2": 10}, {"v1": 50, "v2": 50}, {"v1": 0, "v2": 100}):
        await run.steered.apply(split(REVIEWS, **weights))
        share = weights["v2"] / 100
        if share == 1:
            await run.until("v2")
        else:
            await asyncio.sleep(0)  # the next calls may still see the former weights: what counts comes after
            await run.call(50)
        found = await run.call(2000)
        assert found["v1"] + found["v2"] == 2000
        assert abs(found["v2"] - 2000 * share) <= bound(2000, share), (weights, found)
    assert run.steered.log.rejections == []


async def test_what_only_such_a_client_follows_counts_as_effective(run):
    await versions(run)
    await run.steered.announce(split(REVIEWS, v1=90, v2=10))
    await run.call(1)
    control = run.steered.control
    found = survey(control.world, control.audience(), control.objects())
    assert [one for one in found.findings() if one.object.kind == "VirtualService"] == []


async def test_a_changed_weight_sends_one_small_route_table(run):
    one, _ = await versions(run)
    await run.steered.announce(split(REVIEWS, v1=100, v2=0) + entry(RATINGS, 9080, ("r", one.port), protocol="GRPC"))
    await run.call(1)
    before = len(run.steered.log.lines)
    await run.steered.apply(split(REVIEWS, v1=0, v2=100))
    await run.until("v2")
    pushed = run.steered.pushed(before)
    assert pushed[0] == ("RouteConfiguration", f"outbound|9080||{REVIEWS}")
    assert {kind for kind, *_ in pushed[1:]} <= {"Cluster", "ClusterLoadAssignment"}
    await run.steered.announce(rule(RATINGS, f"[{{route: [{{destination: {{host: {RATINGS}}}}}], timeout: 1s}}]"))
    await run.steered.live()
    assert run.steered.pushed(before) == pushed  # nobody calls that


MATCHES = f"""[
  {{match: [{{headers: {{user: {{exact: jason}}}}}}], route: [{to("v2")}]}},
  {{match: [{{uri: {{exact: /shop.Reviews/Put}}}}], route: [{to("v2")}]}},
  {{match: [{{uri: {{prefix: /admin.}}}}], route: [{to("v2")}]}},
  {{match: [{{uri: {{regex: '/x[.][A-Z].*/Get'}}}}], route: [{to("v2")}]}},
  {{match: [{{headers: {{kind: {{prefix: be}}}}, withoutHeaders: {{stage: {{exact: live}}, old: {{}}}}}}], route: [{to("v2")}]}},
  {{match: [{{method: {{exact: GET}}}}], route: [{to("v2")}]}},
  {{match: [{{queryParams: {{a: {{exact: b}}}}}}], route: [{to("v2")}]}},
  {{match: [{{method: {{exact: POST}}, headers: {{post: {{}}}}}}], route: [{to("v2")}]}},
  {{route: [{to("v1")}]}}
]"""


async def test_conditions_hold_as_in_envoy(run):
    await versions(run)
    await run.steered.announce(rule(REVIEWS, MATCHES))
    table = [
        ({}, "v1"),
        ({"metadata": [["user", "jason"]]}, "v2"),
        ({"metadata": [["user", "jason2"]]}, "v1"),
        ({"method": "/shop.Reviews/Put"}, "v2"),
        ({"method": "/shop.Reviews/Puts"}, "v1"),
        ({"method": "/admin.A/B"}, "v2"),
        ({"method": "/x.Abc/Get"}, "v2"),
        ({"method": "/x.abc/Get"}, "v1"),
        ({"metadata": [["kind", "beta"]]}, "v2"),
        ({"metadata": [["kind", "beta"], ["stage", "test"]]}, "v2"),
        ({"metadata": [["kind", "beta"], ["stage", "live"]]}, "v1"),
        ({"metadata": [["kind", "beta"], ["old", ""]]}, "v1"),
        ({"metadata": [["post", "x"]]}, "v2"),
    ]
    for call, expected in table:
        assert await run.call(**call) == {expected: 1}, call
    assert run.steered.log.rejections == []


async def test_instances_join_and_leave(run):
    one, two = await run.backend("v1"), await run.backend("v2")
    await run.steered.announce(reviews(one))
    assert await run.call(10) == {"v1": 10}
    await run.steered.apply(reviews(one, two))
    async with asyncio.timeout(PATIENCE):
        while (await run.call(10)).keys() != {"v1", "v2"}:
            pass
    await run.steered.apply(reviews(two))
    await run.until("v2")
    assert await run.call(10) == {"v2": 10}


async def test_an_instance_that_fails_is_ejected_and_returns(run):
    one, two = await run.backend("v1"), await run.backend("v2")
    ejection = "{consecutive5xxErrors: 3, interval: 1s, baseEjectionTime: 1s, maxEjectionPercent: 100}"
    await run.steered.announce(reviews(one, two) + subsets(REVIEWS, policy=f"{{outlierDetection: {ejection}}}"))
    assert (await run.call(20)).keys() == {"v1", "v2"}
    two.status = grpc.StatusCode.INTERNAL
    assert (await run.call(20)).keys() == {"v1", "INTERNAL"}
    async with asyncio.timeout(PATIENCE):
        while await run.call(20) != {"v1": 20}:
            pass
    two.status = None
    async with asyncio.timeout(PATIENCE):
        while (await run.call(20)).keys() != {"v1", "v2"}:
            await asyncio.sleep(0.05)


async def test_retries_and_timeouts(run):
    one, _ = await versions(run)

    async def tries(expected: int) -> None:
        """A changed rule is in use a moment later."""
        async with asyncio.timeout(PATIENCE):
            while True:
                before = one.seen
                await run.call(1)
                if one.seen == before + expected:
                    break

    await run.steered.announce(rule(REVIEWS, f"[{{route: [{to('v1')}]}}]"))
    one.status = grpc.StatusCode.UNAVAILABLE
    assert await run.call(1) == {"UNAVAILABLE": 1}
    assert one.seen == 3  # Istio's default: two more
    await run.steered.apply(rule(REVIEWS, f"[{{route: [{to('v1')}], retries: {{attempts: 0}}}}]"))
    await tries(1)
    retry = "{attempts: 1, retryOn: 'internal,resource-exhausted'}"
    await run.steered.apply(rule(REVIEWS, f"[{{route: [{to('v1')}], retries: {retry}}}]"))
    one.status = grpc.StatusCode.RESOURCE_EXHAUSTED
    await tries(2)
    one.status, one.hold = None, asyncio.Event()
    # Some machines' cycle counters have gRPC see a call as more than a second old when it begins.
    await run.steered.apply(rule(REVIEWS, f"[{{route: [{to('v1')}], timeout: 3s}}]"))
    assert await run.call(1, timeout=2 * PATIENCE) == {"DEADLINE_EXCEEDED": 1}
    one.hold.set()
    assert await run.call(1) == {"v1": 1}


async def test_faults_are_injected_at_the_caller(run):
    one, _ = await versions(run)
    fault = "{abort: {grpcStatus: RESOURCE_EXHAUSTED, percentage: {value: 100}}}"
    only = "{headers: {user: {exact: tester}}}"
    http = f"[{{match: [{only}], fault: {fault}, route: [{to('v1')}]}}, {{route: [{to('v1')}]}}]"
    await run.steered.announce(rule(REVIEWS, http))
    assert await run.call(1) == {"v1": 1}
    seen = one.seen
    assert await run.call(5, metadata=[["user", "tester"]]) == {"RESOURCE_EXHAUSTED": 5}
    assert one.seen == seen


async def test_hashing_keeps_a_key_at_an_instance(run):
    backends = [await run.backend(f"v{number}") for number in range(5)]
    hashing = "{loadBalancer: {consistentHash: {httpHeaderName: user}}}"
    await run.steered.announce(reviews(*backends) + subsets(REVIEWS, policy=hashing))
    found = [await run.call(3, metadata=[["user", f"user-{number}"]]) for number in range(40)]
    assert all(len(one) == 1 for one in found)
    assert len({next(iter(one)) for one in found}) > 1


async def test_requests_at_a_time_are_limited(run):
    one, _ = await versions(run)
    limit = "{connectionPool: {http: {http2MaxRequests: 3}}}"
    await run.steered.announce(subsets(REVIEWS, "v1", "v2", policy=limit) + split(REVIEWS, v1=100, v2=0))
    await run.call(1)
    one.hold = asyncio.Event()
    calls = asyncio.create_task(run.call(8, at_once=True))
    async with asyncio.timeout(PATIENCE):
        while one.seen < 4:
            await asyncio.sleep(0.01)
    one.hold.set()
    assert await calls == {"v1": 3, "UNAVAILABLE": 5}


async def test_every_name_of_a_host_is_a_target_and_an_unknown_one_fails_at_once(run):
    one = await run.backend("v1")
    service = """
apiVersion: v1
kind: Service
metadata: {name: catalog}
spec: {clusterIP: 10.0.0.9, ports: [{name: grpc, port: 80}]}
---
apiVersion: v1
kind: Endpoints
metadata: {name: catalog}
subsets: [{addresses: [{ip: 127.0.0.1}], ports: [{name: grpc, port: %d}]}]
"""
    await run.steered.announce(service % one.port)
    host = "catalog.default.svc.cluster.local"
    for target in (f"{host}:80", host, "catalog:80", "catalog", "catalog.default:80", "10.0.0.9:80"):
        assert await run.call(target=target) == {"v1": 1}, target
    assert await run.call(target="nobody.example:80") == {"UNAVAILABLE": 1}
    await run.steered.live()


async def test_a_target_that_appears_later_is_reached(run):
    one = await run.backend("v1")
    assert await run.call(1) == {"UNAVAILABLE": 1}
    await run.steered.apply(reviews(one))
    await run.until("v1")


async def test_a_missing_subset_fails_its_share_only(run):
    await versions(run)
    http = f"[{{match: [{{headers: {{user: {{}}}}}}], route: [{to('v9')}]}}, {{route: [{to('v1')}]}}]"
    await run.steered.announce(rule(REVIEWS, http))
    assert await run.call(3) == {"v1": 3}
    assert await run.call(3, metadata=[["user", "x"]]) == {"UNAVAILABLE": 3}


async def test_what_grpc_cannot_do_is_told_by_name_and_lets_nothing_through(run):
    await versions(run)
    http = f"""[
      {{match: [{{headers: {{away: {{}}}}}}], redirect: {{authority: other.example}}}},
      {{match: [{{headers: {{here: {{}}}}}}], directResponse: {{status: 200}}}},
      {{match: [{{authority: {{exact: other}}}}], route: [{to("v2")}]}},
      {{rewrite: {{uri: /other}}, mirror: {{host: {REVIEWS}, subset: v2}}, headers: {{request: {{set: {{a: b}}}}}},
        route: [{to("v1")}]}}
    ]"""
    balancer = "{loadBalancer: {simple: LEAST_REQUEST}}"
    await run.steered.announce(rule(REVIEWS, http) + subsets(REVIEWS, "v1", "v2", policy=balancer))
    assert [each for each in run.steered.control.reports() if each.code == "grpc-cannot"] == []
    assert await run.call(3) == {"v1": 3}
    assert await run.call(1, metadata=[["away", ""]]) == {"UNAVAILABLE": 1}
    assert await run.call(1, metadata=[["here", ""]]) == {"UNAVAILABLE": 1}
    await run.steered.live()
    found = [each for each in run.steered.control.reports() if each.code == "grpc-cannot"]
    told = [(each.object.kind, each.path, each.message.removeprefix("proxyless gRPC cannot ")) for each in found]
    assert sorted(told) == [
        (
            "DestinationRule",
            "spec.trafficPolicy.loadBalancer",
            "balance by least request: it goes round robin (web-0.default)",
        ),
        (
            "VirtualService",
            "spec.http[0].match[0]",
            "redirect: calls that match fail as UNAVAILABLE (web-0.default)",
        ),
        (
            "VirtualService",
            "spec.http[1].match[0]",
            "answer by itself: calls that match fail as UNAVAILABLE (web-0.default)",
        ),
        ("VirtualService", "spec.http[2].match[0]", "match on :authority: the route matches no call (web-0.default)"),
        ("VirtualService", "spec.http[3]", "change headers: they stay as they are (web-0.default)"),
        ("VirtualService", "spec.http[3]", "rewrite paths: calls keep theirs (web-0.default)"),
        ("VirtualService", "spec.http[3].mirror", "mirror: no copies are sent (web-0.default)"),
    ]


async def test_nothing_is_sent_again_to_who_comes_back(run):
    await versions(run)
    await run.steered.announce(split(REVIEWS, v1=100, v2=0))
    assert await run.call(1) == {"v1": 1}
    await run.steered.live()
    before = len(run.steered.log.lines)
    await run.steered.stop()
    assert await run.call(5) == {"v1": 5}
    await run.steered.serve()
    async with asyncio.timeout(PATIENCE):
        while not any(line[0] == "connected" for line in run.steered.log.lines[before:]):
            await asyncio.sleep(0.01)
    await run.steered.apply(split(REVIEWS, v1=0, v2=100))
    await run.until("v2")
    assert run.steered.pushed(before)[0] == ("RouteConfiguration", f"outbound|9080||{REVIEWS}")


async def test_a_client_shows_its_certificate_and_checks_the_servers(tmp_path):
    server = create_authority(tmp_path / "certs", ("127.0.0.1",), days=1)
    own = issue(tmp_path / "certs", "web", ("spiffe://mesh/ns/default/sa/web",), days=1)
    async with Steered(tmp_path, TlsFiles(server.certificate, server.key, server.authority)) as steered:
        run = Run(tmp_path, steered)
        await run.start_caller(TlsPaths(own.certificate, own.key, own.authority))
        try:
            await steered.announce(reviews(await run.backend("v1")))
            assert await run.call(3) == {"v1": 3}
            (status,) = steered.control.ads.status()
            assert status.peer.identities == ("spiffe://mesh/ns/default/sa/web", "web")
        finally:
            await run.stop()
