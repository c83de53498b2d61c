"""What happens to a request that matched: forward, redirect, or answer at once.

Timeouts are always written out, for Envoy's own default of 15 s is never meant (Istio: no timeout).
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from pidalio.envoy import messages as pb
from pidalio.envoy.filters.fault import CAMPAIGN, campaign_config
from pidalio.envoy.hashing import hash_policy
from pidalio.envoy.protos import pack
from pidalio.envoy.values import duration, fraction, headers_to_add
from pidalio.ir import (
    DirectResponsePlan,
    ForwardPlan,
    MirrorPlan,
    RedirectPlan,
    RetryPlan,
    WeightedCluster,
)

RETRIABLE_STATUS_CODES = "retriable-status-codes"
_REDIRECT_CODES = {
    301: "MOVED_PERMANENTLY",
    302: "FOUND",
    303: "SEE_OTHER",
    307: "TEMPORARY_REDIRECT",
    308: "PERMANENT_REDIRECT",
}


def forward_action(plan: ForwardPlan, *, connect: bool, retry: bool = True) -> pb.RouteAction:
    """Return the action; the only destination's header edits belong on the route (`virtual_host.route`).

    `connect` ends a CONNECT request here and passes its bytes on, unless another proxy is to carry it; without `retry`
    the virtual host's policy holds.
    """
    action = pb.RouteAction(timeout=duration(plan.timeout))
    # A caller's grpc-timeout ends the stream too. Beside max_stream_duration Envoy ignores `timeout` (observed), so a
    # route that has one says it as Istio does, by the deprecated max_grpc_timeout, for which Envoy logs a warning.
    if plan.timeout:
        action.max_grpc_timeout.CopyFrom(action.timeout)
    else:
        action.max_stream_duration.grpc_timeout_header_max.SetInParent()
    if plan.idle_timeout is not None:
        action.idle_timeout.CopyFrom(duration(plan.idle_timeout))
    if plan.max_duration is not None:
        action.max_stream_duration.max_stream_duration.CopyFrom(duration(plan.max_duration))
    _set_clusters(action, plan)
    if plan.prefix_rewrite is not None:
        action.prefix_rewrite = plan.prefix_rewrite
    elif plan.regex_rewrite is not None:
        action.regex_rewrite.pattern.regex = plan.regex_rewrite.pattern
        action.regex_rewrite.substitution = plan.regex_rewrite.substitution
    if plan.retry is not None and retry:
        action.retry_policy.CopyFrom(retry_policy(plan.retry))
    if plan.hashes:
        action.hash_policy.extend(map(hash_policy, plan.hashes))
    if plan.mirrors:
        action.request_mirror_policies.extend(map(_mirror, plan.mirrors))
    if connect:
        upgrade = action.upgrade_configs.add(upgrade_type="CONNECT")
        if plan.tunnel is None:
            upgrade.connect_config.SetInParent()
    return action


def _set_clusters(action: pb.RouteAction, plan: ForwardPlan) -> None:
    host_rewrite = plan.tunnel.target if plan.tunnel else plan.host_rewrite
    if len(plan.clusters) == 1:
        only = plan.clusters[0]
        action.cluster = only.cluster
        host_rewrite = only.host_rewrite or host_rewrite
    else:
        action.weighted_clusters.clusters.extend(map(_weighted_cluster, _entries(plan)))
    if host_rewrite:
        action.host_rewrite_literal = host_rewrite
        action.append_x_forwarded_host = plan.tells_host


def _entries(plan: ForwardPlan) -> Iterable[WeightedCluster]:
    """Return the destinations with their weights; of a sticky route one for each range, in order of buckets."""
    if plan.sticky is None:
        return plan.clusters
    return (
        msgspec.structs.replace(plan.clusters[one.destination], weight=one.end - one.start)
        for one in plan.sticky.ranges
    )


def _weighted_cluster(plan: WeightedCluster) -> pb.WeightedCluster.ClusterWeight:
    share = pb.WeightedCluster.ClusterWeight(name=plan.cluster, weight=pb.UInt32Value(value=plan.weight))
    if plan.request_headers:
        share.request_headers_to_add.extend(headers_to_add(plan.request_headers))
        share.request_headers_to_remove.extend(plan.request_headers.remove)
    if plan.response_headers:
        share.response_headers_to_add.extend(headers_to_add(plan.response_headers))
        share.response_headers_to_remove.extend(plan.response_headers.remove)
    if plan.host_rewrite:
        share.host_rewrite_literal = plan.host_rewrite
    if plan.campaign is not None:
        share.typed_per_filter_config[CAMPAIGN].CopyFrom(pack(campaign_config(plan.campaign)))
    return share


def retry_policy(plan: RetryPlan) -> pb.RouteRetryPolicy:
    """Return the policy; status codes bring the condition that makes them count."""
    conditions = list(plan.retry_on)
    if plan.status_codes and RETRIABLE_STATUS_CODES not in conditions:
        conditions.append(RETRIABLE_STATUS_CODES)
    policy = pb.RouteRetryPolicy(
        retry_on=",".join(conditions),
        num_retries=pb.UInt32Value(value=plan.attempts),
        retriable_status_codes=plan.status_codes,
        host_selection_retry_max_attempts=plan.host_selection_attempts,
    )
    if plan.per_try_timeout is not None:
        policy.per_try_timeout.CopyFrom(duration(plan.per_try_timeout))
    if plan.backoff is not None:
        policy.retry_back_off.base_interval.CopyFrom(duration(plan.backoff))
    if plan.avoid_previous_hosts:
        predicate = policy.retry_host_predicate.add(name="envoy.retry_host_predicates.previous_hosts")
        predicate.typed_config.CopyFrom(pack(pb.PreviousHostsPredicate()))
    if plan.remote_localities:
        policy.retry_priority.name = "envoy.retry_priorities.previous_priorities"
        policy.retry_priority.typed_config.CopyFrom(pack(pb.PreviousPrioritiesConfig(update_frequency=2)))
    return policy


def _mirror(plan: MirrorPlan) -> pb.RouteAction.RequestMirrorPolicy:
    return pb.RouteAction.RequestMirrorPolicy(
        cluster=plan.cluster,
        runtime_fraction=pb.RuntimeFractionalPercent(default_value=fraction(plan.percent)),
        trace_sampled=pb.BoolValue(value=False),
        disable_shadow_host_suffix_append=True,
    )


def redirect_action(plan: RedirectPlan) -> pb.RedirectAction:
    """Return the redirect; raise `KeyError` for a code that Envoy cannot send."""
    action = pb.RedirectAction(
        response_code=pb.RedirectAction.RedirectResponseCode.Value(_REDIRECT_CODES[plan.code]),
        host_redirect=plan.authority,
        port_redirect=plan.port,
    )
    if plan.scheme:
        action.scheme_redirect = plan.scheme
    if plan.path:
        action.path_redirect = plan.path
    elif plan.prefix_rewrite is not None:
        action.prefix_rewrite = plan.prefix_rewrite
    return action


def direct_response_action(plan: DirectResponsePlan) -> pb.DirectResponseAction:
    """Return the answer; a body that is text is written as text, to be read in dumps."""
    action = pb.DirectResponseAction(status=plan.status)
    if plan.body:
        try:
            action.body.inline_string = plan.body.decode("utf-8")
        except UnicodeDecodeError:
            action.body.inline_bytes = plan.body
    return action
