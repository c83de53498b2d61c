"""What gateway proxies open: ports, hosts, redirects, and rules put together (reference §1.3, §2.1, §2.8, §2.13)."""

import msgspec
import pytest
from tests.unit.rules.world import DOMAIN, document, entry, listeners, mesh, plans, router, rule, sent_to, service, told

from pidalio.rules import gateway_ports

TARGETS = tuple(entry(name, f"{name}.net") for name in ("one", "two", "three"))


def server(hosts: str = "'*'", port: int = 80, protocol: str = "HTTP", rest: str = "", name: str = "") -> str:
    own = name or f"{protocol.lower()}-{port}"
    extra = f", {rest}" if rest else ""
    return f"{{port: {{number: {port}, name: {own}, protocol: {protocol}}}, hosts: [{hosts}]{extra}}}"


def gateway(
    name: str, *servers: str, namespace: str = "default", selector: str = "istio: ingress", created: str = ""
) -> str:
    spec = f"{{selector: {{{selector}}}, servers: [{', '.join(servers)}]}}"
    return document("Gateway", name, spec, namespace, created=created)


def hung(name: str, hosts: str, target: str, namespace: str = "default", on: str = "edge", rest: str = "", **more: str):
    http = f"[{{{rest}{', ' if rest else ''}route: [{{destination: {{host: {target}.net}}}}]}}]"
    return rule(name, hosts, http, namespace, f"gateways: [{on}]", **more)


def tables(found, proxy=None) -> dict[str, dict[str, list[str]]]:
    """Return by table and virtual host the targets of its routes."""
    return {
        table.name: {
            host.name: [sent_to(one).split("|")[3].removesuffix(".net") for one in host.routes]
            for host in table.virtual_hosts
            if host.name != "~"
        }
        for table in plans(found, proxy or router()).tables
    }


class TestWhichProxy:
    @pytest.mark.parametrize(
        ("selector", "labels", "opens"),
        [
            ("istio: ingress", {"istio": "ingress"}, True),
            ("istio: ingress", {"istio": "ingress", "more": "x"}, True),
            ("istio: ingress, more: x", {"istio": "ingress"}, False),
            ("istio: ingress, more: x", {"istio": "ingress", "more": "x"}, True),
            ("istio: other", {"istio": "ingress"}, False),
            ("", {"istio": "ingress"}, True),
        ],
    )
    def test_the_selector_picks_by_labels_in_all_namespaces(self, selector, labels, opens):
        found = mesh(gateway("edge", server(), selector=selector, namespace="far"))
        assert bool(plans(found, router("near", **labels)).listeners) is opens

    def test_without_gateways_nothing_is_open(self):
        assert plans(mesh(*TARGETS), router()).tables == ()


