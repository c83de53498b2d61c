"""Whether an answer of the upstream is tried again.

Source: Envoy's `x-envoy-retry-on` conditions. Answers only: a connection that fails has its own conditions.
"""

from pidalio.ir import RetryPlan

STATUS_CODES = "retriable-status-codes"
_GATEWAY_ERRORS = frozenset({502, 503, 504})
_GRPC_CODES = {1: "cancelled", 4: "deadline-exceeded", 8: "resource-exhausted", 13: "internal", 14: "unavailable"}


def repeats_status(plan: RetryPlan | None, status: int, grpc_status: int | None = None) -> bool:
    """Tell whether an answer with this HTTP status (and gRPC status) is tried again."""
    if plan is None or plan.attempts < 1:
        return False
    conditions = set(plan.retry_on)
    return (
        ("5xx" in conditions and 500 <= status <= 599)
        or ("gateway-error" in conditions and status in _GATEWAY_ERRORS)
        or ("retriable-4xx" in conditions and status == 409)
        or (STATUS_CODES in conditions and status in plan.status_codes)
        or (grpc_status is not None and _GRPC_CODES.get(grpc_status) in conditions)
    )


def tries(plan: RetryPlan | None, status: int) -> int:
    """Return how often a request is tried when the upstream always answers `status`."""
    return 1 + plan.attempts if plan is not None and repeats_status(plan, status) else 1
