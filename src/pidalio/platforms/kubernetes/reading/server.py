"""Questions to an API server: one answer, a list in pages, a watch line by line; each failure is one line.

Invariant: a refusal carries what the server says (`Status`); credentials that it does not accept are read again and
tried once more at once.
It stands between the reflectors and `connecting`. Source: Kubernetes' "API Concepts".
"""

import contextlib
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Final, TypeVar

import aiohttp
import msgspec

from pidalio.errors import PlatformUnavailable
from pidalio.model import printable
from pidalio.platforms.asking import asked, read
from pidalio.platforms.kubernetes.connecting import Connection
from pidalio.platforms.kubernetes.messages import Event, Page, Status, decoded
from pidalio.platforms.turns import Turns

T = TypeVar("T")
_BIGGEST_PAGE: Final = 256 << 20
"""Bytes of one page: 500 objects of half a megabyte."""
_KEEP_ALIVE: Final = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3}
"""Seconds of silence before the system asks whether the other side is there, between two times, and how often."""
_LASTING: Final = (400, 403, 405, 422)


class Refusal(PlatformUnavailable):
    """The API server says no; `status` is why."""

    def __init__(self, status: Status, said: str, retry_after: float = 0.0) -> None:
        super().__init__(said, is_lasting=status.code in _LASTING, retry_after=retry_after)
        self.status = status


class Server:
    """One API server."""

    def __init__(self, way: Connection) -> None:
        self._way = way

    async def get(self, path: str, type_: type[T], params: Mapping[str, str] | None = None) -> T:
        """Return what is at `path`; raise `Refusal`, or `PlatformUnavailable` when there is no answer of Kubernetes."""
        async with self._asked(path, params or {}) as answer:
            said = await read(answer, _BIGGEST_PAGE)
        try:
            return decoded(said, type_)
        except ValueError as error:
            raise PlatformUnavailable(f"{path}: {error}") from error

    async def page(self, path: str, params: Mapping[str, str], limit: int, following: str) -> Page:
        """Return one page of a list, the first one where nothing is `following`."""
        wanted = dict(params)
        if limit:
            wanted["limit"] = str(limit)
        if following:
            wanted["continue"] = following
        return await self.get(path, Page, wanted)

    async def watch(
        self, path: str, params: Mapping[str, str], version: str, seconds: int
    ) -> AsyncGenerator[Event, None]:
        """Yield the events since `version`, in order, for so many `seconds`; a line cut short is none."""
        wanted = {
            **params,
            "watch": "1",
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(seconds),
        }
        turns = Turns()
        async with self._asked(path, wanted) as answer:
            _keep_alive(answer)
            yield Event("OPEN", msgspec.Raw(b"{}"))
            async for line in answer.content:
                if line.endswith(b"\n"):
                    yield decoded(line, Event)
                await turns.give()

    @contextlib.asynccontextmanager
    async def _asked(self, path: str, params: Mapping[str, str]) -> AsyncIterator[aiohttp.ClientResponse]:
        way = self._way
        for is_last in (False, True):
            client, headers = await way.session(), await way.headers()
            async with asked(
                client, "GET", way.base_url + path, params=params, headers=headers, accepts=lambda _: True
            ) as answer:
                if answer.status == 401:
                    error = await way.refused(answer)
                    if is_last:
                        raise error
                    continue
                if answer.status != 200:
                    raise await _refusal(answer)
                yield answer
                return


def _keep_alive(answer: aiohttp.ClientResponse) -> None:
    """Have the system find out within a minute that a connection is half open, where it can: nothing else would."""
    transport = answer.connection.transport if answer.connection else None
    stream: socket.socket | None = transport.get_extra_info("socket") if transport else None
    if stream is not None:
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in _KEEP_ALIVE.items():
            if hasattr(socket, option):
                stream.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)


async def _refusal(answer: aiohttp.ClientResponse) -> Refusal:
    text = (await read(answer, 1 << 20)).strip()
    try:
        status = decoded(text, Status)
    except ValueError:
        status = Status(text[:200].decode(errors="replace"))
    status = msgspec.structs.replace(status, code=answer.status)
    header = answer.headers.get("Retry-After", "")
    after = float(header) if header.isdigit() else float(status.details.retry_after_seconds)
    return Refusal(status, told(answer.url.path, status), min(after, 300.0))


def told(path: str, status: Status) -> str:
    """Return what a refusal means, in one line."""
    why = printable(status.message or status.reason)
    return f"{path} is answered {status.code}{': ' if why else ''}{why}"