class TestPorts:
    def test_servers_of_one_port_share_a_listener_and_a_table(self):
        found = mesh(
            *TARGETS,
            gateway("edge", server("a.com"), server("b.com", name="other"), server("c.com", 8080)),
            gateway("more", server("d.com")),
            hung("a", "a.com", "one"),
            hung("d", "d.com", "two", on="more"),
            hung("c", "c.com", "three"),
        )
        assert tables(found) == {
            "http.80": {"a.com:80": ["one"], "d.com:80": ["two"]},
            "http.8080": {"c.com:8080": ["three"]},
        }
        assert {one.port for one in listeners(found, router()).values()} == {80, 8080}

    def test_a_bound_server_is_a_listener_of_its_own(self):
        found = mesh(gateway("edge", server("a.com", rest="bind: 10.0.0.1"), server("b.com", name="other")))
        opened = {(one.name, one.address, one.port) for one in listeners(found, router()).values()}
        assert opened == {("10.0.0.1_80", "10.0.0.1", 80), ("0.0.0.0_80", "0.0.0.0", 80)}

    @pytest.mark.parametrize("protocol", ["HTTP", "HTTP2", "GRPC", "GRPC-WEB"])
    def test_plain_requests_in_any_form(self, protocol):
        assert listeners(mesh(gateway("edge", server(protocol=protocol))), router())

    @pytest.mark.parametrize(
        ("protocol", "rest"), [("HTTPS", "tls: {mode: SIMPLE, credentialName: c}"), ("TLS", "tls: {}")]
    )
    def test_other_protocols_open_nothing_yet_and_are_told(self, protocol, rest):
        found = mesh(gateway("edge", server("a.com", 443, protocol, rest)))
        assert not listeners(found, router())
        assert "spec.servers[0].port.protocol" in {path for _, _, path in told(found, "not-yet-effective")}

    @pytest.mark.parametrize(
        ("first", "second", "opened", "lost"),
        [
            ("HTTP", "GRPC", ["0.0.0.0_80"], []),
            ("HTTP", "TCP", ["0.0.0.0_80"], ["b"]),
            ("HTTP", "HTTPS", ["0.0.0.0_80"], ["b"]),
            ("HTTPS", "HTTP", [], ["b"]),
            ("HTTPS", "TLS", [], []),
            ("TCP", "TCP", [], ["b"]),
            ("TCP", "HTTP", [], ["b"]),
        ],
    )
    def test_who_may_share_a_port(self, first, second, opened, lost):
        tls = "tls: {mode: SIMPLE, credentialName: c}"
        one, two = (server("a.com", 80, each, tls if each in ("HTTPS", "TLS") else "") for each in (first, second))
        found = mesh(
            gateway("a", one, created="2024-01-01T00:00:00Z"), gateway("b", two, created="2024-01-02T00:00:00Z")
        )
        result = gateway_ports.opened(found.world, router().labels)
        assert sorted(listeners(found, router())) == opened
        assert [(each.server.gateway[1], each.winner.gateway[1]) for each in result.lost] == [
            (one, "a") for one in lost
        ]

    def test_a_server_on_another_address_is_no_rival(self):
        found = mesh(
            gateway("a", server("a.com")),
            gateway("b", server("b.com", 80, "TCP", "bind: 10.0.0.1")),
        )
        assert not gateway_ports.opened(found.world, router().labels).lost

    def test_a_service_that_selects_the_proxy_leads_to_another_port(self):
        lead = document(
            "Service",
            "edge",
            "{selector: {istio: ingress}, ports: [{name: http, port: 80, targetPort: 8080}]}",
        )
        found = mesh(*TARGETS, gateway("edge", server()), hung("r", "a.com", "one"), lead)
        assert [(one.name, one.port, one.requested_port) for one in listeners(found, router()).values()] == [
            ("0.0.0.0_8080", 8080, 80)
        ]
        assert tables(found) == {"http.8080": {"a.com:80": ["one"]}}

    def test_hosts_of_a_tls_server_are_not_served_in_plain(self):
        secure = server("secret.com", 80, "HTTPS", "tls: {mode: SIMPLE, credentialName: c}")
        found = mesh(*TARGETS, gateway("edge", server("a.com"), secure), hung("s", "secret.com, a.com", "one"))
        assert tables(found) == {"http.80": {"a.com:80": ["one"]}}


class TestHosts:
    @pytest.mark.parametrize(
        ("opened", "ruled", "served"),
        [
            ("'*'", "a.com", {"a.com:80"}),
            ("a.com", "a.com", {"a.com:80"}),
            ("A.com", "a.COM", {"a.com:80"}),
            ("a.com", "b.com", set()),
            ("'*.a.com'", "x.a.com", {"x.a.com:80"}),
            ("'*.a.com'", "a.com", set()),
            ("x.a.com", "'*.a.com'", {"x.a.com:80"}),
            ("x.a.com", "'*'", {"x.a.com:80"}),
            ("'*.com'", "'*.a.com'", {"*.a.com:80"}),
            ("a.com, b.com", "'*'", {"a.com:80", "b.com:80"}),
            ("'*'", "'*'", {"*:80"}),
            ("a.com", "a.com, b.com", {"a.com:80"}),
        ],
    )
    def test_the_narrower_of_both_is_served(self, opened, ruled, served):
        found = mesh(*TARGETS, gateway("edge", server(opened)), hung("r", ruled, "one"))
        assert set(tables(found)["http.80"]) == served

    @pytest.mark.parametrize(
        ("opened", "served"),
        [
            ("a.com", {"near", "far"}),
            ("'*/a.com'", {"near", "far"}),
            ("./a.com", {"near"}),
            ("far/a.com", {"far"}),
            ("other/a.com", set()),
        ],
    )
    def test_a_server_may_say_from_which_namespace_rules_come(self, opened, served):
        documents = [gateway("edge", server(opened), namespace="near")]
        for space in ("near", "far"):
            found = mesh(*TARGETS, *documents, hung("r", "a.com", "one", space, on="near/edge"))
            assert bool(tables(found)["http.80"]) is (space in served)

    def test_a_rule_must_be_exported_to_the_gateways_namespace(self):
        private = rule(
            "r", "a.com", "[{directResponse: {status: 204}}]", "far", "gateways: [near/edge], exportTo: ['.']"
        )
        found = mesh(gateway("edge", server(), namespace="near"), private)
        assert {name for table in plans(found, router("near")).tables for name in _names(table)} == set()
        assert {name for table in plans(found, router("far")).tables for name in _names(table)} == {"a.com:80"}

    def test_short_hosts_are_full_names(self):
        found = mesh(
            service("web", "shop"),
            gateway("edge", server()),
            rule("web", "web", "", "shop", "gateways: [default/edge]"),
        )
        (table,) = plans(found, router()).tables
        assert set(_names(table)) == {f"web.shop.{DOMAIN}:80"}

    def test_a_reference_may_be_short_full_or_old(self):
        for written in ("edge", "default/edge", "edge.default.svc.cluster.local"):
            assert tables(mesh(*TARGETS, gateway("edge", server()), hung("r", "a.com", "one", on=written)))["http.80"]
        found = mesh(*TARGETS, gateway("edge", server()), hung("r", "a.com", "one", "other", on="edge"))
        assert not tables(found)["http.80"]


