"""How many requests one becomes: chains by hand, and the product against a walk try by try."""

from itertools import accumulate
from math import inf, prod
from operator import mul

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pidalio.effectiveness.resilience import Failure, attempts
from pidalio.effectiveness.resilience.attempts import Factors
from pidalio.ir import ForwardPlan, RetryPlan


def hop(retries: int = 0, on: str = "5xx", codes: tuple[int, ...] = (), *, each: int | None = None, total: int = 0):
    """Return the action of a route: `each` and `total` are its timeouts in milliseconds."""
    conditions = tuple(on.split(","))
    retry = RetryPlan(retries, conditions, codes, per_try_timeout=each) if retries else None
    return ForwardPlan((), timeout=total, retry=retry)


SAFE = ForwardPlan((), retry=RetryPlan(2, ("5xx", "unavailable"), unsafe_retry_on=("connect-failure",)))
HANGS = Failure(takes=inf)
DEFAULT = "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes"


@pytest.mark.parametrize(
    ("chain", "failure", "expected"),
    [
        pytest.param([hop()], Failure(), (1,), id="no retries"),
        pytest.param([hop(3)], Failure(), (4,), id="one hop"),
        pytest.param([hop(2), hop(3), hop(1)], Failure(), (3, 12, 24), id="three hops multiply"),
        pytest.param([hop(2), hop(3, "gateway-error"), hop(1)], Failure(500), (3, 3, 6), id="another condition"),
        pytest.param(
            [hop(2, "retriable-status-codes", (418,)), hop(2)], Failure(418), (3, 3), id="a status that is named"
        ),
        pytest.param([hop(2, "retriable-4xx"), hop(2)], Failure(409), (3, 3), id="409"),
        pytest.param([hop(2, DEFAULT)] * 3, Failure(), (1, 1, 1), id="defaults do not repeat answers"),
        pytest.param([hop(2, DEFAULT)] * 3, Failure(refused=True), (1, 1, 3), id="defaults repeat refused connections"),
        pytest.param([hop(2), hop(4, DEFAULT)], Failure(refused=True), (3, 15), id="above it is an answer"),
        pytest.param([hop(2, DEFAULT)] * 3, Failure(200, 14), (3, 9, 27), id="gRPC passes on what it got"),
        pytest.param([hop(2, DEFAULT)] * 2, Failure(200, 8), (1, 1), id="gRPC that is exhausted"),
        pytest.param([hop(2, DEFAULT)] * 2, Failure(200, 8, refused=True), (3, 9), id="refused is unavailable in gRPC"),
        pytest.param([hop(3, each=200)], HANGS, (4,), id="each try is cut"),
        pytest.param([hop(3, DEFAULT, each=200)], HANGS, (1,), id="a cut try is no failed connection"),
        pytest.param([hop(3, each=200, total=500)], HANGS, (3,), id="the timeout ends the third try"),
        pytest.param([hop(3, each=200, total=400)], HANGS, (2,), id="no time for a third"),
        pytest.param([hop(3, each=900, total=500)], HANGS, (1,), id="a longer try than the timeout"),
        pytest.param([hop(3)], HANGS, (1,), id="nothing ends it"),
        pytest.param([hop(2, total=1000), hop(3, each=200)], HANGS, (2, 5), id="the upper hop cuts the lower"),
        pytest.param([hop(2, each=300), hop(3, each=200)], HANGS, (3, 6), id="each upper try cuts the lower"),
        pytest.param([hop(9, total=1000)], Failure(takes=300), (4,), id="slow answers until the timeout"),
        pytest.param([SAFE, SAFE], Failure(500, method="POST"), (1, 1), id="a POST that may not be repeated"),
        pytest.param([SAFE, SAFE], Failure(500), (3, 9), id="a GET that may"),
        pytest.param([SAFE, SAFE], Failure(refused=True, method="POST"), (1, 3), id="a POST that nobody saw"),
        pytest.param([SAFE, SAFE], Failure(200, 14), (1, 1), id="gRPC is POST"),
        pytest.param([hop(1, each=100), hop()], Failure(takes=90), (2, 2), id="slow, but in time"),
    ],
)
def test_a_chain_becomes(chain, failure, expected):
    assert attempts(chain, failure) == expected


def walked(chain, failure, hop: int = 0) -> list[int]:
    """Return what each service gets, try by try: failures that take no time."""
    counts = [0] * len(chain)
    last = hop == len(chain) - 1
    for _ in range(Factors(failure).of(chain[hop])[not last]):
        counts[hop] += 1
        for at, more in enumerate(walked(chain, failure, hop + 1) if not last else ()):
            counts[at] += more
    return counts


HOPS = st.builds(
    hop,
    st.integers(0, 3),
    st.sampled_from(["5xx", "gateway-error", DEFAULT, "reset", "retriable-4xx", "connect-failure"]),
    total=st.sampled_from([0, 500]),
    each=st.sampled_from([None, 100]),
)
FAILURES = st.builds(
    Failure, st.sampled_from([409, 500, 503]), grpc_status=st.sampled_from([None, 8, 14]), refused=st.booleans()
)


@given(st.lists(HOPS, min_size=1, max_size=4), FAILURES)
def test_what_fails_at_once_multiplies(chain, failure):
    found = attempts(chain, failure)
    assert list(found) == walked(chain, failure)
    factors = [Factors(failure).of(one)[at + 1 < len(chain)] for at, one in enumerate(chain)]
    assert found[-1] == prod(factors)


@given(st.lists(HOPS, min_size=1, max_size=4), FAILURES, st.sampled_from([0, 40, 100, 260, 700, inf]))
def test_no_failure_sends_more_than_all_retries_together(chain, failure, takes):
    found = attempts(chain, Failure(failure.status, failure.grpc_status, failure.refused, takes))
    most = list(accumulate((1 + (one.retry.attempts if one.retry else 0) for one in chain), mul))
    assert all(1 <= one <= bound for one, bound in zip(found, most, strict=True))
