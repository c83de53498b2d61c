from typing import Any

from pidalio.envoy import protos
from pidalio.envoy.listener import listener
from pidalio.envoy.virtual_host import virtual_host
from pidalio.ir import (
    Direction,
    HttpPlan,
    ListenerPlan,
    RouteTablePlan,
    TcpPlan,
    VirtualHostPlan,
    WeightedCluster,
    one_chain,
)


def manager(plan: HttpPlan, direction: Direction = Direction.OUTBOUND) -> dict[str, Any]:
    written = protos.to_dict(listener(ListenerPlan("l", "127.0.0.1", 80, direction, one_chain(plan))))
    config: dict[str, Any] = written["filter_chains"][0]["filters"][0]["typed_config"]
    return config


def filters(config: dict[str, Any]) -> list[str]:
    return [each["name"].rpartition(".")[2] for each in config["http_filters"]]


def test_ports_are_not_shared_in_silence() -> None:
    written = protos.to_dict(listener(ListenerPlan("l", "::1", 80, Direction.INBOUND, one_chain(HttpPlan("s", "t")))))
    assert written["enable_reuse_port"] is False
    assert written["address"] == {"socket_address": {"address": "::1", "port_value": 80}}
    assert written["traffic_direction"] == "INBOUND"


def test_settings_that_istio_has_everywhere() -> None:
    config = manager(HttpPlan("s", "t"))
    assert config["normalize_path"] is True
    assert config["stream_idle_timeout"] == "0s"
    assert config["use_remote_address"] is False
    assert config["upgrade_configs"] == [{"upgrade_type": "websocket"}]
    assert config["server_header_transformation"] == "PASS_THROUGH"
    assert filters(config) == ["grpc_web", "fault", "campaign", "cors", "router"]


def test_a_named_table_comes_over_the_one_stream_and_is_waited_for() -> None:
    assert manager(HttpPlan("s", "80"))["rds"] == {
        "route_config_name": "80",
        "config_source": {"ads": {}, "initial_fetch_timeout": "0s", "resource_api_version": "V3"},
    }


def test_a_table_may_be_inline() -> None:
    assert manager(HttpPlan("s", RouteTablePlan("inline")))["route_config"]["name"] == "inline"


def test_grpc_web_is_off_until_a_virtual_host_asks_for_it() -> None:
    host = VirtualHostPlan("h", ("*",), (), grpc_web=True)
    for table in ("t", RouteTablePlan("inline", (host,))):
        first = manager(HttpPlan("s", table))["http_filters"][0]
        assert (first["name"], first["disabled"]) == ("envoy.filters.http.grpc_web", True)
    assert "grpc_web" not in filters(manager(HttpPlan("s", RouteTablePlan("inline"))))
    written = protos.to_dict(virtual_host(host))
    assert written["typed_per_filter_config"] == {
        "envoy.filters.http.grpc_web": {
            "@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig",
            "config": {},
        }
    }


def test_campaigns_are_off_and_what_comes_in_has_none() -> None:
    (found,) = [one for one in manager(HttpPlan("s", "table"))["http_filters"] if one["name"].endswith(".campaign")]
    assert found["disabled"] is True
    assert "campaign" not in filters(manager(HttpPlan("s", RouteTablePlan("inline"))))


def test_an_explicit_proxy_takes_tunnels_and_trusts_its_local_callers() -> None:
    config = manager(HttpPlan("s", "t", explicit_proxy=True, forward_proxy=True, use_remote_address=True))
    assert {"upgrade_type": "CONNECT"} in config["upgrade_configs"]
    assert config["http_protocol_options"] == {"allow_absolute_url": True}
    assert config["skip_xff_append"] is True
    assert {"address_prefix": "127.0.0.0", "prefix_len": 8} in config["internal_address_config"]["cidr_ranges"]
    written = ["header_mutation", "grpc_web", "fault", "campaign", "cors", "dynamic_forward_proxy", "router"]
    assert filters(config) == written


def test_a_gateway_trusts_nobody() -> None:
    config = manager(HttpPlan("s", "t", use_remote_address=True, server_name="istio-envoy"), Direction.GATEWAY)
    assert "internal_address_config" not in config
    assert "skip_xff_append" not in config
    assert config["server_name"] == "istio-envoy"


def test_access_log_where_asked_for() -> None:
    assert "access_log" not in manager(HttpPlan("s", "t"))
    (log,) = manager(HttpPlan("s", "t", access_log="/var/log/a"))["access_log"]
    assert log["typed_config"]["path"] == "/var/log/a"


def test_bytes_leave_out_destinations_without_weight() -> None:
    clusters = (WeightedCluster("a", 1), WeightedCluster("b", 0), WeightedCluster("c", 3))
    message = listener(ListenerPlan("l", "127.0.0.1", 80, Direction.INBOUND, one_chain(TcpPlan("s", clusters))))
    config = protos.to_dict(message)["filter_chains"][0]["filters"][0]["typed_config"]
    assert config["weighted_clusters"] == {"clusters": [{"name": "a", "weight": 1}, {"name": "c", "weight": 3}]}
    one = TcpPlan("s", (WeightedCluster("a", 0),))
    message = listener(ListenerPlan("l", "127.0.0.1", 80, Direction.INBOUND, one_chain(one)))
    assert protos.to_dict(message)["filter_chains"][0]["filters"][0]["typed_config"]["cluster"] == "a"
