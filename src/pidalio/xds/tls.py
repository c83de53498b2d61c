"""Server credentials that are read again when their files change, without dropping a connection.

Invariant: a half-written or mismatched set of files is never used; the last good one stays in force.
"""

import logging
import ssl
from pathlib import Path
from typing import Any

import grpc
import msgspec

from pidalio.errors import UsageError

_log = logging.getLogger(__name__)


class TlsFiles(msgspec.Struct, frozen=True):
    """PEM files: the server's certificate chain and key, and the CA that signed the clients' certificates."""

    cert: Path
    key: Path
    ca: Path


def credentials(files: TlsFiles) -> grpc.ServerCredentials:
    """Return mutual-TLS credentials over `files`; raise `UsageError` where they cannot be used at start."""
    reader = _Reader(files)
    return grpc.dynamic_ssl_server_credentials(reader.first(), reader.fetch, require_client_authentication=True)


class _Reader:
    """Reads the files whenever their stamps differ from those of the last reading."""

    def __init__(self, files: TlsFiles) -> None:
        self._files = files
        self._stamps: tuple[object, ...] = ()

    def first(self) -> Any:
        """Read for the first time; raise `UsageError` with the file to look at."""
        self._stamps = self._look()
        try:
            return self._read()
        except (OSError, ssl.SSLError) as error:
            raise UsageError(f"cannot use {self._files.cert}, {self._files.key}, {self._files.ca}: {error}") from error

    def fetch(self) -> Any:
        """Return new credentials, None where the files are as they were; gRPC asks before each handshake."""
        stamps = self._look()
        if stamps == self._stamps:
            return None
        self._stamps = stamps
        try:
            return self._read()
        except (OSError, ssl.SSLError) as error:
            _log.warning("%s: keeping the former certificate: %s", self._files.cert, error)
            return None

    def _look(self) -> tuple[object, ...]:
        return tuple(_stamp(path) for path in (self._files.cert, self._files.key, self._files.ca))

    def _read(self) -> Any:
        """Read all three and make sure that they belong together."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._files.cert, self._files.key)
        context.load_verify_locations(self._files.ca)
        pair = (self._files.key.read_bytes(), self._files.cert.read_bytes())
        return grpc.ssl_server_certificate_configuration([pair], root_certificates=self._files.ca.read_bytes())


def _stamp(path: Path) -> object:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
