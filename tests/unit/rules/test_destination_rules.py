"""Which DestinationRule holds for a client, and what its policy comes to (reference §2.7)."""

import pytest
from tests.unit.rules.world import (
    DOMAIN,
    action,
    clusters,
    document,
    endpoints,
    entry,
    mesh,
    mesh_config,
    plans,
    router,
    service,
    sidecar,
)

from pidalio.ir import LoadBalancing, OutlierPlan
from pidalio.model import ObjectRef, Origin
from pidalio.pipeline import groups_of, members
from pidalio.rules.clusters import ClusterKey

HOST = f"reviews.prod.{DOMAIN}"
REVIEWS = service("reviews", "prod", "80 9090")
CLUSTER = f"outbound|80||{HOST}"


def rule(name: str, namespace: str, spec: str, host: str = HOST, *, created: str = "") -> str:
    return document("DestinationRule", name, f"{{host: {host!r}, {spec}}}", namespace, created=created)


def within(seconds: int) -> str:
    """Return a policy that tells by its connect timeout which rule holds."""
    return f"trafficPolicy: {{connectionPool: {{tcp: {{connectTimeout: {seconds}s}}}}}}"


def holding(found, client: str, cluster: str = CLUSTER) -> int:
    """Return the connect timeout in seconds of a client's cluster: 10 where no rule holds."""
    return clusters(found, sidecar(client))[cluster].connect_timeout // 1000


class TestLookup:
    RULES = {  # noqa: RUF012 - a table
        "client": rule("one", "client", within(1)),
        "service": rule("two", "prod", within(2)),
        "root": rule("three", "istio-system", within(3)),
    }

    @pytest.mark.parametrize(
        ("present", "client", "expected"),
        [
            ("client service root", "client", 1),
            ("service root", "client", 2),
            ("root", "client", 3),
            ("", "client", 10),
            ("client service root", "prod", 2),
            ("client root", "prod", 3),
            ("client service root", "elsewhere", 2),
            ("client root", "elsewhere", 3),
            ("client", "elsewhere", 10),
            ("client service root", "istio-system", 2),
            ("client root", "istio-system", 3),
        ],
    )
    def test_client_then_service_then_root(self, present, client, expected):
        found = mesh(REVIEWS, *(self.RULES[one] for one in present.split()))
        assert holding(found, client) == expected

    def test_the_first_namespace_with_any_match_wins_even_with_a_broad_wildcard(self):
        found = mesh(REVIEWS, rule("wide", "client", within(1), "*.cluster.local"), self.RULES["service"])
        assert holding(found, "client") == 1
        assert holding(found, "elsewhere") == 2

    def test_wildcard_and_exact_are_not_combined(self):
        wide = rule("wide", "prod", within(1), "*.prod.svc.cluster.local")
        exact = rule("exact", "prod", "subsets: [{name: v1, labels: {version: v1}}]")
        found = mesh(REVIEWS, wide, exact)
        assert holding(found, "client") == 10
        assert f"outbound|80|v1|{HOST}" in clusters(found, sidecar("client"))

    @pytest.mark.parametrize(
        ("host", "seconds"), [("*", 4), ("*.local", 4), (f"*.prod.{DOMAIN}", 4), ("reviews", 4), ("*.example.com", 10)]
    )
    def test_a_host_may_be_short_or_wild(self, host, seconds):
        assert holding(mesh(REVIEWS, rule("one", "prod", within(4), host)), "client") == seconds

    def test_the_most_specific_wildcard_wins(self):
        found = mesh(REVIEWS, rule("a", "prod", within(1), "*.local"), rule("b", "prod", within(2), f"*.prod.{DOMAIN}"))
        assert holding(found, "client") == 2

    def test_a_short_name_belongs_to_the_rules_own_namespace(self):
        assert holding(mesh(REVIEWS, rule("one", "client", within(1), "reviews")), "client") == 10

    @pytest.mark.parametrize(
        ("export", "expected"),
        [
            ("['*']", {"client": 2, "friend": 2, "prod": 2}),
            ("['.']", {"client": 10, "friend": 10, "prod": 2}),
            ("[friend]", {"client": 10, "friend": 2, "prod": 10}),
        ],
    )
    def test_rules_of_the_service_count_where_they_are_exported(self, export, expected):
        found = mesh(REVIEWS, rule("two", "prod", f"{within(2)}, exportTo: {export}"))
        assert {client: holding(found, client) for client in expected} == expected

    def test_a_rule_that_is_exported_elsewhere_does_not_hold_at_home(self):
        elsewhere = rule("one", "client", f"{within(2)}, exportTo: [friend]")
        of_service = rule("two", "prod", within(5))
        assert holding(mesh(REVIEWS, elsewhere, of_service), "client") == 5
        of_service_elsewhere = rule("two", "prod", f"{within(5)}, exportTo: [friend]")
        found = mesh(REVIEWS, of_service_elsewhere)
        assert {one: holding(found, one) for one in ("prod", "friend")} == {"prod": 10, "friend": 5}
        assert holding(mesh(REVIEWS, rule("one", "client", f"{within(2)}, exportTo: [friend, client]")), "client") == 2

    def test_a_private_rule_hides_no_public_one(self):
        private = rule("private", "prod", f"{within(2)}, exportTo: ['.']")
        public = rule("public", "prod", within(5), f"*.prod.{DOMAIN}")
        found = mesh(REVIEWS, private, public, rule("root", "istio-system", within(3)))
        assert {client: holding(found, client) for client in ("client", "prod")} == {"client": 5, "prod": 2}

    def test_clients_of_the_root_take_private_rules_of_the_root_first(self):
        public = rule("public", "istio-system", within(3))
        private = rule("private", "istio-system", f"{within(4)}, exportTo: ['.']", f"*.prod.{DOMAIN}")
        of_service = rule("two", "prod", within(2))
        assert holding(mesh(REVIEWS, public, private, of_service), "istio-system") == 4
        assert holding(mesh(REVIEWS, public, of_service), "istio-system") == 2
        assert holding(mesh(REVIEWS, public, private), "client") == 3

    def test_the_mesh_has_a_default_for_rules_that_state_no_export(self):
        found = mesh(REVIEWS, rule("two", "prod", within(2)), mesh_config("{defaultDestinationRuleExportTo: ['.']}"))
        assert (holding(found, "prod"), holding(found, "client")) == (2, 10)
        found = mesh(REVIEWS, rule("two", "prod", within(2)), mesh_config("{defaultDestinationRuleExportTo: [client]}"))
        assert (holding(found, "other"), holding(found, "client")) == (10, 2)

    def test_namespaces_without_rules_of_their_own_share_clusters(self):
        found = mesh(REVIEWS, self.RULES["client"])
        keys = {
            client: {one.origin for one in clusters(found, sidecar(client)).values()} for client in ("x", "y", "client")
        }
        assert keys["x"] == keys["y"] != keys["client"]


