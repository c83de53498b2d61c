"""Timeouts and retries in effect: the rule's, and what the caller's own headers change.

Source: Envoy's router filter: `x-envoy-*` headers of a trusted (internal) request override the route, in both
directions; nobody else's count, for they are removed on arrival.
"""

import math

import msgspec

from pidalio.ir import ForwardPlan, HeaderEdits, RetryPlan
from pidalio.ir.route import NO_POLICY_ATTEMPTS
from pidalio.model import Origin
from pidalio.simulate.incoming import Arrival
from pidalio.simulate.retries import STATUS_CODES

_TIMEOUT = "x-envoy-upstream-rq-timeout-ms"
PER_TRY = "x-envoy-upstream-rq-per-try-timeout-ms"
_RETRY_ON = "x-envoy-retry-on"
_RETRY_GRPC_ON = "x-envoy-retry-grpc-on"
MAX_RETRIES = "x-envoy-max-retries"
_STATUS_CODES = "x-envoy-retriable-status-codes"
_GRPC_TIMEOUT = "grpc-timeout"
_DEADLINE_DIGITS = 8
_DEADLINE_UNITS = {"H": 3_600_000, "M": 60_000, "S": 1_000, "m": 1, "u": 1e-3, "n": 1e-6}


class Timeout(msgspec.Struct, frozen=True):
    """How long a request may take, retries included, in milliseconds; 0 for no limit.

    `origin` None means the default; `header` names the caller's header where that decided.
    """

    milliseconds: int = 0
    origin: Origin | None = None
    header: str = ""


def effective_timeout(plan: ForwardPlan, arrival: Arrival) -> Timeout:
    """Return the timeout of the whole request; a gRPC caller's own deadline may be shorter than the rule's.

    Where the rule has none, the deadline of a request that is not gRPC counts too (observed on Envoy 1.40).
    """
    asked = number(plan, arrival, _TIMEOUT)
    if asked is not None:
        return Timeout(asked, header=_TIMEOUT)
    counts = arrival.goes_as_grpc or not plan.timeout
    deadline = _deadline(arrival.request.header(_GRPC_TIMEOUT) or "") if counts else 0
    if deadline and (not plan.timeout or deadline < plan.timeout):
        return Timeout(deadline, header=_GRPC_TIMEOUT)
    return Timeout(plan.timeout, plan.timeout_origin)


def told_deadline(plan: ForwardPlan, arrival: Arrival) -> HeaderEdits:
    """Return the edit by which a gRPC upstream learns how long a try may take (observed on Envoy 1.40).

    Where the route has no timeout it is the caller's own deadline in milliseconds; gRPC-Web keeps it as written.
    """
    if not (arrival.goes_as_grpc if plan.timeout else arrival.request.is_grpc):
        return HeaderEdits()
    if not plan.timeout:
        told = _deadline(arrival.request.header(_GRPC_TIMEOUT) or "")
    else:
        told = effective_timeout(plan, arrival).milliseconds
        retry = effective_retry(plan, arrival)
        per_try = retry.per_try_timeout or 0 if retry else 0
        told = per_try if 0 < per_try < told else told
    return HeaderEdits(set=((_GRPC_TIMEOUT, f"{told}m"),)) if told else HeaderEdits()


def _deadline(written: str) -> int:
    """Return the milliseconds of a `grpc-timeout` (at most eight digits and a unit), 0 when it is none."""
    number, unit = written[:-1], written[-1:]
    if not number.isdigit() or len(number) > _DEADLINE_DIGITS or unit not in _DEADLINE_UNITS:
        return 0
    return math.ceil(int(number) * _DEADLINE_UNITS[unit])


def effective_retry(plan: ForwardPlan, arrival: Arrival) -> RetryPlan | None:
    """Return the retries, None for no retries."""
    retry = plan.retry.for_method(arrival.request.method) if plan.retry else None
    if retry is not None and retry.status_codes and STATUS_CODES not in retry.retry_on:
        # A rule's codes bring their condition with them; a caller's do not.
        retry = msgspec.structs.replace(retry, retry_on=(*retry.retry_on, STATUS_CODES))
    conditions = _conditions(plan, arrival)
    if conditions:
        retry = retry or RetryPlan(NO_POLICY_ATTEMPTS, (), avoid_previous_hosts=False, host_selection_attempts=1)
        retry = msgspec.structs.replace(retry, retry_on=tuple(dict.fromkeys(retry.retry_on + conditions)))
    if retry is None:
        return None
    attempts = number(plan, arrival, MAX_RETRIES)
    per_try = number(plan, arrival, PER_TRY)
    codes = _said(plan, arrival, _STATUS_CODES)
    return msgspec.structs.replace(
        retry,
        attempts=retry.attempts if attempts is None else attempts,
        per_try_timeout=retry.per_try_timeout if per_try is None else per_try,
        status_codes=retry.status_codes + tuple(int(each) for each in (codes or "").split(",") if each.isdigit()),
    )


def _said(plan: ForwardPlan, arrival: Arrival, name: str) -> str | None:
    """Return the caller's own word, None where it says nothing or does not count."""
    return arrival.request.header(name) if arrival.internal and not plan.deaf else None


def retry_headers(plan: ForwardPlan, arrival: Arrival) -> tuple[str, ...]:
    """Return the headers by which the caller adds conditions, and that count."""
    return tuple(name for name in (_RETRY_ON, _RETRY_GRPC_ON) if _said(plan, arrival, name))


def _conditions(plan: ForwardPlan, arrival: Arrival) -> tuple[str, ...]:
    named = [_said(plan, arrival, name) or "" for name in (_RETRY_ON, _RETRY_GRPC_ON)]
    return tuple(each.strip() for each in ",".join(named).split(",") if each.strip())


def number(plan: ForwardPlan, arrival: Arrival, name: str) -> int | None:
    """Return the number that the caller says in the header `name`, None where it says none or does not count."""
    value = _said(plan, arrival, name)
    return int(value) if value is not None and value.isdigit() else None
