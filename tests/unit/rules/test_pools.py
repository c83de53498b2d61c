"""ConnectionPoolSettings, retry budgets and protocols upstream, for every direction (reference §1.2, §2.7, §2.11)."""

import msgspec
import pytest
from tests.unit.rules.world import clusters, document, entry, mesh, mesh_config, plans, router, sidecar

from pidalio.ir import ConnectionPoolPlan, KeepalivePlan, PingPlan, RetryBudgetPlan, UpstreamProtocol
from pidalio.rules.pools import TcpTimeouts, tcp_timeouts
from pidalio.rules.visibility import ANYBODY

SHOP = entry("shop", "shop.com", ports="80 81/grpc 82/tcp")
HTTP1, HTTP2, DOWNSTREAM = UpstreamProtocol.HTTP1, UpstreamProtocol.HTTP2, UpstreamProtocol.DOWNSTREAM


def rule(policy: str, rest: str = "", name: str = "shop") -> str:
    return document("DestinationRule", name, f"{{host: shop.com, trafficPolicy: {{{policy}}}{rest}}}")


def pool(text: str) -> str:
    return f"connectionPool: {{{text}}}"


def cluster(found, port: int = 80, subset: str = "", proxy=None):
    return clusters(found, proxy)[f"outbound|{port}|{subset}|shop.com"]


def limits(found, **where) -> ConnectionPoolPlan:
    pool = cluster(found, **where).pool
    alive = msgspec.structs.replace(pool.keepalive, origin=None) if pool.keepalive else None
    return msgspec.structs.replace(pool, keepalive=alive, origin=None)


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ("tcp: {}", ConnectionPoolPlan()),
        ("tcp: {maxConnections: 7}", ConnectionPoolPlan(max_connections=7)),
        ("tcp: {maxConnections: 0}", ConnectionPoolPlan()),
        ("tcp: {maxConnectionDuration: 90s}", ConnectionPoolPlan(max_connection_duration=90_000)),
        ("tcp: {idleTimeout: 5s}", ConnectionPoolPlan(idle_timeout=5000)),
        ("tcp: {idleTimeout: 5s}, http: {idleTimeout: 6s}", ConnectionPoolPlan(idle_timeout=6000)),
        ("tcp: {idleTimeout: 5s}, http: {idleTimeout: 0s}", ConnectionPoolPlan(idle_timeout=0)),
        ("http: {http1MaxPendingRequests: 3}", ConnectionPoolPlan(max_pending_requests=3)),
        ("http: {http2MaxRequests: 3}", ConnectionPoolPlan(max_requests=3)),
        ("http: {maxRetries: 3}", ConnectionPoolPlan(max_retries=3)),
        ("http: {maxRequestsPerConnection: 3}", ConnectionPoolPlan(max_requests_per_connection=3)),
        ("http: {maxConcurrentStreams: 3}", ConnectionPoolPlan(max_streams=3)),
        ("http: {http2KeepAlive: {interval: 2s, timeout: 1s}}", ConnectionPoolPlan(pings=PingPlan(2000, 1000))),
        ("tcp: {tcpKeepalive: {}}", ConnectionPoolPlan(keepalive=KeepalivePlan())),
        (
            "tcp: {tcpKeepalive: {probes: 2, time: 3s, interval: 4s}}",
            ConnectionPoolPlan(keepalive=KeepalivePlan(2, 3000, 4000)),
        ),
    ],
)
def test_fields(stated, expected):
    found = mesh(SHOP, rule(pool(stated)))
    assert limits(found) == expected
    origin = cluster(found).pool.origin
    assert (str(origin.object), origin.path) == ("DestinationRule default/shop", "trafficPolicy.connectionPool")


@pytest.mark.parametrize(
    ("top", "subset", "where", "connections"),
    [
        (pool("tcp: {maxConnections: 1}"), "", {}, 1),
        (pool("tcp: {maxConnections: 1}"), pool("http: {maxRetries: 1}"), {"subset": "v1"}, None),
        (pool("tcp: {maxConnections: 1}"), "loadBalancer: {simple: RANDOM}", {"subset": "v1"}, 1),
        (
            pool("tcp: {maxConnections: 1}") + ", portLevelSettings: [{port: {number: 80}, outlierDetection: {}}]",
            "",
            {},
            None,
        ),
    ],
)
def test_a_block_replaces_as_a_whole(top, subset, where, connections):
    inner = f", trafficPolicy: {{{subset}}}" if subset else ""
    found = mesh(SHOP, rule(top, f", subsets: [{{name: v1, labels: {{a: b}}{inner}}}]"))
    assert limits(found, **where).max_connections == connections


def test_the_mesh_limits_what_no_rule_limits_and_unknown_hosts():
    found = mesh(SHOP, mesh_config("{defaultTrafficPolicy: {connectionPool: {tcp: {maxConnections: 9}}}}"))
    assert limits(found).max_connections == 9
    compiled = plans(found)
    assert compiled.cluster("PassthroughCluster").pool.max_connections == 9
    assert compiled.cluster("PassthroughCluster").pool.idle_timeout == 300_000
    found = mesh(
        SHOP,
        rule(pool("http: {maxRetries: 1}")),
        mesh_config("{defaultTrafficPolicy: {connectionPool: {tcp: {maxConnections: 9}}}}"),
    )
    assert limits(found).max_connections is None


