"""Rules that delegate, and what they are together with their delegates (reference §1.1, §2.5)."""

import pytest
from tests.unit.rules.world import document, entry, mesh, mesh_config, router, routes, rule, sent_to, sidecar, told

from pidalio.ir import DirectResponsePlan, MatchKind, PathKind
from pidalio.model import Origin
from pidalio.rules.delegates import conflict

TARGETS = (entry("r", "r.com", ports="80 8080"), entry("one", "one.com"), entry("two", "two.com"))
R = "r.com:80"
GATEWAY = document(
    "Gateway",
    "edge",
    "{selector: {istio: ingress}, servers: [{port: {number: 80, name: h, protocol: HTTP}, hosts: ['*']}]}",
)


def root(http: str, rest: str = "") -> str:
    return rule("root", "r.com", http, rest=rest)


def delegate(name: str, http: str, namespace: str = "default", rest: str = "") -> str:
    return document("VirtualService", name, f"{{http: {http}{', ' + rest if rest else ''}}}", namespace)


def world(own: str, of_delegate: str, more: str = "", *, namespace: str = "default"):
    """Return a mesh whose r.com has one rule that delegates, with `own` beside `delegate`."""
    stated = f"{{delegate: {{name: d, namespace: {namespace}}}{', ' + own if own else ''}}}"
    return mesh(*TARGETS, root(f"[{stated}{', ' + more if more else ''}]"), delegate("d", of_delegate, namespace))


TO_ONE = "route: [{destination: {host: one.com}}]"


class TestConditions:
    def test_each_of_the_delegates_meets_each_of_the_roots_that_it_fits(self):
        found = world(
            "name: outer, match: [{name: a, uri: {prefix: /a}}, {name: any, headers: {x: {exact: y}}}]",
            f"[{{name: inner, match: [{{name: deep, uri: {{prefix: /a/b}}}}, {{method: {{exact: GET}}}}], {TO_ONE}}}]",
        )
        got = [(one.name, one.match.path.value, [each.name for each in one.match.headers]) for one in routes(found, R)]
        assert got == [
            ("outer-inner.a-deep", "/a/b", []),
            ("outer-inner.any-deep", "/a/b", ["x"]),
            ("outer-inner.a", "/a", [":method"]),
            ("outer-inner.any", "/", ["x", ":method"]),
        ]

    def test_without_own_conditions_the_delegate_takes_the_roots(self):
        found = world("match: [{uri: {prefix: /a}}, {uri: {exact: /b}}]", f"[{{{TO_ONE}}}]")
        assert [one.match.path.value for one in routes(found, R)] == ["/a", "/b"]

    def test_without_conditions_of_the_root_the_delegates_hold_alone(self):
        found = world("", f"[{{match: [{{uri: {{regex: /a.*}}}}], {TO_ONE}}}]")
        (only,) = routes(found, R)
        assert only.match.path.kind is PathKind.REGEX

    def test_what_matches_everything_ends_the_table(self):
        found = world("", f"[{{{TO_ONE}}}]", "{route: [{destination: {host: two.com}}]}")
        assert [sent_to(one) for one in routes(found, R)] == ["outbound|80||one.com"]

    def test_maps_are_united_and_the_delegates_values_win(self):
        found = world(
            "match: [{headers: {x: {prefix: a}, y: {exact: b}}, queryParams: {q: {exact: c}}}]",
            f"[{{match: [{{headers: {{x: {{exact: abc}}}}, withoutHeaders: {{z: {{}}}}}}], {TO_ONE}}}]",
        )
        (only,) = routes(found, R)
        assert [(one.name, one.pattern.kind, one.pattern.value, one.invert) for one in only.match.headers] == [
            ("x", MatchKind.EXACT, "abc", False),
            ("y", MatchKind.EXACT, "b", False),
            ("z", MatchKind.PRESENT, "", True),
        ]
        assert [one.name for one in only.match.query] == ["q"]

    def test_conditions_on_the_caller_come_from_either(self):
        found = world("match: [{sourceNamespace: far}]", f"[{{match: [{{sourceLabels: {{app: a}}}}], {TO_ONE}}}]")
        assert sent_to(routes(found, R, sidecar("far", app="a"))[0]) == "outbound|80||one.com"
        for other in (sidecar("far"), sidecar("default", app="a")):
            assert sent_to(routes(found, R, other)[0]) == "outbound|80||r.com"

    def test_gateways_are_those_of_the_object_that_names_them(self):
        found = mesh(
            *TARGETS,
            GATEWAY,
            root("[{match: [{gateways: [edge]}], delegate: {name: d, namespace: far}}]", "gateways: [edge, mesh]"),
            delegate("d", f"[{{match: [{{gateways: [default/edge]}}], {TO_ONE}}}]", "far"),
        )
        assert sent_to(routes(found, R, router())[0]) == "outbound|80||one.com"
        assert sent_to(routes(found, R)[0]) == "outbound|80||r.com"


