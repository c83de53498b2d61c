"""Timeouts and retries in effect: the rule's, and what the caller's own headers change.

Source: Envoy's router filter: `x-envoy-*` headers of a trusted (internal) request override the route, in both
directions; nobody else's count, for they are removed on arrival.
"""

import msgspec

from pidalio.ir import ForwardPlan, RetryPlan
from pidalio.model import Origin
from pidalio.simulate.incoming import Arrival
from pidalio.simulate.retries import STATUS_CODES

_TIMEOUT = "x-envoy-upstream-rq-timeout-ms"
_PER_TRY = "x-envoy-upstream-rq-per-try-timeout-ms"
_RETRY_ON = "x-envoy-retry-on"
_RETRY_GRPC_ON = "x-envoy-retry-grpc-on"
_MAX_RETRIES = "x-envoy-max-retries"
_STATUS_CODES = "x-envoy-retriable-status-codes"


class Timeout(msgspec.Struct, frozen=True):
    """How long a request may take, retries included, in milliseconds; 0 for no limit.

    `origin` None means the default; `header` names the caller's header where that decided.
    """

    milliseconds: int = 0
    origin: Origin | None = None
    header: str = ""


def effective_timeout(plan: ForwardPlan, arrival: Arrival) -> Timeout:
    """Return the timeout of the whole request."""
    asked = _number(arrival, _TIMEOUT)
    if asked is not None:
        return Timeout(asked, header=_TIMEOUT)
    return Timeout(plan.timeout, plan.timeout_origin)


def effective_retry(plan: ForwardPlan, arrival: Arrival) -> RetryPlan | None:
    """Return the retries, None for no retries."""
    retry = plan.retry
    if retry is not None and retry.status_codes and STATUS_CODES not in retry.retry_on:
        # A rule's codes bring their condition with them; a caller's do not.
        retry = msgspec.structs.replace(retry, retry_on=(*retry.retry_on, STATUS_CODES))
    conditions = _conditions(arrival)
    if conditions:
        retry = retry or RetryPlan(attempts=1, retry_on=(), avoid_previous_hosts=False, host_selection_attempts=1)
        retry = msgspec.structs.replace(retry, retry_on=tuple(dict.fromkeys(retry.retry_on + conditions)))
    if retry is None:
        return None
    attempts = _number(arrival, _MAX_RETRIES)
    per_try = _number(arrival, _PER_TRY)
    codes = arrival.request.header(_STATUS_CODES) if arrival.internal else None
    return msgspec.structs.replace(
        retry,
        attempts=retry.attempts if attempts is None else attempts,
        per_try_timeout=retry.per_try_timeout if per_try is None else per_try,
        status_codes=retry.status_codes + tuple(int(each) for each in (codes or "").split(",") if each.isdigit()),
    )


def _conditions(arrival: Arrival) -> tuple[str, ...]:
    if not arrival.internal:
        return ()
    named = [arrival.request.header(name) or "" for name in (_RETRY_ON, _RETRY_GRPC_ON)]
    return tuple(each.strip() for each in ",".join(named).split(",") if each.strip())


def _number(arrival: Arrival, name: str) -> int | None:
    value = arrival.request.header(name) if arrival.internal else None
    return int(value) if value is not None and value.isdigit() else None
