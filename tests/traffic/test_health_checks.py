"""Active checks on a real Envoy: who is out after which answers, and who is back (design record 0016).

Bounds of time are lower bounds; that something happens at all is waited for.
"""

import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import grpc
import httpx
import pytest
from tests.traffic.case import Case
from tests.traffic.client import Sent, fetch
from tests.traffic.envoy import RunningEnvoy
from tests.traffic.fleet import address
from tests.traffic.patient import PATIENCE, SILENCE, Patient, Ward
from tests.traffic.run import compiled

pytestmark = pytest.mark.envoy

INTERVAL = 0.2
TIMEOUT = 1
SHORT = "interval: 200ms, timeout: 1s, jitter: 0s"
RULES = {
    "hangs": "http: {path: /healthz}, unhealthyThreshold: 3, healthyThreshold: 1",
    "sheds": "http: {path: /healthz}, unhealthyThreshold: 9, healthyThreshold: 3",
    "retriable": "http: {path: /healthz, retriable: [503]}, unhealthyThreshold: 3, healthyThreshold: 1",
    "expected": "http: {path: /healthz, expected: [204, 300-399]}, unhealthyThreshold: 9, healthyThreshold: 1",
    "refused": "http: {path: /healthz}, unhealthyThreshold: 3, healthyThreshold: 1",
    "words": 'tcp: {send: "PING\\r\\n", receive: [PONG]}, unhealthyThreshold: 2, healthyThreshold: 1',
    "connects": "tcp: {}, unhealthyThreshold: 2, healthyThreshold: 1",
    "quiet": "http: {path: /healthz}",
    "specific": "http: {path: /host}",
    "ejected": "http: {path: /healthz}",
    "panics": "http: {path: /healthz}",
    "reserve": "http: {path: /healthz}",
}
POLICIES = {
    "ejected": "consecutive5xxErrors: 1, baseEjectionTime: 300s, maxEjectionPercent: 100",
    "panics": "consecutive5xxErrors: 0, minHealthPercent: 60",
    "reserve": "consecutive5xxErrors: 0",
}


MORE = """\
---
apiVersion: pidalio.dev/v1
kind: HealthCheck
metadata: {name: specific-port}
spec: {host: specific.test, port: 81, http: {path: /port}, interval: 200ms, jitter: 0s}
---
apiVersion: pidalio.dev/v1
kind: HealthCheck
metadata: {name: specific-subset}
spec: {host: specific.test, subset: v1, http: {path: /subset}, interval: 200ms, jitter: 0s}
"""
PLATFORM = """\
---
apiVersion: v1
kind: Service
metadata: {{name: unready, namespace: default}}
spec: {{ports: [{{name: http, port: 80}}]}}
---
apiVersion: v1
kind: Endpoints
metadata: {{name: unready, namespace: default}}
subsets:
- addresses: [{{ip: {ready.where}}}]
  ports: [{{name: http, port: {ready.port}}}]
- notReadyAddresses: [{{ip: {unready.where}}}]
  ports: [{{name: http, port: {unready.port}}}]
---
apiVersion: pidalio.dev/v1
kind: HealthCheck
metadata: {{name: unready}}
spec: {{host: unready, http: {{path: /healthz}}, interval: 200ms}}
"""


def written(name: str, instances: "Sequence[Patient | Health]", check: str, ports: str = "main/HTTP") -> str:
    """A service with instances v1 and v2, and its rule; `ports` are named and numbered from 80 on."""
    names = [one.partition("/") for one in ports.split()]
    declared = ", ".join(
        f"{{number: {number}, name: {port}, protocol: {protocol}}}"
        for number, (port, _, protocol) in enumerate(names, 80)
    )
    endpoints = "".join(
        f"\n  - {{address: {one.where}, labels: {{version: v{number}}}, "
        f"ports: {{{', '.join(f'{port}: {one.port}' for port, *_ in names)}}}}}"
        for number, one in enumerate(instances, 1)
    )
    orders = ", localityLbSetting: {failoverPriority: [version=v1]}" if name == "reserve" else ""
    ejects = f", outlierDetection: {{{POLICIES[name]}}}" if name in POLICIES else ""
    return f"""\
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: {name}}}
spec:
  hosts: [{name}.test]
  resolution: STATIC
  ports: [{declared}]
  endpoints:{endpoints}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: {name}}}
spec:
  host: {name}.test
  subsets: [{"{name: v1, labels: {version: v1}}" if name == "specific" else ""}]
  trafficPolicy: {{loadBalancer: {{simple: ROUND_ROBIN{orders}}}{ejects}}}
---
apiVersion: pidalio.dev/v1
kind: HealthCheck
metadata: {{name: {name}}}
spec: {{host: {name}.test, {check}, {SHORT}}}
"""


