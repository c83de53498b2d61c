"""Mutual TLS for the API, with certificates that are read again when their files change.

Invariant: every handshake uses a set of files that belongs together; a half-written one leaves the former in force.
Nobody is let in without a certificate that the CA signed.
"""

import contextlib
import logging
import ssl
from pathlib import Path
from typing import Any

from pidalio.errors import UsageError
from pidalio.settings import TlsPaths

_log = logging.getLogger(__name__)


class ServerTls:
    """The server's side; `context` is for the listening socket, for as long as it listens."""

    def __init__(self, files: TlsPaths) -> None:
        self._files = files
        self._stamps = self._look()
        try:
            self._current = self._read()
        except (OSError, ssl.SSLError) as error:
            raise UsageError(f"cannot use {files.cert}, {files.key}, {files.ca}: {error}") from error
        self.context = self._read()
        # Called in every handshake, with or without a name: the context of that one connection is chosen here.
        self.context.sni_callback = self._choose

    def _choose(self, connection: Any, name: str | None, context: ssl.SSLContext) -> None:
        del name, context
        stamps = self._look()
        if stamps != self._stamps:
            self._stamps = stamps
            try:
                self._current = self._read()
            except (OSError, ssl.SSLError) as error:
                _log.warning("%s: keeping the former certificate: %s", self._files.cert, error)
        connection.context = self._current

    def _read(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self._files.cert, self._files.key)
        context.load_verify_locations(self._files.ca)
        context.verify_mode = ssl.CERT_REQUIRED
        # A resumed session would be let in by a certificate of an authority that may have been replaced since.
        context.options |= ssl.OP_NO_TICKET
        context.num_tickets = 0
        return context

    def _look(self) -> tuple[object, ...]:
        return tuple(_stamp(path) for path in (self._files.cert, self._files.key, self._files.ca))


def client_context(files: TlsPaths) -> ssl.SSLContext:
    """Return the client's side: it shows its certificate, and trusts this CA alone."""
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_verify_locations(files.ca)
        context.load_cert_chain(files.cert, files.key)
    except (OSError, ssl.SSLError) as error:
        raise UsageError(f"cannot use {files.cert}, {files.key}, {files.ca}: {error}") from error
    return context


def identities(connection: Any) -> tuple[str, ...]:
    """Return the names of a verified client certificate: URIs and DNS names, the common name last."""
    found: dict[str, Any] = {}
    with contextlib.suppress(ValueError):
        found = connection.getpeercert() or {}
    names = [value for kind, value in found.get("subjectAltName", ()) if kind in ("URI", "DNS", "IP Address")]
    subject = dict(pair for part in found.get("subject", ()) for pair in part)
    return (*names, *((subject["commonName"],) if "commonName" in subject else ()))


def _stamp(path: Path) -> object:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
