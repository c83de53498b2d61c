"""Who we are at an API server, at this moment: what is sent with each call, and what is shown at each handshake.

Invariants: what a file or a plugin gave is used for its time only and asked for again when the server refuses it; many
who ask at once run a plugin once; a plugin is never run twice within `_REST`, however often it is refused.
Expiry counts from the arrival by this machine's own running clock: a clock that is set changes nothing.
"""

import asyncio
import base64
import datetime as dt
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from pidalio.errors import PlatformUnavailable
from pidalio.platforms.kubernetes.connecting import plugin
from pidalio.platforms.kubernetes.connecting.target import Target, User

_READ_AGAIN: Final = 60.0
"""Seconds after which a mounted token is read again: it is replaced long before it expires."""
_LEAST: Final = 10.0
_REST: Final = 5.0
_FOR_EVER: Final = float("inf")


class Secret(msgspec.Struct, frozen=True):
    """What a server knows us by: a header, or a certificate with its key (PEM)."""

    authorization: str = ""
    certificate: bytes = b""
    key: bytes = b""


class Secrets:
    """The secret of one target, fetched when it is needed."""

    def __init__(
        self,
        target: Target,
        environment: Mapping[str, str],
        *,
        patience: float = plugin.PATIENCE,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._target, self._environment, self._patience, self._now = target, environment, patience, now
        self._fetching = asyncio.Lock()
        self._held: Secret | None = None
        self._fetched = -_FOR_EVER
        self._until = 0.0

    async def secret(self) -> Secret:
        """Return what to show now; raise `PlatformUnavailable`, one line."""
        async with self._fetching:
            if self._held is None or self._now() >= self._until:
                self._held, lasts = await self._fetch()
                self._fetched = self._now()
                self._until = self._fetched + lasts
            return self._held

    def refused(self) -> None:
        """Fetch again at the next use, unless it came just now."""
        if self._now() - self._fetched >= _REST:
            self._held = None

    async def _fetch(self) -> tuple[Secret, float]:
        user = self._target.user
        certificate = _pem(user.client_certificate, user.client_certificate_data, "client-certificate", self._target)
        key = _pem(user.client_key, user.client_key_data, "client-key", self._target)
        authorization, lasts = _stated(user, self._target)
        if authorization or user.exec is None:
            return Secret(authorization, certificate, key), lasts
        given = await plugin.run(user.exec, self._target.cluster, self._environment, self._patience)
        made = Secret(
            f"Bearer {given.token.strip()}" if given.token else "",
            given.client_certificate_data.encode() or certificate,
            given.client_key_data.encode() or key,
        )
        return made, _left(given.expiration_timestamp)


def _stated(user: User, target: Target) -> tuple[str, float]:
    """Return the header that the user's own fields make, and for how many seconds."""
    if user.token_file:
        token = _file(user.token_file, target).decode(errors="replace").strip()
        if not token:
            raise PlatformUnavailable(f"{target.said}: {user.token_file} is empty: it should hold a token")
        return f"Bearer {token}", _READ_AGAIN
    if user.token:
        return f"Bearer {user.token.strip()}", _FOR_EVER
    if user.username:
        pair = base64.b64encode(f"{user.username}:{user.password}".encode()).decode()
        return f"Basic {pair}", _FOR_EVER
    return "", _FOR_EVER


def _pem(path: str, data: str, field: str, target: Target) -> bytes:
    """Return a file's content, or what is written in place of it; the latter counts where both are."""
    if not data:
        return _file(path, target) if path else b""
    try:
        return base64.b64decode(data, validate=True)
    except ValueError as error:
        raise PlatformUnavailable(f"{target.said}: {field}-data is not base64", is_lasting=True) from error


def _file(path: str, target: Target) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise PlatformUnavailable(f"{target.said}: {path} cannot be read: {error.strerror}", is_lasting=True) from error


def _left(expiration: dt.datetime | None) -> float:
    """Return for how many seconds something is good; never so few that the plugin would be run for every call."""
    if expiration is None:
        return _FOR_EVER
    if expiration.tzinfo is None:
        expiration = expiration.replace(tzinfo=dt.UTC)
    return max(_LEAST, expiration.timestamp() - time.time())