def host_of(name: str) -> str:
    return "unready.default.svc.cluster.local" if name == "unready" else f"{name}.test"


@dataclass
class Clinic:
    """One Envoy, the patients of each service, and what Envoy thinks of them."""

    envoy: RunningEnvoy
    patients: dict[str, list[Patient]]
    serving: "list[Health]"

    def is_out(self, name: str, patient: "Patient | Health") -> bool:
        """Tell whether Envoy has taken an instance out for its checks."""
        line = f"outbound|80||{host_of(name)}::{patient.where}:{patient.port}::health_flags::"
        (flags,) = (one.removeprefix(line) for one in self._admin("clusters").splitlines() if one.startswith(line))
        return "/failed_active_hc" in flags

    def count(self, name: str, what: str) -> int:
        """Return one of Envoy's counts of the checks of a service."""
        stat = f"cluster.outbound|80||{host_of(name)};.health_check.{what}: "
        (value,) = (one.removeprefix(stat) for one in self._admin("stats").splitlines() if one.startswith(stat))
        return int(value)

    def until(self, name: str, patient: "Patient | Health", *, out: bool) -> None:
        deadline = time.monotonic() + PATIENCE
        while self.is_out(name, patient) is not out:
            assert time.monotonic() < deadline, f"{patient.where} is not {'out' if out else 'back'}"
            time.sleep(0.01)  # Envoy does not tell when it changes its mind

    def called(self, name: str, times: int = 10) -> Counter[str]:
        """Return how many requests each instance got."""
        door = next((each.address, each.port) for each in self.envoy.plans.listeners if each.explicit_proxy)
        answers = fetch([Sent(door, "GET", f"http://{host_of(name)}/", host_of(name))] * times, at_once=1)
        return Counter(got.header("x-from") or str(got.status) for got in answers)

    def reaches(self, name: str, expected: set[str]) -> None:
        """Wait until requests reach these instances and no others: Envoy's workers are told a moment later."""
        deadline = time.monotonic() + PATIENCE
        while set(found := self.called(name)) != expected:
            assert time.monotonic() < deadline, f"{found} instead of {expected}"
        assert set(self.called(name)) == expected

    def _admin(self, path: str) -> str:
        transport = httpx.HTTPTransport(uds=str(self.envoy.folder / "admin"))
        with httpx.Client(transport=transport) as client:
            return client.get(f"http://admin/{path}").text


@pytest.fixture(scope="module")
def clinic():
    ward = Ward()
    patients = {name: [ward.admit(address(f"patient-{name}", f"v{one}")) for one in (1, 2)] for name in RULES}
    patients["unready"] = [ward.admit(address("patient-unready", f"v{one}")) for one in (1, 2)]
    patients["expected"][0].answer(302)
    patients["expected"][1].answer(204)
    serving = [Health(address("patient-called", f"v{one}")) for one in (1, 2)]
    config = MORE + written("called", serving, "grpc: {service: shop}", "main/GRPC")
    asks = (
        "port: 80, http: {method: POST, path: /test.Echo/Say, headers: {content-type: application/grpc, te: trailers}}"
    )
    config += written("asked", serving, asks, "main/GRPC")
    config += PLATFORM.format(ready=patients["unready"][0], unready=patients["unready"][1])
    for name, several in ((name, patients[name]) for name in RULES):
        config += written(name, several, RULES[name], "main/HTTP more/HTTP" if name == "specific" else "main/HTTP")
    envoy = RunningEnvoy(compiled(Case(id="checks", intent="", config=config, calls=()), 1)).start()
    yield Clinic(envoy, patients, serving)
    envoy.stop()
    ward.stop()
    for one in serving:
        one.stop()


def test_an_instance_that_hangs_is_out_after_the_threshold_and_gets_nothing_more(clinic):
    sick, well = clinic.patients["hangs"]
    before = sick.answer(SILENCE)
    begun = time.monotonic()
    clinic.until("hangs", sick, out=True)
    assert time.monotonic() - begun >= 3 * TIMEOUT + 2 * INTERVAL  # three timeouts, and the waits between them
    assert len(sick.answers) - before >= 3
    assert clinic.count("hangs", "network_failure") >= 3
    clinic.reaches("hangs", {well.where})
    had = sick.requests
    assert clinic.called("hangs", 20) == {well.where: 20}
    assert sick.requests == had
    sick.answer(200)
    clinic.until("hangs", sick, out=False)
    clinic.reaches("hangs", {sick.where, well.where})


