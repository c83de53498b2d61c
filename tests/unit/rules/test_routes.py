"""What a rule does with a request: destinations, edits, rewrites, redirects, answers (reference §1.1, §2.5, §2.8)."""

import pytest
from tests.unit.rules.world import action, entry, mesh, route, routes, rule, sent_to, service, sidecar, told

from pidalio.ir import (
    DirectResponsePlan,
    ForwardPlan,
    HeaderEdits,
    MatchPlan,
    RedirectPlan,
    RegexRewrite,
)

TARGETS = (entry("r", "r.com", ports="80 8080"), entry("one", "one.com"), entry("two", "two.com", ports="80 81"))
R = "r.com:80"


def ruled(http: str, *more: str):
    return mesh(*TARGETS, *more, rule("r", "r.com", http))


def weighted(*weights: int | None, headers: str = "") -> str:
    parts = []
    for number, weight in enumerate(weights):
        stated = "" if weight is None else f", weight: {weight}"
        edits = f", headers: {headers}" if headers and number == 0 else ""
        parts.append(f"{{destination: {{host: one.com, subset: v{number}}}{stated}{edits}}}")
    return f"[{{route: [{', '.join(parts)}]}}]"


class TestWeights:
    @pytest.mark.parametrize(
        ("weights", "expected"),
        [
            ((90, 10), {"v0": 90, "v1": 10}),
            ((1, 2, 4), {"v0": 1, "v1": 2, "v2": 4}),
            ((100, 0), "v0"),
            ((0, 100), "v1"),
            ((50, 0, 50), {"v0": 50, "v2": 50}),
            ((70, None), "v0"),
            ((None,), "v0"),
            ((0,), "v0"),
            ((7,), "v0"),
            ((300, 500), {"v0": 300, "v1": 500}),
        ],
    )
    def test_weights_are_taken_as_given_and_zero_gets_nothing(self, weights, expected):
        got = sent_to(route(ruled(weighted(*weights)), R))
        if isinstance(got, str):
            assert got == f"outbound|80|{expected}|one.com"
        else:
            assert got == {f"outbound|80|{name}|one.com": weight for name, weight in expected.items()}

    def test_weights_that_sum_to_zero_are_refused(self):
        with pytest.raises(AssertionError, match="weight"):
            ruled(weighted(0, 0))

    def test_edits_stay_with_the_destination_when_only_it_is_left(self):
        edits = "{request: {set: {x-a: b, Host: h.com}}, response: {remove: [x-c]}}"
        got = action(ruled(weighted(100, 0, headers=edits)), R)
        (only,) = got.clusters
        assert (only.request_headers, only.host_rewrite) == (HeaderEdits(set=(("x-a", "b"),)), "h.com")
        assert only.response_headers == HeaderEdits(remove=("x-c",))

    def test_each_destination_knows_its_place(self):
        got = action(ruled(weighted(1, 0, 1)), R)
        assert [one.origin.path for one in got.clusters] == ["http[0].route[0]", "http[0].route[2]"]