def selected(labels: str, seconds: int, more: str = "") -> str:
    return f"{within(seconds)}, workloadSelector: {{matchLabels: {{{labels}}}}}{more}"


def held(found, client: str, **labels: str) -> int:
    return clusters(found, sidecar(client, **labels))[CLUSTER].connect_timeout // 1000


class TestSelectedClients:
    """A rule with workloadSelector: for clients of its own namespace that bear the labels, before all others."""

    def test_it_holds_for_those_who_bear_its_labels(self):
        found = mesh(REVIEWS, rule("x", "client", selected("app: x", 3)), rule("all", "client", within(5)))
        assert [held(found, "client", app=one) for one in ("x", "y")] == [3, 5]
        assert held(found, "client", app="x", version="v1") == 3
        assert held(found, "client") == 5
        assert found.reports() == ()

    def test_every_label_is_asked_for(self):
        found = mesh(REVIEWS, rule("x", "client", selected("app: x, version: v1", 3)), rule("all", "client", within(5)))
        assert held(found, "client", app="x", version="v1") == 3
        assert held(found, "client", app="x") == held(found, "client", version="v1") == 5

    def test_clients_of_other_namespaces_do_not_see_it(self):
        found = mesh(REVIEWS, rule("x", "prod", selected("app: x", 3)), rule("root", "istio-system", within(7)))
        assert [held(found, one, app="x") for one in ("prod", "client")] == [3, 7]

    def test_its_host_is_taken_although_it_selects_nobody(self):
        of_service = rule("two", "prod", within(2))
        found = mesh(REVIEWS, rule("x", "client", selected("app: x", 3)), of_service)
        assert [held(found, "client", app=one) for one in ("x", "y")] == [3, 10]
        wide = rule("wide", "client", within(4), "*.cluster.local")
        found = mesh(REVIEWS, rule("x", "client", selected("app: x", 3)), wide, of_service)
        assert [held(found, "client", app=one) for one in ("x", "y")] == [3, 10]

    def test_the_oldest_that_selects_wins(self):
        old = rule("z", "client", selected("app: x", 3), created="2020-01-01T00:00:00Z")
        new = rule("a", "client", selected("version: v1", 4), created="2024-01-01T00:00:00Z")
        found = mesh(REVIEWS, old, new)
        assert held(found, "client", app="x", version="v1") == 3
        assert held(found, "client", version="v1") == 4

    def test_rules_of_equal_selectors_are_one_and_others_are_kept_apart(self):
        def versions(name: str, version: str, choice: str) -> str:
            return rule(name, "client", f"subsets: [{{name: {version}, labels: {{version: {version}}}}}]{choice}")

        choice = ", workloadSelector: {matchLabels: {app: x}}"
        other = ", workloadSelector: {matchLabels: {app: y}}"
        found = mesh(
            REVIEWS,
            versions("a", "v1", choice),
            versions("b", "v2", choice),
            versions("c", "v3", other),
            versions("d", "v4", ""),
        )

        def subsets(**labels: str) -> list[str]:
            names = clusters(found, sidecar("client", **labels))
            return sorted(version for name in names if (version := name.split("|")[2]) and "|80|" in name)

        assert subsets(app="x") == ["v1", "v2"]
        assert subsets(app="y") == ["v3"]
        assert subsets(app="z") == ["v4"]

    def test_a_selector_without_labels_selects_every_client_of_the_namespace(self):
        stated = f"{within(3)}, workloadSelector: {{}}"
        found = mesh(REVIEWS, rule("x", "client", stated), rule("all", "client", within(5)))
        assert [held(found, "client", **labels) for labels in ({}, {"app": "x"})] == [3, 3]
        assert held(found, "other") == 10

    def test_in_the_root_it_is_for_clients_there(self):
        found = mesh(REVIEWS, rule("x", "istio-system", selected("app: x", 3)), rule("two", "prod", within(2)))
        assert [held(found, one, app="x") for one in ("istio-system", "client")] == [3, 2]

    def test_gateways_are_selected_too(self):
        found = mesh(REVIEWS, rule("x", "edge", selected("istio: ingress", 3)))
        assert clusters(found, router("edge", istio="ingress"))[CLUSTER].connect_timeout == 3000
        assert clusters(found, router("edge", istio="other"))[CLUSTER].connect_timeout == 10_000

    def test_it_says_nothing_of_the_workloads_own_sidecar(self):
        limited = "trafficPolicy: {connectionPool: {tcp: {maxConnections: 7}}}"
        own = document("Service", "web", "{selector: {app: web}, ports: [{name: http, port: 80}]}", "prod")
        stated = f"{limited}, workloadSelector: {{matchLabels: {{app: web}}}}"
        found = mesh(own, rule("x", "prod", stated, f"web.prod.{DOMAIN}"))
        proxy = sidecar("prod", app="web")
        (inbound,) = (one for one in plans(found, proxy).clusters if one.name.startswith("inbound|"))
        outbound = clusters(found, proxy)[f"outbound|80||web.prod.{DOMAIN}"]
        assert (inbound.pool.max_connections, outbound.pool.max_connections) == (None, 7)

    def test_what_is_hashed_is_told_apart(self):
        hashed = "trafficPolicy: {loadBalancer: {consistentHash: {httpHeaderName: x-user}}}"
        found = mesh(REVIEWS, rule("x", "client", f"{hashed}, workloadSelector: {{matchLabels: {{app: x}}}}"))

        def hashes(**labels: str) -> list[str]:
            return [one.name for one in action(found, f"{HOST}:80", sidecar("client", **labels)).hashes]

        assert hashes(app="x") == ["x-user"]
        assert hashes(app="y") == hashes() == []

    def test_a_subset_for_selected_clients_is_known(self):
        to = document(
            "VirtualService",
            "r",
            f"{{hosts: [{HOST}], http: [{{route: [{{destination: {{host: {HOST}, subset: v1}}}}]}}]}}",
            "client",
        )
        stated = "subsets: [{name: v1}], workloadSelector: {matchLabels: {app: x}}"
        assert mesh(REVIEWS, to, rule("x", "client", stated)).reports() == ()

    def test_clients_whom_no_rule_tells_apart_share_everything(self):
        found = mesh(REVIEWS, service("other", "prod"), rule("x", "client", selected("app: x", 3)))
        keys = {
            name: {key for group in groups_of(found.world, proxy) for _, key in members(found.world, group)}
            for name, proxy in {
                "x": sidecar("client", app="x"),
                "x2": sidecar("client", app="x", version="v2"),
                "y": sidecar("client", app="y"),
            }.items()
        }
        shared = {name: {one for one in found_ if isinstance(one, ClusterKey)} for name, found_ in keys.items()}
        assert shared["x"] == shared["x2"]
        assert {one.host for one in shared["x"] ^ shared["y"]} == {HOST}


