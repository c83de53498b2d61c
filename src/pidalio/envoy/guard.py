"""A retry policy that goes by the request's method: Envoy has one per route, so that one route becomes two.

The first takes idempotent methods, the second all others; in everything else they are the same.
(`retriable_request_headers` would end all retries of other methods, also those of requests that nobody has seen.)
"""

from __future__ import annotations

from pidalio.envoy import messages as pb
from pidalio.envoy.route_action import retry_policy
from pidalio.ir import IDEMPOTENT, RetryPlan

_UNSAFE = "POST"


def guarded(message: pb.Route, plan: RetryPlan) -> list[pb.Route]:
    """Return the routes that `message`, whose action is complete, becomes under `plan`."""
    for_others = plan.for_method(_UNSAFE)
    if for_others == plan:
        return [message]
    other = pb.Route()
    other.CopyFrom(message)
    other.route.retry_policy.CopyFrom(retry_policy(for_others))
    if message.match.HasField("connect_matcher"):
        return [other]
    message.match.headers.add(name=":method").string_match.safe_regex.regex = "|".join(IDEMPOTENT)
    return [message, other]
