"""Who may see what: exportTo, mesh defaults, Sidecar selection and egress hosts."""

import pytest
from tests.unit.rules.world import (
    DOMAIN,
    clusters,
    document,
    entry,
    hosts,
    mesh,
    mesh_config,
    route,
    router,
    rule,
    seen_services,
    sent_to,
    service,
    sidecar,
    to,
)

from pidalio.pipeline import groups_of
from pidalio.rules.visibility import outbound_policy, scope_of

A, B, C = f"a.ns1.{DOMAIN}", f"b.ns2.{DOMAIN}", f"c.ns3.{DOMAIN}"
THREE = (service("a", "ns1"), service("b", "ns2"), service("c", "ns3"))


def restricted(*egress: str, namespace: str = "ns1", name: str = "default", rest: str = "", created: str = "") -> str:
    listed = ", ".join(f'"{one}"' for one in egress)
    inner = f"egress: [{{hosts: [{listed}]}}]" if egress else ""
    spec = ", ".join(part for part in (inner, rest) if part)
    return document("Sidecar", name, f"{{{spec}}}", namespace, created=created)


@pytest.mark.parametrize(
    ("export", "seen_by"),
    [
        ("", {"ns1", "ns2", "ns3", "empty"}),
        ("*", {"ns1", "ns2", "ns3", "empty"}),
        (".", {"ns1"}),
        ("ns2", {"ns2"}),
        (".,ns2", {"ns1", "ns2"}),
        ("empty", {"empty"}),
        ("~", set()),
    ],
)
def test_a_service_is_seen_where_it_is_exported(export, seen_by):
    found = mesh(service("a", "ns1", export=export), service("b", "ns2"), service("c", "ns3"))
    assert {space for space in ("ns1", "ns2", "ns3", "empty") if A in seen_services(found, sidecar(space))} == seen_by


@pytest.mark.parametrize(
    ("default", "seen_by"),
    [
        ("['*']", {"ns1", "ns2", "elsewhere"}),
        ("['.']", {"ns1"}),
        ("[ns2]", {"ns2"}),
        ("['.', ns2]", {"ns1", "ns2"}),
        ("[elsewhere]", {"elsewhere"}),
    ],
)
@pytest.mark.parametrize("kind", ["Service", "VirtualService"])
def test_the_mesh_has_a_default_for_what_states_no_export(kind, default, seen_by):
    """Namespaces without any service or rule of their own count, too."""
    config = mesh_config(f"{{default{kind}ExportTo: {default}}}")
    target = entry("target", "target.com", "ns3", "exportTo: ['*']")
    if kind == "Service":
        found = mesh(config, target, entry("a", "a.com", "ns1"))
        seen = {space for space in ("ns1", "ns2", "elsewhere") if "a.com" in seen_services(found, sidecar(space))}
    else:
        found = mesh(config, target, rule("a", "a.com", to("target.com"), "ns1"))
        seen = {space for space in ("ns1", "ns2", "elsewhere") if "a.com:80" in hosts(found, sidecar(space))}
    assert seen == seen_by


@pytest.mark.parametrize(
    ("egress", "seen"),
    [
        (("./*",), {A}),
        (("ns2/*",), {B}),
        (("ns2/*", "./*"), {A, B}),
        (("*/*",), {A, B, C}),
        ((f"*/{B}",), {B}),
        ((f"*/*.ns3.{DOMAIN}",), {C}),
        ((f"ns2/{C}",), set()),
        (("~/*",), set()),
        (("*/*", "~ns2/*"), {A, C}),
        (("*/*", f"~ns2/{C}"), {A, B, C}),
        ((), {A, B, C}),
    ],
)
def test_egress_hosts_let_in_what_they_name(egress, seen):
    policy = "outboundTrafficPolicy: {mode: ALLOW_ANY}"
    found = mesh(*THREE, restricted(*egress, rest=policy))
    assert seen_services(found, sidecar("ns1")) == seen
    assert seen_services(found, sidecar("ns2")) == {A, B, C}


def test_egress_does_not_let_in_what_is_not_exported():
    found = mesh(service("a", "ns1"), service("b", "ns2", export="."), restricted("ns2/*", "./*"))
    assert seen_services(found, sidecar("ns1")) == {A}


@pytest.mark.parametrize(
    ("egress", "seen"),
    [
        ("*/*.example.com", {"*.example.com"}),
        ("ns2/*.com", {"*.example.com"}),
        ("*/api.example.com", set()),
        ("ns2/*.api.example.com", set()),
    ],
)
def test_a_wildcard_entry_is_let_in_as_a_whole_or_not_at_all(egress, seen):
    found = mesh(entry("wild", "'*.example.com'", "ns2", "resolution: NONE"), restricted(egress))
    assert seen_services(found, sidecar("ns1")) == seen


