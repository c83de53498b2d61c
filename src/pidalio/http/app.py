"""The API as an ASGI application: the table of operations behind a guard.

Invariant: every answer is JSON of a struct of `wire`, every failure an `ErrorAnswer`, whatever went wrong.
"""

import logging
from collections.abc import Awaitable, Callable, Collection
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pidalio.http.call import BODY_BYTES, Call
from pidalio.http.failures import failure
from pidalio.http.guard import Guard
from pidalio.http.openapi import document
from pidalio.http.operations import OPERATIONS, Operation
from pidalio.http.served import Served
from pidalio.http.wire import ErrorAnswer, HealthAnswer

Handler = Callable[[Request], Awaitable[Response]]
_log = logging.getLogger(__name__)


def app(
    served: Served,
    *,
    token: str = "",
    hosts: Collection[str] = (),
    certificates: bool = False,
    body_bytes: int = BODY_BYTES,
) -> Starlette:
    """Return the application of one door; see `Guard` for what is asked of callers."""
    guard = Guard(token, frozenset(host.lower() for host in hosts), certificates)
    routes = [Route(one.path, _handler(served, one, guard, body_bytes), methods=[one.method]) for one in OPERATIONS]
    routes.append(Route("/metrics", _guarded(guard, _metrics(served)), methods=["GET"]))
    routes.append(Route("/openapi.json", _guarded(guard, _description), methods=["GET"]))
    return Starlette(routes=routes, exception_handlers={HTTPException: _no_such_route})


def _handler(served: Served, operation: Operation, guard: Guard, body_bytes: int) -> Handler:
    async def handle(request: Request) -> Response:
        answer = await operation.run(served, Call(request, body_bytes))
        status = 503 if isinstance(answer, HealthAnswer) and not answer.ok else 200
        return _json(answer, status)

    return _guarded(guard, handle, is_open=operation.open, for_agents=operation.agents)


def _guarded(guard: Guard, handle: Handler, *, is_open: bool = False, for_agents: bool = False) -> Handler:
    async def guarded(request: Request) -> Response:
        try:
            guard.admit(request, is_open=is_open, for_agents=for_agents)
            return await handle(request)
        except Exception as error:  # noqa: BLE001 - whatever happens, the caller gets an answer; `failure` logs it
            status, answer = failure(error)
            return _json(answer, status)

    return guarded


def _metrics(served: Served) -> Handler:
    async def handle(_: Request) -> Response:
        return Response(served.metrics.text(), media_type=served.metrics.media_type)

    return handle


async def _description(_: Request) -> Response:
    return _json(document())


async def _no_such_route(request: Request, error: Exception) -> Response:
    """Answer for a path or a method that is not in the table."""
    status = error.status_code if isinstance(error, HTTPException) else 404
    code = "method-not-allowed" if status == 405 else "not-found"
    what = f"{request.method} {request.url.path[:200]}"
    return _json(ErrorAnswer(code, f"no operation {what}: see /openapi.json"), status)


def _json(answer: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(answer), status, media_type="application/json")
