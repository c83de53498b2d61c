"""Settings of connections that are not HTTP: whose rule they come from, and what carries them (reference §1.2)."""

import msgspec
import pytest
from tests.unit.rules.world import document, entry, hosts, mesh, plans, router, sidecar

from pidalio.ir import ForwardPlan, HashKind, TcpPlan
from pidalio.model import Interception, Proxy

SHOP = (
    entry("one", "one.com", ports="5432/tcp", rest="addresses: [10.1.1.1]"),
    entry("two", "two.com", ports="5432/tcp", rest="addresses: [10.1.1.2]"),
    entry("web", "web.com", ports="443/tls", rest="addresses: [10.1.1.3]"),
    document(
        "Gateway",
        "edge",
        "{selector: {istio: ingress}, servers: [{port: {number: 5432, name: db, protocol: TCP}, hosts: ['*']}]}",
    ),
    document(
        "VirtualService", "edge", "{hosts: [a.com], gateways: [edge], tcp: [{route: [{destination: {host: one.com}}]}]}"
    ),
)
TIMES = "connectionPool: {tcp: {idleTimeout: 5s, maxConnectionDuration: 9s}}"
SOURCE = "loadBalancer: {consistentHash: {useSourceIp: true}}"
NONE = (None, None, False)


def policy(text: str, namespace: str = "default", host: str = "one.com") -> str:
    return document("DestinationRule", f"p-{host}-{namespace}", f"{{host: {host}, {text}}}", namespace)


def split(route: str) -> str:
    return document("VirtualService", "split", f"{{hosts: [one.com], tcp: [{{route: [{route}]}}]}}")


def transparent(namespace: str = "default") -> Proxy:
    return msgspec.structs.replace(sidecar(namespace), outbound="", interception=Interception.REDIRECT)


def told(one: TcpPlan | ForwardPlan) -> tuple[int | None, int | None, bool]:
    if isinstance(one, TcpPlan):
        return one.idle_timeout, one.max_duration, one.hash_source
    return one.idle_timeout, one.max_duration, [each.kind for each in one.hashes] == [HashKind.SOURCE_IP]


def everywhere(*rules: str, namespace: str = "default") -> dict[str, tuple[int | None, int | None, bool]]:
    """Return what proxies of each kind are told of connections to one.com."""
    found = mesh(*SHOP, *rules)
    (edge,) = plans(found, router(namespace, istio="ingress")).listeners
    outbound = plans(found, transparent(namespace)).listeners
    (own,) = (one for one in outbound if one.name == "10.1.1.1_5432")
    tunnel = hosts(found, sidecar(namespace))["one.com:5432"].routes[-1].action
    return {
        "gateway": told(edge.chains[0].filter),
        "transparent": told(own.chains[0].filter),
        "explicit": told(tunnel),
    }


def all_told(*rules: str, namespace: str = "default") -> tuple[int | None, int | None, bool]:
    (same,) = set(everywhere(*rules, namespace=namespace).values())
    return same


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("trafficPolicy: {" + TIMES + "}", (5000, 9000, False)),
        ("trafficPolicy: {" + SOURCE + "}", (None, None, True)),
        ("trafficPolicy: {loadBalancer: {consistentHash: {httpHeaderName: x}}}", NONE),
        (f"trafficPolicy: {{portLevelSettings: [{{port: {{number: 5432}}, {TIMES}}}]}}", NONE),
        (f"trafficPolicy: {{portLevelSettings: [{{port: {{number: 5432}}, {SOURCE}}}]}}", (None, None, True)),
        (f"trafficPolicy: {{portLevelSettings: [{{port: {{number: 80}}, {SOURCE}}}]}}", NONE),
        (f"subsets: [{{name: v1, trafficPolicy: {{{TIMES}}}}}]", NONE),
    ],
)
def test_every_kind_of_proxy_is_told(text, expected):
    assert all_told(policy(text)) == expected


def test_nothing_is_told_of_other_hosts():
    assert all_told(policy(f"trafficPolicy: {{{TIMES}}}", host="two.com")) == NONE


def test_private_rules_hold_for_their_namespace():
    own = policy(f"trafficPolicy: {{{TIMES}, {SOURCE}}}", "shop")
    assert all_told(own, namespace="shop") == (5000, 9000, True)
    assert all_told(own) == NONE


@pytest.mark.parametrize(
    ("route", "expected"),
    [
        ("{destination: {host: one.com}, weight: 1}, {destination: {host: two.com}, weight: 9}", (5000, 9000, False)),
        ("{destination: {host: two.com}, weight: 9}, {destination: {host: one.com}, weight: 1}", NONE),
        ("{destination: {host: one.com, subset: v1}}", (5000, 9000, True)),
    ],
)
def test_the_first_destination_of_a_rule_decides(route, expected):
    of_subset = f"trafficPolicy: {{{TIMES}}}, subsets: [{{name: v1, trafficPolicy: {{{SOURCE}}}}}]"
    found = everywhere(policy(of_subset), split(route))
    assert (found["transparent"], found["explicit"]) == (expected, expected)


def test_tls_routes_are_told_too():
    rules = (
        policy(f"trafficPolicy: {{{TIMES}}}", host="web.com"),
        document(
            "VirtualService",
            "web",
            "{hosts: [web.com], tls: [{match: [{sniHosts: [web.com]}], route: [{destination: {host: web.com}}]}]}",
        ),
    )
    found = mesh(*SHOP, *rules)
    (own,) = (one for one in plans(found, transparent()).listeners if one.name == "10.1.1.3_443")
    assert told(own.chains[0].filter) == (5000, 9000, False)
    assert told(hosts(found)["web.com:443"].routes[-1].action) == (5000, 9000, False)