class TestSeveralRulesOfOneHost:
    OLD = {"created": "2020-01-01T00:00:00Z"}  # noqa: RUF012 - a table
    NEW = {"created": "2024-01-01T00:00:00Z"}  # noqa: RUF012 - a table

    def test_subsets_are_united_and_the_first_definition_stays(self):
        first = rule("z", "prod", "subsets: [{name: v1, labels: {version: v1}}]", **self.OLD)
        second = rule(
            "a",
            "prod",
            "subsets: [{name: v1, labels: {version: other}}, {name: v2, labels: {version: v2}}]",
            **self.NEW,
        )
        instances = document(
            "Endpoints",
            "reviews",
            "subsets: [{addresses: [{ip: 10.0.0.1, targetRef: {kind: Pod, name: p}}], ports: [{port: 80, name: http-80}]}]\n",
            "prod",
        )
        pod = document("Pod", "p", "status: {podIP: 10.0.0.1}\n", "prod", more="labels: {version: v1}")
        found = mesh(service("reviews", "prod"), first, second, instances, pod)
        assert set(clusters(found)) == {f"outbound|80|{one}|{HOST}" for one in ("", "v1", "v2")}
        assert endpoints(found, f"outbound|80|v1|{HOST}") == ["10.0.0.1:80"]
        assert endpoints(found, f"outbound|80|v2|{HOST}") == []

    def test_the_policy_is_that_of_the_oldest_that_has_one(self):
        bare = rule("bare", "prod", "subsets: [{name: v1, labels: {a: b}}]", **self.OLD)
        old = rule("old", "prod", within(3), created="2021-01-01T00:00:00Z")
        new = rule("new", "prod", within(4), **self.NEW)
        assert holding(mesh(REVIEWS, bare, old, new), "client") == 3

    def test_equal_age_goes_by_name(self):
        assert holding(mesh(REVIEWS, rule("b", "prod", within(3)), rule("a", "prod", within(4))), "client") == 4

    @pytest.mark.parametrize(
        ("older", "younger", "joins"),
        [
            ("['*']", "['*']", True),
            ("['.']", "['*']", True),
            ("['.']", "['.', client]", True),
            ("['*']", "['.']", False),
            ("[prod, client]", "['.']", False),
        ],
    )
    def test_a_younger_rule_joins_when_it_is_exported_as_widely(self, older, younger, joins):
        found = mesh(
            REVIEWS,
            rule("a", "prod", f"{within(2)}, exportTo: {older}", **self.OLD),
            rule("b", "prod", f"subsets: [{{name: v1, labels: {{a: b}}}}], exportTo: {younger}", **self.NEW),
        )
        assert (f"outbound|80|v1|{HOST}" in clusters(found, sidecar("prod"))) is joins
        assert holding(found, "prod") == 2


