"""Consistent hashing: the key on routes, and who sees which (reference §1.2, §2.10)."""

import msgspec
import pytest
from tests.unit.rules.world import clusters, document, entry, hosts, mesh, router, rule, sidecar

from pidalio.ir import HashKind, HashPlan, LoadBalancing
from pidalio.rules.hashing import hashes_source
from pidalio.rules.visibility import ANYBODY

SHOP = entry("shop", "shop.com", ports="80 81/tcp")
HEADER = HashPlan(HashKind.HEADER, "x-user")
BY_HEADER = "loadBalancer: {consistentHash: {httpHeaderName: x-user}}"


def policy(text: str, namespace: str = "default", rest: str = "", host: str = "shop.com", name: str = "shop") -> str:
    return document("DestinationRule", name, f"{{host: {host!r}, trafficPolicy: {{{text}}}{rest}}}", namespace)


def action(found, virtual_host: str = "shop.com:80", proxy=None):
    return hosts(found, proxy)[virtual_host].routes[0].action


def keys(found, virtual_host: str = "shop.com:80", proxy=None) -> list[HashPlan]:
    return [msgspec.structs.replace(one, origin=None) for one in action(found, virtual_host, proxy).hashes]


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ("httpHeaderName: x-user", HEADER),
        ("httpQueryParameterName: q", HashPlan(HashKind.QUERY, "q")),
        ("httpCookie: {name: c}", HashPlan(HashKind.COOKIE, "c")),
        ("httpCookie: {name: c, ttl: 0s, path: /p}", HashPlan(HashKind.COOKIE, "c", "/p", 0)),
        (
            "httpCookie: {name: c, ttl: 1s, attributes: [{name: a, value: b}]}",
            HashPlan(HashKind.COOKIE, "c", "", 1000, (("a", "b"),)),
        ),
    ],
)
def test_keys(stated, expected):
    found = mesh(SHOP, policy(f"loadBalancer: {{consistentHash: {{{stated}}}}}"))
    assert keys(found) == [expected]
    origin = action(found).hashes[0].origin
    assert (origin.object.kind, origin.path) == ("DestinationRule", "trafficPolicy.loadBalancer.consistentHash")


SOURCE = "loadBalancer: {consistentHash: {useSourceIp: true}}"
PORT = f"portLevelSettings: [{{port: {{number: 80}}, {SOURCE}}}]"


@pytest.mark.parametrize(
    ("host", "subset"),
    [(SOURCE, ""), (PORT, ""), ("outlierDetection: {}", SOURCE), ("outlierDetection: {}", PORT)],
    ids=["host", "port", "subset", "port-of-subset"],
)
def test_source_address(host, subset):
    to = f"[{{route: [{{destination: {{host: shop.com, port: {{number: 80}}{', subset: v1' if subset else ''}}}}}]}}]"
    of_subset = f", subsets: [{{name: v1, trafficPolicy: {{{subset}}}}}]" if subset else ""
    found = mesh(SHOP, policy(host, rest=of_subset), rule("shop", "shop.com", to))
    assert keys(found) == [HashPlan(HashKind.SOURCE_IP)]
    assert hashes_source(found.world, "", ("shop.com", "default"), 80, "v1" if subset else "")


def test_connections_hash_nothing_else():
    assert not hashes_source(mesh(SHOP, policy(BY_HEADER)).world, ANYBODY, ("shop.com", "default"), 81)


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ("httpHeaderName: a", (LoadBalancing.RING_HASH, 1024)),
        ("httpHeaderName: a, minimumRingSize: 77", (LoadBalancing.RING_HASH, 77)),
        ("httpHeaderName: a, ringHash: {}", (LoadBalancing.RING_HASH, 0)),
        ("httpHeaderName: a, ringHash: {minimumRingSize: 9}", (LoadBalancing.RING_HASH, 9)),
        ("httpHeaderName: a, ringHash: {minimumRingSize: 9000000}", (LoadBalancing.RING_HASH, 8_388_608)),
        ("httpHeaderName: a, maglev: {}", (LoadBalancing.MAGLEV, 0)),
        ("httpHeaderName: a, maglev: {tableSize: 101}", (LoadBalancing.MAGLEV, 101)),
    ],
)
def test_tables(stated, expected):
    found = mesh(SHOP, policy(f"loadBalancer: {{consistentHash: {{{stated}}}}}"))
    cluster = clusters(found)["outbound|80||shop.com"]
    assert (cluster.load_balancing, cluster.table_size) == expected