class TestDestinations:
    @pytest.mark.parametrize(
        ("destination", "cluster"),
        [
            ("{host: one.com}", "outbound|80||one.com"),
            ("{host: one.com, port: {number: 80}}", "outbound|80||one.com"),
            ("{host: one.com, port: {number: 99}}", "outbound|99||one.com"),
            ("{host: one.com, subset: v1}", "outbound|80|v1|one.com"),
            # several ports: the listener's
            ("{host: two.com}", "outbound|80||two.com"),
            ("{host: unknown.com}", "outbound|80||unknown.com"),
            ("{host: single}", "outbound|9090||single.default.svc.cluster.local"),
            ("{host: Single.default.svc.Cluster.local}", "outbound|9090||single.default.svc.cluster.local"),
        ],
    )
    def test_a_destination_names_a_cluster(self, destination, cluster):
        found = ruled(f"[{{route: [{{destination: {destination}}}]}}]", service("single", ports="9090"))
        assert sent_to(route(found, R)) == cluster

    def test_without_port_the_listeners_counts_where_the_service_has_several(self):
        found = ruled("[{route: [{destination: {host: two.com}}]}]")
        assert sent_to(route(found, "r.com:8080")) == "outbound|8080||two.com"

    def test_a_short_name_is_of_the_rules_namespace(self):
        found = mesh(*TARGETS, rule("r", "r.com", "[{route: [{destination: {host: near}}]}]", "ns7"))
        assert sent_to(route(found, R)) == "outbound|80||near.ns7.svc.cluster.local"

    @pytest.mark.parametrize(
        ("destination", "code", "path"),
        [
            ("{host: unknown.com}", "unknown-host", "host"),
            ("{host: one.com, port: {number: 99}}", "unknown-port", "port.number"),
            ("{host: one.com, subset: v1}", "unknown-subset", "subset"),
        ],
    )
    def test_what_is_missing_is_told_and_the_route_stays(self, destination, code, path):
        found = ruled(f"[{{route: [{{destination: {destination}}}]}}]")
        assert told(found) == [(code, "VirtualService default/r", f"spec.http[0].route[0].destination.{path}")]
        assert isinstance(action(found, R), ForwardPlan)

    def test_missing_mirrors_and_gateways_are_told(self):
        http = "[{route: [{destination: {host: one.com}}], mirrors: [{destination: {host: gone.com}}]}]"
        found = mesh(*TARGETS, rule("r", "r.com", http, rest="gateways: [mesh, nowhere, other/edge]"))
        assert {(code, path) for code, _, path in told(found)} == {
            ("unknown-gateway", "spec.gateways[1]"),
            ("unknown-gateway", "spec.gateways[2]"),
            ("unknown-host", "spec.http[0].mirrors[0].destination.host"),
        }


class TestHeaders:
    def test_set_add_and_remove_on_both_sides(self):
        edits = (
            "headers: {request: {set: {X-A: a}, add: {X-B: b}, remove: [X-C]}, "
            "response: {set: {X-D: d}, add: {X-E: e}, remove: [X-F]}}"
        )
        found = route(ruled(f"[{{route: [{{destination: {{host: one.com}}}}], {edits}}}]"), R)
        assert found.request_headers == HeaderEdits((("x-a", "a"),), (("x-b", "b"),), ("x-c",))
        assert found.response_headers == HeaderEdits((("x-d", "d"),), (("x-e", "e"),), ("x-f",))

    def test_edits_of_a_single_destination_join_those_of_the_route(self):
        own = "headers: {request: {set: {x-a: mine}, add: {x-b: two}, remove: [x-d]}}"
        of_route = "headers: {request: {set: {x-a: route, x-z: z}, add: {x-b: one}, remove: [x-c, x-d]}}"
        found = route(ruled(f"[{{route: [{{destination: {{host: one.com}}, {own}}}], {of_route}}}]"), R)
        assert found.request_headers == HeaderEdits(
            (("x-z", "z"), ("x-a", "mine")), (("x-b", "one"), ("x-b", "two")), ("x-c", "x-d")
        )

    @pytest.mark.parametrize(
        ("rest", "inner", "host"),
        [
            ("rewrite: {authority: a.com}", "", "a.com"),
            ("headers: {request: {set: {Host: b.com}}}", "", "b.com"),
            ("headers: {request: {set: {':authority': b.com}}}", "", "b.com"),
            ("headers: {request: {add: {host: b.com}}}", "", "b.com"),
            ("", ", headers: {request: {set: {host: c.com}}}", "c.com"),
            ("headers: {request: {set: {host: b.com}}}", ", headers: {request: {set: {host: c.com}}}", "b.com"),
            ("", "", ""),
        ],
    )
    def test_the_host_is_rewritten_not_set(self, rest, inner, host):
        extra = f", {rest}" if rest else ""
        found = route(ruled(f"[{{route: [{{destination: {{host: one.com}}{inner}}}]{extra}}}]"), R)
        assert found.action.host_rewrite == host
        assert not found.request_headers

    def test_answers_without_destination_edit_the_response(self):
        edits = "headers: {response: {set: {x-a: a}}}"
        for answer in ("redirect: {uri: /x}", "directResponse: {status: 204}"):
            assert route(ruled(f"[{{{answer}, {edits}}}]"), R).response_headers == HeaderEdits((("x-a", "a"),))


def forward(rest: str):
    return action(ruled(f"[{{route: [{{destination: {{host: one.com}}}}], {rest}}}]"), R)


