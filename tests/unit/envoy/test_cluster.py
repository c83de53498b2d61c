import pytest

from pidalio.envoy import protos
from pidalio.envoy.cluster import cluster
from pidalio.envoy.endpoint import load_assignment
from pidalio.ir import (
    AssignmentPlan,
    ClusterPlan,
    Discovery,
    EndpointPlan,
    LoadBalancing,
    LocalityPlan,
    ProxyProtocolVersion,
    UpstreamProtocol,
    ZoneAwarePlan,
)
from pidalio.model import Health, Locality, ObjectRef, Origin


def test_limits_are_written_out_as_none() -> None:
    (threshold,) = protos.to_dict(cluster(ClusterPlan("c", Discovery.STATIC)))["circuit_breakers"]["thresholds"]
    limit = 2**32 - 1
    assert threshold == {
        "max_connections": limit,
        "max_pending_requests": limit,
        "max_requests": limit,
        "max_retries": limit,
    }


def test_eds_comes_over_the_one_stream_under_the_clusters_name() -> None:
    message = cluster(ClusterPlan("outbound|80||x", Discovery.EDS))
    assert protos.to_dict(message.eds_cluster_config) == {
        "service_name": "outbound|80||x",
        "eds_config": {"ads": {}, "resource_api_version": "V3"},
    }
    assert message.alt_stat_name == "outbound|80||x;"


@pytest.mark.parametrize("policy", list(LoadBalancing), ids=lambda policy: policy.value)
def test_load_balancing(policy: LoadBalancing) -> None:
    message = cluster(ClusterPlan("c", Discovery.EDS, load_balancing=policy))
    assert message.LbPolicy.Name(message.lb_policy) == policy.value


@pytest.mark.parametrize("discovery", [Discovery.DYNAMIC_FORWARD_PROXY, Discovery.ORIGINAL_DST])
def test_clusters_that_choose_by_themselves(discovery: Discovery) -> None:
    message = cluster(ClusterPlan("c", discovery))
    assert message.LbPolicy.Name(message.lb_policy) == "CLUSTER_PROVIDED"
    assert not message.HasField("common_lb_config")


@pytest.mark.parametrize(("discovery", "single"), [(Discovery.STRICT_DNS, False), (Discovery.LOGICAL_DNS, True)])
def test_dns(discovery: Discovery, single: bool) -> None:
    named = AssignmentPlan("c", (LocalityPlan((EndpointPlan("example.com", 80),)),))
    message = cluster(ClusterPlan("c", discovery, dns_refresh=5000, assignment=named))
    written = protos.to_dict(message)["cluster_type"]["typed_config"]
    assert written["dns_refresh_rate"] == "5s"
    assert written.get("all_addresses_in_single_endpoint", False) is single
    assert message.load_assignment.endpoints[0].lb_endpoints[0].endpoint.address.socket_address.address == "example.com"


def test_panic_threshold() -> None:
    unstated = cluster(ClusterPlan("c", Discovery.EDS, healthy_panic_threshold=None)).common_lb_config
    assert not unstated.HasField("healthy_panic_threshold")
    lb_config = cluster(ClusterPlan("c", Discovery.EDS)).common_lb_config
    assert lb_config.HasField("healthy_panic_threshold")
    assert lb_config.healthy_panic_threshold.value == 0


def test_http2_upstreams() -> None:
    written = protos.to_dict(cluster(ClusterPlan("c", Discovery.EDS, protocol=UpstreamProtocol.HTTP2)))
    (options,) = written["typed_extension_protocol_options"].values()
    assert options["explicit_http_config"] == {"http2_protocol_options": {}}
    assert "typed_extension_protocol_options" not in protos.to_dict(cluster(ClusterPlan("c", Discovery.EDS)))


def test_metadata_names_rule_and_service_as_istio_does() -> None:
    rule = Origin(ObjectRef("DestinationRule", "shop", "reviews"), "trafficPolicy")
    plan = ClusterPlan("c", Discovery.EDS, host="r.shop.svc", namespace="shop", port=80, subset="v1", lb_origin=rule)
    written = protos.to_dict(cluster(plan))["metadata"]["filter_metadata"]
    assert written["istio"] == {
        "config": "/apis/networking.istio.io/v1/namespaces/shop/destination-rule/reviews",
        "services": [{"host": "r.shop.svc", "name": "r", "namespace": "shop"}],
        "subset": "v1",
        "path": "trafficPolicy",
    }


