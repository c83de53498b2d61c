"""Names and aliases: which text means which host."""

import pytest

from pidalio.rules import names
from pidalio.store.hosts import host_reference, is_address, kubernetes_aliases, wildcards_of


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("reviews", "reviews.prod.svc.cluster.local"),
        ("Reviews", "reviews.prod.svc.cluster.local"),
        ("reviews.other", "reviews.other"),
        ("reviews.other.svc.cluster.local", "reviews.other.svc.cluster.local"),
        ("reviews.other.svc.cluster.local.", "reviews.other.svc.cluster.local"),
        ("Api.Example.COM", "api.example.com"),
        ("*", "*"),
        ("*.example.com", "*.example.com"),
        ("10.0.0.1", "10.0.0.1"),
        ("2001:db8::1", "2001:db8::1"),
    ],
)
def test_a_short_name_belongs_to_the_namespace_of_its_object(written, meant):
    assert host_reference(written, "prod") == meant


@pytest.mark.parametrize(
    ("host", "aliases"),
    [
        ("reviews.prod.svc.cluster.local", ("reviews.prod", "reviews.prod.svc")),
        ("api.example.com", ()),
        ("a.b.c.svc.cluster.local", ()),
        ("*.prod.svc.cluster.local", ()),
        ("svc.cluster.local", ()),
    ],
)
def test_only_platform_services_have_aliases(host, aliases):
    assert kubernetes_aliases(host) == aliases


@pytest.mark.parametrize(
    ("host", "wider"),
    [
        ("a.b.c", ("*.b.c", "*.c", "*")),
        ("*.b.c", ("*.b.c", "*.c", "*")),
        ("*", ("*",)),
        ("single", ("*",)),
    ],
)
def test_wildcards_come_most_specific_first(host, wider):
    assert wildcards_of(host) == wider


@pytest.mark.parametrize(("text", "is_one"), [("10.0.0.1", True), ("::1", True), ("1password.com", False), ("", False)])
def test_addresses_are_told_from_names(text, is_one):
    assert is_address(text) is is_one


def test_names_are_those_that_istio_gives():
    assert names.outbound_cluster("a.b", 80) == "outbound|80||a.b"
    assert names.outbound_cluster("a.b", 80, "v1") == "outbound|80|v1|a.b"
    assert names.inbound_cluster(9080) == "inbound|9080||"
    assert names.virtual_host("a.b", 80) == "a.b:80"
    assert names.gateway_table(8080) == "http.8080"
    assert names.gateway_table(8080, "10.0.0.1") == "http.8080.10.0.0.1"
