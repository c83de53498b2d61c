"""How masters, Marathon and Mesos-DNS are asked: with credentials, and where they send one on to.

A master that does not lead answers with the leader's address (307); that is followed, never from TLS to plain text.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urljoin, urlsplit

import aiohttp

from pidalio.errors import PlatformUnavailable
from pidalio.platforms import asking
from pidalio.platforms.mesos.settings import MesosSettings

_REDIRECTS: Final = 5
_SENT_ON: Final = frozenset({301, 302, 303, 307, 308})
_REFUSED: Final = frozenset({401, 403})
ANSWER: Final = 120.0
"""Seconds that a whole answer may take: a state of a hundred thousand tasks takes some."""
_NOT_FOUND, _OK = 404, 200
_FOREVER: Final = 86_400.0


class Talking:
    """Connections to all parts of one Mesos; an asynchronous context manager."""

    def __init__(self, settings: MesosSettings) -> None:
        self._settings = settings
        self._client: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._client = asking.session(self._settings.tls(), silence=_FOREVER)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def whole(self, method: str, url: str, body: Any = None) -> bytes:
        """Return a whole answer; raise `PlatformUnavailable`, `Missing` where there is no such thing."""
        try:
            async with asyncio.timeout(ANSWER), self.opened(method, url, body) as answer:
                return await asking.read(answer)
        except TimeoutError as error:
            raise PlatformUnavailable(f"{_host(url)}: no answer within {ANSWER:g} s") from error

    @contextlib.asynccontextmanager
    async def opened(
        self, method: str, url: str, body: Any = None, accept: str = "application/json"
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Yield an answer whose body is still to be read, of whoever is in charge."""
        if self._client is None:
            raise RuntimeError("to be entered first")
        headers: Mapping[str, str] = {"Accept": accept, **self._settings.headers()}
        for _ in range(_REDIRECTS):
            async with asking.asked(
                self._client, method, url, headers=headers, body=body, accepts=lambda _: True
            ) as answer:
                if answer.status in _SENT_ON:
                    url = _next(url, answer)
                    continue
                if answer.status == _NOT_FOUND:
                    raise Missing(f"{_host(url)}: there is no {urlsplit(url).path}", is_lasting=True)
                if answer.status in _REFUSED:
                    raise await self._refused(answer)
                if answer.status != _OK:
                    raise await asking.refusal(answer)
                yield answer
                return
        raise PlatformUnavailable(f"{_host(url)}: it sends from one to the other: no master leads, or they disagree")

    async def _refused(self, answer: aiohttp.ClientResponse) -> PlatformUnavailable:
        said = await asking.refusal(answer)
        if self._settings.user:
            cure = "the user has no such right, or the password is another: see user and passwordFile"
        elif self._settings.token or self._settings.token_file:
            cure = "the token has expired or has no such right: see tokenFile"
        else:
            cure = "it wants to know who asks: state user and passwordFile, or tokenFile"
        return PlatformUnavailable(f"{said}; {cure}", is_lasting=True)


class Missing(PlatformUnavailable):
    """There is no such thing."""


def _next(url: str, answer: aiohttp.ClientResponse) -> str:
    there = urljoin(url, answer.headers.get("Location", ""))
    if urlsplit(there).scheme not in ("http", "https") or not urlsplit(there).hostname:
        raise PlatformUnavailable(f"{_host(url)}: it sends elsewhere, but not where to")
    if url.startswith("https:") and not there.startswith("https:"):
        raise PlatformUnavailable(f"{_host(url)}: it sends from TLS to plain text ({there}): that is not followed")
    path = urlsplit(there).path
    if path in ("", "/"):  # some versions of the master name the host only
        there = urljoin(there, urlsplit(url).path)
    return there


def _host(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2]
