"""The simulator against real Envoy on random VirtualServices, compiled as users' files are."""

import random

import pytest
from tests.differential.documents import GATEWAY_LABELS, text
from tests.differential.requests import random_requests
from tests.differential.run import differences, told
from tests.traffic.case import GATEWAY, SIDECAR

from pidalio.model import Severity
from pidalio.pipeline import plans_for
from pidalio.server.offline import OfflineMesh

SETS_PER_ENVOY = 25
_OWNED = frozenset({"unknown-host", "unknown-port", "unknown-subset", "unknown-delegate"})


@pytest.mark.envoy
@pytest.mark.parametrize("proxy", ["sidecar", "gateway"])
def test_simulator_and_envoy_agree_on_random_rules(batch, proxy, seed, backend):
    draw = random.Random(f"{seed}/{batch}/{proxy}")
    mesh = OfflineMesh.from_text(text(draw, SETS_PER_ENVOY, backend.port))
    mistakes = [each.line() for each in mesh.reports() if each.severity is Severity.ERROR and each.code not in _OWNED]
    assert not mistakes, "\n".join(mistakes)
    chosen = mesh.proxy(SIDECAR) if proxy == "sidecar" else mesh.proxy(GATEWAY, GATEWAY_LABELS)
    plans = plans_for(mesh.world, chosen)
    named = [host for table in plans.tables for host in table.virtual_hosts if host.name.startswith(("s", "*.s", "al"))]
    hosts = [host for host in named if host.routes]  # of rules that are not for this proxy there are no requests
    requests = random_requests(draw, [[host] for host in hosts])
    found = differences(plans, requests, backend)
    assert not found, told(found, f"seed {seed}, batch {batch}, {proxy}", len(requests))
