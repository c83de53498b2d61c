"""Every exception becomes an answer, and the answer the same exception again."""

import logging

import msgspec
import pytest
from tests.unit.http.embedded import Embedded, decoded

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
from pidalio.http.failures import Forbidden, TooLarge, Unauthorized, failure, raised
from pidalio.model import ObjectRef, Place, Report, Severity

REPORT = Report(
    Severity.ERROR, "unknown-host", "no such host", ObjectRef("VirtualService", "a", "b"), "spec.http[0]", Place("x", 3)
)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (UsageError("m"), 400),
        (Unauthorized("m"), 401),
        (Forbidden("m"), 403),
        (NotFound("m"), 404),
        (Conflict("m"), 409),
        (TooLarge("m"), 413),
        (InvalidInput("m", [REPORT]), 422),
        (Refused("m"), 422),
        (HistoryUnavailable("m"), 503),
        (Unavailable("m"), 503),
    ],
    ids=lambda value: type(value).__name__,
)
def test_there_and_back(error: PidalioError, status: int) -> None:
    found, answer = failure(error)
    again = raised(found, msgspec.json.decode(msgspec.json.encode(answer), type=type(answer)))
    assert (found, type(again), str(again)) == (status, type(error), "m")
    assert getattr(again, "reports", ()) == getattr(error, "reports", ())


def test_what_was_not_foreseen_is_logged_and_not_told(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        status, answer = failure(ZeroDivisionError("secret inside"))
    assert (status, answer.code) == (500, "internal")
    assert "secret" not in answer.message
    assert "secret inside" in caplog.text


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nope", 404), ("PATCH", "/v1/apply", 405)])
async def test_what_is_not_in_the_table(mesh: Embedded, method: str, path: str, status: int) -> None:
    answer = await mesh.http.request(method, path)
    assert answer.status_code == status
    assert decoded(answer)["message"] == f"no operation {method} {path}: see /openapi.json"