@pytest.mark.parametrize(
    ("wide", "own", "expected"),
    [
        ("{probes: 9}", None, KeepalivePlan(probes=9)),
        ("{probes: 9, time: 8s}", "{time: 3s}", KeepalivePlan(9, 3000)),
        ("{}", None, KeepalivePlan()),
    ],
)
def test_keep_alive_is_the_meshs_with_what_the_rule_states(wide, own, expected):
    rules = [rule(pool(f"tcp: {{tcpKeepalive: {own}}}"))] if own else []
    assert limits(mesh(SHOP, *rules, mesh_config(f"{{tcpKeepalive: {wide}}}"))).keepalive == expected


class TestRetryBudget:
    @pytest.mark.parametrize(
        ("stated", "expected"),
        [
            ("{}", RetryBudgetPlan(20.0, 3)),
            ("{percent: 5, minRetryConcurrency: 0}", RetryBudgetPlan(5.0, 0)),
            ("{budgetInterval: 2s}", RetryBudgetPlan(interval=2000)),
        ],
    )
    def test_fields(self, stated, expected):
        plan = cluster(mesh(SHOP, rule(f"retryBudget: {stated}"))).retry_budget
        assert msgspec.structs.replace(plan, origin=None) == expected

    def test_a_port_entry_drops_it_and_one_of_a_subset_keeps_the_hosts(self):
        entry_80 = "portLevelSettings: [{port: {number: 80}, outlierDetection: {}}]"
        found = mesh(SHOP, rule(f"retryBudget: {{percent: 5}}, {entry_80}"))
        assert cluster(found).retry_budget is None
        assert cluster(found, 81).retry_budget.percent == 5
        subset = f", subsets: [{{name: v1, trafficPolicy: {{retryBudget: {{percent: 7}}, {entry_80}}}}}]"
        found = mesh(SHOP, rule("retryBudget: {percent: 5}", subset))
        assert cluster(found, subset="v1").retry_budget.percent == 5
        assert cluster(found, 81, subset="v1").retry_budget.percent == 7


@pytest.mark.parametrize(
    ("policy", "wide", "expected"),
    [
        ("", "DO_NOT_UPGRADE", (HTTP1, HTTP2, HTTP1)),
        ("", "UPGRADE", (HTTP2, HTTP2, HTTP1)),
        ("h2UpgradePolicy: DO_NOT_UPGRADE", "UPGRADE", (HTTP1, HTTP2, HTTP1)),
        ("h2UpgradePolicy: UPGRADE", "DO_NOT_UPGRADE", (HTTP2, HTTP2, HTTP2)),
        ("useClientProtocol: true", "DO_NOT_UPGRADE", (DOWNSTREAM, DOWNSTREAM, DOWNSTREAM)),
        ("useClientProtocol: true", "UPGRADE", (DOWNSTREAM, DOWNSTREAM, DOWNSTREAM)),
    ],
)
def test_protocol_upstream(policy, wide, expected):
    rules = [rule(pool(f"http: {{{policy}}}"))] if policy else []
    found = mesh(SHOP, *rules, mesh_config(f"{{h2UpgradePolicy: {wide}}}"))
    assert tuple(cluster(found, port).protocol for port in (80, 81, 82)) == expected


def test_undeclared_ports_are_spoken_to_as_the_caller_does_but_not_at_gateways():
    found = mesh(document("Service", "sniffed", "{ports: [{port: 9000, name: any}]}"))
    name = "outbound|9000||sniffed.default.svc.cluster.local"
    assert clusters(found)[name].protocol is DOWNSTREAM
    assert clusters(found, router())[name].protocol is HTTP1


class TestInbound:
    WEB = document("Service", "web", "{selector: {app: web}, ports: [{port: 80, name: http, targetPort: 8080}]}")

    @staticmethod
    def limits(policy: str, more: str = "") -> ConnectionPoolPlan:
        found = document("DestinationRule", "web", f"{{host: web, trafficPolicy: {{{policy}}}{more}}}")
        proxy = sidecar("default", "web-1", "10.0.0.7", app="web")
        wide = mesh_config("{defaultTrafficPolicy: {connectionPool: {tcp: {maxConnections: 99}}}}")
        return plans(mesh(TestInbound.WEB, found, wide), proxy).cluster("inbound|8080||").pool

    def test_the_rule_of_the_service_limits_its_own_instances(self):
        assert self.limits(pool("tcp: {maxConnections: 4}")).max_connections == 4

    def test_its_port_entry_comes_first(self):
        of_port = f"portLevelSettings: [{{port: {{number: 80}}, {pool('tcp: {maxConnections: 5}')}}}]"
        assert self.limits(f"{pool('tcp: {maxConnections: 4}')}, {of_port}").max_connections == 5

    def test_subsets_and_the_mesh_have_no_say(self):
        of_subset = f", subsets: [{{name: v1, trafficPolicy: {{{pool('tcp: {maxConnections: 6}')}}}}}]"
        assert self.limits("loadBalancer: {simple: RANDOM}", of_subset).max_connections is None


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("loadBalancer: {simple: RANDOM}", TcpTimeouts()),
        (pool("tcp: {idleTimeout: 5s, maxConnectionDuration: 9s}"), TcpTimeouts(5000, 9000)),
        (pool("http: {idleTimeout: 5s}"), TcpTimeouts()),
        (f"portLevelSettings: [{{port: {{number: 82}}, {pool('tcp: {idleTimeout: 5s}')}}}]", TcpTimeouts()),
    ],
)
def test_timeouts_of_connections_come_from_the_hosts_policy_alone(policy, expected):
    assert tcp_timeouts(mesh(SHOP, rule(policy)).world, ANYBODY, ("shop.com", "default")) == expected
