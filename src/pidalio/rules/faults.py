"""Faults and cross-origin policies of a route.

Source of the rules: Istio's documented fault injection and CorsPolicy (reference §1.1, §2.10): an unset percentage
means 0, the delay comes first, the two draws are independent.
"""

from pidalio.api.strings import StringMatch
from pidalio.api.virtual_service import CorsPolicy, FaultAbort, FaultDelay, HTTPFaultInjection, UnmatchedPreflights
from pidalio.ir import AbortPlan, CorsPlan, DelayPlan, FaultPlan, MatchKind, StringPattern
from pidalio.model import Origin

_GRPC_STATUS = (
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
)


def fault_plan(stated: HTTPFaultInjection | None, origin: Origin) -> FaultPlan | None:
    """Return the faults, None when there are none; `origin` says where they are stated."""
    if stated is None:
        return None
    delay = _delay(stated.delay) if stated.delay else None
    abort = _abort(stated.abort) if stated.abort else None
    return FaultPlan(delay, abort, origin) if delay or abort else None


def _delay(stated: FaultDelay) -> DelayPlan | None:
    percent = float(stated.percent) if stated.percentage is None else stated.percentage
    return DelayPlan(stated.fixed_delay, percent) if stated.fixed_delay else None


def _abort(stated: FaultAbort) -> AbortPlan | None:
    percent = stated.percentage or 0.0
    if stated.http_status is not None:
        return AbortPlan(percent, http_status=stated.http_status)
    if stated.grpc_status:
        return AbortPlan(percent, grpc_status=grpc_status_number(stated.grpc_status))
    return None


def grpc_status_number(name: str) -> int | None:
    """Return the number of a status of gRPC by its name, in any case; None for none."""
    return _GRPC_STATUS.index(name.upper()) if name.upper() in _GRPC_STATUS else None


def cors_plan(stated: CorsPolicy | None) -> CorsPlan | None:
    """Return the cross-origin policy, None when there is none."""
    if stated is None:
        return None
    written = stated.allow_origins or tuple(StringMatch(exact=origin) for origin in stated.allow_origin)
    return CorsPlan(
        allow_origins=tuple(_origin(one) for one in written),
        allow_methods=",".join(stated.allow_methods),
        allow_headers=",".join(stated.allow_headers),
        expose_headers=",".join(stated.expose_headers),
        max_age="" if stated.max_age is None else str(stated.max_age // 1000),
        allow_credentials=stated.allow_credentials,
        forward_unmatched=stated.unmatched_preflights is not UnmatchedPreflights.IGNORE,
    )


def _origin(stated: StringMatch) -> StringPattern:
    if stated.prefix is not None:
        return StringPattern(MatchKind.PREFIX, stated.prefix)
    if stated.regex is not None:
        return StringPattern(MatchKind.REGEX, stated.regex)
    return StringPattern(MatchKind.EXACT, stated.exact or "")