def _policy(blocks: str) -> str:
    return f"trafficPolicy: {{{blocks}}}"


ROUND_ROBIN, RANDOM = "loadBalancer: {simple: ROUND_ROBIN}", "loadBalancer: {simple: RANDOM}"
POOL_1, POOL_2 = (f"connectionPool: {{tcp: {{connectTimeout: {one}s}}}}" for one in (1, 2))


@pytest.mark.parametrize(
    ("top", "subset", "port", "of_subset", "expected"),
    [
        ("", "", 80, False, ("LEAST_REQUEST", 10)),
        (f"{RANDOM}, {POOL_1}", "", 80, False, ("RANDOM", 1)),
        # a port entry replaces every block, and what it leaves out is Envoy's default, not the top's
        (
            f"{RANDOM}, {POOL_1}, portLevelSettings: [{{port: {{number: 80}}, {POOL_2}}}]",
            "",
            80,
            False,
            ("LEAST_REQUEST", 2),
        ),
        (
            f"{RANDOM}, {POOL_1}, portLevelSettings: [{{port: {{number: 80}}, {POOL_2}}}]",
            "",
            9090,
            False,
            ("RANDOM", 1),
        ),
        (f"{RANDOM}, portLevelSettings: [{{port: {{number: 80}}, {ROUND_ROBIN}}}]", "", 80, False, ("ROUND_ROBIN", 10)),
        # a port entry counts service ports, not the ports of instances
        (f"{RANDOM}, portLevelSettings: [{{port: {{number: 8080}}, {ROUND_ROBIN}}}]", "", 80, False, ("RANDOM", 10)),
        # blocks of a subset replace single blocks
        (f"{RANDOM}, {POOL_1}", POOL_2, 80, True, ("RANDOM", 2)),
        (f"{RANDOM}, {POOL_1}", POOL_2, 80, False, ("RANDOM", 1)),
        (f"{RANDOM}, {POOL_1}", "connectionPool: {tcp: {}}", 80, True, ("RANDOM", 10)),
        # over a port entry of the top, too
        (
            f"{RANDOM}, portLevelSettings: [{{port: {{number: 80}}, {POOL_1}}}]",
            ROUND_ROBIN,
            80,
            True,
            ("ROUND_ROBIN", 1),
        ),
        # the port entry of a subset replaces everything again
        (
            f"{RANDOM}, {POOL_1}",
            f"{ROUND_ROBIN}, portLevelSettings: [{{port: {{number: 80}}, {POOL_2}}}]",
            80,
            True,
            ("LEAST_REQUEST", 2),
        ),
        (
            f"{RANDOM}, {POOL_1}",
            f"{ROUND_ROBIN}, portLevelSettings: [{{port: {{number: 80}}, {POOL_2}}}]",
            9090,
            True,
            ("ROUND_ROBIN", 1),
        ),
        ("loadBalancer: {simple: UNSPECIFIED}", "", 80, False, ("LEAST_REQUEST", 10)),
        ("loadBalancer: {simple: LEAST_CONN}", "", 80, False, ("LEAST_REQUEST", 10)),
        (RANDOM, "loadBalancer: {simple: LEAST_REQUEST}", 80, True, ("LEAST_REQUEST", 10)),
    ],
)
def test_effective_policy(top, subset, port, of_subset, expected):
    parts = [f"trafficPolicy: {{{top}}}"] if top else []
    inner = f", trafficPolicy: {{{subset}}}" if subset else ""
    parts.append(f"subsets: [{{name: v1, labels: {{a: b}}{inner}}}]")
    found = mesh(REVIEWS, rule("one", "prod", ", ".join(parts)))
    plan = clusters(found)[f"outbound|{port}|{'v1' if of_subset else ''}|{HOST}"]
    assert (plan.load_balancing, plan.connect_timeout) == (LoadBalancing[expected[0]], expected[1] * 1000)


