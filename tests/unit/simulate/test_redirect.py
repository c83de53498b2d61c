import pytest

from pidalio.ir import MatchPlan, PathKind, PathMatch, RedirectPlan
from pidalio.simulate import Request
from pidalio.simulate.redirect import location

_OLD = MatchPlan(PathMatch(PathKind.PREFIX, "/old"))


@pytest.mark.parametrize(
    ("plan", "authority", "path", "expected"),
    [
        (RedirectPlan(scheme="https"), "red", "/a?b=1", "https://red/a?b=1"),
        (RedirectPlan(scheme="https"), "red:80", "/", "https://red/"),
        (RedirectPlan(scheme="https"), "red:443", "/", "https://red:443/"),
        (RedirectPlan(scheme="https"), "[::1]:80", "/", "https://[::1]/"),
        (RedirectPlan(scheme="https"), "[::1]", "/", "https://[::1]/"),
        (RedirectPlan(authority="other:9"), "red:81", "/", "http://other:9/"),
        (RedirectPlan(authority="other:9", port=8443), "red", "/", "http://other:9:8443/"),
        (RedirectPlan(port=8443), "red:81", "/", "http://red:8443/"),
        (RedirectPlan(path="/new"), "red:80", "/x?y=1", "http://red:80/new?y=1"),
        (RedirectPlan(path="/new?a=1"), "red", "/x?y=1", "http://red/new?a=1"),
        (RedirectPlan(prefix_rewrite="/new"), "red", "/old/x?y=1", "http://red/new/x?y=1"),
    ],
)
def test_locations_are_put_together_as_envoy_does(plan, authority, path, expected):
    request = Request(authority=authority, path=path, headers=(("x-forwarded-proto", "http"),))
    assert location(_OLD, plan, request) == expected
