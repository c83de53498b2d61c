"""Conditions: what the compiler decides, and what is left to Envoy (reference §1.1, §2.5)."""

import pytest
from tests.unit.rules.world import entry, hosts, mesh, plans, router, routes, rule, sent_to, sidecar

from pidalio.api.strings import StringMatch
from pidalio.api.virtual_service import HTTPMatchRequest
from pidalio.ir import ClaimMatch, HeaderMatch, MatchKind, MatchPlan, PathKind, PathMatch, QueryMatch, StringPattern
from pidalio.rules.matching import RouteContext, applies, match_plan

PRESENT = StringPattern(MatchKind.PRESENT)
EXACT, PREFIX, REGEX = (StringMatch(exact="x"), StringMatch(prefix="x"), StringMatch(regex="x+"))
IS_X, BEGINS_X, LIKE_X = (
    StringPattern(MatchKind.EXACT, "x"),
    StringPattern(MatchKind.PREFIX, "x"),
    StringPattern(MatchKind.REGEX, "x+"),
)


def _path(kind: PathKind, value: str, *, ignore_case: bool = False) -> MatchPlan:
    return MatchPlan(path=PathMatch(kind, value, ignore_case))


@pytest.mark.parametrize(
    ("match", "plan"),
    [
        (HTTPMatchRequest(), MatchPlan()),
        (HTTPMatchRequest(uri=StringMatch(exact="/a")), _path(PathKind.EXACT, "/a")),
        (HTTPMatchRequest(uri=StringMatch(prefix="/a")), _path(PathKind.PREFIX, "/a")),
        (HTTPMatchRequest(uri=StringMatch(prefix="")), _path(PathKind.PREFIX, "")),
        (HTTPMatchRequest(uri=StringMatch(regex="/a.*")), _path(PathKind.REGEX, "/a.*")),
        (
            HTTPMatchRequest(uri=StringMatch(prefix="/a"), ignore_uri_case=True),
            _path(PathKind.PREFIX, "/a", ignore_case=True),
        ),
        (HTTPMatchRequest(uri=StringMatch(regex="/a"), ignore_uri_case=True), _path(PathKind.REGEX, "/a")),
        (
            HTTPMatchRequest(headers=(("B", EXACT), ("a", PREFIX), ("c", REGEX), ("d", StringMatch()))),
            MatchPlan(
                headers=(
                    HeaderMatch("b", IS_X),
                    HeaderMatch("a", BEGINS_X),
                    HeaderMatch("c", LIKE_X),
                    HeaderMatch("d", PRESENT),
                )
            ),
        ),
        (HTTPMatchRequest(headers=(("a", StringMatch(regex="*")),)), MatchPlan(headers=(HeaderMatch("a", PRESENT),))),
        (
            HTTPMatchRequest(without_headers=(("A", EXACT), ("b", StringMatch()), ("c", StringMatch(regex="*")))),
            MatchPlan(
                headers=(
                    HeaderMatch("a", IS_X, invert=True, missing_as_empty=True),
                    HeaderMatch("b", PRESENT, invert=True),
                    HeaderMatch("c", PRESENT, invert=True),
                )
            ),
        ),
        (
            HTTPMatchRequest(scheme=EXACT, authority=PREFIX, method=REGEX, headers=(("a", EXACT),)),
            MatchPlan(
                headers=(
                    HeaderMatch("a", IS_X),
                    HeaderMatch(":method", LIKE_X),
                    HeaderMatch(":authority", BEGINS_X),
                    HeaderMatch(":scheme", IS_X),
                )
            ),
        ),
        (
            HTTPMatchRequest(headers=tuple((name, EXACT) for name in ("uri", "scheme", "method", "authority"))),
            MatchPlan(),
        ),
        (
            HTTPMatchRequest(query_params=(("q", EXACT), ("r", StringMatch()))),
            MatchPlan(query=(QueryMatch("q", IS_X), QueryMatch("r", PRESENT))),
        ),
    ],
)
def test_what_is_left_to_envoy(match, plan):
    assert match_plan(match) == plan


