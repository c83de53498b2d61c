import pytest

from pidalio.envoy import protos
from pidalio.envoy.route_match import route_match
from pidalio.ir import ClaimMatch, HeaderMatch, MatchKind, MatchPlan, PathKind, PathMatch, QueryMatch, StringPattern


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (PathMatch(), {"prefix": "/"}),
        (PathMatch(PathKind.PREFIX, "/a"), {"prefix": "/a"}),
        (PathMatch(PathKind.EXACT, "/a"), {"path": "/a"}),
        (PathMatch(PathKind.EXACT, "/a", ignore_case=True), {"path": "/a", "case_sensitive": False}),
        (PathMatch(PathKind.SEGMENTS, "/a/"), {"path_separated_prefix": "/a"}),
        (PathMatch(PathKind.SEGMENTS, "/"), {"prefix": "/"}),
        (PathMatch(PathKind.REGEX, "/a.*", ignore_case=True), {"safe_regex": {"regex": "/a.*"}}),
    ],
    ids=str,
)
def test_paths(path: PathMatch, expected: dict[str, object]) -> None:
    assert protos.to_dict(route_match(MatchPlan(path))) == expected


def test_connect_compares_no_path() -> None:
    assert protos.to_dict(route_match(MatchPlan(PathMatch(value="/a"), connect=True))) == {"connect_matcher": {}}


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (HeaderMatch("x", StringPattern(MatchKind.PRESENT)), {"present_match": True}),
        (HeaderMatch("x", StringPattern(MatchKind.EXACT, "v")), {"string_match": {"exact": "v"}}),
        (HeaderMatch("x", StringPattern(MatchKind.PREFIX, "v")), {"string_match": {"prefix": "v"}}),
        (HeaderMatch("x", StringPattern(MatchKind.REGEX, "v")), {"string_match": {"safe_regex": {"regex": "v"}}}),
        (
            HeaderMatch("x", StringPattern(MatchKind.EXACT, "v"), invert=True, missing_as_empty=True),
            {"string_match": {"exact": "v"}, "invert_match": True, "treat_missing_header_as_empty": True},
        ),
    ],
    ids=str,
)
def test_headers(header: HeaderMatch, expected: dict[str, object]) -> None:
    written = protos.to_dict(route_match(MatchPlan(headers=(header,))))
    assert written["headers"] == [{"name": "x", **expected}]


def test_query_parameters() -> None:
    plan = MatchPlan(
        query=(
            QueryMatch("p", StringPattern(MatchKind.PRESENT)),
            QueryMatch("q", StringPattern(MatchKind.EXACT, "1")),
        ),
    )
    assert protos.to_dict(route_match(plan))["query_parameters"] == [
        {"name": "p", "present_match": True},
        {"name": "q", "string_match": {"exact": "1"}},
    ]


def test_claims_are_compared_with_what_the_jwt_filter_found() -> None:
    plan = MatchPlan(
        claims=(
            ClaimMatch(("group", "id"), StringPattern(MatchKind.EXACT, "a")),
            ClaimMatch(("sub",), StringPattern(MatchKind.PRESENT), invert=True),
        ),
    )
    text = {"string_match": {"exact": "a"}}
    assert protos.to_dict(route_match(plan))["dynamic_metadata"] == [
        {
            "filter": "envoy.filters.http.jwt_authn",
            "path": [{"key": "payload"}, {"key": "group"}, {"key": "id"}],
            "value": {"or_match": {"value_matchers": [text, {"list_match": {"one_of": text}}]}},
        },
        {
            "filter": "envoy.filters.http.jwt_authn",
            "path": [{"key": "payload"}, {"key": "sub"}],
            "value": {"present_match": True},
            "invert": True,
        },
    ]