def test_two_silences_of_three_are_none(clinic):
    sick, _ = clinic.patients["hangs"]
    clinic.until("hangs", sick, out=False)
    failed = clinic.count("hangs", "failure")  # before the first of them is
    before = sick.answer(*[SILENCE, SILENCE, 200] * 2)
    sick.wait_for(before + 7)
    assert clinic.count("hangs", "failure") == failed + 4
    assert not clinic.is_out("hangs", sick)
    assert clinic.count("hangs", "success") >= before


def test_one_503_to_a_check_is_out_at_once_and_back_after_the_healthy_threshold(clinic):
    sick, well = clinic.patients["sheds"]
    before = sick.answer(503, 200, 200, 503, 200, 200, 503, 200, 200, 503, then=iter([200] * 2 + [503] * 500))
    sick.wait_for(before + 1)
    clinic.until("sheds", sick, out=True)
    # two good answers in a row are one too few, however often
    clinic.reaches("sheds", {well.where})
    while len(sick.answers) < before + 12:
        assert clinic.called("sheds") == {well.where: 10}
    assert clinic.is_out("sheds", sick)
    sick.answer(200)
    clinic.until("sheds", sick, out=False)
    assert sick.answers[-3:] == [200] * 3
    clinic.reaches("sheds", {sick.where, well.where})


def test_a_retriable_status_counts_towards_the_threshold(clinic):
    sick, well = clinic.patients["retriable"]
    failed = clinic.count("retriable", "failure")  # before the first of them is
    before = sick.answer(*[503, 503, 200] * 4)
    sick.wait_for(before + 13)
    assert clinic.count("retriable", "failure") == failed + 8
    assert not clinic.is_out("retriable", sick)
    before = sick.answer(503)
    clinic.until("retriable", sick, out=True)
    assert len(sick.answers) - before >= 3
    clinic.reaches("retriable", {well.where})
    sick.answer(200)
    clinic.until("retriable", sick, out=False)
    sick.answer(500, SILENCE, 200)  # another status is not retriable: one is enough, where two failures are not
    clinic.until("retriable", sick, out=True)


def test_only_expected_statuses_are_good(clinic):
    redirects, nothing = clinic.patients["expected"]
    clinic.reaches("expected", {redirects.where, nothing.where})
    redirects.answer(200)
    clinic.until("expected", redirects, out=True)
    clinic.reaches("expected", {nothing.where})
    redirects.answer(399)
    clinic.until("expected", redirects, out=False)


def test_refused_connections_count_towards_the_threshold(clinic):
    sick, well = clinic.patients["refused"]
    sick.close()
    deadline = time.monotonic() + PATIENCE
    while True:
        assert time.monotonic() < deadline
        failed = clinic.count("refused", "network_failure")
        is_out = clinic.is_out("refused", sick)
        failed_since = clinic.count("refused", "network_failure")
        assert is_out or failed < 3
        assert not is_out or failed_since >= 3
        if is_out:
            break
    clinic.reaches("refused", {well.where})
    sick.open()
    clinic.until("refused", sick, out=False)
    clinic.reaches("refused", {sick.where, well.where})


def test_a_check_over_tcp_sends_and_expects(clinic):
    sick, well = clinic.patients["words"]
    assert set(sick.checks) == {"PING"}
    before = sick.answer(500)
    clinic.until("words", sick, out=True)
    assert len(sick.answers) - before >= 2
    clinic.reaches("words", {well.where})
    sick.answer(200)
    clinic.until("words", sick, out=False)


def test_a_check_over_tcp_may_just_connect(clinic):
    sick, well = clinic.patients["connects"]
    clinic.reaches("connects", {sick.where, well.where})
    sick.close()
    clinic.until("connects", sick, out=True)
    clinic.reaches("connects", {well.where})
    sick.open()
    clinic.until("connects", sick, out=False)


def test_a_cluster_without_traffic_is_checked_as_often(clinic):
    """Envoy would ask once a minute: seven checks would take longer than anybody waits here."""
    one, other = clinic.patients["quiet"]
    begun, before = time.monotonic(), len(one.checks)
    one.wait_for(before + 7)
    assert time.monotonic() - begun >= 5 * INTERVAL
    other.wait_for(7)
    assert one.requests == other.requests == 0


