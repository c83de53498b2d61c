"""Which routes some request selects: tables, each witness checked by the simulator's front door."""

import pytest
from tests.unit.effectiveness.doors import GATEWAY, SIDECAR, Asked, host

from pidalio.effectiveness import Standing

E, I, U = Standing.EFFECTIVE, Standing.INEFFECTIVE, Standing.UNDECIDED  # noqa: E741 - one letter for each column


@pytest.mark.parametrize(
    ("routes", "expected", "by"),
    [
        pytest.param(["/a*", "/a/b"], [E, I], {1: (0,)}, id="prefix takes what is below"),
        pytest.param(["/a/b", "/a*"], [E, E], {}, id="the narrower one first"),
        pytest.param(["/a", "/a", "/*", "/b"], [E, I, E, I], {1: (0,), 3: (2,)}, id="equal paths, and a catch-all"),
        pytest.param(["/a/**", "/a", "/a/", "/ab"], [E, I, I, E], {1: (0,), 2: (0,)}, id="segments end at a slash"),
        pytest.param(["/a", "/a/*", "/a/**"], [E, E, I], {2: (0, 1)}, id="two routes together take all of a third"),
        pytest.param(["i /a", "/A", "/a"], [E, I, I], {1: (0,), 2: (0,)}, id="any case takes each case"),
        pytest.param(["/a", "i /a"], [E, E], {}, id="each case leaves another"),
        pytest.param(["/a", "/A", "i /a"], [E, E, I], {2: (0, 1)}, id="both cases of one letter"),
        pytest.param(["/aB*", "i /ab*"], [E, E], {}, id="a case of a prefix"),
        pytest.param(["i /ab*", "/AB"], [E, I], {1: (0,)}, id="prefix in any case"),
        pytest.param(["/../a", "/a/./b", "/a/..*", "/a/.*"], [I, I, E, E], {}, id="dot segments are gone before"),
        pytest.param(["/a b", "/é", "/a?b", "i /é", "/a#"], [I, I, I, I, I], {}, id="no path is so"),
        pytest.param(["/%41", "/%zz", "/%2f"], [E, E, E], {}, id="escapes"),
        pytest.param(["CONNECT", "/*", "CONNECT", "CONNECT and :method=GET"], [E, E, I, I], {2: (0,)}, id="tunnels"),
        pytest.param(["x=a*", "x=ab", "x=b"], [E, I, E], {1: (0,)}, id="values of a header"),
        pytest.param(["/a and x=1", "/a and !x=1", "/a"], [E, E, E], {}, id="absent meets neither"),
        pytest.param(["x=1", "-x=1", "/*"], [E, E, I], {2: (0, 1)}, id="absent counts as empty"),
        pytest.param(["x=*", "!x=*", "/*"], [E, E, I], {2: (0, 1)}, id="there or not there"),
        pytest.param(["x=1 and y=1", "x=1", "y=1 and x=1"], [E, E, I], {2: (0,)}, id="the order of conditions"),
        pytest.param(["x=1 and -x=1", "x=1 and !x=*"], [I, I], {}, id="a header against itself"),
        pytest.param(["x=a and x=b", "accept=a and accept=b"], [E, I], {}, id="only some repeated headers stay apart"),
        pytest.param(["?q=1", "?q=*", "?q=2", "/*"], [E, E, I, E], {2: (1,)}, id="query parameters"),
        pytest.param(["?q=a&b", "?q&r=1", "?q=a#", "?q=a b"], [I, I, I, I], {}, id="no query is so"),
        pytest.param([":method=GET", ":method=GET and /a", "-:method=GET"], [E, I, E], {1: (0,)}, id="methods"),
        pytest.param([":method=CONNECT"], [I], {}, id="CONNECT is no method of a request with a path"),
        pytest.param(
            [":scheme=http", ":scheme=https", "/*"], [E, E, I], {2: (0, 1)}, id="schemes of an explicit proxy"
        ),
        pytest.param([":authority=a.test", ":authority=b.test", "/*"], [E, I, E], {}, id="authority, in another case"),
        pytest.param([":authority=a*", "host=A.TEST", ":authority=A*"], [E, E, E], {}, id="authority by case"),
        pytest.param(["connection=*", "te=trailers", "te=gzip"], [I, E, I], {}, id="headers that do not arrive"),
        pytest.param(["x=a ", "x= a", "x=a *"], [I, I, E], {}, id="no blank at the ends"),
        pytest.param(["x-y z=*"], [I], {}, id="no header is called so"),
        pytest.param(["/a* and x=1", "/a* and !x=1", "/a* and !x=*", "/ab"], [E, E, E, I], {3: (0, 1, 2)}, id="three"),
    ],
)
def test_literals_are_decided(routes, expected, by):
    asked = Asked(host(*routes))
    assert [each.standing for each in asked.verdicts] == expected
    asked.check_witnesses()
    assert {at: asked.verdicts[at].by for at in by} == by


