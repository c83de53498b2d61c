"""Carry a case out: compile it as a user's files, ask the simulator, and drive a real Envoy."""

from collections import Counter
from dataclasses import dataclass, replace
from functools import cache
from urllib.parse import urlsplit

import msgspec
from tests.traffic.backend import CALL_ID, Backend, Seen
from tests.traffic.case import Call, Case
from tests.traffic.client import Got, Sent, fetch
from tests.traffic.compare import mismatches
from tests.traffic.envoy import LOG_ID, RunningEnvoy
from tests.traffic.fleet import instance_at
from tests.traffic.observe import Outcome, broken_expectations, foreseen

from pidalio.ir import ListenerPlan, ProxyPlans
from pidalio.model import Interception, Severity
from pidalio.pipeline import plans_for
from pidalio.server.offline import OfflineMesh
from pidalio.simulate import Connection, Request, decide

_OWNED = frozenset({"unknown-host", "unknown-port", "unknown-subset", "unknown-delegate"})


@cache
def compiled(case: Case, port: int) -> ProxyPlans:
    """Return what the proxy of `case` runs on; a mistake in its YAML that users would be told of fails the test."""
    mesh = mesh_of(case, port)
    mistakes = [
        report.line() for report in mesh.reports() if report.severity is Severity.ERROR and report.code not in _OWNED
    ]
    assert not mistakes, "\n".join(mistakes)
    return plans_of(case, mesh)


def mesh_of(case: Case, port: int) -> OfflineMesh:
    """Return the mesh that the YAML of `case` makes."""
    return OfflineMesh.from_text(case.config.replace("$PORT", str(port)))


def plans_of(case: Case, mesh: OfflineMesh) -> ProxyPlans:
    """Return what the proxy of `case` runs on in `mesh`."""
    outbound = "" if case.inbound else "127.0.0.1:15001"
    interception = Interception.REDIRECT if case.mode == "transparent" else Interception.NONE
    return plans_for(mesh.world, mesh.proxy(case.proxy, case.labels or None, outbound, interception))


def foretold(plans: ProxyPlans, call: Call, port: int) -> list[str]:
    """Return which expectations of `call` the simulator breaks on `plans`."""
    call = with_port(call, port)
    decision = decide(plans, listener_for(plans, call), request_of(call), connection_of(call))
    return broken_expectations(without_share(call), foreseen(decision, call))


def with_port(call: Call, port: int) -> Call:
    """Return the call with the echo server's port in its URL."""
    return replace(call, url=call.url.replace("$PORT", str(port)), dst=call.dst.replace("$PORT", str(port)))


def listener_for(plans: ProxyPlans, call: Call) -> ListenerPlan:
    """Return where a call arrives: where all are redirected, at the HTTP proxy, or at the gateway's port in the URL."""
    if call.bound or call.dst:
        found = [each for each in plans.listeners if (each.name == call.bound if call.bound else each.hands_off)]
        assert found, f"no listener for {call.bound or call.dst}"
        return found[0]
    proxies = [each for each in plans.listeners if each.explicit_proxy]
    if proxies:
        return proxies[0]
    port = urlsplit(call.url).port or 80
    found = [each for each in plans.listeners if each.requested_port == port]
    assert found, f"nothing listens on port {port}"
    return found[0]


def request_of(call: Call) -> Request:
    """Return the call as a request."""
    return Request.from_url(call.method, call.url, call.pairs)


def connection_of(call: Call) -> Connection:
    """Return the connection that the call is sent in."""
    address, _, port = call.dst.rpartition(":")
    return Connection(destination=address, port=int(port or 0), protocol=call.protocol)


@dataclass
class Driven:
    """What a real Envoy did with one call: `outcome` over all its requests, `differences` from the simulator."""

    outcome: Outcome
    differences: list[str]


def drive(envoy: RunningEnvoy, call: Call, backend: Backend) -> Driven:
    """Send `call` as often as it says and gather what came of it."""
    call = with_port(call, backend.port)
    door = listener_for(envoy.plans, call)
    request = request_of(call)
    identities = [envoy.next_id() for _ in range(call.times)]
    marked = [_marked(request, envoy, each) for each in identities]
    answers = fetch([_sent(door, each, call) for each in marked], at_once=1)
    copies = len(call.mirrors or ())
    seen = [
        backend.wait_for(_call_id(envoy, each), copies + (1 if got.header("x-from") else 0))
        for each, got in zip(identities, answers, strict=True)
    ]
    differences = []
    for identity, one, got, arrived in zip(identities, marked, answers, seen, strict=True):
        decision = decide(envoy.plans, door, one, connection_of(call))
        if not call.is_told:
            direct = [each for each in arrived if each.address == got.header("x-from")]
            differences += mismatches(decision, got, envoy.logged(identity), direct)
    outcome = _outcome(envoy, identities[-1], answers, seen, expects_copies=call.mirrors is not None)
    return Driven(outcome, sorted(set(differences)))


def _marked(request: Request, envoy: RunningEnvoy, identity: str) -> Request:
    own = ((LOG_ID, identity), (CALL_ID, _call_id(envoy, identity)))
    return msgspec.structs.replace(request, headers=request.headers + own)


def _call_id(envoy: RunningEnvoy, identity: str) -> str:
    return f"{envoy.folder.name}-{identity}"


def _sent(door: ListenerPlan, request: Request, call: Call) -> Sent:
    target = request.path
    if request.connect:
        target = request.authority
    elif door.explicit_proxy:
        target = f"http://{request.authority}{request.path}"
    where = (door.address, door.port)
    return Sent(where, request.method, target, request.authority, request.headers, call.dst, call.protocol)


def _outcome(
    envoy: RunningEnvoy, last: str, answers: list[Got], seen: list[list[Seen]], *, expects_copies: bool
) -> Outcome:
    got, log = answers[-1], envoy.logged(last)
    arrived = [each for each in seen[-1] if each.address == got.header("x-from")] or seen[-1]
    reached = Counter(instance_at(each.header("x-from") or "") for each in answers if each.header("x-from"))
    mirrors = frozenset(
        instance_at(each.address).rpartition(" ")[0]
        for each in seen[-1]
        if expects_copies and each.address != got.header("x-from")
    )
    own = arrived[-1] if arrived else None
    return Outcome(
        status=got.status,
        through=got.header("x-through") or "",
        reached={name: count / len(answers) for name, count in reached.items()},
        path=own.path if own else None,
        host=own.host if own else None,
        request_headers=dict(own.headers) if own else {},
        response_headers=dict(got.headers),
        location=got.header("location") or "",
        body=got.body.decode(),
        flag=log["flags"],
        details=log["details"],
        route=log["route"] or "",
        cluster=log["cluster"] or "",
        tries=len(seen[-1]) - len(mirrors),
        slow=got.seconds * 1000,
        mirrors=mirrors,
    )


def without_share(call: Call) -> Call:
    """Return the call as the simulator answers it: once, with shares as probabilities."""
    return replace(call, times=1)
