"""Which HealthCheck holds for which cluster, for whom, and what its instances are asked."""

import pytest
from tests.unit.rules.world import document, entry, mesh, plans, router, service, sidecar

from pidalio.api.validate.health_check import ROUTES_WAIT
from pidalio.effectiveness import survey
from pidalio.ir import GrpcQuestion, HealthCheckPlan, HttpQuestion, TcpQuestion, UpstreamProtocol
from pidalio.model import Delivery, Severity
from pidalio.xds.session import Limits

HTTP = "http: {path: /healthz}"
PORTS = "80 81 90/grpc 95/http2 70/tcp 443/tls"
SHOP = entry("shop", "shop.test", ports=PORTS, rest="endpoints: [{address: 10.0.0.1, labels: {version: v1}}]")
SUBSETS = document("DestinationRule", "shop", "{host: shop.test, subsets: [{name: v1, labels: {version: v1}}]}")


def check(name: str, rest: str, host: str = "shop.test", namespace: str = "default", created: str = "") -> str:
    spec = f"{{host: {host}, {rest}}}"
    return document("HealthCheck", name, spec, namespace, created=created, group="pidalio.dev/v1")


def checks(*documents: str, proxy=None) -> dict[str, HealthCheckPlan]:
    """The checks of a proxy's clusters by `port|subset`."""
    found = plans(mesh(*documents), proxy or sidecar()).clusters
    return {"|".join(one.name.split("|")[1:3]): one.health_check for one in found if one.health_check}


def names(*documents: str, proxy=None) -> dict[str, str]:
    """The rule that holds for each cluster that is checked."""
    return {name: plan.origin.object.name for name, plan in checks(*documents, proxy=proxy).items()}


def test_a_slow_check_is_one_that_routes_do_not_wait_for():
    assert Limits().patience * 1000 == ROUTES_WAIT


class TestQuestion:
    def test_defaults(self):
        plan = checks(SHOP, check("a", "http: {}"))["80|"]
        assert plan.question == HttpQuestion(host="shop.test")
        assert (plan.interval, plan.timeout, plan.unhealthy_threshold, plan.healthy_threshold) == (5000, 1000, 3, 2)

    def test_one_jitter_is_shared_by_the_waits_of_one_ejection(self):
        assert checks(SHOP, check("a", f"{HTTP}, interval: 6s"))["80|"].jitter * 3 == 600
        stated = checks(SHOP, check("a", f"{HTTP}, jitter: 1s, unhealthyThreshold: 2"))["80|"]
        assert stated.jitter == 500
        assert checks(SHOP, check("a", f"{HTTP}, jitter: 0s"))["80|"].jitter == 0

    def test_statuses_are_numbers_and_ranges(self):
        plan = checks(SHOP, check("a", "http: {expected: [200, 204-206], retriable: ['503']}"))["80|"]
        assert plan.question.expected == ((200, 200), (204, 206))
        assert plan.question.retriable == ((503, 503),)

    def test_other_questions(self):
        found = checks(SHOP, check("a", "port: 90, grpc: {}"), check("b", "port: 70, tcp: {send: a, receive: [b]}"))
        assert found["90|"].question == GrpcQuestion(authority="shop.test")
        assert found["70|"].question == TcpQuestion("a", ("b",))

    def test_a_request_is_sent_as_callers_send_theirs(self):
        found = checks(SHOP, check("a", HTTP))
        assert (found["80|"].question.http2, found["95|"].question.http2) == (False, True)


