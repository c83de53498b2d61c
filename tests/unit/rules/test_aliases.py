"""Platform services of type ExternalName: second names of other services (reference §2.11)."""

from tests.unit.rules.world import (
    action,
    clusters,
    document,
    domain_owners,
    entry,
    hosts,
    mesh,
    plans,
    route,
    routes,
    rule,
    seen_services,
    sent_to,
    service,
    sidecar,
    to,
    told,
)

WEB = "web.default.svc.cluster.local"
OTHER = "other.far.svc.cluster.local"


def alias(name: str, target: str, namespace: str = "default", more: str = "") -> str:
    return document("Service", name, f"{{type: ExternalName, externalName: {target}{more}}}", namespace)


def owned(found, host: str, proxy=None) -> set[str]:
    """Return the domains of a virtual host that bear the alias's name."""
    return {name for name, owner in domain_owners(found, proxy).items() if owner == host and "other" in name}


class TestNames:
    def test_a_service_is_called_by_its_aliases_on_its_own_ports(self):
        found = mesh(service("web", ports="80 8080"), alias("other", WEB, "far", ", ports: [{port: 9999}]"))
        assert owned(found, f"{WEB}:8080") == {
            f"{name}:8080" for name in (OTHER, f"{OTHER}.", "other.far", "other.far.svc")
        }
        assert {OTHER, f"{OTHER}:80", "other.far"} <= owned(found, f"{WEB}:80")
        assert set(hosts(found)) == {f"{WEB}:80", f"{WEB}:8080"}

    def test_only_its_own_namespace_uses_the_bare_name(self):
        found = mesh(service("web"), alias("other", WEB, "far"))
        assert "other" in owned(found, f"{WEB}:80", sidecar("far"))
        assert "web" not in domain_owners(found, sidecar("far"))
        for space in ("default", "elsewhere"):
            assert "other" not in domain_owners(found, sidecar(space))
        assert "web" in domain_owners(found, sidecar("default"))

    def test_a_service_entry_has_aliases_too(self):
        found = mesh(entry("api", "api.com"), alias("other", "API.com.", "far"))
        assert OTHER in owned(found, "api.com:80")

    def test_chains_end_at_the_service(self):
        found = mesh(service("web"), alias("a", OTHER), alias("other", WEB, "far"))
        assert {"a.default", "other.far"} <= {name for name, owner in domain_owners(found).items()}
        assert set(hosts(found)) == {f"{WEB}:80"}

    def test_a_chain_that_ends_in_itself_or_nowhere_is_an_unknown_host(self):
        one, two = alias("one", "two.default.svc.cluster.local"), alias("two", "one.default.svc.cluster.local")
        assert not hosts(mesh(one, two, alias("other", "nowhere.com")))

    def test_a_host_that_a_service_has_is_no_alias(self):
        found = mesh(service("web"), alias("other", WEB, "far"), entry("other", OTHER))
        assert domain_owners(found)[OTHER] == f"{OTHER}:80"
        assert not owned(found, f"{WEB}:80")

    def test_what_is_called_by_an_aliass_short_name_keeps_it(self):
        found = mesh(service("web"), alias("other", WEB, "far"), rule("r", "other.far", to(WEB)))
        assert domain_owners(found)["other.far"] == "other.far:80"

    def test_an_alias_of_an_unseen_service_names_nothing(self):
        found = mesh(service("web", "hidden", export="."), alias("other", "web.hidden.svc.cluster.local", "far"))
        assert not hosts(found)


class TestRules:
    def test_destinations_mean_the_service(self):
        found = mesh(
            service("web", ports="8080"), alias("other", WEB, "far"), entry("r", "r.com"), rule("r", "r.com", to(OTHER))
        )
        assert sent_to(route(found, "r.com:80")) == f"outbound|8080||{WEB}"
        assert not told(found)

    def test_mirrors_and_subsets_too(self):
        subsets = document("DestinationRule", "web", "{host: web, subsets: [{name: v1, labels: {a: b}}]}")
        http = (
            "[{route: [{destination: {host: other.far.svc.cluster.local, subset: v1}}], "
            "mirror: {host: other.far.svc.cluster.local}}]"
        )
        found = mesh(service("web"), alias("other", WEB, "far"), subsets, rule("r", "r.com", http))
        assert sent_to(route(found, "r.com:80")) == f"outbound|80|v1|{WEB}"
        assert action(found, "r.com:80").mirrors[0].cluster == f"outbound|80||{WEB}"
        assert not told(found)

    def test_rules_for_the_service_hold_for_its_aliases_and_rules_for_aliases_do_not(self):
        found = mesh(
            service("web"),
            entry("one", "one.com"),
            alias("other", WEB, "far"),
            rule("web", WEB, to("one.com")),
            rule("other", OTHER, "[{directResponse: {status: 418}}]"),
            document(
                "DestinationRule", "other", f"{{host: {OTHER}, trafficPolicy: {{loadBalancer: {{simple: RANDOM}}}}}}"
            ),
        )
        assert domain_owners(found)[OTHER] == f"{WEB}:80"
        assert sent_to(routes(found, f"{WEB}:80")[0]) == "outbound|80||one.com"
        assert sorted(told(found)) == [
            ("alias-host", "DestinationRule default/other", "spec.host"),
            ("alias-host", "VirtualService default/other", "spec.hosts[0]"),
        ]

    def test_without_its_service_it_is_told_and_destinations_fail(self):
        found = mesh(alias("other", "nowhere.com", "far"), rule("r", "r.com", to(OTHER)))
        assert sent_to(route(found, "r.com:80")) == "outbound|80||nowhere.com"
        assert "outbound|80||nowhere.com" not in clusters(found)
        assert sorted(told(found)) == [
            ("unknown-host", "VirtualService default/r", "spec.http[0].route[0].destination.host"),
            ("unserved-alias", "Service far/other", "spec.externalName"),
        ]

    def test_a_scope_gets_the_service_behind_an_imported_rule(self):
        narrow = document("Sidecar", "default", "{egress: [{hosts: ['*/r.com']}]}")
        found = mesh(service("web"), alias("other", WEB, "far"), narrow, rule("r", "r.com", to(OTHER)))
        assert seen_services(found) == {WEB}

    def test_gateways_send_to_the_service(self):
        from tests.unit.rules.world import router

        edge = document(
            "Gateway",
            "edge",
            "{selector: {istio: ingress}, servers: [{port: {number: 80, name: h, protocol: HTTP}, hosts: ['*']}]}",
        )
        found = mesh(
            service("web"), alias("other", WEB, "far"), edge, rule("r", "r.com", to(OTHER), rest="gateways: [edge]")
        )
        (table,) = plans(found, router()).tables
        (only,) = (one for host in table.virtual_hosts for one in host.routes)
        assert sent_to(only) == f"outbound|80||{WEB}"