class TestSeveralRules:
    def test_routes_are_put_together_the_oldest_first_and_catch_alls_last(self):
        found = mesh(
            *TARGETS,
            gateway("edge", server()),
            hung("young", "a.com", "one", rest="match: [{uri: {prefix: /one}}]", created="2024-01-01T00:00:00Z"),
            hung("old-catch-all", "a.com", "two", created="2020-01-01T00:00:00Z"),
            hung("middle", "a.com", "three", rest="match: [{uri: {prefix: /three}}]", created="2022-01-01T00:00:00Z"),
        )
        assert tables(found)["http.80"]["a.com:80"] == ["three", "one", "two"]

    def test_equal_age_goes_by_name(self):
        found = mesh(*TARGETS, gateway("edge", server()), hung("b", "a.com", "two"), hung("a", "a.com", "one"))
        assert tables(found)["http.80"]["a.com:80"] == ["one", "two"]

    def test_each_host_is_its_own(self):
        found = mesh(*TARGETS, gateway("edge", server()), hung("r", "a.com", "one"), hung("w", "'*.com'", "two"))
        assert tables(found)["http.80"] == {"a.com:80": ["one"], "*.com:80": ["two"]}

    def test_a_rule_on_two_gateways_of_one_port_is_there_once_for_each(self):
        found = mesh(
            *TARGETS,
            gateway("edge", server()),
            gateway("other", server()),
            hung("r", "a.com", "one", on="edge, other", rest="match: [{gateways: [other]}]"),
        )
        assert tables(found)["http.80"] == {"a.com:80": ["one"]}


REDIRECT = "tls: {httpsRedirect: true}"


def required(found) -> dict[str, bool]:
    return {
        host.name: host.require_tls
        for table in plans(found, router()).tables
        for host in table.virtual_hosts
        if host.name != "~"
    }


class TestHttpsRedirect:
    def test_hosts_are_redirected_with_and_without_rules(self):
        found = mesh(*TARGETS, gateway("edge", server("'*.a.com'", rest=REDIRECT)), hung("r", "x.a.com", "one"))
        assert required(found) == {"*.a.com:80": True, "x.a.com:80": True}

    def test_other_servers_of_the_port_are_not(self):
        both = gateway("edge", server("a.com", rest=REDIRECT), server("b.com", name="plain"))
        assert required(mesh(*TARGETS, both, hung("r", "a.com, b.com", "one"))) == {"a.com:80": True, "b.com:80": False}

    def test_a_rule_that_the_redirecting_server_does_not_take_is_not(self):
        both = gateway("edge", server("default/a.com", rest=REDIRECT), server("far/x.com", name="plain"))
        found = mesh(*TARGETS, both, hung("r", "x.com", "one", "far", on="default/edge"))
        assert required(found) == {"a.com:80": True, "x.com:80": False}

    def test_the_origin_is_the_server(self):
        found = mesh(gateway("edge", server("a.com", rest=REDIRECT)))
        (table,) = plans(found, router()).tables
        assert [one.origin.path for one in table.virtual_hosts if one.origin] == ["servers[0].tls.httpsRedirect"]


def test_a_destination_without_port_means_what_the_gateways_namespace_sees():
    shared = (
        entry("old", "shared.com", "ns1", ports="8080", created="2020-01-01T00:00:00Z"),
        entry("new", "shared.com", "ns2", ports="9090", created="2024-01-01T00:00:00Z"),
    )
    hung_there = rule("r", "a.com", "[{route: [{destination: {host: shared.com}}]}]", rest="gateways: [edge]")
    found = mesh(*shared, gateway("edge", server()), hung_there)
    sent = {
        space: sent_to(plans(found, router(space)).tables[0].virtual_hosts[1].routes[0])
        for space in ("ns1", "ns2", "x")
    }
    assert sent == {
        "ns1": "outbound|8080||shared.com",
        "ns2": "outbound|9090||shared.com",
        "x": "outbound|8080||shared.com",
    }


def test_a_gateway_that_may_not_bind_a_port_takes_its_substitute():
    proxy = msgspec.structs.replace(router(), gateway_address="127.0.0.1", gateway_ports=((80, 8080),))
    (found,) = listeners(mesh(gateway("edge", server())), proxy).values()
    assert (found.name, found.address, found.port, found.requested_port) == ("0.0.0.0_80", "127.0.0.1", 8080, 80)


def _names(table) -> list[str]:
    return [host.name for host in table.virtual_hosts if host.name != "~"]
