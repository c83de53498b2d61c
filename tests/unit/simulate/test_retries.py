import pytest

from pidalio.ir import RetryPlan
from pidalio.simulate import repeats_status, tries


@pytest.mark.parametrize(
    ("retry_on", "status", "repeated"),
    [
        (("5xx",), 500, True),
        (("5xx",), 404, False),
        (("gateway-error",), 502, True),
        (("gateway-error",), 500, False),
        (("retriable-4xx",), 409, True),
        (("retriable-4xx",), 404, False),
        (("connect-failure", "refused-stream"), 503, False),
    ],
)
def test_conditions(retry_on, status, repeated):
    assert repeats_status(RetryPlan(2, retry_on), status) is repeated


def test_codes_count_with_their_condition():
    assert repeats_status(RetryPlan(2, ("retriable-status-codes",), (418,)), 418)
    assert not repeats_status(RetryPlan(2, ("5xx",), (418,)), 418)


def test_grpc_statuses():
    assert repeats_status(RetryPlan(2, ("unavailable",)), 200, grpc_status=14)
    assert not repeats_status(RetryPlan(2, ("unavailable",)), 200, grpc_status=5)


def test_tries_are_one_and_the_attempts():
    assert tries(RetryPlan(3, ("5xx",)), 503) == 4
    assert tries(RetryPlan(3, ("5xx",)), 200) == 1
    assert tries(RetryPlan(0, ("5xx",)), 503) == 1
    assert tries(None, 503) == 1
