"""Outlier detection: ejection by errors in a row, never by success rate (Istio's choice)."""

from __future__ import annotations

from collections.abc import Sequence

from pidalio.envoy import messages as pb
from pidalio.envoy.values import duration
from pidalio.ir import OutlierPlan

_ALWAYS = 100


def outlier_detection(plan: OutlierPlan) -> pb.OutlierDetection:
    """Return the message; a count of 0 is not enforced."""
    message = pb.OutlierDetection(enforcing_success_rate=pb.UInt32Value(value=0))
    if plan.consecutive_5xx is not None:
        message.consecutive_5xx.value = plan.consecutive_5xx
        message.enforcing_consecutive_5xx.value = _ALWAYS if plan.consecutive_5xx else 0
    if plan.consecutive_gateway is not None:
        message.consecutive_gateway_failure.value = plan.consecutive_gateway
        message.enforcing_consecutive_gateway_failure.value = _ALWAYS if plan.consecutive_gateway else 0
    if plan.split_local:
        message.split_external_local_origin_errors = True
        message.enforcing_local_origin_success_rate.value = 0
        if plan.consecutive_local is not None:
            message.consecutive_local_origin_failure.value = plan.consecutive_local
            message.enforcing_consecutive_local_origin_failure.value = _ALWAYS
    if plan.interval is not None:
        message.interval.CopyFrom(duration(plan.interval))
    if plan.base_ejection_time is not None:
        message.base_ejection_time.CopyFrom(duration(plan.base_ejection_time))
    if plan.max_ejection_percent is not None:
        message.max_ejection_percent.value = plan.max_ejection_percent
    return message


def error_matcher(statuses: Sequence[int]) -> pb.MatchPredicate:
    """Match responses of any of `statuses` (at least one)."""
    rules = [_status(each) for each in statuses]
    return rules[0] if len(rules) == 1 else pb.MatchPredicate(or_match=pb.MatchPredicate.MatchSet(rules=rules))


def _status(status: int) -> pb.MatchPredicate:
    header = pb.HeaderMatcher(name=":status", string_match=pb.StringMatcher(exact=str(status)))
    return pb.MatchPredicate(http_response_headers_match=pb.HttpHeadersMatch(headers=[header]))
