"""One call of an operation: its parameters and its body, both checked and bounded before anything is done.

Invariant: no more of a body is held than the limit, and what is not asked for is an error, never ignored.
"""

from typing import Final, TypeVar

import msgspec
from starlette.requests import Request

from pidalio.errors import UsageError
from pidalio.http.failures import TooLarge

T = TypeVar("T")

BODY_BYTES: Final = 32 * 1024 * 1024
"""The largest body, in bytes; each file in it has the limit of files."""

PEER: Final = "pidalio_peer"
"""The key of the connection's state that holds the identities of a verified client certificate."""


class Query(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """The query parameters of an operation; unknown ones are errors."""


class Call:
    """One HTTP request to one operation."""

    def __init__(self, request: Request, limit: int = BODY_BYTES) -> None:
        self._request = request
        self._limit = limit

    def query(self, kind: type[T]) -> T:
        """Return the query parameters; raise `UsageError` that says what is wrong with them."""
        try:
            return msgspec.convert(dict(self._request.query_params), kind, strict=False)
        except msgspec.ValidationError as error:
            raise UsageError(f"query parameters: {error}") from error

    def path(self, name: str) -> str:
        """Return a part of the path."""
        return str(self._request.path_params[name])

    def number(self, name: str) -> int:
        """Return a part of the path that is a number from 0."""
        text = self.path(name)
        if not text.isascii() or not text.isdigit() or len(text) > 15:
            raise UsageError(f"{text[:20]!r} is not a number")
        return int(text)

    @property
    def media_type(self) -> str:
        """Return what the body is said to be, without parameters."""
        return self._request.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def identities(self) -> tuple[str, ...]:
        """Return the names in the client's verified certificate; none without one."""
        names: tuple[str, ...] = self._request.scope.get("state", {}).get(PEER, ())
        return names

    @property
    def identity(self) -> str:
        """Return the first of `identities`, empty where there is none."""
        return next(iter(self.identities), "")

    async def content(self) -> bytes:
        """Return the body; raise `TooLarge` as soon as it is."""
        parts, size = [], 0
        async for part in self._request.stream():
            size += len(part)
            if size > self._limit:
                raise TooLarge(f"the body has more than {self._limit} bytes: send less at a time")
            parts.append(part)
        return b"".join(parts)

    async def body(self, kind: type[T]) -> T:
        """Return the JSON body; raise `msgspec.ValidationError` where it is something else."""
        return msgspec.json.decode(await self.content(), type=kind)