def test_the_origin_is_the_block_that_decided():
    spec = f"trafficPolicy: {{{RANDOM}}}, subsets: [{{name: v1, labels: {{a: b}}, trafficPolicy: {{{POOL_1}}}}}]"
    plan = clusters(mesh(REVIEWS, rule("one", "prod", spec)))[f"outbound|80|v1|{HOST}"]
    assert plan.lb_origin.path == "trafficPolicy.loadBalancer"
    assert plan.connect_timeout_origin.path == 'subsets["v1"].trafficPolicy.connectionPool.tcp.connectTimeout'
    assert plan.origin.path == 'subsets["v1"]'


def test_the_mesh_has_a_connect_timeout():
    found = mesh(REVIEWS, mesh_config("{connectTimeout: 3s}"))
    assert holding(found, "client") == 3
    assert holding(mesh(REVIEWS, mesh_config("{connectTimeout: 3s}"), rule("a", "prod", within(1))), "client") == 1


def test_an_empty_label_set_selects_every_instance():
    found = mesh(
        entry("a", "a.com", "prod", "endpoints: [{address: 10.0.0.1}, {address: 10.0.0.2, labels: {version: v2}}]"),
        rule("one", "prod", "subsets: [{name: all}, {name: v2, labels: {version: v2}}]", "a.com"),
    )
    assert endpoints(found, "outbound|80|all|a.com") == ["10.0.0.1:80", "10.0.0.2:80"]
    assert endpoints(found, "outbound|80|v2|a.com") == ["10.0.0.2:80"]


