"""From exceptions to answers: one table, so that every operation fails alike.

Invariant: an answer of failure has a stable code and one line for people; what we did not foresee says nothing of our
inside to the caller and is logged with its trace.
"""

import logging
from typing import Final

import msgspec

from pidalio.errors import (
    Conflict,
    HistoryUnavailable,
    InvalidInput,
    NotFound,
    PidalioError,
    Refused,
    Unavailable,
    UsageError,
)
from pidalio.http.wire import ErrorAnswer, ReportView
from pidalio.model import Report

_log = logging.getLogger(__name__)


class Unauthorized(PidalioError):
    """The caller did not say who it is, or is not known."""


class Forbidden(PidalioError):
    """The request came over a way that is not open to it."""


class TooLarge(PidalioError):
    """The body is larger than is read."""


_TABLE: Final[tuple[tuple[type[PidalioError], int, str], ...]] = (
    (UsageError, 400, "bad-request"),
    (Unauthorized, 401, "unauthorized"),
    (Forbidden, 403, "forbidden"),
    (NotFound, 404, "not-found"),
    (Conflict, 409, "conflict"),
    (TooLarge, 413, "too-large"),
    (InvalidInput, 422, "invalid-input"),
    (Refused, 422, "refused"),
    (HistoryUnavailable, 503, "history-unavailable"),
    (Unavailable, 503, "unavailable"),
)
"""The first line whose class fits counts."""


def failure(error: Exception) -> tuple[int, ErrorAnswer]:
    """Return the HTTP status and the body that tell of `error`."""
    for kind, status, code in _TABLE:
        if isinstance(error, kind):
            reports = error.reports if isinstance(error, InvalidInput) else ()
            return status, ErrorAnswer(
                code, str(error), tuple(ReportView.of(each) for each in reports if isinstance(each, Report))
            )
    if isinstance(error, msgspec.ValidationError | msgspec.DecodeError):
        return 400, ErrorAnswer("bad-request", f"the body is not what is asked for: {error}")
    _log.error("an operation failed unexpectedly", exc_info=error)
    return 500, ErrorAnswer("internal", f"{type(error).__name__}: see the control plane's log")


def raised(status: int, answer: ErrorAnswer) -> PidalioError:
    """Return the exception that a client raises for an answer of failure: the inverse of `failure`."""
    reports = tuple(each.report() for each in answer.reports)
    if reports or answer.code == "invalid-input":
        return InvalidInput(answer.message, reports)
    for kind, known, code in _TABLE:
        if (known, code) == (status, answer.code):
            return kind(answer.message)
    return Unavailable(answer.message) if status >= 500 else Refused(answer.message)