class TestWhichHolds:
    def test_without_a_port_only_ports_that_are_declared_so(self):
        assert set(checks(SHOP, check("a", HTTP))) == {"80|", "81|", "95|"}
        assert set(checks(SHOP, check("a", "grpc: {}"))) == {"90|"}
        assert set(checks(SHOP, check("a", "tcp: {}"))) == {f"{one.partition('/')[0]}|" for one in PORTS.split()}

    def test_a_named_port_is_the_users_word(self):
        assert set(checks(SHOP, check("a", f"port: 70, {HTTP}"))) == {"70|"}
        assert set(checks(SHOP, check("a", "port: 95, grpc: {}"))) == {"95|"}

    @pytest.mark.parametrize("rest", [f"port: 443, {HTTP}", "port: 80, grpc: {}"])
    def test_what_cannot_be_asked_is_not(self, rest):
        assert checks(SHOP, check("a", rest)) == {}

    def test_grpc_goes_where_a_rule_says_http2(self):
        policy = "trafficPolicy: {connectionPool: {http: {h2UpgradePolicy: UPGRADE}}}"
        upgraded = document("DestinationRule", "shop", f"{{host: shop.test, {policy}}}")
        found = plans(mesh(SHOP, upgraded, check("a", "port: 80, grpc: {}")), sidecar()).clusters
        assert [one.protocol for one in found if one.health_check] == [UpstreamProtocol.HTTP2]

    def test_the_most_specific_holds_as_a_whole(self):
        rules = [
            check("host", HTTP),
            check("port", f"port: 80, {HTTP}"),
            check("subset", f"subset: v1, {HTTP}"),
            check("both", f"subset: v1, port: 80, {HTTP}"),
        ]
        assert names(SHOP, SUBSETS, *rules) == {
            "80|": "port",
            "80|v1": "both",
            "81|": "host",
            "81|v1": "subset",
            "95|": "host",
            "95|v1": "subset",
        }
        assert names(SHOP, SUBSETS, *rules[:3])["80|v1"] == "subset"

    def test_of_equals_the_oldest_holds(self):
        young, old = (check(name, HTTP, created=f"20{year}-01-01T00:00:00Z") for name, year in (("a", 26), ("b", 25)))
        assert set(names(SHOP, young, old).values()) == {"b"}
        assert set(names(SHOP, check("b", HTTP), check("a", HTTP)).values()) == {"a"}

    def test_namespaces_are_looked_into_as_for_a_destination_rule(self):
        rules = [check(f"in-{one}", HTTP, namespace=one) for one in ("default", "istio-system", "far", "other")]
        assert set(names(SHOP, *rules).values()) == {"in-default"}
        assert set(names(SHOP, *rules, proxy=sidecar("far")).values()) == {"in-far"}
        assert set(names(SHOP, *rules[1:], proxy=sidecar("third")).values()) == {"in-istio-system"}
        assert names(SHOP, rules[3], proxy=sidecar("third")) == {}

    def test_only_those_see_a_rule_to_whom_it_is_exported(self):
        rule = check("a", f"{HTTP}, exportTo: [far]")
        assert names(SHOP, rule) == {}
        assert set(names(SHOP, rule, proxy=sidecar("far")).values()) == {"a"}
        own = check("a", f"{HTTP}, exportTo: ['.']")
        assert names(SHOP, own, proxy=sidecar("far")) == {}
        assert set(names(SHOP, own).values()) == {"a"}

    def test_gateways_check_too(self):
        gateway = document(
            "Gateway",
            "edge",
            "{selector: {app: edge}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]}",
        )
        assert "80|" in checks(SHOP, gateway, check("a", HTTP), proxy=router(app="edge"))

    def test_what_is_taken_in_is_not_checked(self):
        pod = (
            "apiVersion: v1\nkind: Pod\nmetadata: {name: web-1, namespace: default, labels: {app: web}}\n"
            "status: {podIP: 10.0.0.7}\n"
        )
        web = document("Service", "web", "{selector: {app: web}, ports: [{port: 80, name: http}]}")
        proxy = sidecar(name="web-1", address="10.0.0.7", app="web")
        found = plans(mesh(web, pod, check("a", HTTP, host="web")), proxy).clusters
        assert [one.name.split("|")[0] for one in found if one.health_check] == ["outbound"]

    def test_instances_that_nobody_lists_are_not_checked(self):
        nowhere = entry("shop", "shop.test", rest="resolution: NONE")
        assert checks(nowhere, check("a", HTTP)) == {}
        named = entry("shop", "shop.test", rest="resolution: DNS")
        assert set(checks(named, check("a", HTTP))) == {"80|"}