def test_a_rule_for_a_wildcard_is_let_in_by_a_name_under_it():
    documents = service("a", "ns1"), rule("wild", "'*.example.com'", to(A), "ns2")
    assert "*.example.com:80" in hosts(mesh(*documents, restricted("*/api.example.com")), sidecar("ns1"))


def test_everything_let_in_is_no_restriction_and_shares_the_scope():
    found = mesh(*THREE, restricted("*/*", "./*", namespace="lonely"))
    assert scope_of(found.world, sidecar("lonely")) == scope_of(found.world, sidecar("elsewhere"))


def test_a_rule_is_imported_when_any_of_its_hosts_is():
    documents = (
        service("a", "ns1"),
        service("b", "ns2"),
        rule("both", "x.example.com, y.example.com", to(B), "ns2"),
    )
    found = mesh(*documents, restricted("*/x.example.com"))
    assert {"x.example.com:80", "y.example.com:80"} <= set(hosts(found, sidecar("ns1")))
    assert "x.example.com:80" not in hosts(mesh(*documents, restricted("./*")), sidecar("ns1"))


@pytest.mark.parametrize(
    ("labels", "chosen"),
    [
        ({"app": "web"}, "selected-old"),
        ({"app": "other"}, "plain-old"),
    ],
)
def test_a_matching_selector_then_the_namespace_then_the_root_each_the_oldest(labels, chosen):
    def one(name, namespace, created, selector=""):
        choice = f"workloadSelector: {{labels: {{{selector}}}}}" if selector else ""
        return restricted(f"*/{name}.com", namespace=namespace, name=name, rest=choice, created=created)

    names = ("selected-new", "selected-old", "plain-new", "plain-old", "root")
    found = mesh(
        *(entry(name, f"{name}.com", "ns2") for name in names),
        one("selected-new", "ns1", "2024-02-01T00:00:00Z", "app: web"),
        one("selected-old", "ns1", "2024-01-01T00:00:00Z", "app: web"),
        one("plain-new", "ns1", "2023-02-01T00:00:00Z"),
        one("plain-old", "ns1", "2023-01-01T00:00:00Z"),
        one("root", "istio-system", "2020-01-01T00:00:00Z"),
    )
    assert seen_services(found, sidecar("ns1", **labels)) == {f"{chosen}.com"}
    assert seen_services(found, sidecar("ns3", **labels)) == {"root.com"}


def test_a_selector_of_the_root_namespace_is_for_its_own_workloads():
    choice = "workloadSelector: {labels: {app: web}}"
    found = mesh(*THREE, restricted(f"*/{B}", namespace="istio-system", rest=choice))
    assert seen_services(found, sidecar("ns1", app="web")) == {A, B, C}
    assert seen_services(found, sidecar("istio-system", app="web")) == {B}


def test_the_own_namespace_in_the_roots_sidecar_is_the_clients():
    found = mesh(*THREE, restricted("./*", namespace="istio-system"))
    assert seen_services(found, sidecar("ns2")) == {B}


def test_the_mesh_may_name_another_root():
    found = mesh(*THREE, mesh_config("{rootNamespace: ns3}"), restricted("./*", namespace="ns3"))
    assert seen_services(found, sidecar("ns1")) == {A}


def test_a_sidecar_never_restricts_a_gateway():
    found = mesh(*THREE, restricted("./*", namespace="ns1"))
    assert seen_services(found, router("ns1")) == {A, B, C}


@pytest.mark.parametrize(
    ("documents", "allowed"),
    [
        ((), True),
        ((mesh_config("{outboundTrafficPolicy: {}}"),), False),
        ((mesh_config("{outboundTrafficPolicy: {mode: ALLOW_ANY}}"),), True),
        ((restricted(rest="outboundTrafficPolicy: {}"),), False),
        (
            (
                mesh_config("{outboundTrafficPolicy: {mode: REGISTRY_ONLY}}"),
                restricted("*/*", rest="outboundTrafficPolicy: {mode: ALLOW_ANY}"),
            ),
            True,
        ),
        ((mesh_config("{outboundTrafficPolicy: {mode: REGISTRY_ONLY}}"), restricted("*/*")), False),
    ],
)
def test_unknown_hosts_follow_the_sidecar_then_the_mesh(documents, allowed):
    found = mesh(*documents)
    assert outbound_policy(found.world, sidecar("ns1")).allows_any is allowed


