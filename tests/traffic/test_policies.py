"""What DestinationRules do over many requests: limits, ejection, hashing; each on a real Envoy with files as users write them."""

import time
from collections import Counter

import pytest
from tests.traffic.case import GATEWAY, Case
from tests.traffic.client import Got, Sent, fetch
from tests.traffic.envoy import RunningEnvoy
from tests.traffic.fleet import instance_at, rule, service, subsets
from tests.traffic.run import compiled

pytestmark = pytest.mark.envoy


class Mesh:
    """One Envoy of a client, and its calls by whole URLs."""

    def __init__(self, envoy: RunningEnvoy) -> None:
        self.envoy = envoy
        self.door = next((each.address, each.port) for each in envoy.plans.listeners if each.explicit_proxy)

    def get(self, url: str, *headers: tuple[str, str], times: int = 1, at_once: int = 1) -> list[Got]:
        """Call `url` so often; with `at_once` 1 on one connection, one after the other."""
        host = url.removeprefix("http://").partition("/")[0]
        return fetch([Sent(self.door, "GET", url, host, headers)] * times, at_once=at_once)


@pytest.fixture(scope="module")
def mesh(backend):
    config = "".join(
        service(name, instances) + subsets(name, "v1", policy=policy) for name, instances, policy in _WORLD
    )
    mixed = rule("mixed", _MIXED, hosts="mixed.example.com")
    case = Case(id="policies", intent="", config=config + mixed, calls=())
    envoy = RunningEnvoy(compiled(case, backend.port)).start()
    yield Mesh(envoy)
    envoy.stop()


_EJECTS = "consecutive5xxErrors: 3, baseEjectionTime: 300s, interval: 300s"
_WORLD = (
    ("bounded", "v1", "{connectionPool: {tcp: {maxConnections: 2}, http: {http1MaxPendingRequests: 1}}}"),
    ("unbounded", "v1", "{connectionPool: {tcp: {connectTimeout: 5s}}}"),
    ("all-out", "v1*2", f"{{outlierDetection: {{{_EJECTS}, maxEjectionPercent: 100}}}}"),
    ("half-out", "v1*4", f"{{outlierDetection: {{{_EJECTS}, maxEjectionPercent: 50}}}}"),
    ("none-out", "v1*4", f"{{outlierDetection: {{{_EJECTS}, maxEjectionPercent: 20}}}}"),
    (
        "gateway-errors",
        "v1",
        "{outlierDetection: {consecutive5xxErrors: 0, consecutiveGatewayErrors: 2, maxEjectionPercent: 100}}",
    ),
    ("by-header", "v1*4", "{loadBalancer: {consistentHash: {httpHeaderName: x-user}}}"),
    ("by-query", "v1*4", "{loadBalancer: {consistentHash: {httpQueryParameterName: user, maglev: {}}}}"),
    ("by-source", "v1*4", "{loadBalancer: {consistentHash: {useSourceIp: true}}}"),
    (
        "by-cookie",
        "v1*4",
        "{loadBalancer: {consistentHash: {httpCookie: {name: who, path: /c, ttl: 60s, attributes: [{name: SameSite, value: Strict}]}}}}",
    ),
    ("by-session-cookie", "v1*4", "{loadBalancer: {consistentHash: {httpCookie: {name: who, ttl: 0s}}}}"),
    ("by-own-cookie", "v1*4", "{loadBalancer: {consistentHash: {httpCookie: {name: who}}}}"),
    ("not-hashed", "v1*4", "{loadBalancer: {simple: ROUND_ROBIN}}"),
)
_MIXED = "http: [{route: [{destination: {host: by-header}, weight: 1}, {destination: {host: by-query}, weight: 1}]}]"


def reached(answers: list[Got]) -> Counter[str]:
    return Counter(instance_at(got.header("x-from") or "") for got in answers if got.header("x-from"))


def test_what_exceeds_connections_and_queue_fails_fast(mesh):
    mesh.get("http://bounded/")  # requests that wait for a new connection fill the queue: warm one, then the other
    mesh.get("http://bounded/", ("x-echo-delay", "500"), times=2, at_once=2)
    answers = mesh.get("http://bounded/", ("x-echo-delay", "1000"), times=8, at_once=8)
    assert Counter(got.status for got in answers) == {200: 3, 503: 5}
    assert {got.header("x-envoy-overloaded") for got in answers if got.status == 503} == {"true"}


def test_nothing_is_limited_unless_a_rule_says_so(mesh):
    answers = mesh.get("http://unbounded/", ("x-echo-delay", "500"), times=40, at_once=40)
    assert {got.status for got in answers} == {200}


def _until_left(mesh, name: str, left: int) -> list[Got]:
    """Return answers once `left` instances are reached: Envoy takes further ejections of a second at its end."""
    until = time.monotonic() + 20
    while True:
        answers = mesh.get(f"http://{name}/", times=40)
        if len(reached(answers)) == left or time.monotonic() > until:
            return answers


