import pytest

from pidalio.ir import ClaimMatch, HeaderMatch, MatchKind, MatchPlan, PathKind, PathMatch, QueryMatch, StringPattern
from pidalio.simulate import Request
from pidalio.simulate.matching import header_matches, path_matches, unmet

_A = StringPattern(MatchKind.EXACT, "a")
_PRESENT = StringPattern(MatchKind.PRESENT)


def _request(*headers, path="/", **more):
    return Request(authority="host", path=path, headers=headers, **more)


@pytest.mark.parametrize(
    ("kind", "value", "ignore_case", "path", "holds"),
    [
        (PathKind.EXACT, "/a", False, "/a", True),
        (PathKind.EXACT, "/a", False, "/a/", False),
        (PathKind.EXACT, "/A", True, "/a", True),
        (PathKind.PREFIX, "/a", False, "/ab", True),
        (PathKind.PREFIX, "/A", True, "/ab", True),
        (PathKind.SEGMENTS, "/a", False, "/ab", False),
        (PathKind.SEGMENTS, "/a/", False, "/a", True),
        (PathKind.SEGMENTS, "/a", False, "/a/b", True),
        (PathKind.SEGMENTS, "/", False, "/a", True),
        (PathKind.REGEX, "/A", True, "/a", False),
    ],
)
def test_paths(kind, value, ignore_case, path, holds):
    assert path_matches(PathMatch(kind, value, ignore_case), path) is holds


@pytest.mark.parametrize(
    ("match", "values", "holds"),
    [
        (HeaderMatch("x", _A), ("a",), True),
        (HeaderMatch("x", _A), (), False),
        (HeaderMatch("x", _A, invert=True), (), False),
        (HeaderMatch("x", _A, invert=True), ("b",), True),
        (HeaderMatch("x", _A, invert=True, missing_as_empty=True), (), True),
        (HeaderMatch("x", _A, invert=True, missing_as_empty=True), ("a",), False),
        (HeaderMatch("x", _PRESENT), ("",), True),
        (HeaderMatch("x", _PRESENT, invert=True), (), True),
        (HeaderMatch("x", _PRESENT, missing_as_empty=True), (), True),
        (HeaderMatch("x", _A), ("b", "a"), True),
        (HeaderMatch("x", _A, invert=True), ("b", "a"), False),
        (HeaderMatch("x", StringPattern(MatchKind.EXACT, "a,b")), ("a", "b"), False),
    ],
)
def test_headers(match, values, holds):
    assert header_matches(match, _request(*(("X", value) for value in values))) is holds


def test_some_repeated_headers_are_joined():
    request = _request(("accept", "a"), ("accept", ""), ("accept", "b"))
    assert header_matches(HeaderMatch("accept", StringPattern(MatchKind.EXACT, "a,b")), request)
    assert not header_matches(HeaderMatch("accept", _A), request)


@pytest.mark.parametrize(
    ("plan", "request_", "words"),
    [
        (MatchPlan(), _request(), ""),
        (MatchPlan(PathMatch(PathKind.EXACT, "/a")), _request(path="/b?c"), "path /b is not /a"),
        (
            MatchPlan(PathMatch(PathKind.PREFIX, "/a", True)),
            _request(path="/b"),
            "path /b does not begin with /a, in any case",
        ),
        (MatchPlan(PathMatch(PathKind.SEGMENTS, "/a")), _request(path="/ab"), "path /ab is not /a or below it"),
        (MatchPlan(PathMatch(PathKind.REGEX, "/a+")), _request(path="/b"), "path /b does not match regex /a+"),
        (MatchPlan(headers=(HeaderMatch("x", _A),)), _request(), 'header x is not "a": it is absent'),
        (MatchPlan(claims=(ClaimMatch(("a", "b"), _A),)), _request(), 'claim a.b is not "a": no token was verified'),
        (
            MatchPlan(claims=(ClaimMatch(("a",), _PRESENT),)),
            _request(),
            "claim a is not present: no token was verified",
        ),
        (MatchPlan(claims=(ClaimMatch(("a",), _A, invert=True),)), _request(), ""),
        (MatchPlan(headers=(HeaderMatch("x", _A),)), _request(("x", "b")), 'header x is not "a": it is "b"'),
        (MatchPlan(headers=(HeaderMatch("x", _PRESENT),)), _request(), "header x is not present: it is absent"),
        (MatchPlan(headers=(HeaderMatch("x", _A, invert=True),)), _request(("x", "a")), 'header x is "a": it is "a"'),
        (
            MatchPlan(headers=(HeaderMatch("x", _A, invert=True),)),
            _request(),
            "header x is absent, and absent never matches",
        ),
        (MatchPlan(query=(QueryMatch("q", _A),)), _request(path="/?q=b"), 'query parameter q is not "a": it is "b"'),
        (MatchPlan(connect=True), _request(), "the method is not CONNECT"),
        (MatchPlan(), _request(connect=True), "a CONNECT request has no path to compare"),
    ],
)
def test_the_first_condition_not_met_is_told(plan, request_, words):
    assert unmet(plan, request_) == words
