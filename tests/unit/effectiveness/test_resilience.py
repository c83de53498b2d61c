"""What would disappoint when something fails: each matter planted, and a twin without its cause that is silent."""

import re
from pathlib import Path

import pytest
from tests.unit.effectiveness.test_survey import EDGE
from tests.unit.rules.world import document, entry, mesh, mesh_config, rule, service, to

from pidalio.effectiveness import implied_proxies, survey
from pidalio.model import Report, Severity
from pidalio.server.offline import OfflineMesh

EXAMPLES = Path(__file__).parents[3] / "examples"

A, B, C = (f"{name}.example.com" for name in "abc")
CALLS = "annotations: {{pidalio.dev/calls: '{}'}}"


def told(*documents: str) -> list[Report]:
    """Return every finding of the lint."""
    found = mesh(*documents)
    survey = found.survey()
    risks = {(one.code, one.object) for one in survey.findings() if one.is_risk}
    return [one for one in survey.reports(found.catalog.place) if (one.code, one.object) in risks]


def instances(count: int) -> str:
    return f"endpoints: [{', '.join(f'{{address: 10.0.0.{number + 1}}}' for number in range(count))}]"


def backend(count: int = 1, name: str = "a", more: str = "") -> str:
    """Return a service of so many instances."""
    return entry(name, f"{name}.example.com", rest=f"{instances(count)}{more}")


def policy(text: str, name: str = "a") -> str:
    return document("DestinationRule", name, f"{{host: {name}.example.com, trafficPolicy: {{{text}}}}}")


def retrying(rest: str, name: str = "a") -> str:
    return rule(name, f"{name}.example.com", to(f"{name}.example.com", rest))


BUDGET = policy("retryBudget: {}")
BOUNDED = policy("retryBudget: {}", "a"), policy("retryBudget: {}", "b"), policy("retryBudget: {}", "c")
SAFE = document("MeshConfig", "mesh", "{}", group="pidalio.dev/v1", more="annotations: {pidalio.dev/resilience: safe}")
OFF = rule("own", "a", to("a", "retries: {attempts: 0}"))
INGRESS = rule("way-in", "shop.test", to("a"), rest="gateways: [edge]")


def calling(name: str, hosts: str, selector: str = "") -> str:
    """Return a service that says whom it calls."""
    more = f", selector: {{{selector}}}" if selector else ""
    return document(
        "Service", name, f"{{ports: [{{port: 80, name: http}}]{more}}}", more=CALLS.format(hosts) if hosts else ""
    )


CHAIN = (calling("a", "b"), calling("b", "c"), calling("c", ""))


def repeating(name: str, attempts: int, on: str = "5xx") -> str:
    return rule(name, name, to(name, f"retries: {{attempts: {attempts}, retryOn: '{on}'}}"))


