from pidalio.envoy import protos
from pidalio.envoy.route import route_configuration
from pidalio.ir import RouteTablePlan, VirtualHostPlan


def test_routes_may_name_clusters_that_do_not_exist() -> None:
    assert protos.to_dict(route_configuration(RouteTablePlan("80"))) == {
        "name": "80",
        "validate_clusters": False,
        "max_direct_response_body_size_bytes": 1024 * 1024,
    }


def test_virtual_hosts_inline_and_by_themselves() -> None:
    plan = RouteTablePlan("80", (VirtualHostPlan("any", ("*",), ()),), delta=True, ignore_port=True)
    written = protos.to_dict(route_configuration(plan))
    assert [host["name"] for host in written["virtual_hosts"]] == ["any"]
    assert written["ignore_port_in_host_matching"] is True
    assert written["vhds"]["config_source"] == {
        "ads": {},
        "initial_fetch_timeout": "0s",
        "resource_api_version": "V3",
    }
