import pytest

from pidalio.envoy import protos
from pidalio.envoy.route_action import direct_response_action, forward_action, redirect_action, retry_policy
from pidalio.ir import (
    DirectResponsePlan,
    ForwardPlan,
    HeaderEdits,
    MirrorPlan,
    RedirectPlan,
    RegexRewrite,
    RetryPlan,
    WeightedCluster,
)

NO_TIMEOUT = {"timeout": "0s", "max_stream_duration": {"grpc_timeout_header_max": "0s"}}


def forwarded(plan: ForwardPlan, *, connect: bool = False) -> dict[str, object]:
    return protos.to_dict(forward_action(plan, connect=connect))


def test_no_timeout_is_written_out() -> None:
    assert forwarded(ForwardPlan((WeightedCluster("c"),))) == {"cluster": "c", **NO_TIMEOUT}


def test_timeout_in_milliseconds() -> None:
    written = forwarded(ForwardPlan((WeightedCluster("c"),), timeout=1500))
    assert (written["timeout"], written["max_grpc_timeout"]) == ("1.500s", "1.500s")
    assert "max_stream_duration" not in written  # beside it, Envoy ignores the timeout


def test_the_only_destination_rewrites_the_host_before_the_route_does() -> None:
    plan = ForwardPlan((WeightedCluster("c", host_rewrite="own"),), host_rewrite="route")
    assert forwarded(plan)["host_rewrite_literal"] == "own"


def test_weights_and_their_header_edits() -> None:
    edits = HeaderEdits(set=(("a", "1"),), remove=("b",))
    plan = ForwardPlan((WeightedCluster("x", 90, edits, edits, "h"), WeightedCluster("y", 10)))
    header = {"header": {"key": "a", "value": "1"}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
    assert forwarded(plan)["weighted_clusters"] == {
        "clusters": [
            {
                "name": "x",
                "weight": 90,
                "request_headers_to_add": [header],
                "request_headers_to_remove": ["b"],
                "response_headers_to_add": [header],
                "response_headers_to_remove": ["b"],
                "host_rewrite_literal": "h",
            },
            {"name": "y", "weight": 10},
        ],
    }


def test_rewrites() -> None:
    clusters = (WeightedCluster("c"),)
    assert forwarded(ForwardPlan(clusters, prefix_rewrite="/"))["prefix_rewrite"] == "/"
    assert forwarded(ForwardPlan(clusters, regex_rewrite=RegexRewrite("a", "\\0")))["regex_rewrite"] == {
        "pattern": {"regex": "a"},
        "substitution": "\\0",
    }


def test_mirrors_keep_the_host_and_their_share() -> None:
    plan = ForwardPlan((WeightedCluster("c"),), mirrors=(MirrorPlan("m", 0.0001),))
    assert forwarded(plan)["request_mirror_policies"] == [
        {
            "cluster": "m",
            "runtime_fraction": {"default_value": {"numerator": 1, "denominator": "MILLION"}},
            "trace_sampled": False,
            "disable_shadow_host_suffix_append": True,
        },
    ]


def test_connect_ends_here() -> None:
    plan = ForwardPlan((WeightedCluster("c"),))
    assert forwarded(plan, connect=True)["upgrade_configs"] == [{"upgrade_type": "CONNECT", "connect_config": {}}]


def test_retries_as_istio_has_them_by_default() -> None:
    plan = RetryPlan(2, ("connect-failure", "retriable-status-codes"))
    written = protos.to_dict(retry_policy(plan))
    assert written["num_retries"] == 2
    assert written["retry_on"] == "connect-failure,retriable-status-codes"
    assert written["host_selection_retry_max_attempts"] == "5"
    assert [each["name"] for each in written["retry_host_predicate"]] == ["envoy.retry_host_predicates.previous_hosts"]
    assert "per_try_timeout" not in written


def test_status_codes_bring_their_condition_once() -> None:
    assert retry_policy(RetryPlan(1, ("5xx",), (503,))).retry_on == "5xx,retriable-status-codes"
    assert retry_policy(RetryPlan(1, ("retriable-status-codes",), (503,))).retry_on == "retriable-status-codes"


def test_retry_options() -> None:
    plan = RetryPlan(1, ("5xx",), (), 250, 50, avoid_previous_hosts=False, remote_localities=True)
    written = protos.to_dict(retry_policy(plan))
    assert written["per_try_timeout"] == "0.250s"
    assert written["retry_back_off"] == {"base_interval": "0.050s"}
    assert written["retry_priority"]["typed_config"]["update_frequency"] == 2
    assert "retry_host_predicate" not in written


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        (RedirectPlan(), {}),
        (RedirectPlan(302, path="/p"), {"response_code": "FOUND", "path_redirect": "/p"}),
        (RedirectPlan(303, scheme="https"), {"response_code": "SEE_OTHER", "scheme_redirect": "https"}),
        (
            RedirectPlan(307, authority="h", port=81),
            {"response_code": "TEMPORARY_REDIRECT", "host_redirect": "h", "port_redirect": 81},
        ),
        (RedirectPlan(308, prefix_rewrite="/z"), {"response_code": "PERMANENT_REDIRECT", "prefix_rewrite": "/z"}),
    ],
    ids=str,
)
def test_redirects(plan: RedirectPlan, expected: dict[str, object]) -> None:
    assert protos.to_dict(redirect_action(plan)) == expected


def test_a_redirect_that_envoy_cannot_send_is_a_mistake_of_the_rules() -> None:
    with pytest.raises(KeyError):
        redirect_action(RedirectPlan(304))


def test_direct_responses_are_text_where_they_can_be() -> None:
    assert protos.to_dict(direct_response_action(DirectResponsePlan(418))) == {"status": 418}
    assert direct_response_action(DirectResponsePlan(200, "é".encode())).body.inline_string == "é"
    assert direct_response_action(DirectResponsePlan(200, b"\xff")).body.inline_bytes == b"\xff"
