"""What the filter for cross-origin requests does with preflights, and what it sets on answers."""

import pytest

from pidalio.ir import CorsPlan, MatchKind, StringPattern
from pidalio.simulate.cors import answers_preflight, cors_headers
from pidalio.simulate.request import Request

_A = StringPattern(MatchKind.EXACT, "http://a.test")


def _request(origin: str = "", asked: str = "", method: str = "OPTIONS") -> Request:
    headers = (("origin", origin), ("access-control-request-method", asked))
    return Request(method=method, authority="a", headers=tuple(pair for pair in headers if pair[1]))


@pytest.mark.parametrize(
    ("plan", "request_", "answers"),
    [
        (None, _request("http://a.test", "GET"), False),
        (CorsPlan((_A,)), _request("http://a.test", "GET"), True),
        (CorsPlan((_A,)), _request("http://a.test", "GET", method="GET"), False),
        (CorsPlan((_A,)), _request("http://a.test"), False),
        (CorsPlan((_A,)), _request(asked="GET"), False),
        (CorsPlan((_A,)), _request("http://b.test", "GET"), False),
        (CorsPlan((_A,), forward_unmatched=False), _request("http://b.test", "GET"), True),
        (CorsPlan((StringPattern(MatchKind.EXACT, "*"),)), _request("http://b.test", "GET"), True),
        (CorsPlan(()), _request("http://b.test", "GET"), False),
    ],
)
def test_preflights(plan, request_, answers):
    assert answers_preflight(plan, request_) is answers


def test_what_is_set_on_answers():
    plan = CorsPlan((_A,), "GET,PUT", "x-a", "x-b", "60", allow_credentials=True)
    both = (("access-control-allow-origin", "http://a.test"), ("access-control-allow-credentials", "true"))
    assert cors_headers(plan, _request("http://a.test", "PUT")).set == (
        *both,
        ("access-control-allow-methods", "GET,PUT"),
        ("access-control-allow-headers", "x-a"),
        ("access-control-max-age", "60"),
    )
    assert cors_headers(plan, _request("http://a.test", method="GET")).set == (
        *both,
        ("access-control-expose-headers", "x-b"),
    )
    assert not cors_headers(plan, _request("http://b.test", method="GET"))
    assert not cors_headers(None, _request("http://a.test"))
