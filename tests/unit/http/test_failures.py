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
    ("error", "status", "code"),
    [
        pytest.param(error, status, code, id=type(error).__name__)
        for error, status, code in (
            (UsageError("m"), 400, "bad-request"),
            (Unauthorized("m"), 401, "unauthorized"),
            (Forbidden("m"), 403, "forbidden"),
            (NotFound("m"), 404, "not-found"),
            (Conflict("m"), 409, "conflict"),
            (TooLarge("m"), 413, "too-large"),
            (InvalidInput("m", [REPORT]), 422, "invalid-input"),
            (Refused("m"), 422, "refused"),
            (HistoryUnavailable("m"), 503, "history-unavailable"),
            (Unavailable("m"), 503, "unavailable"),
        )
    ],
)
def test_there_and_back(error: PidalioError, status: int, code: str) -> None:
    found, answer = failure(error)
    assert answer.code == code
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
    assert (answer.status_code, decoded(answer)["code"]) == (
        status,
        {404: "not-found", 405: "method-not-allowed"}[status],
    )
    assert decoded(answer)["message"] == f"no operation {method} {path}: see /openapi.json"


@pytest.mark.parametrize("path", ["/v1/faults", "/v1/explain", "/v1/delete"])
async def test_a_field_that_nobody_knows_is_refused(mesh: Embedded, path: str) -> None:
    answer = await mesh.http.post(path, json={"bogus": 2}, headers={"content-type": "application/json"})
    assert answer.status_code in (400, 422)
    assert "`bogus`" in decoded(answer)["message"]