def test_ejection_leaves_nobody_where_the_rule_allows_it(mesh):
    mesh.get("http://all-out/", ("x-echo-status", "500"), times=20)
    answers = _until_left(mesh, "all-out", 0)
    assert {(got.status, got.body) for got in answers} == {(503, b"no healthy upstream")}


@pytest.mark.parametrize(("name", "left"), [("half-out", 2), ("none-out", 4)])
def test_never_more_are_ejected_than_the_share(mesh, name, left):
    mesh.get(f"http://{name}/", ("x-echo-status", "500"), times=40)
    assert len(reached(_until_left(mesh, name, left))) == left


def test_errors_of_gateways_are_counted_apart(mesh):
    mesh.get("http://gateway-errors/", ("x-echo-status", "500"), times=10)
    assert mesh.get("http://gateway-errors/")[0].status == 200
    mesh.get("http://gateway-errors/", ("x-echo-status", "502"), times=2)
    assert {got.status for got in _until_left(mesh, "gateway-errors", 0)} == {503}


_USERS = [f"user-{number}" for number in range(40)]


@pytest.mark.parametrize(
    ("url", "header"),
    [
        ("http://by-header/", ("x-user", "{}")),
        ("http://by-query/?user={}", ("x-other", "1")),
        ("http://by-own-cookie/", ("cookie", "who={}")),
    ],
)
def test_a_key_has_one_instance(mesh, url, header):
    name, value = header
    chosen = {}
    for user in _USERS:
        found = reached(mesh.get(url.format(user), (name, value.format(user)), times=5))
        assert len(found) == 1, f"{user} reached {found}"
        chosen[user] = next(iter(found))
    # 40 keys over 4 instances: all on one by chance once in 4 ** 39
    assert len(set(chosen.values())) > 1


def test_a_source_address_has_one_instance(mesh):
    assert len(reached(mesh.get("http://by-source/", times=20))) == 1


def test_a_cookie_is_made_with_its_attributes_and_keeps_its_instance(mesh):
    (first,) = mesh.get("http://by-cookie/")
    made = first.header("set-cookie")
    assert made is not None
    value, *attributes = (part.strip() for part in made.split(";"))
    assert {"Max-Age=60", "Path=/c", "SameSite=Strict"} <= set(attributes)
    assert reached(mesh.get("http://by-cookie/", ("cookie", value.replace('"', "")), times=20)) == {
        instance_at(first.header("x-from")): 20
    }


def test_a_cookie_may_last_as_long_as_the_session(mesh):
    (first,) = mesh.get("http://by-session-cookie/")
    made = first.header("set-cookie")
    assert made is not None
    assert made.startswith("who=")
    assert "Max-Age" not in made
    cookie = made.partition(";")[0].replace('"', "")
    assert reached(mesh.get("http://by-session-cookie/", ("cookie", cookie), times=20)) == {
        instance_at(first.header("x-from")): 20
    }


def test_a_cookie_without_lifetime_is_never_made(mesh):
    assert mesh.get("http://by-own-cookie/")[0].header("set-cookie") is None


def test_keys_of_several_destinations_count_together(mesh):
    for user in _USERS[:10]:
        found = reached(mesh.get(f"http://mixed.example.com/?user={user}", ("x-user", user), times=12))
        assert len({name for name in found if name.startswith("by-header")}) <= 1
        assert len({name for name in found if name.startswith("by-query")}) <= 1


def test_without_a_hash_all_instances_are_used(mesh):
    assert len(reached(mesh.get("http://not-hashed/", ("x-user", "one"), times=40))) == 4


_INGRESS = """
---
apiVersion: v1
kind: Service
metadata: {name: hashed, namespace: default}
spec: {ports: [{name: http, port: 80, targetPort: $PORT}]}
---
apiVersion: v1
kind: Endpoints
metadata: {name: hashed, namespace: default}
subsets:
- addresses: [{ip: 127.9.4.1}, {ip: 127.9.4.2}, {ip: 127.9.4.3}, {ip: 127.9.4.4}]
  ports: [{name: http, port: $PORT}]
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: hashed, namespace: default, annotations: {kubernetes.io/ingress.class: istio}}
spec: {rules: [{http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: hashed, port: {number: 80}}}}]}}]}
"""


def test_an_ingress_hashes_as_the_rule_of_its_backend_says(backend):
    config = _INGRESS + subsets("hashed", policy="{loadBalancer: {consistentHash: {httpHeaderName: x-user}}}")
    labels = (("istio", "ingressgateway"),)
    envoy = RunningEnvoy(
        compiled(Case(id="ingress", intent="", config=config, calls=(), proxy=GATEWAY, labels=labels), backend.port)
    ).start()
    try:
        door = envoy.address(envoy.plans.listeners[0])
        asked = [Sent(door, "GET", "/", "any", (("x-user", user),)) for user in _USERS[:20] for _ in range(5)]
        where = [got.header("x-from") for got in fetch(asked, at_once=1)]
    finally:
        envoy.stop()
    by_user = [set(where[start : start + 5]) for start in range(0, len(where), 5)]
    assert all(len(one) == 1 for one in by_user)
    assert len(set(where)) > 1