class TestRewritesAndTimes:
    def test_prefix_and_regex(self):
        assert forward("rewrite: {uri: /new}").prefix_rewrite == "/new"
        regex = forward("rewrite: {uriRegexRewrite: {match: '^/a/(.*)$', rewrite: '/b/\\1'}}")
        assert (regex.prefix_rewrite, regex.regex_rewrite) == (None, RegexRewrite("^/a/(.*)$", "/b/\\1"))

    def test_no_timeout_unless_stated(self):
        assert (forward("name: x").timeout, forward("name: x").timeout_origin) == (0, None)
        stated = forward("timeout: 1.5s")
        assert (stated.timeout, stated.timeout_origin.path) == (1500, "http[0].timeout")


class TestRedirects:
    @pytest.mark.parametrize(
        ("stated", "plan"),
        [
            ("{uri: /x}", RedirectPlan(path="/x")),
            ("{authority: a.com}", RedirectPlan(authority="a.com")),
            ("{scheme: https}", RedirectPlan(scheme="https")),
            ("{uri: /x, redirectCode: 308}", RedirectPlan(code=308, path="/x")),
            ("{port: 8443}", RedirectPlan(port=8443)),
            ("{scheme: https, port: 443}", RedirectPlan(scheme="https")),
            ("{scheme: http, port: 80}", RedirectPlan(scheme="http")),
            ("{scheme: https, port: 80}", RedirectPlan(scheme="https", port=80)),
            ("{authority: a.com, derivePort: FROM_REQUEST_PORT}", RedirectPlan(authority="a.com")),
            ("{authority: a.com, derivePort: FROM_PROTOCOL_DEFAULT}", RedirectPlan(authority="a.com")),
        ],
    )
    def test_a_redirect(self, stated, plan):
        assert action(ruled(f"[{{redirect: {stated}}}]"), R) == plan

    def test_the_requests_port_is_the_listeners(self):
        found = ruled("[{redirect: {authority: a.com, derivePort: FROM_REQUEST_PORT}}]")
        assert action(found, "r.com:8080") == RedirectPlan(authority="a.com", port=8080)

    def test_a_prefix(self):
        found = ruled(
            "[{match: [{uri: {prefix: /a}}], redirect: {prefixRewrite: /b}}, {directResponse: {status: 404}}]"
        )
        assert routes(found, R)[0].action == RedirectPlan(prefix_rewrite="/b")


@pytest.mark.parametrize(
    ("stated", "plan"),
    [
        ("{status: 503}", DirectResponsePlan(503)),
        ("{status: 200, body: {string: hé}}", DirectResponsePlan(200, "hé".encode())),
        ("{status: 200, body: {bytes: aGk=}}", DirectResponsePlan(200, b"hi")),
    ],
)
def test_an_answer(stated, plan):
    assert action(ruled(f"[{{directResponse: {stated}}}]"), R) == plan


class TestMirrors:
    @pytest.mark.parametrize(
        ("stated", "expected"),
        [
            ("mirror: {host: two.com}", [("two.com", 100.0)]),
            ("mirror: {host: two.com}, mirrorPercentage: {value: 12.5}", [("two.com", 12.5)]),
            ("mirror: {host: two.com}, mirrorPercentage: {value: 0}", []),
            ("mirror: {host: two.com}, mirrorPercent: 7", [("two.com", 7.0)]),
            ("mirror: {host: two.com}, mirrorPercent: 0", []),
            ("mirror: {host: two.com}, mirrorPercent: 7, mirrorPercentage: {value: 30}", [("two.com", 30.0)]),
            (
                "mirrors: [{destination: {host: two.com}}, {destination: {host: one.com}, percentage: {value: 5}}]",
                [("two.com", 100.0), ("one.com", 5.0)],
            ),
            ("mirrors: [{destination: {host: two.com}, percentage: {value: 0}}]", []),
        ],
    )
    def test_percent_defaults_to_all(self, stated, expected):
        assert [(one.cluster.split("|")[3], one.percent) for one in forward(stated).mirrors] == expected

    def test_each_knows_its_place(self):
        assert forward("mirror: {host: two.com}").mirrors[0].origin.path == "http[0].mirror"
        assert forward("mirrors: [{destination: {host: two.com}}]").mirrors[0].origin.path == "http[0].mirrors[0]"


def test_a_service_that_no_rule_governs_has_one_route():
    found = route(mesh(*TARGETS), R, sidecar())
    assert (sent_to(found), found.match, found.name, found.origin) == (
        "outbound|80||r.com",
        MatchPlan(),
        "default",
        None,
    )
    assert found.action.timeout == 0
