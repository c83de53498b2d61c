"""Settings of a control plane's process, checked before anything starts and frozen after.

Invariant: what listens beyond loopback has mutual TLS.
"""

import contextlib
import ipaddress
import os
from pathlib import Path
from typing import Final

import msgspec

from pidalio.errors import UsageError

_LONGEST_SOCKET_PATH: Final = 103
"""In bytes, on every system that Envoy runs on."""


class TlsPaths(msgspec.Struct, frozen=True):
    """PEM files: one's own certificate chain and key, and the CA that signed the other side's."""

    cert: Path
    key: Path
    ca: Path

    @classmethod
    def given(cls, cert: Path | None, key: Path | None, ca: Path | None) -> "TlsPaths | None":
        """Return all three, None where none is given; raise `UsageError` for a part of them."""
        if cert and key and ca:
            return cls(cert, key, ca)
        if cert or key or ca:
            raise UsageError("--tls-cert, --tls-key and --tls-ca go together: say all three, or none")
        return None


class ServerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How a control plane runs.

    `folder` is the mesh's: its `.pidalio` holds what survives. `files` are live; `namespace` is that of objects which
    name none. `minimum_healthy` is the percentage of a platform's healthy instances that must remain for its word to be
    believed when many go at once, 0 to believe everything. Proxies are served when each platform was read once, or
    after `start_timeout` seconds. `registrations` is where control planes share the
    instances that register themselves (`etcd=http://HOST:2379`), empty for this one alone. One that lives by its
    proxy's stream is gone `registration_grace` seconds after it ended. Addresses are `unix:/path` or `host:port`; an
    empty one is a UNIX socket of this user for xDS, and no TCP port for the API. Beyond loopback both need `tls`.
    """

    folder: Path
    files: tuple[str, ...] = ()
    namespace: str = "default"
    xds_address: str = ""
    api_address: str = ""
    tls: TlsPaths | None = None
    run_directory: Path | None = None
    minimum_healthy: int = 20
    start_timeout: float = 10.0
    registrations: str = ""
    registration_grace: float = 10.0

    def check(self) -> None:
        """Raise `UsageError` when an address is open to others without TLS, or makes no sense."""
        if not 0 <= self.minimum_healthy <= 100:
            raise UsageError("--minimum-healthy is a percentage: 0 to 100")
        if not 0 <= self.start_timeout <= 3600:
            raise UsageError("--start-timeout is in seconds: 0 to 3600")
        if not 0 < self.registration_grace <= 3600:
            raise UsageError("--registration-grace is in seconds: above 0, at most 3600")
        if self.api_address.startswith("unix:"):
            raise UsageError("--api-address is a TCP address: the UNIX socket is always there")
        path = self.xds_address.removeprefix("unix:")
        if self.xds_address.startswith("unix:") and not (path and len(os.fsencode(path)) <= _LONGEST_SOCKET_PATH):
            raise UsageError(f"--xds-address unix:PATH takes a path of at most {_LONGEST_SOCKET_PATH} bytes")
        for option, address in (("--xds-address", self.xds_address), ("--api-address", self.api_address)):
            if address and not is_loopback(address) and self.tls is None:
                raise UsageError(
                    f"{option} {address} is reachable from outside: say --tls-cert, --tls-key and --tls-ca "
                    "(`pidalio certs init DIR` makes a trial CA), or use a loopback address"
                )


def split_address(address: str) -> tuple[str, int]:
    """Return host and port of `host:port`, `[::1]:port` too; raise `UsageError` for anything else."""
    host, colon, port = address.rpartition(":")
    if not colon or not host or not (port.isascii() and port.isdigit()) or int(port) > 65535:
        raise UsageError(f"{address!r} is not an address: write it as HOST:PORT")
    return host.removeprefix("[").removesuffix("]"), int(port)


def joined_address(host: str, port: int) -> str:
    """Return `host:port`, with brackets where the host is an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_loopback(address: str) -> bool:
    """Tell whether nobody beyond this machine reaches `address` (`unix:/path` or `host:port`)."""
    if address.startswith("unix:"):
        return True
    host, _ = split_address(address)
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"