MESH = RouteContext("mesh", 80, "ns1", (("app", "web"), ("env", "test")))
EDGE = RouteContext("ns1/edge", 8080, "ns1")


@pytest.mark.parametrize(
    ("match", "context", "holds"),
    [
        (HTTPMatchRequest(), MESH, True),
        (HTTPMatchRequest(port=80), MESH, True),
        (HTTPMatchRequest(port=81), MESH, False),
        (HTTPMatchRequest(source_namespace="ns1"), MESH, True),
        (HTTPMatchRequest(source_namespace="ns2"), MESH, False),
        (HTTPMatchRequest(source_labels=(("app", "web"),)), MESH, True),
        (HTTPMatchRequest(source_labels=(("app", "web"), ("env", "test"))), MESH, True),
        (HTTPMatchRequest(source_labels=(("app", "web"), ("env", "prod"))), MESH, False),
        (HTTPMatchRequest(source_labels=(("other", "x"),)), MESH, False),
        (HTTPMatchRequest(gateways=("mesh",)), MESH, True),
        (HTTPMatchRequest(gateways=("edge",)), MESH, False),
        (HTTPMatchRequest(gateways=("edge",)), EDGE, True),
        (HTTPMatchRequest(gateways=("ns1/edge", "mesh")), EDGE, True),
        (HTTPMatchRequest(gateways=("edge.ns1.svc.cluster.local",)), EDGE, True),
        (HTTPMatchRequest(gateways=("ns2/edge",)), EDGE, False),
        # where gateways are named, membership alone decides
        (HTTPMatchRequest(gateways=("mesh",), source_namespace="ns2"), MESH, True),
        (HTTPMatchRequest(gateways=("mesh",), source_labels=(("other", "x"),)), MESH, True),
        (HTTPMatchRequest(gateways=("mesh",), port=81), MESH, False),
    ],
)
def test_what_the_compiler_decides(match, context, holds):
    assert applies(match, "ns1", context) is holds


TARGETS = tuple(entry(name, f"{name}.com") for name in ("one", "two", "three"))


def _rules(*entries: str) -> str:
    return f"[{', '.join(entries)}]"


def _one(match: str, target: str) -> str:
    inner = f"match: [{match}], " if match else ""
    return f"{{{inner}route: [{{destination: {{host: {target}.com}}}}]}}"


@pytest.mark.parametrize(
    ("http", "expected"),
    [
        (_rules(_one("{uri: {prefix: /a}}", "one"), _one("", "two")), ["one", "two"]),
        (_rules(_one("", "one"), _one("{uri: {prefix: /a}}", "two")), ["one"]),
        (_rules(_one("{uri: {prefix: /}}", "one"), _one("", "two")), ["one"]),
        (_rules(_one("{uri: {regex: '.*'}}", "one"), _one("", "two")), ["one"]),
        (_rules(_one("{uri: {prefix: /}, headers: {a: {}}}", "one"), _one("", "two")), ["one", "two"]),
        (_rules(_one("{uri: {prefix: /}, queryParams: {a: {}}}", "one"), _one("", "two")), ["one", "two"]),
        (_rules(_one("{uri: {prefix: /}, port: 81}", "one"), _one("", "two")), ["two"]),
        (_rules(_one("{port: 80}", "one"), _one("", "two")), ["one"]),
        (_rules(_one("{uri: {prefix: /a}}, {uri: {prefix: /b}}", "one"), _one("", "two")), ["one", "one", "two"]),
        (_rules(_one("{sourceNamespace: ns2}, {uri: {prefix: /b}}", "one"), _one("", "two")), ["one", "two"]),
        (_rules(_one("{uri: {prefix: /a}}", "one")), ["one"]),
    ],
)
def test_order_and_the_end_of_compilation(http, expected):
    found = mesh(*TARGETS, rule("r", "r.com", http), entry("r", "r.com"))
    compiled = [sent_to(one).split("|")[3].removesuffix(".com") for one in routes(found, "r.com:80")]
    assert compiled == expected