@pytest.mark.parametrize(
    ("code", "planted", "expected", "clean"),
    [
        pytest.param(
            "retries-beyond-timeout",
            [backend(), BUDGET, retrying("timeout: 5s, retries: {attempts: 3, perTryTimeout: 2s}")],
            (
                "VirtualService default/a",
                "spec.http[0].retries.perTryTimeout",
                ("4 tries of 2s need 8s, but VirtualService default/a http[0].timeout ends the request "
                "after 5s: of tries that time out only the first 2 come to their end; lengthen the timeout, or make the "
                "tries shorter or fewer"),
            ),
            [backend(), BUDGET, retrying("timeout: 8s, retries: {attempts: 3, perTryTimeout: 2s}")],
            id="no time for all tries",
        ),
        pytest.param(
            "retries-beyond-timeout",
            [backend(), BUDGET, retrying("timeout: 1s, retries: {attempts: 1, perTryTimeout: 1500ms}")],
            ("VirtualService default/a", "spec.http[0].retries.perTryTimeout", "not even the first comes to its end"),
            [backend(), mesh_config("{defaultHttpRetryPolicy: {attempts: 2, perTryTimeout: 9s}}"), retrying("timeout: 1s")],
            id="no time for the first try",
        ),
        pytest.param(
            "retries-without-budget",
            [backend(), retrying("retries: {attempts: 3, retryOn: 5xx}")],
            (
                "VirtualService default/a",
                "spec.http[0].retries",
                ("nothing bounds the retries at a.example.com when many requests fail at once: state retryBudget, or "
                "connectionPool.http.maxRetries, in its DestinationRule"),
            ),
            [backend(), BUDGET, retrying("retries: {attempts: 3, retryOn: 5xx}")],
            id="retries without budget",
        ),
        pytest.param(
            "retries-without-budget",
            [backend(), mesh_config("{defaultHttpRetryPolicy: {attempts: 3}}")],
            ("MeshConfig mesh", "spec.defaultHttpRetryPolicy", "nothing bounds the retries at a.example.com"),
            [backend(), policy("connectionPool: {http: {maxRetries: 9}}"), mesh_config("{defaultHttpRetryPolicy: {attempts: 3}}")],
            id="the mesh's retries without limit",
        ),
        pytest.param(
            "retries-off-elsewhere",
            [service("a"), OFF, EDGE, INGRESS],
            (
                "VirtualService default/own",
                "spec.http[0].retries.attempts",
                ("gateways app=edge call a.default.svc.cluster.local by VirtualService default/way-in http[0], "
                "and repeat failed requests up to 2 times: state `attempts: 0` there too"),
            ),
            [service("a"), OFF, EDGE, rule("way-in", "shop.test", to("a", "retries: {attempts: 0}"), rest="gateways: [edge]")],
            id="a gateway's rule repeats what the service's own does not",
        ),
        pytest.param(
            "retries-off-elsewhere",
            [service("a"), EDGE, rule("own", "a", to("a", "retries: {attempts: 0}"), rest="gateways: [edge]")],
            (
                "VirtualService default/own",
                "spec.http[0].retries.attempts",
                ("sidecars of namespace default call a.default.svc.cluster.local by no rule at all, and repeat failed "
                "requests up to 2 times: make this rule govern them too"),
            ),
            [service("a"), EDGE, rule("own", "a", to("a", "retries: {attempts: 0}"), rest="gateways: [edge, mesh]")],
            id="a rule for gateways alone",
        ),
        pytest.param(
            "retries-off-elsewhere",
            [service("a"), service("b"), rule("z", "b", "[{route: [{destination: {host: b}}]}, {route: [{destination: {host: a}}], retries: {attempts: 0}}]")],
            ("VirtualService default/z", "spec.http[1].retries.attempts", "sidecars of namespace default call a.default"),
            [service("a"), service("b"), rule("z", "b", "[{match: [{method: {exact: GET}}], route: [{destination: {host: b}}]}, {route: [{destination: {host: a}}], retries: {attempts: 0}}]")],
            id="a part that no request selects",
        ),
        pytest.param(
            "outlier-never-ejects",
            [backend(9), policy("outlierDetection: {}")],
            (
                "DestinationRule default/a",
                "spec.trafficPolicy.outlierDetection.maxEjectionPercent",
                "10 % of 9 instances of a.example.com is less than one: none is ever ejected; state 12 or more",
            ),
            [backend(10), policy("outlierDetection: {}")],
            id="fewer than ten",
        ),
        pytest.param(
            "outlier-never-ejects",
            [backend(3), policy("outlierDetection: {maxEjectionPercent: 33}")],
            ("DestinationRule default/a", "spec.trafficPolicy.outlierDetection.maxEjectionPercent", "state 34 or more"),
            [backend(3), policy("outlierDetection: {maxEjectionPercent: 34}")],
            id="a third of three, rounded",
        ),
        pytest.param(
            "outlier-never-ejects",
            [backend(30), policy("outlierDetection: {consecutive5xxErrors: 0}")],
            ("DestinationRule default/a", "spec.trafficPolicy.outlierDetection", "no kind of error ejects an instance"),
            [backend(30), policy("outlierDetection: {consecutive5xxErrors: 0, consecutiveGatewayErrors: 3}")],
            id="nothing counts",
        ),
        pytest.param(
            "outlier-never-ejects",
            [backend(3), mesh_config("{defaultTrafficPolicy: {outlierDetection: {}}}")],
            ("MeshConfig mesh", "spec.defaultTrafficPolicy.outlierDetection.maxEjectionPercent", "10 % of 3 instances"),
            [backend(3), backend(12, "b"), mesh_config("{defaultTrafficPolicy: {outlierDetection: {}}}")],
            id="a default that fits no service",
        ),
        pytest.param(
            "outlier-ejects-all",
            [backend(3), policy("outlierDetection: {maxEjectionPercent: 100}")],
            (
                "DestinationRule default/a",
                "spec.trafficPolicy.outlierDetection.maxEjectionPercent",
                ("when all instances of a.example.com fail, all are ejected, and every request is answered 503: state less "
                "than 100, or minHealthPercent, below which all get requests again"),
            ),
            [backend(3), policy("outlierDetection: {maxEjectionPercent: 100, minHealthPercent: 30}")],
            id="all out, no panic",
        ),
        pytest.param(
            "failover-without-ejection",
            [backend(), policy("loadBalancer: {localityLbSetting: {failover: [{from: x, to: y}]}}")],
            (
                "DestinationRule default/a",
                "spec.trafficPolicy.loadBalancer.localityLbSetting",
                "nothing is ejected, so that no locality is ever left for another: state outlierDetection for the same hosts",
            ),
            [backend(10), policy("loadBalancer: {localityLbSetting: {failover: [{from: x, to: y}]}}, outlierDetection: {}")],
            id="failover of a rule",
        ),
        pytest.param(
            "failover-without-ejection",
            [backend(10), policy("loadBalancer: {localityLbSetting: {failover: [{from: x, to: y}]}}")],
            ("DestinationRule default/a", "spec.trafficPolicy.loadBalancer.localityLbSetting", "nothing is ejected"),
            [
                backend(10),
                policy("loadBalancer: {localityLbSetting: {failover: [{from: x, to: y}]}}"),
                mesh_config("{defaultTrafficPolicy: {outlierDetection: {}}}"),
            ],
            id="ejection comes from the mesh",
        ),
        pytest.param(
            "failover-without-ejection",
            [backend(), mesh_config("{localityLbSetting: {failoverPriority: [x]}}")],
            ("MeshConfig mesh", "spec.localityLbSetting", "nothing is ejected"),
            [backend(10), policy("outlierDetection: {}"), mesh_config("{localityLbSetting: {failoverPriority: [x]}}")],
            id="failover of the mesh",
        ),
        pytest.param(
            "attempts-multiply",
            [*CHAIN, repeating("b", 2), repeating("c", 3)],
            (
                "VirtualService default/c",
                "spec.http[0].retries.attempts",
                ("one request along a.default.svc.cluster.local → b.default.svc.cluster.local → c.default.svc.cluster.local becomes up to 12 at "
                "its end when the last one answers 500: 3 by VirtualService default/b http[0].retries × 4 by "
                "VirtualService default/c http[0].retries; let one hop repeat requests and state "
                "`attempts: 0` at the others, or lower attempts"),
            ),
            [*CHAIN, repeating("b", 2), repeating("c", 2)],
            id="a chain by statement",
        ),
        pytest.param(
            "attempts-multiply",
            [*CHAIN, repeating("b", 2, "gateway-error"), repeating("c", 9, "connect-failure")],
            ("VirtualService default/c", "spec.http[0].retries.attempts", "when the last one refuses connections: 3 by"),
            [*CHAIN, repeating("b", 2, "retriable-4xx"), repeating("c", 9, "connect-failure")],
            id="what is answered above is not what failed below",
        ),
        pytest.param(
            "attempts-multiply",
            [service("a"), repeating("a", 10)],
            ("VirtualService default/a", "spec.http[0].retries.attempts", "becomes up to 11 at its end"),
            [service("a"), repeating("a", 9)],
            id="a single hop",
        ),
        pytest.param(
            "attempts-multiply",
            [
                calling("a", "", "app: a"),
                service("b"),
                service("c"),
                document("Sidecar", "a", "{workloadSelector: {labels: {app: a}}, egress: [{hosts: [default/c.default.svc.cluster.local]}]}"),
                repeating("a", 3),
                repeating("c", 3),
            ],
            ("VirtualService default/a", "spec.http[0].retries.attempts", "becomes up to 16 at its end"),
            [
                calling("a", "", "app: a"),
                service("b"),
                service("c"),
                document("Sidecar", "a", "{workloadSelector: {labels: {app: a}}, egress: [{hosts: ['default/*']}]}"),
                repeating("a", 3),
                repeating("c", 3),
            ],
            id="a chain by a Sidecar",
        ),
        pytest.param(
            "attempts-multiply",
            [calling("a", "b"), service("b"), EDGE, rule("way-in", "shop.test", to("a", "retries: {attempts: 3, retryOn: 5xx}"), rest="gateways: [edge]"), repeating("b", 3)],
            ("VirtualService default/way-in", "spec.http[0].retries.attempts", "one request along gateway app=edge → a.default"),
            [calling("a", ""), service("b"), EDGE, rule("way-in", "shop.test", to("a", "retries: {attempts: 3, retryOn: 5xx}"), rest="gateways: [edge]"), repeating("b", 3)],
            id="a chain from a gateway",
        ),
    ],
)  # fmt: skip
def test_each_matter_is_told_where_it_is_planted_and_nowhere_else(code, planted, expected, clean):
    found = [one for one in told(*planted) if one.code == code]
    assert [(str(one.object), one.path) for one in found] == [expected[:2]]
    assert expected[2] in re.sub(r" \(mesh.yaml:\d+\)", "", found[0].message)
    assert found[0].place is not None
    assert [one.message for one in told(*clean) if one.code == code] == []