class TestTold:
    """What `validate` says of a rule that does little, nothing, or too much."""

    @staticmethod
    def told(*documents: str, code: str = "") -> list[str]:
        found = mesh(*documents)
        reports = (*found.reports(), *found.survey().reports(found.catalog.place))
        ours = [one for one in reports if one.object and one.object.kind == "HealthCheck"]
        return [f"{one.code} {one.path}: {one.message}" for one in ours if one.code == code or not code]

    @pytest.mark.parametrize(
        ("documents", "expected"),
        [
            ([check("a", HTTP, host="nobody.test")], "unreferenced-host spec.host: no service nobody.test"),
            ([check("a", f"port: 82, {HTTP}")], "unreferenced-port spec.port: shop.test has no port 82"),
            ([SUBSETS, check("a", f"subset: v2, {HTTP}")], "unreferenced-subset spec.subset: shop.test has no subset"),
            ([check("a", f"port: 443, {HTTP}")], "ineffective spec.port: port 443 speaks TLS"),
            ([check("a", "port: 80, grpc: {}")], "ineffective spec.port: port 80 is not spoken to in HTTP/2"),
            ([check("a", HTTP, namespace="far")], ""),
            (
                [check("a", HTTP), check("b", f"{HTTP}, interval: 1s")],
                "conflict-health-check spec.host: instances are checked as HealthCheck default/a",
            ),
            (
                [SUBSETS, check("a", "tcp: {}"), check("b", f"port: 80, {HTTP}"), check("c", "port: 80, tcp: {}")],
                "conflict-health-check spec.host: instances are checked as HealthCheck default/b",
            ),
            (
                [check("a", f"{HTTP}, exportTo: [nobody]")],
                "ineffective spec.host: no client of shop.test looks for rules here and may see it (exportTo nobody)",
            ),
        ],
    )
    def test_what_has_no_effect_is_told_with_its_reason(self, documents, expected):
        lines = [one for one in self.told(SHOP, *documents) if "health-check-load" not in one]
        assert any(expected in one for one in lines) if expected else not lines, lines

    def test_an_overridden_rule_names_the_winner(self):
        lines = self.told(SHOP, check("a", HTTP), check("b", HTTP), code="ineffective")
        assert [one.partition(": ")[2] for one in lines] == [
            "every cluster that it is for is checked as HealthCheck default/a (mesh.yaml:7) says"
        ]

    def test_a_rule_of_another_namespace_may_come_first(self):
        far = document("Sidecar", "far", "{egress: [{hosts: ['*/*']}]}", "far")
        closed = SHOP.replace("hosts: [shop.test]", "hosts: [shop.test], exportTo: ['.']")
        lines = self.told(closed, far, check("a", HTTP), check("b", HTTP, namespace="istio-system"), code="ineffective")
        assert [one.partition(": ")[2].partition(" (")[0] for one in lines] == [
            "every client takes HealthCheck default/a"
        ]

    def test_a_second_name_is_no_host(self):
        alias = document("Service", "other", "{type: ExternalName, externalName: shop.test}")
        (line,) = self.told(SHOP, alias, check("a", HTTP, host="other"))
        assert line.startswith("alias-host spec.host: other.default.svc.cluster.local is a second name of shop.test")

    def test_a_service_that_nobody_sees(self):
        hidden = service("hidden", export="~")
        assert self.told(hidden, check("a", HTTP, host="hidden")) == [
            "ineffective spec.host: no proxy sees the service hidden.default.svc.cluster.local"
        ]

    def test_the_load_is_callers_times_instances_times_clusters(self):
        workload = "{labels: {app: %s}, command: [x], replicas: %d, ports: [{name: http, port: 80}]}"
        run = [
            document("LocalWorkload", name, workload % (name, count), group="pidalio.dev/v1")
            for name, count in (("web", 3), ("caller", 4))
        ]
        web = document("Service", "web", "{selector: {app: web}, ports: [{port: 80, name: http, targetPort: http}]}")
        subsets = document("DestinationRule", "web", "{host: web, subsets: [{name: all, labels: {app: web}}]}")
        (line,) = self.told(*run, web, subsets, check("a", f"{HTTP}, interval: 2s", host="web"))
        assert line == (
            "health-check-load spec.interval: 21 checks per second: 7 callers × 3 instances × 2 clusters, every 2s; "
            "at most 7 at one instance"
        )

    def test_on_a_server_callers_are_those_who_are_connected(self):
        found = mesh(SHOP, check("a", f"port: 80, {HTTP}, interval: 500ms"))
        connected = [sidecar(name=f"caller-{number}", address=f"10.9.0.{number}") for number in range(6)]
        reports = survey(found.world, connected, found.catalog.objects()).reports(found.catalog.place)
        assert [one.message for one in reports if one.code == "health-check-load"] == [
            "12 checks per second: 6 callers × 1 instance × 1 cluster, every 0.5s; at most 12 at one instance"
        ]
        assert [one.code for one in reports if one.severity is Severity.WARNING] == ["heavy-health-check"]

    @pytest.mark.parametrize(("interval", "warns"), [("100ms", False), ("99ms", True)])
    def test_more_than_ten_per_second_at_one_instance_are_warned_of(self, interval, warns):
        found = mesh(SHOP, check("a", f"port: 80, {HTTP}, interval: {interval}"))
        loud = [one for one in found.survey().reports(found.catalog.place) if one.severity is Severity.WARNING]
        assert [one.code for one in loud] == (["heavy-health-check"] if warns else [])

    def test_grpc_clients_cannot_check(self):
        import msgspec

        from pidalio.rules.grpc_lacks import cluster_lacks

        client = msgspec.structs.replace(sidecar(), delivery=Delivery.GRPC)
        assert client.delivery is Delivery.GRPC
        clusters = plans(mesh(SHOP, check("a", f"port: 80, {HTTP}")), sidecar()).clusters
        found = [one.what for plan in clusters for one in cluster_lacks(plan)]
        assert found == ["check instances"]
