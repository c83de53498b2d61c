"""How many requests one request becomes, when calls pass from service to service and all of them fail.

Each hop repeats what fails for it, so that hops multiply: the last service gets the product. A failure is made once, at
the end of the chain; above it every application answers what it was answered.
What is left out makes the figure an upper bound: pauses between tries, budgets and limits of retries.
Source: Envoy's `x-envoy-retry-on` conditions and timeouts (a route's timeout ends all its tries together; a try's own
timeout that is not shorter is void).
"""

from collections.abc import Sequence
from math import inf

import msgspec

from pidalio.ir import ForwardPlan, RetryPlan
from pidalio.simulate.retries import repeats_status

_UNREACHED = 503
_LATE = 504
_UNAVAILABLE = 14
_RESETS = frozenset({"reset", "5xx", "gateway-error"})
"""Conditions by which a try is repeated that was not answered."""
_REFUSALS = _RESETS | {"connect-failure", "reset-before-request"}
"""Conditions by which a try is repeated whose connection was refused."""


class Failure(msgspec.Struct, frozen=True, gc=False):
    """What goes wrong at the last service: it answers `status` after `takes` milliseconds, or refuses the connection.

    With `grpc_status` all calls are gRPC, and `status` is that of HTTP beneath; `method` is that of other calls.
    """

    status: int = _UNREACHED
    grpc_status: int | None = None
    refused: bool = False
    takes: float = 0
    method: str = "GET"

    def repeating(self, action: ForwardPlan) -> RetryPlan | None:
        """Return the retries of a hop for calls of this kind: gRPC is sent by POST."""
        return action.retry and action.retry.for_method(self.method if self.grpc_status is None else "POST")

    def __str__(self) -> str:
        if self.refused:
            return "the last one refuses connections"
        if self.grpc_status is not None:
            return f"the last one answers gRPC status {self.grpc_status}"
        return f"the last one answers {self.status}"


class _Sent(msgspec.Struct, frozen=True, gc=False):
    """What one request became: the requests at each service from here on, how long it took, what was answered."""

    counts: tuple[int, ...]
    lasts: float
    status: int
    grpc_status: int | None
    refused: bool = False


def attempts(chain: Sequence[ForwardPlan], failure: Failure) -> tuple[int, ...]:
    """Return how many requests each service of a chain gets for one that enters it.

    `chain` holds the action of the route that is taken at each hop, the caller's first.
    """
    return _Chain(tuple(chain), failure).sent(0, inf).counts


class Factors:
    """By what hops multiply a request that fails at once."""

    def __init__(self, failure: Failure) -> None:
        self._failure = failure
        self._arising = _arising(failure)
        self._passed = msgspec.structs.replace(self._arising, refused=False)

    def of(self, action: ForwardPlan) -> tuple[int, int]:
        """Return how often a hop sends a request: as the last of a chain, and above a failing one."""
        retry = self._failure.repeating(action)
        if retry is None:
            return 1, 1
        last, above = (1 + retry.attempts * _repeats(retry, answer) for answer in (self._arising, self._passed))
        return last, above


def _arising(failure: Failure) -> _Sent:
    status, grpc = (_UNREACHED, _UNAVAILABLE) if failure.refused else (failure.status, failure.grpc_status)
    return _Sent((1,), failure.takes, status, None if failure.grpc_status is None else grpc, failure.refused)


def _repeats(retry: RetryPlan | None, answer: _Sent) -> bool:
    if retry is not None and answer.refused:
        return not _REFUSALS.isdisjoint(retry.retry_on)
    return repeats_status(retry, answer.status, answer.grpc_status)


class _Chain:
    """A chain of hops under one failure; each hop is worked out once for each time that it has."""

    def __init__(self, chain: tuple[ForwardPlan, ...], failure: Failure) -> None:
        self._chain = chain
        self._failure = failure
        self._known: dict[tuple[int, float], _Sent] = {}

    def sent(self, hop: int, window: float) -> _Sent:
        """Return what becomes of a request that is given up after `window` milliseconds."""
        known = self._known.get((hop, window))
        if known is None:
            known = self._known[hop, window] = self._worked_out(hop, window)
        return known

    def _worked_out(self, hop: int, window: float) -> _Sent:
        action = self._chain[hop]
        retry = self._failure.repeating(action)
        ends = min(action.timeout or inf, window)
        own = retry.per_try_timeout if retry and retry.per_try_timeout else inf
        counts, now = (0,) * (len(self._chain) - hop), 0.0
        for number in range(1 + (retry.attempts if retry else 0)):
            tried = self._tried(hop, min(own, ends - now))
            counts = tuple(one + more for one, more in zip(counts, tried.counts, strict=True))
            is_cut = tried.lasts >= min(own, ends - now)
            now += min(tried.lasts, own, ends - now)
            is_last = retry is None or number == retry.attempts
            if now >= ends or (is_cut and (is_last or not _repeats_late(retry))):
                return self._late(counts, now)
            if not is_cut and (is_last or not _repeats(retry, tried)):
                return msgspec.structs.replace(tried, counts=counts, lasts=now, refused=False)
        raise AssertionError("the last try ends the loop")

    def _tried(self, hop: int, window: float) -> _Sent:
        """Return what becomes of one try, which is given up after `window`."""
        if hop == len(self._chain) - 1:
            return _arising(self._failure)
        below = self.sent(hop + 1, window)
        return msgspec.structs.replace(below, counts=(1, *below.counts))

    def _late(self, counts: tuple[int, ...], lasts: float) -> _Sent:
        return _Sent(counts, lasts, _LATE, None if self._failure.grpc_status is None else _UNAVAILABLE)


def _repeats_late(retry: RetryPlan | None) -> bool:
    return retry is not None and not _RESETS.isdisjoint(retry.retry_on)
