"""Under which names callers reach a host, and whose a contested name is (reference §2.1, §2.4)."""

import pytest
from tests.unit.rules.world import (
    DOMAIN,
    clusters,
    document,
    domain_owners,
    entry,
    hosts,
    mesh,
    rule,
    sent_to,
    service,
    sidecar,
    to,
)

from pidalio.api.load import load
from pidalio.ir import UpstreamProtocol

REVIEWS = f"reviews.prod.{DOMAIN}"


def test_port_80_goes_without_it_too_and_callers_nearby_use_the_bare_name():
    found = mesh(service("reviews", "prod", "80 9090/grpc", address="10.1.1.1"))
    names = ("", ".")
    far = {f"{REVIEWS}{dot}" for dot in names} | {"reviews.prod", "reviews.prod.svc", "10.1.1.1"}
    owners = domain_owners(found, sidecar("client"))
    assert set(owners) == {f"{name}{port}" for name in far for port in ("", ":80", ":9090")}
    near = set(domain_owners(found, sidecar("prod")))
    assert near - set(owners) == {"reviews", "reviews:80", "reviews:9090"}


def test_the_bare_name_is_that_of_the_hosts_own_namespace_not_of_who_declares_it():
    found = mesh(service("reviews", "prod"), entry("elsewhere", f"reviews.other.{DOMAIN}", "prod"))
    assert domain_owners(found, sidecar("prod"))["reviews"] == f"{REVIEWS}:80"


@pytest.mark.parametrize(
    ("host", "addresses", "expected"),
    [
        ("api.com", "[]", {"api.com", "api.com."}),
        ("api.com", "[10.0.0.1]", {"api.com", "api.com.", "10.0.0.1"}),
        ("api.com", "['2001:db8::1']", {"api.com", "api.com.", "[2001:db8::1]"}),
        ("api.com", "[10.0.0.0/24]", {"api.com", "api.com."}),
        ("api.com", "[0.0.0.0]", {"api.com", "api.com."}),
        ("'*.api.com'", "[10.0.0.1]", {"*.api.com"}),
        ("Api.Com", "[]", {"api.com", "api.com."}),
    ],
)
def test_names_of_an_entry(host, addresses, expected):
    found = mesh(entry("one", host, rest=f"addresses: {addresses}"))
    assert set(domain_owners(found)) == {f"{name}{port}" for name in expected for port in ("", ":80")}


class TestContestedNames:
    def test_two_services_with_one_address_the_older_has_it(self):
        found = mesh(
            entry("new", "a.com", rest="addresses: [10.0.0.1]", created="2024-01-01T00:00:00Z"),
            entry("old", "b.com", rest="addresses: [10.0.0.1]", created="2020-01-01T00:00:00Z"),
        )
        owners = domain_owners(found)
        assert owners["10.0.0.1"] == owners["10.0.0.1:80"] == "b.com:80"

    def test_on_different_ports_each_has_it(self):
        found = mesh(
            entry("one", "a.com", rest="addresses: [10.0.0.1]"),
            entry("two", "b.com", rest="addresses: [10.0.0.1]", ports="8080"),
        )
        owners = domain_owners(found)
        assert (owners["10.0.0.1"], owners["10.0.0.1:8080"]) == ("a.com:80", "b.com:8080")

    @pytest.mark.parametrize(("client", "owner"), [("ns1", "a.com:80"), ("ns2", "b.com:80"), ("ns3", "b.com:80")])
    def test_only_what_a_client_sees_contends(self, client, owner):
        found = mesh(
            entry("one", "a.com", "ns1", "addresses: [10.0.0.1], exportTo: ['.']", created="2020-01-01T00:00:00Z"),
            entry("two", "b.com", "ns2", "addresses: [10.0.0.1]", created="2024-01-01T00:00:00Z"),
            document("Sidecar", "default", '{egress: [{hosts: ["ns2/*"]}]}', "ns3"),
        )
        assert domain_owners(found, sidecar(client))["10.0.0.1"] == owner

    def test_a_restricted_client_reaches_the_one_it_imports(self):
        documents = (
            entry("one", "a.com", "ns1", "addresses: [10.0.0.1]", created="2020-01-01T00:00:00Z"),
            entry("two", "b.com", "ns2", "addresses: [10.0.0.1]", created="2024-01-01T00:00:00Z"),
        )
        restricted = document("Sidecar", "default", '{egress: [{hosts: ["ns2/*"]}]}', "ns3")
        found = mesh(*documents, restricted)
        assert domain_owners(found, sidecar("ns3"))["10.0.0.1"] == "b.com:80"
        assert domain_owners(found, sidecar("ns4"))["10.0.0.1"] == "a.com:80"

    def test_the_name_is_free_again_when_its_owner_goes(self):
        both = mesh(
            entry("old", "a.com", rest="addresses: [10.0.0.1]", created="2020-01-01T00:00:00Z"),
            entry("new", "b.com", rest="addresses: [10.0.0.1]", created="2024-01-01T00:00:00Z"),
        )
        assert domain_owners(both)["10.0.0.1"] == "a.com:80"
        both.world.apply(both.catalog.replace("files", "mesh.yaml", _of(both, "b.com")).edits)
        assert domain_owners(both)["10.0.0.1"] == "b.com:80"

    def test_an_own_name_beats_an_alias(self):
        found = mesh(service("reviews", "prod"), entry("literal", "reviews.prod", "other"))
        owners = domain_owners(found)
        assert (owners["reviews.prod"], owners["reviews.prod.svc"]) == ("reviews.prod:80", f"{REVIEWS}:80")

    def test_the_host_of_a_rule_beats_an_alias_on_port_80_alone(self):
        found = mesh(service("reviews", "prod", "80 9090"), rule("one", "reviews.prod", to(REVIEWS)))
        owners = domain_owners(found)
        assert owners["reviews.prod"] == owners["reviews.prod:80"] == "reviews.prod:80"
        assert owners["reviews.prod:9090"] == f"{REVIEWS}:9090"

    def test_an_address_that_a_rule_names_is_its_own(self):
        found = mesh(entry("one", "a.com", rest="addresses: [10.0.0.1]"), rule("two", "10.0.0.1", to("a.com")))
        owners = domain_owners(found)
        assert (owners["10.0.0.1"], owners["a.com"]) == ("10.0.0.1:80", "a.com:80")

    @pytest.mark.parametrize("rest", ["gateways: [edge]", "exportTo: ['.']"], ids=["for gateways", "invisible"])
    def test_a_rule_that_does_not_concern_the_client_takes_no_alias(self, rest):
        found = mesh(service("reviews", "prod"), rule("one", "reviews.prod", to(REVIEWS), "other", rest))
        assert domain_owners(found, sidecar("client"))["reviews.prod"] == f"{REVIEWS}:80"

    def test_a_wildcard_does_not_contend_for_addresses(self):
        found = mesh(
            entry("wild", "'*.a.com'", rest="addresses: [10.0.0.1]", created="2020-01-01T00:00:00Z"),
            entry("plain", "b.com", rest="addresses: [10.0.0.1]", created="2024-01-01T00:00:00Z"),
        )
        assert domain_owners(found)["10.0.0.1"] == "b.com:80"