def _ejection(found, cluster: str = CLUSTER):
    return clusters(found, sidecar("prod"))[cluster].outlier


class TestEjection:
    def test_there_is_none_unless_asked_for(self):
        assert _ejection(mesh(REVIEWS)) is None

    def test_an_empty_block_ejects_by_envoys_thresholds_and_never_panics(self):
        found = mesh(REVIEWS, rule("one", "prod", _policy("outlierDetection: {}")))
        origin = Origin(ObjectRef("DestinationRule", "prod", "one"), "trafficPolicy.outlierDetection")
        assert _ejection(found) == OutlierPlan(origin=origin)
        assert clusters(found, sidecar("prod"))[CLUSTER].healthy_panic_threshold == 0

    @pytest.mark.parametrize(
        ("stated", "expected"),
        [
            ("consecutive5xxErrors: 0", {"consecutive_5xx": 0}),
            ("consecutive5xxErrors: 7, consecutiveGatewayErrors: 3", {"consecutive_5xx": 7, "consecutive_gateway": 3}),
            ("consecutiveErrors: 4", {"consecutive_gateway": 4}),
            ("consecutiveErrors: 4, consecutiveGatewayErrors: 0", {"consecutive_gateway": 0}),
            (
                "splitExternalLocalOriginErrors: true, consecutiveLocalOriginFailures: 2",
                {"split_local": True, "consecutive_local": 2},
            ),
            ("interval: 1.5s, baseEjectionTime: 2s", {"interval": 1500, "base_ejection_time": 2000}),
            ("maxEjectionPercent: 40", {"max_ejection_percent": 40}),
            ("maxEjectionPercent: 0", {"max_ejection_percent": None}),
        ],
    )
    def test_fields(self, stated, expected):
        plan = _ejection(mesh(REVIEWS, rule("one", "prod", _policy(f"outlierDetection: {{{stated}}}"))))
        assert {name: getattr(plan, name) for name in expected} == expected

    @pytest.mark.parametrize(("percent", "threshold", "served"), [(0, 0, 2), (30, 30, 1)])
    def test_a_stated_share_of_healthy_instances_allows_panic_and_withholds_unhealthy_ones(
        self, percent, threshold, served
    ):
        instances = document(
            "Endpoints",
            "reviews",
            "subsets: [{addresses: [{ip: 10.0.0.1}], notReadyAddresses: [{ip: 10.0.0.2}], "
            "ports: [{port: 80, name: http-80}]}]\n",
            "prod",
        )
        stated = rule("one", "prod", _policy(f"outlierDetection: {{minHealthPercent: {percent}}}"))
        found = mesh(service("reviews", "prod"), stated, instances)
        assert clusters(found, sidecar("prod"))[CLUSTER].healthy_panic_threshold == threshold
        assert len(endpoints(found, CLUSTER, sidecar("prod"))) == served


EJECTS = "outlierDetection: {interval: 1s}"
MESH_EJECTS = mesh_config("{defaultTrafficPolicy: {outlierDetection: {interval: 9s}}}")


@pytest.mark.parametrize(
    ("top", "subset", "cluster", "interval"),
    [
        ("", "", "", 9000),
        (EJECTS, "", "", 1000),
        (RANDOM, "", "", 9000),
        (EJECTS, RANDOM, "v1", 1000),
        (EJECTS, "outlierDetection: {interval: 2s}", "v1", 2000),
        (f"{EJECTS}, portLevelSettings: [{{port: {{number: 80}}, {RANDOM}}}]", "", "", 9000),
        (EJECTS, f"portLevelSettings: [{{port: {{number: 80}}, {RANDOM}}}]", "v1", 9000),
        (f"{EJECTS}, portLevelSettings: [{{port: {{number: 80}}, {RANDOM}}}]", EJECTS, "v1", 1000),
    ],
)
def test_the_mesh_fills_what_rules_leave_unset(top, subset, cluster, interval):
    inner = f", trafficPolicy: {{{subset}}}" if subset else ""
    parts = [_policy(top)] if top else []
    stated = rule("one", "prod", ", ".join([*parts, f"subsets: [{{name: v1, labels: {{a: b}}{inner}}}]"]))
    found = mesh(REVIEWS, stated, MESH_EJECTS)
    plan = _ejection(found, f"outbound|80|{cluster}|{HOST}")
    assert plan.interval == interval
    assert plan.origin.object.kind == ("MeshConfig" if interval == 9000 else "DestinationRule")