@pytest.mark.parametrize(
    ("outer", "inner", "why"),
    [
        ("uri: {prefix: /a}", "uri: {prefix: /b}", "uri is not within the root's prefix '/a'"),
        ("uri: {prefix: /a/b}", "uri: {prefix: /a}", "uri is not within the root's prefix '/a/b'"),
        ("uri: {prefix: /a}", "uri: {exact: /b}", "uri is not within the root's prefix '/a'"),
        ("uri: {prefix: /a}", "uri: {prefix: /a}", ""),
        ("uri: {prefix: /a}", "uri: {exact: /ab}", ""),
        ("uri: {exact: /a}", "uri: {prefix: /a}", "uri is not the root's '/a'"),
        ("uri: {exact: /a}", "uri: {exact: /b}", "uri is not the root's '/a'"),
        ("uri: {exact: /a}", "uri: {exact: /a}", ""),
        ("uri: {regex: /a}", "uri: {exact: /a}", "uri has a regex"),
        ("uri: {exact: /a}", "uri: {regex: /a}", "uri has a regex"),
        ("uri: {regex: /a}", "method: {exact: GET}", ""),
        ("method: {exact: GET}", "method: {exact: PUT}", "method is not the root's 'GET'"),
        ("scheme: {exact: http}", "scheme: {exact: https}", "scheme is not"),
        ("authority: {prefix: a}", "authority: {exact: b}", "authority is not"),
        ("headers: {x: {exact: a}}", "headers: {x: {exact: b}}", "headers[x] is not"),
        ("headers: {x: {exact: a}}", "headers: {y: {exact: b}}", ""),
        ("headers: {x: {}}", "headers: {x: {exact: b}}", "headers[x] is stated by the root too"),
        ("withoutHeaders: {x: {exact: a}}", "withoutHeaders: {x: {exact: b}}", "withoutHeaders[x] is not"),
        ("queryParams: {q: {prefix: a}}", "queryParams: {q: {exact: b}}", "queryParams[q] is not"),
        ("ignoreUriCase: true", "uri: {exact: /a}", "ignoreUriCase is not the root's"),
        ("port: 80", "port: 8080", "port 8080 is not the root's 80"),
        ("port: 80", "port: 80", ""),
        ("sourceLabels: {a: b}", "sourceLabels: {a: c}", "sourceLabels are not the root's"),
        ("sourceLabels: {a: b}", "sourceLabels: {d: c}", ""),
        ("sourceNamespace: a", "sourceNamespace: b", "sourceNamespace b is not the root's a"),
        ("gateways: [mesh]", "gateways: [mesh, a/b]", "gateways are not among the root's"),
        ("gateways: [mesh, a/b]", "gateways: [mesh]", ""),
    ],
)
def test_a_delegates_condition_must_be_within_the_roots(outer, inner, why):
    found = mesh(*TARGETS, rule("w", "w.com", f"[{{match: [{{{outer}}}, {{{inner}}}], {TO_ONE}}}]"))
    first, second = found.objects("VirtualService")[0].spec.http[0].match
    told_why = conflict(first, second)
    assert told_why.startswith(why) if why else told_why == ""


class TestDropped:
    HTTP = (
        f"[{{name: wide, match: [{{uri: {{prefix: /}}}}], {TO_ONE}}}, {{match: [{{uri: {{prefix: /a/b}}}}], {TO_ONE}}}]"
    )

    def test_a_rule_that_reaches_further_is_dropped_and_told(self):
        found = world("match: [{uri: {prefix: /a}}]", self.HTTP)
        assert [one.match.path.value for one in routes(found, R)] == ["/a/b"]
        (report,) = [one for one in found.reports() if one.code == "delegate-conflict"]
        assert (str(report.object), report.path) == ("VirtualService default/root", "spec.http[0].delegate")
        assert "http[0] of VirtualService default/d" in report.message
        assert "match[0]: uri is not within the root's prefix '/a'" in report.message

    def test_one_condition_that_fits_nowhere_drops_the_whole_rule(self):
        found = world(
            "match: [{uri: {prefix: /a}}]", f"[{{match: [{{uri: {{exact: /a}}}}, {{uri: {{exact: /b}}}}], {TO_ONE}}}]"
        )
        assert sent_to(routes(found, R)[0]) == "outbound|80||r.com"


