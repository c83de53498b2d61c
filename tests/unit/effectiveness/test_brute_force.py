"""Verdicts against every request of a small world: without regexes they are exact, with them never wrong."""

import itertools

import hypothesis
import pytest
from hypothesis import strategies as st
from tests.unit.effectiveness.doors import GATEWAY, SIDECAR, Asked, host

from pidalio.effectiveness import Standing
from pidalio.ir import (
    ForwardPlan,
    HeaderMatch,
    MatchKind,
    MatchPlan,
    PathKind,
    PathMatch,
    QueryMatch,
    RoutePlan,
    StringPattern,
    VirtualHostPlan,
    WeightedCluster,
)
from pidalio.simulate import Request
from pidalio.simulate.matching import unmet

VALUES = ("", "a", "b", "ab", "A")
REGEXES = ("a.*", "a|b", "[ab]+", ".+", "(?i)a", "a?")
PATHS = ("/", "/a", "/b", "/ab", "/A", "/a/", "/a/b", "/a/./b", "/aB")
PATH_REGEXES = ("/a.*", "/(a|b)", "/[^/]+", ".*", "(?i)/a", "/a/?b?")
WORLD = [
    Request(method=method, authority=authority, path=path + query, headers=headers)
    for method, authority, path, query, headers in itertools.product(
        ("GET", "POST"),
        ("a.test", "b.test"),
        ("/", "/a", "/b", "/ab", "/A", "/a/", "/a/b", "/aB", "/AB", "/c", "/abc"),
        ("", "?q", "?q=a", "?q=ab"),
        (
            (),
            *(((("x", value),)) for value in VALUES),
            (("x", "a"), ("x", "b")),
            (("x", "b"), ("x", "c")),
            (("accept", "a"),),
            (("accept", "a"), ("accept", "b")),
            (("x", "a"), ("accept", "ab")),
        ),
    )
]


def patterns(regexes: tuple[str, ...]) -> st.SearchStrategy[StringPattern]:
    literal = st.builds(StringPattern, st.sampled_from((MatchKind.EXACT, MatchKind.PREFIX)), st.sampled_from(VALUES))
    present = st.just(StringPattern(MatchKind.PRESENT))
    several = [literal, literal, present]
    if regexes:
        several.append(st.builds(StringPattern, st.just(MatchKind.REGEX), st.sampled_from(regexes)))
    return st.one_of(several)


def paths(regexes: tuple[str, ...]) -> st.SearchStrategy[PathMatch]:
    kinds = st.sampled_from((PathKind.EXACT, PathKind.PREFIX, PathKind.SEGMENTS))
    literal = st.builds(PathMatch, kinds, st.sampled_from(PATHS), st.booleans())
    if not regexes:
        return literal
    return st.one_of(literal, literal, st.builds(PathMatch, st.just(PathKind.REGEX), st.sampled_from(regexes)))


def matches(*, regexes: bool) -> st.SearchStrategy[MatchPlan]:
    values = patterns(REGEXES if regexes else ())
    names = st.sampled_from(("x", "x", "accept"))
    methods = st.builds(
        HeaderMatch, st.just(":method"), st.just(StringPattern(MatchKind.EXACT, "GET")), st.booleans(), st.booleans()
    )
    hosts = st.builds(HeaderMatch, st.just(":authority"), st.just(StringPattern(MatchKind.EXACT, "a.test")))
    headers = st.one_of(st.builds(HeaderMatch, names, values, st.booleans(), st.booleans()), methods, hosts)
    where = st.one_of(st.just(PathMatch()), paths(PATH_REGEXES if regexes else ()))
    return st.builds(
        MatchPlan,
        where,
        st.lists(headers, max_size=3).map(tuple),
        st.lists(st.builds(QueryMatch, st.just("q"), values), max_size=1).map(tuple),
    )


