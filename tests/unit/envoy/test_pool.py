import pytest

from pidalio.envoy import protos
from pidalio.envoy.pool import UNLIMITED, circuit_breakers, protocol_options, tcp_keepalive
from pidalio.ir import (
    ClusterPlan,
    ConnectionPoolPlan,
    Discovery,
    KeepalivePlan,
    PingPlan,
    RetryBudgetPlan,
    UpstreamProtocol,
)


def test_limits_and_budget() -> None:
    pool = ConnectionPoolPlan(max_connections=1, max_retries=4)
    (threshold,) = protos.to_dict(circuit_breakers(pool, RetryBudgetPlan(25.0, 0, 1500)))["thresholds"]
    assert threshold == {
        "max_connections": 1,
        "max_pending_requests": UNLIMITED,
        "max_requests": UNLIMITED,
        "max_retries": 4,
        "retry_budget": {"budget_percent": {"value": 25}, "budget_interval": "1.500s", "min_retry_concurrency": 0},
    }


@pytest.mark.parametrize(
    ("pool", "protocol", "expected"),
    [
        (ConnectionPoolPlan(max_connections=1), UpstreamProtocol.HTTP1, None),
        (
            ConnectionPoolPlan(idle_timeout=0, max_connection_duration=1000, max_requests_per_connection=3),
            UpstreamProtocol.HTTP1,
            {
                "common_http_protocol_options": {
                    "idle_timeout": "0s",
                    "max_connection_duration": "1s",
                    "max_requests_per_connection": 3,
                },
                "explicit_http_config": {"http_protocol_options": {}},
            },
        ),
        (
            ConnectionPoolPlan(max_streams=5, pings=PingPlan(2000, 1000)),
            UpstreamProtocol.HTTP2,
            {
                "explicit_http_config": {
                    "http2_protocol_options": {
                        "max_concurrent_streams": 5,
                        "connection_keepalive": {"interval": "2s", "timeout": "1s"},
                    },
                },
            },
        ),
        (
            ConnectionPoolPlan(max_streams=5, pings=PingPlan(2000, 1000)),
            UpstreamProtocol.DOWNSTREAM,
            {"use_downstream_protocol_config": {"http_protocol_options": {}, "http2_protocol_options": {}}},
        ),
    ],
)
def test_protocol_options(
    pool: ConnectionPoolPlan, protocol: UpstreamProtocol, expected: dict[str, object] | None
) -> None:
    options = protocol_options(ClusterPlan("c", Discovery.EDS, pool=pool, protocol=protocol))
    assert (protos.to_dict(options) if options else None) == expected


def test_keep_alive_is_in_whole_seconds() -> None:
    assert protos.to_dict(tcp_keepalive(KeepalivePlan())) == {}
    written = protos.to_dict(tcp_keepalive(KeepalivePlan(3, 1500, 200)))
    assert written == {"keepalive_probes": 3, "keepalive_time": 1, "keepalive_interval": 1}