PLAIN = rule("a", "a.example.com", to("a.example.com", "timeout: 3s, retries: {attempts: 2, retryOn: connect-failure}"))


@pytest.mark.parametrize(
    "documents",
    [
        pytest.param([backend(2), service("b"), EDGE, rule("b", "shop.test", to("b"), rest="gateways: [edge]")], id="defaults"),
        pytest.param([backend(1), PLAIN, policy("loadBalancer: {simple: ROUND_ROBIN}")], id="plain rules"),
        pytest.param([service("a"), policy("outlierDetection: {}").replace("a.example.com", "a")], id="instances unknown"),
        pytest.param(
            [entry("a", "a.example.com", rest="resolution: DNS, endpoints: [{address: a.test}]"), policy("outlierDetection: {}")],
            id="only DNS knows the instances",
        ),
        pytest.param([service("a"), service("b"), OFF, rule("b", "b", to("a", "retries: {attempts: 1, retryOn: refused-stream}"))], id="both say how often"),
        pytest.param([service("a"), service("b"), OFF, rule("b", "b", to("b"))], id="another service"),
        pytest.param([service("a"), EDGE, rule("way-in", "shop.test", to("a", "retries: {attempts: 0}"), rest="gateways: [edge]")], id="a gateway's host"),
        pytest.param([service("a", "shop"), rule("a", "a", to("a", "retries: {attempts: 0}"), "shop", "exportTo: ['.']")], id="nobody lives elsewhere"),
        pytest.param([calling("a", "b", ""), calling("b", "c"), calling("c", "a")], id="a circle of defaults"),
        pytest.param([backend(), retrying("retries: {attempts: 3, retryOn: 5xx}"), SAFE], id="the profile's budget"),
        pytest.param([backend(3), mesh_config("{zoneAwareLbSetting: {failover: [{from: x, to: y}]}}")], id="zones of the mesh"),
        pytest.param([backend(3), policy("loadBalancer: {zoneAwareLbSetting: {failover: [{from: x, to: y}]}}")], id="zones of a rule"),
        pytest.param([*(calling(name, below) for name, below in zip("abcdef", "bcdef ", strict=True))], id="a long chain of defaults"),
        pytest.param(
            [
                entry("a", "a.example.com", rest="endpoints: [{address: 10.0.0.1, locality: x}, {address: 10.0.0.2, locality: y}]"),
                policy("loadBalancer: {localityLbSetting: {failover: [{from: x, to: y}]}}, outlierDetection: {maxEjectionPercent: 100}"),
            ],
            id="others stand in",
        ),
    ],
)  # fmt: skip
def test_nothing_is_told_without_a_reason(documents):
    assert [one.line() for one in told(*documents)] == []