class TestOneHostInSeveralNamespaces:
    SHARED = "shared.com"

    def _owner(self, found, client: str) -> str:
        key = hosts(found, sidecar(client))[f"{self.SHARED}:80"]
        assert len(key.routes) == 1
        return clusters(found, sidecar(client))[f"outbound|80||{self.SHARED}"].namespace

    def test_the_own_namespace_first_then_the_oldest(self):
        found = mesh(
            entry("old", self.SHARED, "ns1", created="2020-01-01T00:00:00Z"),
            entry("new", self.SHARED, "ns2", created="2024-01-01T00:00:00Z"),
        )
        assert [self._owner(found, client) for client in ("ns1", "ns2", "ns3")] == ["ns1", "ns2", "ns1"]

    def test_the_platform_beats_entries(self):
        host = f"reviews.prod.{DOMAIN}"
        found = mesh(service("reviews", "prod"), entry("old", host, "aaa", created="2001-01-01T00:00:00Z"))
        owners = {one.namespace for one in _clusters(found, "client") if host in one.name}
        assert owners == {"prod"}

    def test_what_is_not_exported_does_not_count(self):
        found = mesh(
            entry("old", self.SHARED, "ns1", "exportTo: ['.']", created="2020-01-01T00:00:00Z"),
            entry("new", self.SHARED, "ns2", created="2024-01-01T00:00:00Z"),
        )
        assert [self._owner(found, client) for client in ("ns1", "ns3")] == ["ns1", "ns2"]

    def test_declarations_of_one_namespace_are_one_service_with_all_ports(self):
        found = mesh(
            entry("one", self.SHARED, "ns1", ports="80"), entry("two", self.SHARED, "ns1", ports="8080 80/grpc")
        )
        assert set(hosts(found)) == {f"{self.SHARED}:80", f"{self.SHARED}:8080"}
        assert _clusters(found, "x")[0].protocol is UpstreamProtocol.HTTP1

    def test_the_older_declaration_of_a_port_holds(self):
        found = mesh(
            entry("a-young", self.SHARED, "ns1", ports="80/grpc", created="2024-01-01T00:00:00Z"),
            entry("b-old", self.SHARED, "ns1", ports="80", created="2020-01-01T00:00:00Z"),
        )
        assert _clusters(found, "x")[0].protocol is UpstreamProtocol.HTTP1

    def test_a_destination_without_port_means_the_only_one_of_the_service_that_the_client_sees(self):
        found = mesh(
            entry("old", self.SHARED, "ns1", ports="8080", created="2020-01-01T00:00:00Z"),
            entry("new", self.SHARED, "ns2", ports="9090", created="2024-01-01T00:00:00Z"),
            rule("r", "r.com", to(self.SHARED)),
        )
        sent = {client: sent_to(hosts(found, sidecar(client))["r.com:80"].routes[0]) for client in ("ns1", "ns2", "x")}
        assert sent == {
            "ns1": f"outbound|8080||{self.SHARED}",
            "ns2": f"outbound|9090||{self.SHARED}",
            "x": f"outbound|8080||{self.SHARED}",
        }


def test_a_virtual_host_knows_the_rule_that_governs_it():
    found = hosts(mesh(entry("a", "a.com"), entry("b", "b.com"), rule("r", "a.com", to("b.com"))))
    assert [str(found[name].origin) for name in ("a.com:80", "b.com:80")] == ["VirtualService default/r", "None"]


def test_ports_that_take_no_requests_are_tunnels_and_udp_is_none():
    listed = (
        "{ports: [{port: 5432, name: tcp-db}, {port: 443, name: https}, {port: 90, name: odd}, "
        "{port: 53, name: dns, protocol: UDP}]}"
    )
    found = hosts(mesh(document("Service", "db", listed)))
    by_port = {name.rpartition(":")[2]: host.routes[0].match.connect for name, host in found.items()}
    assert by_port == {"5432": True, "443": True, "90": False}


def _clusters(found, client):
    return list(clusters(found, sidecar(client)).values())


def _of(found, host):
    text = entry("new", host, rest="addresses: [10.0.0.1]", created="2024-01-01T00:00:00Z")
    return load(text, "mesh.yaml").parsed