class TestImplicitImport:
    """Services that an imported rule routes to are in scope, though no egress host names them (reference §2.2)."""

    @pytest.mark.parametrize(
        "http",
        [
            to(B),
            f"[{{route: [{{destination: {{host: {A}}}}}], mirror: {{host: {B}}}}}]",
            f"[{{route: [{{destination: {{host: {A}}}}}], mirrors: [{{destination: {{host: {B}}}}}]}}]",
            f"[{{match: [{{uri: {{prefix: /x}}}}], route: [{{destination: {{host: {B}}}}}]}}, {{redirect: {{uri: /}}}}]",
        ],
        ids=["route", "mirror", "mirrors", "first-of-two"],
    )
    def test_every_destination_is_added(self, http):
        found = mesh(*THREE, rule("go", A, http, "ns1"), restricted("./*"))
        assert seen_services(found, sidecar("ns1")) == {A, B}
        assert f"outbound|80||{B}" in {one.name for one in _clusters(found)}

    def test_a_rule_that_is_not_imported_adds_nothing(self):
        found = mesh(*THREE, rule("go", "go.example.com", to(B), "ns3"), restricted("./*"))
        assert seen_services(found, sidecar("ns1")) == {A}

    def test_a_rule_for_gateways_adds_nothing(self):
        found = mesh(*THREE, rule("go", A, to(B), "ns1", "gateways: [edge]"), restricted("./*"))
        assert seen_services(found, sidecar("ns1")) == {A}

    def test_what_is_not_exported_stays_out(self):
        found = mesh(
            service("a", "ns1"), service("b", "ns2", export="."), rule("go", A, to(B), "ns1"), restricted("./*")
        )
        assert seen_services(found, sidecar("ns1")) == {A}

    def test_the_own_namespace_then_the_platform_then_the_oldest_declares_it(self):
        shared = "shared.example.com"
        documents = [
            entry("young", shared, "ns3", "endpoints: [{address: 10.0.0.3}]", created="2024-01-01T00:00:00Z"),
            entry("old", shared, "ns2", "endpoints: [{address: 10.0.0.2}]", created="2020-01-01T00:00:00Z"),
        ]
        base = (service("a", "ns1"), rule("go", A, to(shared), "ns1"), restricted(f"*/{A}"))
        found = mesh(*base, *documents)
        assert {one.namespace for one in _clusters(found) if shared in one.name} == {"ns2"}
        found = mesh(*base, *documents, entry("own", shared, "ns1", created="2025-01-01T00:00:00Z"))
        assert {one.namespace for one in _clusters(found) if shared in one.name} == {"ns1"}

    def test_without_a_restriction_nothing_is_looked_up(self):
        found = mesh(*THREE, rule("go", A, to(B), "ns1"))
        ran = []
        found.world.trace = lambda query, args: ran.append(query.name)
        seen_services(found, sidecar("ns1"))
        assert "imported_rules" not in ran


def test_a_small_scope_in_a_large_mesh_is_not_woken_by_strangers():
    found = mesh(*THREE, restricted("./*", f"*/{B}"))
    seen_services(found, sidecar("ns1"))
    other = mesh(
        *THREE, service("d", "ns3"), rule("d", f"d.ns3.{DOMAIN}", namespace="ns3"), restricted("./*", f"*/{B}")
    )
    rows = {table: dict(content.rows) for table, content in other.world.tables.items()}
    changes = found.world.apply(rows)
    assert not [name for name, _ in changes.ran if name in ("visible_services", "imported_rules", "virtual_host_keys")]


def test_namespaces_that_own_nothing_share_one_scope():
    found = mesh(*THREE)
    assert groups_of(found.world, sidecar("x"))[0] == groups_of(found.world, sidecar("y", address="10.9.9.7"))[0]


def test_labels_count_only_where_a_rule_asks_for_them():
    asks = rule(
        "go", A, f"[{{match: [{{sourceLabels: {{env: test}}}}], route: [{{destination: {{host: {B}}}}}]}}]", "ns1"
    )
    found = mesh(*THREE, asks)
    assert scope_of(found.world, sidecar("ns2", env="test", app="x")).labels == (("env", "test"),)
    assert sent_to(route(found, f"{A}:80", sidecar("ns2", env="test"))) == f"outbound|80||{B}"
    assert sent_to(route(found, f"{A}:80", sidecar("ns2"))) == f"outbound|80||{A}"


def _clusters(found):
    return clusters(found, sidecar("ns1")).values()
