from pidalio.envoy import protos
from pidalio.envoy.virtual_host import route, virtual_host
from pidalio.ir import (
    AbortPlan,
    CampaignPlan,
    CorsPlan,
    DelayPlan,
    DirectResponsePlan,
    FaultPlan,
    ForwardPlan,
    HeaderEdits,
    HeaderMatch,
    MatchKind,
    MatchPlan,
    PathKind,
    PathMatch,
    RoutePlan,
    StringPattern,
    VirtualHostPlan,
    WeightedCluster,
)
from pidalio.model import ObjectRef, Origin

RULE = Origin(ObjectRef("VirtualService", "shop", "reviews"), "http[2].match[0]")
TO_C = ForwardPlan((WeightedCluster("c"),))


def test_a_virtual_host_counts_attempts_and_asks_for_tls_when_told() -> None:
    plan = VirtualHostPlan("v", ("a", "b"), (), require_tls=True)
    assert protos.to_dict(virtual_host(plan)) == {
        "name": "v",
        "domains": ["a", "b"],
        "require_tls": "ALL",
        "include_request_attempt_count": True,
    }
    assert virtual_host(plan, "table/v").name == "table/v"


def test_a_route_says_which_line_of_which_rule_it_is() -> None:
    written = protos.to_dict(route(RoutePlan(MatchPlan(), TO_C, name="r", stat_prefix="s", origin=RULE)))
    assert written["metadata"]["filter_metadata"] == {
        "istio": {
            "config": "/apis/networking.istio.io/v1/namespaces/shop/virtual-service/reviews",
            "path": "http[2].match[0]",
        },
    }
    assert (written["name"], written["stat_prefix"]) == ("r", "s")


def test_a_default_route_says_nothing() -> None:
    assert not route(RoutePlan(MatchPlan(), TO_C)).HasField("metadata")


def test_an_answer_of_our_own_says_why() -> None:
    answer = RoutePlan(MatchPlan(), DirectResponsePlan(503, reason="no such subset"), origin=RULE)
    written = protos.to_dict(route(answer))
    assert written["metadata"]["filter_metadata"]["pidalio"]["reason"] == "no such subset"
    assert written["direct_response"] == {"status": 503}


def test_edits_of_the_route_come_before_those_of_its_only_destination() -> None:
    own, shared = HeaderEdits(add=(("a", "own"),)), HeaderEdits(add=(("a", "shared"),), remove=("z",))
    plan = RoutePlan(MatchPlan(), ForwardPlan((WeightedCluster("c", 0, own, own),)), request_headers=shared)
    message = route(plan)
    assert [each.header.value for each in message.request_headers_to_add] == ["shared", "own"]
    assert [each.header.value for each in message.response_headers_to_add] == ["own"]
    assert list(message.request_headers_to_remove) == ["z"]


def test_edits_of_several_destinations_stay_with_them() -> None:
    own = HeaderEdits(add=(("a", "own"),))
    plan = RoutePlan(MatchPlan(), ForwardPlan((WeightedCluster("c", 1, own), WeightedCluster("d", 1))))
    assert not route(plan).request_headers_to_add


def test_faults_and_cors_travel_with_the_route() -> None:
    fault = FaultPlan(DelayPlan(1500, 0.5), AbortPlan(100, http_status=429))
    cors = CorsPlan((StringPattern(MatchKind.PREFIX, "http://"),), "GET", max_age="60", allow_credentials=False)
    configured = protos.to_dict(route(RoutePlan(MatchPlan(), TO_C, fault=fault, cors=cors)))["typed_per_filter_config"]
    assert configured["envoy.filters.http.fault"] == {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault",
        "delay": {"fixed_delay": "1.500s", "percentage": {"numerator": 5000, "denominator": "MILLION"}},
        "abort": {"http_status": 429, "percentage": {"numerator": 1_000_000, "denominator": "MILLION"}},
        "disable_downstream_cluster_stats": True,
    }
    assert configured["envoy.filters.http.cors"] == {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy",
        "allow_origin_string_match": [{"prefix": "http://"}],
        "allow_methods": "GET",
        "max_age": "60",
        "allow_credentials": False,
        "filter_enabled": {"default_value": {"numerator": 1_000_000, "denominator": "MILLION"}},
        "forward_not_matching_preflights": True,
    }


def test_a_campaign_stays_with_its_destination_and_does_nothing_by_itself() -> None:
    match = MatchPlan(PathMatch(PathKind.EXACT, "/a.b"), (HeaderMatch("x", StringPattern(MatchKind.EXACT, "y")),))
    campaign = CampaignPlan("storm", match, delay=200, http_status=503)
    name = "pidalio.filters.http.campaign"
    alone = RoutePlan(MatchPlan(), ForwardPlan((WeightedCluster("c", 1, campaign=campaign),)))
    written = protos.to_dict(route(alone))["typed_per_filter_config"]
    nothing = {"denominator": "MILLION"}
    assert written == {
        name: {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault",
            "delay": {"fixed_delay": "0.200s", "percentage": nothing},
            "abort": {"http_status": 503, "percentage": nothing},
            "headers": [
                {"name": ":path", "string_match": {"safe_regex": {"regex": "/a\\.b(\\?.*)?"}}},
                {"name": "x", "string_match": {"exact": "y"}},
            ],
            "delay_percent_runtime": "pidalio.fault.storm.delay",
            "abort_percent_runtime": "pidalio.fault.storm.abort",
            "disable_downstream_cluster_stats": True,
        }
    }
    one_of = ForwardPlan((WeightedCluster("c", 1, campaign=campaign), WeightedCluster("d", 1)))
    shares = protos.to_dict(route(RoutePlan(MatchPlan(), one_of)))["route"]["weighted_clusters"]["clusters"]
    assert [share.get("typed_per_filter_config") for share in shares] == [written, None]