def hosts(*, regexes: bool) -> st.SearchStrategy[VirtualHostPlan]:
    actions = st.builds(lambda name: ForwardPlan((WeightedCluster(name, 1),)), st.sampled_from("cde"))
    routes = st.lists(st.builds(RoutePlan, matches(regexes=regexes), actions), min_size=1, max_size=7).map(tuple)
    return st.builds(VirtualHostPlan, st.just("own"), st.just(("a.test", "b.test")), routes)


def check(own: VirtualHostPlan, asked: Asked) -> None:
    asked.check_witnesses()
    selected = set()
    for request in WORLD:
        chosen = next((at for at, one in enumerate(own.routes) if not unmet(one.match, request)), None)
        selected.add(chosen)
    for position, verdict in enumerate(asked.verdicts):
        if position in selected:
            assert verdict.standing is not Standing.INEFFECTIVE, (own.routes[position], verdict)
        if verdict.standing is Standing.INEFFECTIVE and verdict.by:
            assert max(verdict.by) < position


@hypothesis.settings(max_examples=60, deadline=None)
@hypothesis.given(hosts(regexes=False))
def test_literals_are_exact(own):
    for http in (SIDECAR, GATEWAY):
        asked = Asked(own, http)
        check(own, asked)
        assert Standing.UNDECIDED not in {each.standing for each in asked.verdicts}
        assert not any(each.doubles for each in asked.verdicts)


@hypothesis.settings(max_examples=60, deadline=None)
@hypothesis.given(hosts(regexes=True))
def test_regexes_are_never_wrong(own):
    check(own, Asked(own, SIDECAR))


@hypothesis.settings(max_examples=60, deadline=None)
@hypothesis.given(hosts(regexes=True))
@hypothesis.example(host("~(?i)/a -> c", "~/[^/]+ -> c"))
@hypothesis.example(host("i /a -> c", "~/a.* -> c", "~/[^/]+ -> c"))
@hypothesis.example(host("~/(a|b) -> c", "~(?i)/a -> d", "~/[^/]+ -> d"))
@hypothesis.example(host("~/v[0-9]+ -> c", "~/v[0-9]{1,9} -> c"))
def test_without_a_route(own):
    """Without one that no request selects, or that has a twin, nothing changes; else its witness gets something else.

    The witness gets the same only where it is told that a regex keeps all requests from being looked at.
    """
    for position, verdict in enumerate(Asked(own, SIDECAR).verdicts):
        rest = own.routes[:position] + own.routes[position + 1 :]
        if verdict.standing is Standing.EFFECTIVE and not verdict.twins:
            is_same = told(rest, verdict.witness) == own.routes[position].action
            assert is_same == bool(verdict.doubles)
        if verdict.standing is Standing.INEFFECTIVE or verdict.twins:
            for request in WORLD:
                assert told(rest, request) == told(own.routes, request)


def told(routes: tuple[RoutePlan, ...], request: Request) -> object:
    return next((one.action for one in routes if not unmet(one.match, request)), None)


@pytest.mark.parametrize(
    ("routes", "twins", "doubles"),
    [
        pytest.param(("~(?i)/a -> c", "~/[^/]+ -> c"), (1,), (), id="few strings in any case"),
        pytest.param(("i /a -> c", "~/a.* -> c", "~/[^/]+ -> c"), (1, 2), (), id="two of them together"),
        pytest.param(("i /abcdefgh -> c", "~/[^/]+ -> c"), (), (1,), id="too many strings to try"),
        pytest.param(("~/v[0-9]+ -> c", "~/v[0-9]{1,9} -> c"), (), (1,), id="two regexes"),
        pytest.param(("~(?i)/a -> c", "~/[^/]+ -> d"), (), (), id="another action"),
    ],
)
def test_the_same_by_a_regex(routes, twins, doubles):
    """What a later route does as well is told, or that it cannot be told; never that it makes a difference."""
    first = Asked(host(*routes)).verdicts[0]
    assert first.standing is Standing.EFFECTIVE
    assert (first.twins, first.doubles) == (twins, doubles)
