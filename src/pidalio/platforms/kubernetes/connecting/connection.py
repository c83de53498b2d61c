"""One API server: its address, a session with it, and credentials that are always the current ones.

Invariants: a call that follows a refusal carries what a fresh read of kubeconfig, token file or plugin gives; streams
that run go on when a certificate is replaced, new ones use the new one.
It stands between the streams of the adapter and everything in this folder.
"""

import asyncio
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import aiohttp

from pidalio.errors import PlatformUnavailable
from pidalio.platforms.asking import session
from pidalio.platforms.kubernetes.connecting import finding, plugin, trust
from pidalio.platforms.kubernetes.connecting.refusing import why_refused
from pidalio.platforms.kubernetes.connecting.secrets import Secrets
from pidalio.platforms.kubernetes.connecting.target import Target

SILENCE: Final = 330.0
"""Seconds without a byte after which a stream is dead: longer than any watch that we ask for."""


def connection(
    kubeconfig: str = "",
    context: str = "",
    *,
    environment: Mapping[str, str] = os.environ,
    mounted: Path = finding.MOUNTED,
    patience: float = plugin.PATIENCE,
    silence: float = SILENCE,
) -> "Connection":
    """Return the way to the API server that is meant (`finding.found`); raise `PlatformUnavailable`, one line.

    `kubeconfig` may be several files with `:` between them. `patience` is how long a plugin may take, `silence` how
    long a read may get nothing; seconds.
    """
    return Connection(kubeconfig, context, environment, mounted, patience, silence)


class Connection:
    """The way to one API server; to be closed."""

    def __init__(
        self,
        kubeconfig: str,
        context: str,
        environment: Mapping[str, str],
        mounted: Path,
        patience: float,
        silence: float,
    ) -> None:
        self._stated = (kubeconfig, context, environment, mounted)
        self._environment, self._patience, self._silence = environment, patience, silence
        self._opening = asyncio.Lock()
        self._session: aiohttp.ClientSession | None = None
        self._opened: tuple[Target, bytes, object] | None = None
        self._retired: list[aiohttp.ClientSession] = []
        self._target = finding.found(*self._stated)
        self._secrets = Secrets(self._target, environment, patience=patience)

    @property
    def base_url(self) -> str:
        """Return the server's URL, without a slash at its end."""
        return self._target.cluster.server.rstrip("/")

    @property
    def said(self) -> str:
        """Return where it is written that this server is meant, for messages."""
        return self._target.said

    @property
    def namespace(self) -> str:
        """Return the namespace that is meant where none is named."""
        return self._target.namespace

    async def session(self) -> aiohttp.ClientSession:
        """Return the session to call with: the same one until a certificate or the CA changes. Not to be closed."""
        secret = await self._secrets.secret()
        async with self._opening:
            wanted = (self._target, secret.certificate, trust.stamp(self._target))
            if self._session is None or self._opened != wanted:
                made = await asyncio.to_thread(trust.context, self._target, secret)
                await self._retire()
                self._session = session(made, silence=self._silence, proxy=_proxy(self._target))
                self._opened = wanted
            return self._session

    async def headers(self) -> dict[str, str]:
        """Return the headers that say who we are, as of now; raise `PlatformUnavailable`, one line."""
        secret = await self._secrets.secret()
        return {"Authorization": secret.authorization} if secret.authorization else {}

    async def refused(self, answer: aiohttp.ClientResponse | None = None) -> PlatformUnavailable:
        """Forget credentials that the server does not accept (401), and return why that may be, to be raised.

        Kubeconfig is read again, too: what renews a token often writes it there.
        """
        secret = await self._secrets.secret()
        why = why_refused(self.said, secret, answer.headers if answer is not None else {}, time.time())
        sent = secret.authorization if answer is None else answer.request_info.headers.get("Authorization", "")
        if sent == secret.authorization:  # else another stream was refused before, and these are new already
            self._reload()
        return PlatformUnavailable(why)

    async def close(self) -> None:
        """Close every session."""
        every, self._retired = [*self._retired, *([self._session] if self._session else [])], []
        self._session = None
        for one in every:
            await one.close()

    def _reload(self) -> None:
        target = finding.found(*self._stated)
        if target == self._target:
            self._secrets.refused()
        else:
            self._target = target
            self._secrets = Secrets(target, self._environment, patience=self._patience)

    async def _retire(self) -> None:
        """Let the streams of the present session end by themselves; those of the one before it had their time."""
        while self._retired:
            await self._retired.pop().close()
        if self._session is not None:
            self._retired.append(self._session)
            self._session = None


def _proxy(target: Target) -> str | None:
    url = target.cluster.proxy_url
    if url and not url.startswith(("http://", "https://")):
        raise PlatformUnavailable(
            f"{target.said}: proxy-url {url!r}: only http:// and https:// are supported", is_lasting=True
        )
    return url or None
