"""Fault injection: present in every chain, configured by routes only (Istio: faults act at the caller).

A second instance is for fault campaigns, so that they do not mix with the faults of rules: it is off, and no request
passes it, but where a route has the configuration of a campaign.
Invariant: a campaign's percentages are 0 but for the keys of the runtime, which end by themselves.
"""

from __future__ import annotations

import re

from pidalio.envoy import messages as pb
from pidalio.envoy.protos import pack
from pidalio.envoy.route_match import header_matcher
from pidalio.envoy.values import duration, fraction
from pidalio.ir import CampaignPlan, FaultPlan, HeaderMatch, MatchKind, MatchPlan, PathKind, StringPattern

FAULT = "envoy.filters.http.fault"
CAMPAIGN = "pidalio.filters.http.campaign"


def fault_filter() -> pb.HttpFilter:
    """Return the filter, which does nothing where a route does not say so."""
    return pb.HttpFilter(name=FAULT, typed_config=pack(pb.HTTPFault()))


def fault_config(plan: FaultPlan) -> pb.HTTPFault:
    """Return a route's faults: the delay first, then an independent draw for the abort."""
    message = _fault()
    if plan.delay is not None:
        message.delay.fixed_delay.CopyFrom(duration(plan.delay.duration))
        message.delay.percentage.CopyFrom(fraction(plan.delay.percent))
    if plan.abort is not None:
        message.abort.percentage.CopyFrom(fraction(plan.abort.percent))
        if plan.abort.grpc_status is not None:
            message.abort.grpc_status = plan.abort.grpc_status
        else:
            message.abort.http_status = plan.abort.http_status or 0
    return message


def campaign_filter() -> pb.HttpFilter:
    """Return the filter, off where a route has no campaign."""
    return pb.HttpFilter(name=CAMPAIGN, typed_config=pack(pb.HTTPFault()), disabled=True)


def campaign_config(plan: CampaignPlan) -> pb.HTTPFault:
    """Return what a campaign does to the requests that it is about; to none of them unless the runtime says so."""
    message = _fault()
    message.headers.extend(header_matcher(each) for each in _conditions(plan.match))
    if plan.delay:
        message.delay.fixed_delay.CopyFrom(duration(plan.delay))
        message.delay.percentage.CopyFrom(fraction(0))
        message.delay_percent_runtime = plan.delay_key
    if plan.grpc_status is not None:
        message.abort.grpc_status = plan.grpc_status
    elif plan.http_status is not None:
        message.abort.http_status = plan.http_status
    if message.HasField("abort"):
        message.abort.percentage.CopyFrom(fraction(0))
        message.abort_percent_runtime = plan.abort_key
    return message


def _fault() -> pb.HTTPFault:
    """Return a fault that ignores `x-envoy-downstream-service-cluster`: it would draw twice for who sends it."""
    return pb.HTTPFault(disable_downstream_cluster_stats=True)


def _conditions(match: MatchPlan) -> tuple[HeaderMatch, ...]:
    """Return the conditions as headers, which is all that the filter compares: the path has its query there."""
    path = match.path
    if path.kind is PathKind.PREFIX:
        pattern = StringPattern(MatchKind.PREFIX, path.value)
    elif path.kind is PathKind.EXACT:
        pattern = StringPattern(MatchKind.REGEX, rf"{re.escape(path.value)}(\?.*)?")
    else:
        raise ValueError(f"a campaign compares no path by {path.kind.value}")
    return match.headers if path.value == "/" else (HeaderMatch(":path", pattern), *match.headers)
