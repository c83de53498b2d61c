"""HTTP as adapters speak it: one session with limits, credentials that are read again, and errors as one line each.

Invariant: nothing hangs for ever (a read that gets nothing for its time fails), nothing unbounded is read, and every
failure of transport or status becomes `PlatformUnavailable`.
Chosen: aiohttp, for it streams lines of a megabyte and more, and reads at twice the speed of httpx (record 0020).
"""

import asyncio
import contextlib
import datetime as dt
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
import msgspec

from pidalio.errors import PlatformUnavailable, UsageError
from pidalio.platforms.offers import NamedSettings

BIGGEST: Final = 64 << 20
"""Bytes of one answer that are read at most."""
_BUFFER: Final = 8 << 20
"""Bytes of one line that are read at most."""
_QUOTED: Final = 200


class SecretSettings(NamedSettings, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """What a platform that is asked over the network wants to see.

    `token_file` is read again whenever the platform refuses it; `ca`, `cert` and `key` are PEM files.
    """

    token: str = ""
    token_file: str = ""
    ca: str = ""
    cert: str = ""
    key: str = ""

    def check(self) -> None:
        """Raise `UsageError` for parts of what belongs together."""
        super().check()
        if self.token and self.token_file:
            raise UsageError("token and tokenFile exclude each other")
        if bool(self.cert) != bool(self.key):
            raise UsageError("cert and key go together")

    def secret(self) -> str:
        """Return the token as it is now, "" for none; raise `PlatformUnavailable` when its file cannot be read."""
        return read_secret(self.token_file) if self.token_file else self.token


class HttpSettings(SecretSettings, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """A platform that is asked over HTTP: `address` is its URL."""

    address: str = ""

    def check(self) -> None:
        """Raise `UsageError` for an address that is none."""
        super().check()
        check_url("address", self.address)

    def tls(self) -> ssl.SSLContext | None:
        """Return how to speak TLS, None where the address has none; raise `PlatformUnavailable` for files unread."""
        return tls_context(self.ca, self.cert, self.key) if self.address.startswith("https://") else None


def check_url(field: str, text: str) -> None:
    """Raise `UsageError`, one line, when `text`, stated by `field`, is no URL of HTTP."""
    try:
        parts = urlsplit(text)
        is_url = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is none
        is_url = False
    if not is_url:
        raise UsageError(f"{field}: {text!r} is not a URL: write http://HOST:PORT or https://HOST:PORT")


def read_secret(file: str) -> str:
    """Return what a file holds, without space around it; raise `PlatformUnavailable` when it cannot be read."""
    try:
        secret = Path(file).expanduser().read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise PlatformUnavailable(f"{file}: the secret cannot be read: {why}") from error
    if not secret.isprintable():
        raise PlatformUnavailable(f"{file}: the secret is more than one line of text: keep that line only")
    return secret


def tls_context(ca: str = "", cert: str = "", key: str = "") -> ssl.SSLContext:
    """Return a client's context: the system's CAs or `ca`; raise `PlatformUnavailable` when a file cannot be read."""
    try:
        context = ssl.create_default_context(cafile=str(Path(ca).expanduser()) if ca else None)
        if cert:
            context.load_cert_chain(Path(cert).expanduser(), Path(key).expanduser())
    except (OSError, ssl.SSLError) as error:
        named = ", ".join(name for name in (ca, cert, key) if name)
        raise PlatformUnavailable(f"{named}: certificates cannot be read: {error}", is_lasting=True) from error
    return context


def session(
    tls: ssl.SSLContext | None = None, *, silence: float = 60.0, connections: int = 100, proxy: str | None = None
) -> aiohttp.ClientSession:
    """Return a session; a read that gets nothing for `silence` seconds fails. To be closed by who asked for it.

    `proxy` is the URL of an HTTP proxy that every call goes through.
    """
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=connections, ssl=tls if tls is not None else True),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=silence),
        read_bufsize=_BUFFER,
        auto_decompress=True,
        trust_env=False,
        proxy=proxy,
    )


@contextlib.asynccontextmanager
async def asked(
    client: aiohttp.ClientSession,
    method: str,
    url: str,
    *,
    params: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    body: Any = None,
    form: Mapping[str, str] | None = None,
    accepts: Callable[[int], bool] = lambda status: status == 200,
) -> AsyncIterator[aiohttp.ClientResponse]:
    """Yield the answer to one question; raise `PlatformUnavailable` for one that fails, before or while it is read."""
    data = form if body is None else msgspec.json.encode(body)
    kind = {} if body is None else {"Content-Type": "application/json"}
    try:
        async with client.request(
            method, url, params=params, data=data, headers={**kind, **(headers or {})}, allow_redirects=False
        ) as answer:
            if not accepts(answer.status):
                raise await refusal(answer)
            yield answer
    except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
        raise PlatformUnavailable(f"{_host(url)}: {said(error)}") from error


async def read(answer: aiohttp.ClientResponse, most: int = BIGGEST) -> bytes:
    """Return the whole body; raise `PlatformUnavailable` for one of more than `most` bytes."""
    parts: list[bytes] = []
    size = 0
    async for part in answer.content.iter_any():
        size += len(part)
        if size > most:
            raise PlatformUnavailable(f"{_host(str(answer.url))}: an answer of more than {most >> 20} MB is not read")
        parts.append(part)
    return b"".join(parts)


async def refusal(answer: aiohttp.ClientResponse) -> PlatformUnavailable:
    """Return what an answer with an unwanted status means."""
    try:
        text = (await read(answer, 1 << 20)).decode(errors="replace").strip()
    except PlatformUnavailable:
        text = ""
    said = f": {text[:_QUOTED]}" if text else ""
    reason = f"{answer.method} {answer.url.path} is answered {answer.status}{said}"
    try:
        after = float(answer.headers.get("Retry-After", "0"))
    except ValueError:
        after = 0.0  # a date: rare, and ours to wait anyway
    return PlatformUnavailable(
        f"{_host(str(answer.url))}: {reason}",
        is_lasting=answer.status in (400, 403, 404, 405),
        retry_after=min(max(after, 0.0), 300.0),
    )


def _host(url: str) -> str:
    return url.partition("://")[2].partition("/")[0].rpartition("@")[2]


def said(error: BaseException) -> str:
    """Return what an error of transport says, in one line."""
    if isinstance(error, asyncio.TimeoutError):
        return "no answer in time"
    if isinstance(error, aiohttp.ClientConnectorCertificateError) and isinstance(
        error.certificate_error, ssl.SSLCertVerificationError
    ):
        return _distrusted(error.certificate_error)
    return str(error) or type(error).__name__


def _distrusted(error: ssl.SSLCertVerificationError) -> str:
    """Return why a server's certificate is not accepted, and what to look at."""
    why = error.verify_message
    if "expired" in why or "not yet valid" in why:
        clock = dt.datetime.now(dt.UTC).strftime("%Y-%m-%d %H:%M:%SZ")
        return f"its certificate is not accepted: {why}: renew it, or set this machine's clock ({clock})"
    cure = "state the name in it" if "mismatch" in why or "not valid for" in why else "state the CA that issued it"
    return f"its certificate is not accepted: {why}: {cure}"
