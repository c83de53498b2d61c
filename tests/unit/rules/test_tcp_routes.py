"""Rules for connections: which apply, what a connection must show, where it goes (reference §1.1)."""

import pytest
from tests.unit.rules.world import document, entry, mesh, sidecar, told

from pidalio.rules.matching import RouteContext
from pidalio.rules.tcp_routes import tcp_routes, tls_routes
from pidalio.rules.visibility import scope_of

TARGETS = (entry("one", "one.com", ports="443/tls"), entry("two", "two.com", ports="443/tls 5432/tcp"))


def routes(spec: str, *, kind: str = "tcp", port: int = 443, gateway: str = "mesh", namespace: str = "", labels=()):
    world = mesh(*TARGETS, document("VirtualService", "r", f"{{hosts: [one.com, two.com], {kind}: {spec}}}")).world
    context = RouteContext(gateway, port, namespace, labels)
    return (tls_routes if kind == "tls" else tcp_routes)(world, ("default", "r"), context)


def to(host: str, rest: str = "") -> str:
    return f"route: [{{destination: {{host: {host}}}{rest}}}]"


def shown(found) -> list[str]:
    return [one.clusters[0].cluster for one in found]


class TestConditions:
    @pytest.mark.parametrize(
        ("match", "context", "applies"),
        [
            ("port: 443", {}, True),
            ("port: 5432", {}, False),
            ("gateways: [edge]", {}, False),
            ("gateways: [edge]", {"gateway": "default/edge"}, True),
            ("gateways: [mesh, edge], sourceLabels: {a: b}", {"gateway": "default/edge"}, True),
            ("sourceLabels: {a: b}", {"labels": (("a", "b"), ("c", "d"))}, True),
            ("sourceNamespace: shop", {"namespace": "shop"}, True),
            ("sourceNamespace: shop", {"namespace": "other"}, False),
        ],
    )
    def test_what_is_known_before_a_connection_comes_is_decided(self, match, context, applies):
        for kind, shape in (("tcp", match), ("tls", f"sniHosts: [one.com], {match}")):
            found = routes(f"[{{match: [{{{shape}}}], {to('one.com')}}}]", kind=kind, **context)
            assert bool(found) is applies

    def test_any_entry_of_a_rule_is_enough_and_their_ranges_are_one_list(self):
        entries = "{destinationSubnets: [10.2.0.0/16]}, {port: 1}, {destinationSubnets: [10.1.0.0/16]}"
        (found,) = routes(f"[{{match: [{entries}], {to('one.com')}}}]")
        assert found.subnets == ("10.1.0.0/16", "10.2.0.0/16")
        assert str(found.origin.path) == "tcp[0]"

    def test_the_first_entry_without_ranges_takes_the_rest(self):
        spec = (
            f"[{{match: [{{destinationSubnets: [10.2.0.0/16]}}], {to('two.com')}}},"
            f" {{match: [{{destinationSubnets: [10.3.0.0/16]}}, {{port: 443}}], {to('one.com')}}}, {{{to('two.com')}}}]"
        )
        found = routes(spec)
        assert shown(found) == ["outbound|443||two.com", "outbound|443||one.com"]
        assert [one.subnets for one in found] == [("10.2.0.0/16",), ()]
        assert found[1].origin.path == "tcp[1].match[1]"

    def test_a_socket_has_no_destination_to_compare(self):
        (found,) = routes(f"[{{match: [{{destinationSubnets: [10.2.0.0/16]}}], {to('one.com')}}}]", port=0)
        assert found.subnets == ()

    def test_a_server_name_that_came_before_takes_nothing(self):
        spec = (
            f"[{{match: [{{sniHosts: [One.com]}}], {to('one.com')}}},"
            f" {{match: [{{sniHosts: [one.com]}}, {{sniHosts: [two.com]}}], {to('two.com')}}}]"
        )
        found = routes(spec, kind="tls")
        assert [(one.server_names, one.clusters[0].cluster) for one in found] == [
            (("one.com",), "outbound|443||one.com"),
            (("two.com",), "outbound|443||two.com"),
        ]
        assert found[1].origin.path == "tls[1].match[1]"


class TestDestinations:
    def test_one_destination_takes_all_whatever_its_weight(self):
        (found,) = routes(f"[{{{to('one.com', ', weight: 0')}}}]")
        assert [(one.cluster, one.weight) for one in found.clusters] == [("outbound|443||one.com", 1)]
        assert found.stat_prefix == "outbound|443||one.com"

    def test_several_share_by_weight_and_zero_gets_nothing(self):
        parts = ", ".join(
            f"{{destination: {{host: {host}, port: {{number: 443}}}}, weight: {weight}}}"
            for host, weight in (("one.com", 3), ("two.com", 0), ("gone.com", 1))
        )
        (found,) = routes(f"[{{route: [{parts}]}}]")
        assert [(one.cluster, one.weight) for one in found.clusters] == [
            ("outbound|443||one.com", 3),
            ("outbound|443||gone.com", 1),
        ]
        assert found.stat_prefix == "r.default"
        assert found.clusters[1].origin.path == "tcp[0].route[2]"

    def test_without_a_port_it_is_the_only_one_or_that_of_the_connection(self):
        (found,) = routes(f"[{{{to('two.com')}}}]", port=5432)
        assert shown([found]) == ["outbound|5432||two.com"]
        (found,) = routes(f"[{{{to('one.com')}}}]", port=5432)
        assert shown([found]) == ["outbound|443||one.com"]


def test_what_does_not_exist_is_told():
    found = mesh(*TARGETS, document("VirtualService", "r", f"{{hosts: [one.com], tcp: [{{{to('gone.com')}}}]}}"))
    path = "spec.tcp[0].route[0].destination.host"
    assert told(found, "unknown-host") == [("unknown-host", "VirtualService default/r", path)]
    assert "connections are closed" in next(one.message for one in found.reports() if one.code == "unknown-host")


def test_a_rule_whose_callers_are_others_leaves_the_scope_shared():
    labelled = document(
        "VirtualService", "r", f"{{hosts: [one.com], tcp: [{{match: [{{sourceLabels: {{a: b}}}}], {to('two.com')}}}]}}"
    )
    found = mesh(*TARGETS, labelled)
    assert scope_of(found.world, sidecar(c="d")) == scope_of(found.world, sidecar())
    assert scope_of(found.world, sidecar(a="b")) != scope_of(found.world, sidecar())