def test_a_cluster_of_its_own_balancer_adds_no_key():
    subset = ", subsets: [{name: v1, trafficPolicy: {loadBalancer: {simple: RANDOM}}}]"
    to = "[{route: [{destination: {host: shop.com, subset: v1, port: {number: 80}}}]}]"
    assert keys(mesh(SHOP, policy(BY_HEADER, rest=subset), rule("shop", "shop.com", to))) == []


class TestRoutes:
    OTHER = entry("other", "other.com")
    BOTH = (
        "[{route: [{destination: {host: shop.com, port: {number: 80}}, weight: 1}, "
        "{destination: {host: other.com}, weight: 1}]}]"
    )

    def test_each_destination_adds_its_key_once(self):
        cookie = policy("loadBalancer: {consistentHash: {httpCookie: {name: c}}}", host="other.com", name="other")
        found = mesh(SHOP, self.OTHER, policy(BY_HEADER), cookie, rule("shop", "shop.com", self.BOTH))
        assert keys(found) == [HEADER, HashPlan(HashKind.COOKIE, "c")]
        same = policy(BY_HEADER, host="other.com", name="other")
        assert keys(mesh(SHOP, self.OTHER, policy(BY_HEADER), same, rule("shop", "shop.com", self.BOTH))) == [HEADER]

    def test_a_destination_without_weight_adds_none(self):
        cookie = policy("loadBalancer: {consistentHash: {httpCookie: {name: c}}}", host="other.com", name="other")
        idle = self.BOTH.replace("{host: other.com}, weight: 1", "{host: other.com}, weight: 0")
        assert keys(mesh(SHOP, self.OTHER, policy(BY_HEADER), cookie, rule("shop", "shop.com", idle))) == [HEADER]

    def test_retries_stay_with_the_instance_of_a_single_destination(self):
        assert action(mesh(SHOP)).retry.avoid_previous_hosts
        assert not action(mesh(SHOP, policy(BY_HEADER))).retry.avoid_previous_hosts
        found = mesh(SHOP, self.OTHER, policy(BY_HEADER), rule("shop", "shop.com", self.BOTH))
        assert action(found).retry.avoid_previous_hosts

    def test_gateways_hash_too(self):
        edge = document(
            "Gateway",
            "edge",
            "{selector: {istio: ingress}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]}",
        )
        to = rule(
            "web",
            "web.com",
            "[{route: [{destination: {host: shop.com, port: {number: 80}}}]}]",
            rest="gateways: [edge]",
        )
        assert keys(mesh(SHOP, policy(BY_HEADER), edge, to), "web.com:80", router()) == [HEADER]


class TestWhoSeesWhich:
    """A rule of the caller's namespace comes before that of the service's, also for the key."""

    OWN = policy("loadBalancer: {consistentHash: {httpQueryParameterName: q}}", "client", name="own")
    TO = rule("front", "front.com", "[{route: [{destination: {host: shop.com, port: {number: 80}}}]}]")

    @pytest.mark.parametrize("virtual_host", ["shop.com:80", "front.com:80"])
    def test_by_namespace(self, virtual_host):
        found = mesh(SHOP, self.TO, policy(BY_HEADER), self.OWN)
        assert keys(found, virtual_host, sidecar("client")) == [HashPlan(HashKind.QUERY, "q")]
        assert keys(found, virtual_host, sidecar("other")) == [HEADER]

    @pytest.mark.parametrize("virtual_host", ["shop.com:80", "front.com:80"])
    def test_a_rule_without_hash_takes_the_key_away(self, virtual_host):
        found = mesh(SHOP, self.TO, policy(BY_HEADER), policy("outlierDetection: {}", "client", name="own"))
        assert keys(found, virtual_host, sidecar("client")) == []
        assert keys(found, virtual_host, sidecar("other")) == [HEADER]