def test_each_listener_port_has_its_own_routes():
    http = _rules(_one("{port: 80}", "one"), _one("{port: 8080}", "two"))
    found = mesh(*TARGETS, entry("r", "r.com", ports="80 8080 9090"), rule("r", "r.com", http))
    compiled = {name: sent_to(host.routes[0]) for name, host in hosts(found).items() if name.startswith("r.com")}
    assert compiled == {
        "r.com:80": "outbound|80||one.com",
        "r.com:8080": "outbound|80||two.com",
        "r.com:9090": "outbound|9090||r.com",
    }


def test_source_namespaces_and_labels_make_routes_differ():
    http = _rules(_one("{sourceNamespace: ns1}", "one"), _one("{sourceLabels: {env: test}}", "two"), _one("", "three"))
    found = mesh(*TARGETS, entry("r", "r.com"), rule("r", "r.com", http))
    got = {
        who: sent_to(routes(found, "r.com:80", proxy)[0])
        for who, proxy in {
            "ns1": sidecar("ns1"),
            "test": sidecar("ns2", env="test"),
            "other": sidecar("ns2"),
        }.items()
    }
    assert got == {"ns1": "outbound|80||one.com", "test": "outbound|80||two.com", "other": "outbound|80||three.com"}


def test_names_origins_and_statistics_of_routes():
    http = (
        "[{name: web, match: [{name: a, uri: {prefix: /a}, statPrefix: s}, {uri: {prefix: /b}}], "
        "route: [{destination: {host: one.com}}]}, {route: [{destination: {host: two.com}}]}]"
    )
    found = routes(mesh(*TARGETS, entry("r", "r.com"), rule("r", "r.com", http)), "r.com:80")
    told = [(one.name, one.stat_prefix, one.origin.path if one.origin else None) for one in found]
    assert told == [("web.a", "s", "http[0].match[0]"), ("web", "", "http[0].match[1]"), ("", "", "http[1]")]


def test_a_gateway_compiles_what_hangs_on_it_for_its_own_port():
    http = _rules(_one("{gateways: [mesh]}", "one"), _one("{port: 8080}", "two"), _one("{port: 80}", "three"))
    edge = (
        "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: edge, namespace: default}\n"
        "spec: {selector: {istio: ingress}, servers: [{port: {number: 8080, name: http, protocol: HTTP}, hosts: ['*']}]}\n"
    )
    found = mesh(*TARGETS, edge, rule("r", "r.com", http, rest="gateways: [edge, mesh]"))
    (table,) = plans(found, router()).tables
    compiled = {host.name: [sent_to(one) for one in host.routes] for host in table.virtual_hosts}
    assert compiled["r.com:8080"] == ["outbound|80||two.com"]


@pytest.mark.parametrize(
    ("written", "claim"),
    [
        ("@request.auth.claims.sub", ("sub",)),
        ("@request.auth.claims.group.id", ("group", "id")),
        ("@request.auth.claims[a.b][c]", ("a.b", "c")),
        ("@REQUEST.auth.claims.Sub", ("Sub",)),
    ],
)
def test_conditions_on_claims_are_none_on_headers(written, claim):
    http = (
        f"[{{match: [{{headers: {{{written!r}: {{prefix: a}}}}}}, {{withoutHeaders: {{{written!r}: {{}}}}}}], "
        "route: [{destination: {host: one.com}}]}]"
    )
    found = mesh(*TARGETS, entry("r", "r.com"), rule("r", "r.com", http, rest="gateways: [mesh, edge]"))
    given, absent, *rest = (one.match for one in routes(found, "r.com:80"))
    assert given.claims == (ClaimMatch(claim, StringPattern(MatchKind.PREFIX, "a")),)
    assert absent.claims == (ClaimMatch(claim, StringPattern(MatchKind.PRESENT), invert=True),)
    assert not rest
    assert not given.headers + absent.headers
    assert not given.matches_everything
