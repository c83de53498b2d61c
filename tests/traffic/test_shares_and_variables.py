"""What only a real Envoy can show: how many copies a mirror gets, and what variables in headers stand for."""

import pytest
from tests.traffic.backend import CALL_ID
from tests.traffic.case import STATISTICAL, Case
from tests.traffic.client import Sent, fetch
from tests.traffic.envoy import RunningEnvoy
from tests.traffic.fleet import instance_at, rule, service
from tests.traffic.observe import plausible
from tests.traffic.run import compiled

pytestmark = pytest.mark.envoy

_CONFIG = (
    service("shown")
    + service("third")
    + service("all")
    + rule(
        "shown",
        """
        http:
        - match: [{uri: {prefix: /mirrored}}]
          mirrors:
          - {destination: {host: third}, percentage: {value: 30}}
          - {destination: {host: all}}
          - {destination: {host: third}, percentage: {value: 0}}
          route: [{destination: {host: shown}}]
        - match: [{uri: {prefix: /old}}]
          mirror: {host: third}
          mirrorPercent: 30
          route: [{destination: {host: shown}}]
        - headers:
            request: {set: {x-path: '%REQ(:path)%', x-whole: 'a%%b', x-both: '%REQ(x-a?x-b)%'}, add: {x-method: '%REQ(:method)%'}}
            response: {set: {x-status: '%RESPONSE_CODE%', x-cluster: '%UPSTREAM_CLUSTER_RAW%'}}
          route:
          - destination: {host: shown}
            headers: {request: {add: {x-protocol: '%PROTOCOL%'}}}
        """,
    )
)


@pytest.fixture(scope="module")
def envoy(backend):
    case = Case(id="shown", intent="", config=_CONFIG, calls=())
    running = RunningEnvoy(compiled(case, backend.port)).start()
    yield running
    running.stop()


def _sent(envoy, path, identity, *headers):
    target = f"http://shown{path}"
    return Sent(envoy.address(envoy.plans.listeners[0]), "GET", target, "shown", ((CALL_ID, identity), *headers))


@pytest.mark.parametrize(("path", "shares"), [("/mirrored", {"third": 0.3, "all": 1.0}), ("/old", {"third": 0.3})])
def test_each_mirror_draws_for_itself(path, shares, envoy, backend):
    calls = [f"{path}-{number}" for number in range(STATISTICAL)]
    fetch([_sent(envoy, path, one) for one in calls])
    for one in calls:  # of every call the certain copies come in the end
        backend.wait_for(one, 1 + sum(share == 1.0 for share in shares.values()))
    reached = [instance_at(each.address).partition(" ")[0] for one in calls for each in backend.seen(one)]
    assert reached.count("shown") == STATISTICAL
    for name, share in shares.items():
        assert plausible(reached.count(name) / STATISTICAL, share, STATISTICAL)


def test_variables_are_filled_in(envoy, backend):
    (got,) = fetch([_sent(envoy, "/some?q=1", "variables", ("x-b", "2"))])
    (seen,) = backend.wait_for("variables", 1)
    sees = {name: seen.header(name) for name in ("x-path", "x-whole", "x-both", "x-method", "x-protocol")}
    assert sees == {
        "x-path": "/some?q=1",
        "x-whole": "a%b",
        "x-both": "2",
        "x-method": "GET",
        "x-protocol": "HTTP/1.1",
    }
    assert got.header("x-status") == "200"
    assert got.header("x-cluster") == "outbound|80||shown.default.svc.cluster.local"
