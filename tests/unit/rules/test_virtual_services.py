"""Which VirtualService governs a host, and for whom (reference §2.1, §2.2, §2.5)."""

import pytest
from tests.unit.rules.world import DOMAIN, document, entry, hosts, mesh, route, rule, sent_to, service, sidecar, to

REVIEWS = f"reviews.prod.{DOMAIN}"
BASE = (service("reviews", "prod"), *(entry(name, f"{name}.com") for name in ("one", "two", "three")))


def governed_by(found, client: str = "client", host: str = REVIEWS) -> str:
    """Return which of the targets `one`, `two`, `three` gets the requests; `default` where no rule governs."""
    cluster = sent_to(route(found, f"{host}:80", sidecar(client)))
    return "default" if cluster == f"outbound|80||{host}" else cluster.split("|")[3].removesuffix(".com")


@pytest.mark.parametrize(
    ("rules", "winner"),
    [
        ((), "default"),
        ((("one", REVIEWS),), "one"),
        ((("one", f"'*.prod.{DOMAIN}'"), ("two", REVIEWS)), "two"),
        ((("one", "'*.local'"), ("two", f"'*.prod.{DOMAIN}'")), "two"),
        ((("one", REVIEWS), ("two", REVIEWS)), "one"),
        ((("two", REVIEWS), ("one", REVIEWS)), "one"),
        ((("one", "other.com"),), "default"),
        ((("one", "Reviews.PROD.svc.Cluster.local"),), "one"),
        ((("one", "reviews.prod"),), "default"),
    ],
)
def test_the_most_specific_host_wins_then_the_name(rules, winner):
    documents = (rule(name, written, to(f"{name}.com"), "ns") for name, written in rules)
    assert governed_by(mesh(*BASE, *documents)) == winner


def test_of_equal_hosts_the_older_wins_before_the_name():
    found = mesh(
        *BASE,
        rule("one", REVIEWS, to("one.com"), created="2024-01-01T00:00:00Z"),
        rule("two", REVIEWS, to("two.com"), created="2020-01-01T00:00:00Z"),
    )
    assert governed_by(found) == "two"


def test_of_equal_age_and_name_the_namespace_decides():
    found = mesh(*BASE, rule("r", REVIEWS, to("two.com"), "b"), rule("r", REVIEWS, to("one.com"), "a"))
    assert governed_by(found) == "one"


def test_a_short_host_is_of_the_rules_own_namespace():
    assert governed_by(mesh(*BASE, rule("one", "reviews", to("one.com"), "prod"))) == "one"
    assert governed_by(mesh(*BASE, rule("one", "reviews", to("one.com"), "other"))) == "default"


@pytest.mark.parametrize(
    ("export", "governed"),
    [
        ("['*']", {"ns", "prod", "client"}),
        ("['.']", {"ns"}),
        ("[client]", {"client"}),
        ("['.', client]", {"ns", "client"}),
    ],
)
def test_a_rule_governs_where_it_is_exported(export, governed):
    found = mesh(*BASE, rule("one", REVIEWS, to("one.com"), "ns", f"exportTo: {export}"))
    assert {space for space in ("ns", "prod", "client") if governed_by(found, space) == "one"} == governed


def test_an_invisible_rule_leaves_the_next_one_in_charge():
    found = mesh(
        *BASE,
        rule("one", REVIEWS, to("one.com"), "ns", "exportTo: ['.']", created="2020-01-01T00:00:00Z"),
        rule("two", f"'*.prod.{DOMAIN}'", to("two.com"), "ns"),
    )
    assert (governed_by(found, "ns"), governed_by(found, "client")) == ("one", "two")


def test_rules_of_one_host_are_not_merged_at_sidecars():
    first = rule("one", REVIEWS, "[{match: [{uri: {prefix: /a}}], route: [{destination: {host: one.com}}]}]")
    found = mesh(*BASE, first, rule("two", REVIEWS, to("two.com")))
    assert sent_to(route(found, f"{REVIEWS}:80")) == "outbound|80||one.com"


def test_a_rule_for_gateways_only_does_not_govern_sidecars():
    assert governed_by(mesh(*BASE, rule("one", REVIEWS, to("one.com"), rest="gateways: [edge]"))) == "default"
    assert governed_by(mesh(*BASE, rule("one", REVIEWS, to("one.com"), rest="gateways: [edge, mesh]"))) == "one"


def test_a_rule_of_which_nothing_applies_counts_as_absent():
    http = "[{match: [{sourceNamespace: ns}], route: [{destination: {host: one.com}}]}]"
    found = mesh(*BASE, rule("one", REVIEWS, http), rule("two", f"'*.prod.{DOMAIN}'", to("two.com")))
    assert (governed_by(found, "ns"), governed_by(found, "client")) == ("one", "default")


def test_a_rule_without_http_does_not_govern_requests():
    tcp = document(
        "VirtualService", "t", f"{{hosts: [{REVIEWS}], tcp: [{{route: [{{destination: {{host: one.com}}}}]}}]}}"
    )
    assert governed_by(mesh(*BASE, tcp)) == "default"


class TestHostsThatNoServiceHas:
    def test_they_are_routed_on_port_80_only(self):
        found = hosts(mesh(*BASE, rule("one", "alone.com", to("one.com"))))
        assert found["alone.com:80"].domains == ("alone.com", "alone.com:80")
        assert not [name for name in found if name.startswith("alone.com:") and name != "alone.com:80"]

    def test_a_wildcard_is_one_too(self):
        found = hosts(mesh(*BASE, rule("one", "'*.alone.com'", to("one.com"))))
        assert found["*.alone.com:80"].domains == ("*.alone.com", "*.alone.com:80")

    def test_a_wildcard_that_a_service_is_under_governs_that_service_only(self):
        found = mesh(*BASE, entry("api", "api.alone.com"), rule("one", "'*.alone.com'", to("one.com")))
        assert governed_by(found, host="api.alone.com") == "one"
        assert "*.alone.com:80" not in hosts(found)

    def test_nothing_applies_nothing_is_caught(self):
        http = "[{match: [{sourceNamespace: ns}], route: [{destination: {host: one.com}}]}]"
        found = hosts(mesh(*BASE, rule("one", "alone.com", http)))
        assert found["alone.com:80"].routes == ()
        assert all(domain.endswith(".invalid") for domain in found["alone.com:80"].domains)

    def test_the_star_is_no_host_of_a_sidecar(self):
        edge = rule("one", "'*'", to("one.com"), rest="gateways: [edge]")
        assert "*:80" not in hosts(mesh(*BASE, edge))

    def test_of_two_rules_the_visible_one_counts(self):
        found = mesh(
            *BASE,
            rule("one", "alone.com", to("one.com"), "ns", "exportTo: ['.']", created="2020-01-01T00:00:00Z"),
            rule("two", "alone.com", to("two.com"), "other", created="2021-01-01T00:00:00Z"),
        )
        assert governed_by(found, "ns", "alone.com") == "one"
        assert governed_by(found, "client", "alone.com") == "two"