def test_the_demo_and_the_examples_are_silent():
    for folder in sorted(path for path in EXAMPLES.iterdir() if path.is_dir()):
        survey = OfflineMesh.from_paths([str(folder)]).survey()
        assert [one for one in survey.findings() if one.is_risk] == [], folder


def test_only_retries_without_budget_may_well_be_meant():
    found = told(backend(), retrying("timeout: 1s, retries: {attempts: 3, retryOn: 5xx, perTryTimeout: 1s}"))
    assert {one.code: one.severity for one in found} == {
        "retries-without-budget": Severity.INFO,
        "retries-beyond-timeout": Severity.WARNING,
    }


def test_a_report_points_at_the_field_to_change():
    text = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: a
spec:
  hosts:
    - a.example.com
  http:
    - route:
        - destination:
            host: a.example.com
      timeout: 1s
      retries:
        attempts: 1
        perTryTimeout: 2s
"""
    (found,) = (one for one in told(backend(), text) if one.code == "retries-beyond-timeout")
    whole = "\n---\n".join((backend(), text)).splitlines()
    assert found.place is not None
    assert whole[found.place.line - 1].strip() == "perTryTimeout: 2s"


def test_a_workload_says_whom_it_calls_and_a_statement_counts_instead_of_a_sidecar():
    sidecar = document("Sidecar", "a", "{workloadSelector: {labels: {app: a}}, egress: [{hosts: [default/b.default.svc.cluster.local, default/c.default.svc.cluster.local]}]}")  # fmt: skip
    rules = (repeating("a", 3), repeating("c", 3))
    services = (calling("a", "", "app: a"), service("b"), service("c"))
    assert [one.code for one in told(*services, sidecar, *rules) if one.severity is Severity.WARNING] == [
        "attempts-multiply"
    ]
    calls_c, calls_b = (
        document(
            "LocalWorkload", "w", "{command: [x], labels: {app: a}}", group="pidalio.dev/v1", more=CALLS.format(host)
        )
        for host in "cb"
    )
    assert "attempts-multiply" in {one.code for one in told(*services, calls_c, *rules)}
    assert "attempts-multiply" not in {one.code for one in told(*services, sidecar, calls_b, *rules)}


def test_grpc_repeats_what_is_unavailable_from_hop_to_hop():
    def grpc(name: str, hosts: str) -> str:
        return document("Service", name, "{ports: [{port: 80, name: grpc}]}", more=CALLS.format(hosts))

    chain = [*(grpc(name, below) for name, below in zip("abcd", "bcd ", strict=True)), repeating("c", 2, "unavailable")]
    (found,) = (one for one in told(*chain) if one.code == "attempts-multiply")
    assert "becomes up to 27 at its end when the last one answers gRPC status 14: 3 × 3 by" in found.message
    plain = [one.replace("name: grpc", "name: http") for one in chain]
    assert "attempts-multiply" not in {one.code for one in told(*plain)}


def test_a_circle_ends():
    circle = [calling("a", "b"), calling("b", "a"), repeating("a", 4), repeating("b", 4)]
    found = {str(one.object): one.message for one in told(*circle) if one.code == "attempts-multiply"}
    assert all("becomes up to 25" in message for message in found.values())
    assert found


def test_a_callee_that_nobody_serves_is_told():
    found = mesh(calling("a", "b, nobody"), service("b"))
    reports = [(one.code, one.path) for one in found.reports()]
    assert reports == [("unknown-callee", 'metadata.annotations["pidalio.dev/calls"]')]


def test_what_a_wildcard_or_a_rule_serves_may_be_called():
    wide = entry("wide", "'*.example.com'", rest="resolution: NONE")
    virtual = rule("virtual", "api.test", to("b"))
    assert mesh(calling("a", "x.example.com api.test"), service("b"), wide, virtual).reports() == ()


def test_a_few_objects_alone_are_not_judged():
    found = mesh(backend(9), policy("outlierDetection: {}"))
    objects = found.objects("DestinationRule")
    whole, some = (survey(found.world, implied_proxies(found.world), objects, only=only) for only in (False, True))
    assert [one.code for one in whole.findings()] == ["outlier-never-ejects"]
    assert list(some.findings()) == []