@pytest.mark.parametrize(
    ("routes", "expected"),
    [
        pytest.param(["/api*", "~/api/v[0-9]+"], [E, I], id="all that it matches begins so"),
        pytest.param(["~/api/.*", "/api/x", "/api"], [E, I, E], id="a prefix in other words"),
        pytest.param(["~(?i)/api", "/API", "/api/"], [E, I, E], id="a literal in any case"),
        pytest.param(["/a", "/b", "~/(a|b)"], [E, E, I], id="a list of literals"),
        pytest.param(["~/(a|b)", "/a", "/c"], [E, I, E], id="a list that takes one"),
        pytest.param(["~/v[0-9]+", "~/v[0-9]+", "/v1"], [E, I, I], id="the same regex again"),
        pytest.param(["~/v[0-9]+", "~/v[0-9]{1,9}", "~/v[0-7]+"], [E, U, U], id="nobody says"),
        pytest.param(["x=~a+", "x=aa", "x=ab", "-x=~a+", "/*"], [E, I, E, E, I], id="values"),
        pytest.param(["x=~.*", "x=*", "!x=*"], [E, I, E], id="everything that is there"),
        pytest.param(["x=~[^,]*", "-x=~[^,]*", "/*"], [E, E, E], id="a comma, none, or no header"),
        pytest.param(["~/a[0-9]", "/a*"], [E, E], id="a regex first"),
        pytest.param(["x=~(?P<n>a|b)c?", "x=a", "x=bc", "x=b"], [E, I, I, I], id="groups and options"),
        pytest.param(["x=~\\pN{9}", "x=1", "x=~\\pN"], [U, E, E], id="what is not read"),
    ],
)
def test_regexes(routes, expected):
    asked = Asked(host(*routes))
    assert [each.standing for each in asked.verdicts] == expected
    asked.check_witnesses()


@pytest.mark.parametrize(
    ("routes", "expected"),
    [
        pytest.param(["x-envoy-max-retries=3", "x-forwarded-proto=https"], [I, I], id="callers cannot say so"),
        pytest.param([":scheme=https", ":scheme=http"], [I, E], id="no TLS here"),
        pytest.param(["x-request-id=*", "!x-request-id=*"], [E, I], id="made up by the proxy"),
        pytest.param(["x-request-id=abc"], [U], id="nobody knows what it makes up"),
        pytest.param([":authority=a.test:8080", ":authority=a.test:x"], [E, I], id="any port"),
    ],
)
def test_gateway(routes, expected):
    asked = Asked(host(*routes), GATEWAY, ignore_port=True)
    assert [each.standing for each in asked.verdicts] == expected
    asked.check_witnesses()


@pytest.mark.parametrize(
    ("domains", "others", "routes", "expected"),
    [
        (("*.test",), ("a.test",), [":authority=a.test", ":authority=b.test"], [I, E]),
        (("*.test",), ("*.a.test",), [":authority=x.a.test", ":authority=a.test", ":authority=b*"], [I, E, E]),
        (("*",), ("*.test", "x"), [":authority=b.test", ":authority=x", ":authority=y"], [I, I, E]),
        (("a.*",), ("a.b",), [":authority=a.b", ":authority=a.c"], [I, E]),
        (("a.test:80",), (), [":authority=a.test", ":authority=a.test:80"], [I, E]),
    ],
)
def test_domains(domains, others, routes, expected):
    rivals = tuple(host(domains=(one,), name=one) for one in others)
    asked = Asked(host(*routes, domains=domains), SIDECAR, rivals)
    assert [each.standing for each in asked.verdicts] == expected
    asked.check_witnesses()


@pytest.mark.parametrize(
    ("routes", "twins"),
    [
        pytest.param(["/a -> c", "/* -> c"], [(1,), ()], id="the next does the same"),
        pytest.param(["/a -> c", "/* -> d"], [(), ()], id="the next does otherwise"),
        pytest.param(["/a* -> c", "/ab -> d", "/* -> c"], [(), (), ()], id="one between does otherwise for some"),
        pytest.param(["/a -> c", "x=1 -> c", "/* -> c"], [(2,), (2,), ()], id="two of them together"),
        pytest.param(["/a -> c", "/a and x=1 -> d", "/* -> c"], [(), (), ()], id="with a header otherwise"),
        pytest.param(["/a -> c", "/b -> c"], [(), ()], id="without it nothing takes it"),
    ],
)
def test_routes_without_which_nothing_would_change(routes, twins):
    asked = Asked(host(*routes))
    assert [each.twins for each in asked.verdicts] == twins
    asked.check_witnesses()


def test_a_host_that_redirects_to_https_reaches_no_route():
    import msgspec

    own = msgspec.structs.replace(host("/a"), require_tls=True)
    assert [each.standing for each in Asked(own, GATEWAY).verdicts] == [I]
    asked = Asked(own, SIDECAR)
    asked.check_witnesses()
    assert [each.standing for each in asked.verdicts] == [E]


def test_every_kind_of_condition_is_known():
    """A new field of a plan must be taught to `fields` and `search` before it is listed here."""
    from pidalio.ir import HeaderMatch, MatchPlan, PathKind, PathMatch, QueryMatch

    assert MatchPlan.__struct_fields__ == ("path", "headers", "query", "claims", "connect")
    assert PathMatch.__struct_fields__ == ("kind", "value", "ignore_case")
    assert HeaderMatch.__struct_fields__ == ("name", "pattern", "invert", "missing_as_empty")
    assert QueryMatch.__struct_fields__ == ("name", "pattern")
    assert {each.value for each in PathKind} == {"exact", "prefix", "segments", "regex"}
