"""Doors of the API: a UNIX socket for its owner alone, or a TCP port for those with a token or a certificate.

Invariant: a socket is private from the moment it exists, and one that another process answers on is never taken away.
Beyond loopback there is no door without mutual TLS.
"""

import asyncio
import contextlib
import os
import socket
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.h11_impl import H11Protocol

from pidalio.errors import PortInUse, UsageError
from pidalio.http.call import PEER
from pidalio.http.tls import ServerTls, identities
from pidalio.settings import is_loopback, joined_address, split_address

_GRACE = 1
"""Seconds that requests have to end when a door closes."""


class Door:
    """Serves one application on one socket."""

    def __init__(self, app: Starlette, listening: socket.socket, tls: ServerTls | None = None) -> None:
        config = uvicorn.Config(
            app,
            http=_Protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            timeout_graceful_shutdown=_GRACE,
        )
        config.load()
        config.ssl = tls.context if tls else None
        self._socket = listening
        self._server = _Server(config)
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Accept connections from now on."""
        self._task = asyncio.create_task(self._server.serve([self._socket]), name="API")
        opened = asyncio.create_task(self._server.opened.wait())
        await asyncio.wait((self._task, opened), return_when=asyncio.FIRST_COMPLETED)
        opened.cancel()
        if self._task.done():
            await self._task

    async def close(self) -> None:
        """Accept no more, let requests end for a moment, and close."""
        self._server.closing.set()
        if self._task is not None:
            await self._task


class _Server(uvicorn.Server):
    """Signals are the composition's business, and waiting needs no clock."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.opened = asyncio.Event()
        self.closing = asyncio.Event()

    def capture_signals(self) -> contextlib.AbstractContextManager[None]:  # type: ignore[override] # ours is no generator
        return contextlib.nullcontext()

    async def main_loop(self) -> None:
        self.opened.set()
        await self.closing.wait()


class _Protocol(H11Protocol):
    """Hands the names of a verified client certificate to the application; bounds the size of headers, as h11 does."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        tls = transport.get_extra_info("ssl_object")
        if tls is not None:
            self.app_state = {**self.app_state, PEER: identities(tls)}


def unix_socket(path: Path) -> socket.socket:
    """Return a socket at `path` that its owner alone can open; raise `PortInUse` where someone listens."""
    if _answers(path):
        raise PortInUse(f"another process listens on {path}: stop it first")
    path.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o177)
    try:
        listening.bind(str(path))
    except OSError as error:
        listening.close()
        raise PortInUse(f"cannot listen on {path}: {error.strerror}") from error
    finally:
        os.umask(mask)
    listening.setblocking(False)
    return listening


def tcp_socket(address: str) -> socket.socket:
    """Return a socket at `host:port` (port 0: any free one); raise `PortInUse` or `UsageError`."""
    host, port = split_address(address)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except socket.gaierror as error:
        listening.close()
        raise UsageError(f"{address}: no such host here") from error
    except OSError as error:
        listening.close()
        raise PortInUse(f"cannot listen on {address}: {error.strerror}: stop what holds it, or say another") from error
    listening.setblocking(False)
    return listening


def known_hosts(address: str) -> tuple[str, ...]:
    """Return the Host headers by which callers name the server at `address`."""
    host, port = split_address(address)
    names = {host, "localhost", "127.0.0.1"} if is_loopback(address) else {host}
    return tuple(joined_address(name, port) for name in sorted(names))


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True
