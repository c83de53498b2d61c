from pidalio.envoy import protos
from pidalio.envoy.filters.cors import cors_filter
from pidalio.envoy.filters.fault import fault_config, fault_filter
from pidalio.envoy.filters.forward_proxy import dns_cache, forward_proxy_filter
from pidalio.envoy.filters.router import router_filter
from pidalio.ir import AbortPlan, FaultPlan


def test_every_filter_goes_by_envoys_own_name_and_type() -> None:
    for build in (cors_filter, fault_filter, forward_proxy_filter, router_filter):
        message = build()
        assert message.name.startswith("envoy.filters.http.")
        package = protos.unpack(message.typed_config).DESCRIPTOR.file.package
        assert package == f"envoy.extensions.filters.http.{message.name.rpartition('.')[2]}.v3"


def test_grpc_aborts_carry_a_grpc_status() -> None:
    abort = protos.to_dict(fault_config(FaultPlan(abort=AbortPlan(1, grpc_status=14))))["abort"]
    assert abort == {"grpc_status": 14, "percentage": {"numerator": 10_000, "denominator": "MILLION"}}


def test_filter_and_cluster_share_one_cache() -> None:
    config = protos.unpack(forward_proxy_filter(["127.3.4.0/24"]).typed_config)
    assert config.dns_cache_config == dns_cache(["127.3.4.0/24"])


def test_networks_that_must_not_be_reached() -> None:
    written = protos.to_dict(dns_cache(["127.3.4.0/24", "fd00::/8"]))["resolved_address_filter"]
    assert written == {
        "ranges": [
            {"address_prefix": "127.3.4.0", "prefix_len": 24},
            {"address_prefix": "fd00::", "prefix_len": 8},
        ],
    }
