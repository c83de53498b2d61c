"""The simulator against real Envoy on redirected connections: random services, rules and Sidecars."""

import random

import pytest
from tests.differential.connections import connection, request, text
from tests.traffic.backend import CALL_ID, Backend
from tests.traffic.case import SIDECAR
from tests.traffic.client import Sent, fetch
from tests.traffic.compare import mismatches
from tests.traffic.connections import NO_CHAIN, carried_otherwise, drive_connection, opened_by
from tests.traffic.envoy import LOG_ID, RunningEnvoy

from pidalio.model import Interception, Severity
from pidalio.pipeline import plans_for
from pidalio.server.offline import OfflineMesh
from pidalio.simulate import Connection, Request, carry, decide

MESHES_PER_BATCH = 4
CONNECTIONS = 35
REQUESTS = 15
_OWNED = frozenset({"unknown-host", "unknown-port", "unknown-subset", "unknown-delegate"})
_LABELS = (("app", "client"),)


@pytest.mark.envoy
def test_simulator_and_envoy_agree_on_random_connections(batch, seed, backend):
    draw = random.Random(f"{seed}/{batch}/connections")
    told: list[str] = []
    for number in range(MESHES_PER_BATCH):
        mesh = OfflineMesh.from_text(text(draw, backend.port))
        mistakes = [one.line() for one in mesh.reports() if one.severity is Severity.ERROR and one.code not in _OWNED]
        assert not mistakes, "\n".join(mistakes)
        plans = plans_for(mesh.world, mesh.proxy(SIDECAR, _LABELS, interception=Interception.REDIRECT))
        envoy = RunningEnvoy(plans).start()
        try:
            told += [f"mesh {number}: {each}" for each in _differences(draw, envoy, backend)]
        finally:
            envoy.stop()
    assert not told, f"seed {seed}, batch {batch}: {len(told)} differ\n" + "\n".join(told[:10])


def _differences(draw: random.Random, envoy: RunningEnvoy, backend: Backend) -> list[str]:
    told = []
    for _ in range(CONNECTIONS):
        one = connection(draw, backend.port)
        told += [f"{one}: {each}" for each in drive_connection(envoy, one, backend.port)]
    for _ in range(REQUESTS):
        to, host = request(draw, backend.port)
        told += [f"GET {host} to {to}: {each}" for each in _requested(envoy, backend, to, host)]
    return told


def _requested(envoy: RunningEnvoy, backend: Backend, to: str, host: str) -> list[str]:
    door = next(each for each in envoy.plans.listeners if each.hands_off)
    identity = envoy.next_id()
    address, _, port = to.rpartition(":")
    opened, caller = Connection(destination=address, port=int(port)), opened_by(identity)
    own = ((LOG_ID, identity), (CALL_ID, f"{envoy.folder.name}-{identity}"))
    asked = Request(authority=host, path="/", headers=own)
    sent = Sent((door.address, door.port), "GET", "/", host, own, to, caller=caller)
    carried = carry(envoy.plans, door, opened)
    try:
        (got,) = fetch([sent])
    except* (ConnectionError, EOFError):
        got = None
    if carried.verdicts and carried.verdicts[0].details == NO_CHAIN:
        return [f"Envoy answers {got.status}, simulator closes"] if got else []
    if not carried.reads_requests:
        log = envoy.logged(caller)
        return carried_otherwise(carried, log["flags"], log["cluster"] or "", got.header("x-from") or "" if got else "")
    log = envoy.logged(identity)
    decision = decide(envoy.plans, door, asked, opened)
    if (
        decision.verdict.cluster == log["cluster"]
        and "UF" in log["flags"]
        and _goes_on(envoy, decision.verdict.cluster)
    ):
        return []  # nobody listens at the address that was called, which no plan can know
    assert got is not None, f"no answer to {host} at {to}"
    return mismatches(decision, got, log, backend.seen(f"{envoy.folder.name}-{identity}"))


def _goes_on(envoy: RunningEnvoy, name: str) -> bool:
    cluster = envoy.plans.cluster(name)
    return cluster is not None and cluster.discovery.name == "ORIGINAL_DST"