def test_a_good_check_brings_back_nobody_whom_errors_ejected(clinic):
    sick, well = clinic.patients["ejected"]
    sick.is_broken = True
    clinic.called("ejected", 4)
    sick.is_broken = False
    clinic.reaches("ejected", {well.where})
    sick.wait_for(len(sick.checks) + 5)
    assert clinic.called("ejected") == {well.where: 10}
    assert not clinic.is_out("ejected", sick)


def test_panic_sends_to_all_when_too_few_are_well(clinic):
    sick, well = clinic.patients["panics"]
    sick.answer(503)
    clinic.until("panics", sick, out=True)
    clinic.reaches("panics", {sick.where, well.where})


def test_instances_in_reserve_take_over_when_those_before_them_fail_their_checks(clinic):
    first, reserve = clinic.patients["reserve"]
    clinic.reaches("reserve", {first.where})
    first.answer(503)
    clinic.reaches("reserve", {reserve.where})
    first.answer(200)
    clinic.reaches("reserve", {first.where})


def test_an_envoy_opens_its_listeners_after_the_first_round_of_checks(backend):
    ward = Ward()
    try:
        silent = ward.admit(address("patient-late", "v1"))
        silent.answer(SILENCE)
        config = written("quiet", [silent], "http: {}, timeout: 2s").replace(f", {SHORT}", "")
        plans = compiled(Case(id="late", intent="", config=config, calls=()), backend.port)
        begun = time.monotonic()
        envoy = RunningEnvoy(plans).start()
        assert time.monotonic() - begun >= 2
        envoy.stop()
        assert len(silent.checks) == 1
    finally:
        ward.stop()


def test_the_platforms_word_holds_however_well_an_instance_answers(clinic):
    ready, unready = clinic.patients["unready"]
    unready.wait_for(3)
    assert set(unready.answers) == {200}
    assert not clinic.is_out("unready", unready)
    clinic.reaches("unready", {ready.where})
    assert unready.requests == 0


def test_each_cluster_asks_as_the_most_specific_rule_says(clinic):
    """A service with a subset has two clusters per port: an instance is asked by each, as its own rule says."""
    first, second = clinic.patients["specific"]
    first.wait_for(20)
    second.wait_for(20)
    assert set(first.checks) == {"/host", "/port", "/subset"}
    assert set(second.checks) == {"/host", "/port"}
    first.answer(500)
    clinic.until("specific", first, out=True)
    clinic.reaches("specific", {second.where})


SERVING, NOT_SERVING = b"\x08\x01", b"\x08\x02"


class Health:
    """gRPC's health service, as far as a check needs it, and one method more."""

    def __init__(self, where: str) -> None:
        self.where, self.state, self.asked = where, SERVING, Counter[bytes]()
        self._server = grpc.server(ThreadPoolExecutor(2), options=[("grpc.so_reuseport", 0)])
        check, say = (grpc.unary_unary_rpc_method_handler(one) for one in (self._check, lambda request, _: request))
        self._server.add_generic_rpc_handlers(
            (
                grpc.method_handlers_generic_handler("grpc.health.v1.Health", {"Check": check}),
                grpc.method_handlers_generic_handler("test.Echo", {"Say": say}),
            )
        )
        self.port = self._server.add_insecure_port(f"{where}:0")
        self._server.start()

    def _check(self, request: bytes, _: grpc.ServicerContext) -> bytes:
        self.asked[request] += 1
        return self.state

    def stop(self) -> None:
        self._server.stop(None).wait(10)


def test_grpc_health_is_asked_for_by_name(clinic):
    one, other = clinic.serving
    assert set(one.asked) == {b"\x0a\x04shop"}  # field 1 of HealthCheckRequest
    one.state = NOT_SERVING
    clinic.until("called", one, out=True)
    assert not clinic.is_out("called", other)
    one.state = SERVING
    clinic.until("called", one, out=False)


def test_a_request_goes_out_as_the_clusters_protocol_is(clinic):
    """A server that knows HTTP/2 alone answers; what it answers is 200, whatever gRPC says of it."""
    one, other = clinic.serving
    deadline = time.monotonic() + PATIENCE
    while clinic.count("asked", "success") < 4:
        assert time.monotonic() < deadline
        time.sleep(0.01)  # Envoy does not tell when it asks
    assert not clinic.is_out("asked", one)
    assert not clinic.is_out("asked", other)