def test_assignments() -> None:
    endpoints = (
        EndpointPlan("10.0.0.1", 80, workload="w"),
        EndpointPlan("unix:///s", 0, weight=3, health=Health.UNHEALTHY),
        EndpointPlan("10.0.0.2", 80, health=Health.UNKNOWN),
    )
    plan = AssignmentPlan("c", (LocalityPlan(endpoints, Locality("r", "z"), weight=5, priority=1),))
    socket = {"socket_address": {"address": "10.0.0.1", "port_value": 80}}
    assert protos.to_dict(load_assignment(plan)) == {
        "cluster_name": "c",
        "endpoints": [
            {
                "locality": {"region": "r", "zone": "z"},
                "load_balancing_weight": 5,
                "priority": 1,
                "lb_endpoints": [
                    {
                        "endpoint": {"address": socket},
                        "health_status": "HEALTHY",
                        "metadata": {"filter_metadata": {"pidalio": {"workload": "w"}}},
                    },
                    {
                        "endpoint": {"address": {"pipe": {"path": "/s"}}},
                        "health_status": "UNHEALTHY",
                        "load_balancing_weight": 3,
                    },
                    {"endpoint": {"address": {"socket_address": {"address": "10.0.0.2", "port_value": 80}}}},
                ],
            },
        ],
    }


def test_an_empty_assignment_is_an_answer() -> None:
    assert protos.to_dict(load_assignment(AssignmentPlan("c"))) == {"cluster_name": "c"}


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        (ClusterPlan("c", Discovery.EDS), {"zone_aware_lb_config": {"routing_enabled": {}}}),
        (
            ClusterPlan("c", Discovery.STRICT_DNS, load_balancing=LoadBalancing.RANDOM),
            {"zone_aware_lb_config": {"routing_enabled": {}}},
        ),
        (
            ClusterPlan("c", Discovery.EDS, zone_aware=ZoneAwarePlan(4)),
            {"zone_aware_lb_config": {"min_cluster_size": "4"}},
        ),
        (ClusterPlan("c", Discovery.EDS, locality_weighted=True), {"locality_weighted_lb_config": {}}),
        (ClusterPlan("c", Discovery.EDS, load_balancing=LoadBalancing.MAGLEV), {}),
        (ClusterPlan("c", Discovery.ORIGINAL_DST), {}),
    ],
)
def test_zones_are_balanced_only_where_a_rule_says_so(plan, expected) -> None:
    written = protos.to_dict(cluster(plan)).get("common_lb_config", {})
    written.pop("healthy_panic_threshold", None)
    assert written == expected


def test_instances_with_a_name_for_tls_are_matched_by_their_metadata() -> None:
    message = cluster(ClusterPlan("c", Discovery.EDS, protocol=UpstreamProtocol.HTTP2, instance_ca="CA"))
    (match,) = protos.to_dict(message)["transport_socket_matches"]
    assert match == {
        "name": "tls",
        "match": {"tls": True},
        "transport_socket": {
            "name": "envoy.transport_sockets.tls",
            "typed_config": {
                "@type": protos.type_url("envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext"),
                "auto_host_sni": True,
                "auto_sni_san_validation": True,
                "common_tls_context": {
                    "alpn_protocols": ["h2"],
                    "validation_context": {"trusted_ca": {"inline_string": "CA"}},
                },
            },
        },
    }
    assert not message.HasField("transport_socket")
    plans = (EndpointPlan("10.0.0.1", 61001, tls_name="guid"), EndpointPlan("10.0.0.2", 8080))
    found = load_assignment(AssignmentPlan("c", (LocalityPlan(plans, weight=2),)))
    named, plain = found.endpoints[0].lb_endpoints
    assert named.endpoint.hostname == "guid"
    assert protos.to_dict(named.metadata) == {"filter_metadata": {"envoy.transport_socket_match": {"tls": True}}}
    assert not plain.endpoint.hostname
    assert not plain.HasField("metadata")


def test_a_proxy_header_goes_before_tls() -> None:
    plan = ClusterPlan("c", Discovery.EDS, instance_ca="CA", proxy_protocol=ProxyProtocolVersion.V2)
    (match,) = cluster(plan).transport_socket_matches
    wrapped = protos.unpack(match.transport_socket.typed_config)
    assert match.transport_socket.name == "envoy.transport_sockets.upstream_proxy_protocol"
    assert wrapped.transport_socket.name == "envoy.transport_sockets.tls"