class TestActions:
    def test_the_root_fills_what_the_delegate_leaves_unsaid(self):
        found = world(
            "timeout: 3s, retries: {attempts: 7}, rewrite: {uri: /x}, headers: {request: {set: {x-a: b}}}, "
            "mirror: {host: two.com}, mirrorPercentage: {value: 5}, "
            "fault: {abort: {httpStatus: 500, percentage: {value: 1}}}, corsPolicy: {allowOrigins: [{exact: a}]}",
            f"[{{timeout: 1s, {TO_ONE}}}]",
        )
        (only,) = routes(found, R)
        action = only.action
        assert (action.timeout, action.retry.attempts, action.prefix_rewrite) == (1000, 7, "/x")
        assert [(one.cluster, one.percent) for one in action.mirrors] == [("outbound|80||two.com", 5)]
        assert only.request_headers.set == (("x-a", "b"),)
        assert only.fault.abort.http_status == 500
        assert only.cors.allow_origins

    def test_everything_says_who_wrote_it(self):
        found = world(
            "match: [{uri: {prefix: /a}}], retries: {attempts: 7}, mirror: {host: two.com}",
            f"[{{timeout: 1s, match: [{{method: {{exact: GET}}}}], {TO_ONE}}}]",
        )
        (only,) = routes(found, R)
        (item,) = (one for one in found.objects("VirtualService") if one.meta.name == "d")
        (outer,) = (one for one in found.objects("VirtualService") if one.meta.name == "root")
        assert only.origin == Origin(item.ref, "http[0].match[0]")
        assert only.root == Origin(outer.ref, "http[0].match[0]")
        assert only.action.clusters[0].origin == Origin(item.ref, "http[0].route[0]")
        assert only.action.timeout_origin == Origin(item.ref, "http[0].timeout")
        assert only.action.retry.origin == Origin(outer.ref, "http[0].retries")
        assert only.action.mirrors[0].origin == Origin(outer.ref, "http[0].mirror")

    def test_short_names_belong_to_whoever_writes_them(self):
        found = world("mirror: {host: near}", "[{route: [{destination: {host: far}}]}]", namespace="other")
        (only,) = routes(found, R)
        assert sent_to(only) == "outbound|80||far.other.svc.cluster.local"
        assert only.action.mirrors[0].cluster == "outbound|80||near.default.svc.cluster.local"

    def test_mirrors_of_both_stand_side_by_side(self):
        found = world("mirrors: [{destination: {host: two.com}}]", f"[{{mirror: {{host: r.com}}, {TO_ONE}}}]")
        (only,) = routes(found, R)
        assert [one.cluster for one in only.action.mirrors] == ["outbound|80||r.com", "outbound|80||two.com"]

    def test_a_direct_response_of_the_root_answers_for_the_delegate(self):
        found = world("directResponse: {status: 418}", f"[{{match: [{{uri: {{exact: /a}}}}], {TO_ONE}}}]")
        assert routes(found, R)[0].action == DirectResponsePlan(418)


class TestMissing:
    @pytest.mark.parametrize(
        ("more", "why"),
        [
            ((), "there is no VirtualService far/d"),
            ((rule("d", "d.com", namespace="far"),), "VirtualService far/d has hosts, so it is no delegate"),
            ((delegate("d", f"[{{{TO_ONE}}}]", "far", "exportTo: [.]"),), "is not exported to default"),
            (
                (
                    delegate("d", f"[{{{TO_ONE}}}]", "far"),
                    mesh_config("{defaultVirtualServiceExportTo: [.]}"),
                ),
                "is not exported to default",
            ),
        ],
        ids=["absent", "no-delegate", "private", "private-by-default"],
    )
    def test_its_requests_get_503_and_fall_to_no_other_rule(self, more, why):
        http = (
            "[{match: [{uri: {prefix: /a}}, {uri: {prefix: /b}}], delegate: {name: d, namespace: far}}, "
            f"{{{TO_ONE}}}]"
        )
        found = mesh(*TARGETS, *more, root(http))
        first, second, last = routes(found, R)
        assert [first.match.path.value, second.match.path.value] == ["/a", "/b"]
        assert first.action.status == second.action.status == 503
        assert why in first.action.reason
        assert sent_to(last) == "outbound|80||one.com"
        assert told(found, "unknown-delegate") == [
            ("unknown-delegate", "VirtualService default/root", "spec.http[0].delegate")
        ]

    def test_a_delegate_to_which_nobody_delegates_is_told(self):
        found = mesh(*TARGETS, delegate("d", f"[{{{TO_ONE}}}]"))
        assert told(found, "unused-delegate") == [("unused-delegate", "VirtualService default/d", "spec.hosts")]

    def test_a_delegate_that_is_used_is_not(self):
        assert not told(world("", f"[{{{TO_ONE}}}]"), "unused-delegate", "unknown-delegate", "delegate-conflict")


def test_a_scope_has_what_delegates_route_to():
    narrow = document("Sidecar", "default", "{egress: [{hosts: ['*/r.com']}]}")
    found = mesh(
        *TARGETS,
        narrow,
        root("[{delegate: {name: d}}]"),
        delegate("d", f"[{{{TO_ONE}}}]"),
    )
    assert sent_to(routes(found, R)[0]) == "outbound|80||one.com"
    from tests.unit.rules.world import seen_services

    assert seen_services(found) == {"r.com", "one.com"}
