"""What callers' own `x-envoy-*` headers change, and for whom they count."""

import pytest
from tests.traffic.backend import CALL_ID
from tests.traffic.case import Call
from tests.traffic.client import Sent, fetch
from tests.traffic.envoy import RunningEnvoy
from tests.traffic.observe import foreseen

from pidalio.ir import (
    AssignmentPlan,
    ClusterPlan,
    Direction,
    Discovery,
    EndpointPlan,
    ForwardPlan,
    HttpPlan,
    ListenerPlan,
    LocalityPlan,
    MatchPlan,
    PathMatch,
    ProxyPlans,
    RetryPlan,
    RoutePlan,
    RouteTablePlan,
    VirtualHostPlan,
    WeightedCluster,
    one_chain,
)
from pidalio.simulate import Request, decide

_TRUSTING, _DOUBTING = "trusting", "doubting"
_503 = {"x-echo-status": "503"}
_SLOW = {"x-echo-delay": "1500"}
_CALLS = (
    # listener, path, headers -> status, tries
    (_TRUSTING, "/plain", _503, 503, 1),
    (_TRUSTING, "/plain", _503 | {"x-envoy-retry-on": "5xx"}, 503, 2),
    (_TRUSTING, "/plain", _503 | {"x-envoy-retry-on": "5xx", "x-envoy-max-retries": "3"}, 503, 4),
    (_TRUSTING, "/plain", _503 | {"x-envoy-max-retries": "3"}, 503, 1),
    (_TRUSTING, "/retries", _503, 503, 3),
    (_TRUSTING, "/retries", _503 | {"x-envoy-max-retries": "0"}, 503, 1),
    (_TRUSTING, "/retries", _503 | {"x-envoy-max-retries": "4"}, 503, 5),
    (_TRUSTING, "/retries", {"x-echo-status": "418", "x-envoy-retriable-status-codes": "418"}, 418, 1),
    (
        _TRUSTING,
        "/retries",
        {"x-echo-status": "418", "x-envoy-retriable-status-codes": "418", "x-envoy-retry-on": "retriable-status-codes"},
        418,
        3,
    ),
    (_TRUSTING, "/retries", {"x-echo-status": "409", "x-envoy-retry-on": "retriable-4xx"}, 409, 3),
    (_TRUSTING, "/plain", _SLOW | {"x-envoy-upstream-rq-timeout-ms": "100"}, 504, 1),
    (_TRUSTING, "/retries", _SLOW | {"x-envoy-upstream-rq-per-try-timeout-ms": "100"}, 504, 3),
    (_TRUSTING, "/plain", _503 | {"x-envoy-retry-on": "5xx", "x-forwarded-for": "1.2.3.4"}, 503, 1),
    (_DOUBTING, "/plain", _503 | {"x-envoy-retry-on": "5xx"}, 503, 1),
    (_DOUBTING, "/retries", _503 | {"x-envoy-max-retries": "0"}, 503, 3),
    (_DOUBTING, "/plain", {"x-echo-delay": "300", "x-envoy-upstream-rq-timeout-ms": "50"}, 200, 1),
)


def _plans(port):
    endpoint = LocalityPlan((EndpointPlan("127.91.1.1", port),))
    cluster = ClusterPlan("c", Discovery.STATIC, assignment=AssignmentPlan("c", (endpoint,)))
    to = (WeightedCluster("c", 1),)
    routes = (
        RoutePlan(
            MatchPlan(path=PathMatch(value="/retries")), ForwardPlan(to, retry=RetryPlan(2, ("5xx",), backoff=1))
        ),
        RoutePlan(MatchPlan(), ForwardPlan(to)),
    )
    table = RouteTablePlan("t", (VirtualHostPlan("all", ("*",), routes),))
    listeners = tuple(
        ListenerPlan(
            name,
            "127.0.0.1",
            1,
            Direction.OUTBOUND,
            one_chain(HttpPlan(name, "t", explicit_proxy=True, use_remote_address=name == _TRUSTING)),
        )
        for name in (_TRUSTING, _DOUBTING)
    )
    return ProxyPlans(listeners, (table,), (cluster,), ())


@pytest.fixture(scope="module")
def envoy(backend):
    running = RunningEnvoy(_plans(backend.port)).start()
    yield running
    running.stop()


@pytest.mark.envoy
@pytest.mark.parametrize(("listener", "path", "headers", "status", "tries"), _CALLS)
def test_headers_of_trusted_callers_count(listener, path, headers, status, tries, envoy, backend):
    request = Request(authority="any", path=path, headers=tuple(headers.items()))
    told = foreseen(decide(envoy.plans, listener, request), Call(url=path, headers=headers))
    assert (told.status, told.tries) == (status, tries)

    call = f"{envoy.folder.name}-{envoy.next_id()}"
    sent = Sent(envoy.address(listener), "GET", f"http://any{path}", "any", (*headers.items(), (CALL_ID, call)))
    got = fetch([sent])[0]
    assert (got.status, len(backend.seen(call))) == (status, tries)
