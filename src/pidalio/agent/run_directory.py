"""The folder for what lives only while a mesh runs: admin sockets, bootstrap files, the lock.

UNIX socket paths hold 107 bytes at most, so the folder is short and outside the mesh's own.
Invariant: only this user may look inside, and one process at a time owns it: its lock ends with the process,
`kill -9` included.
"""

import fcntl
import hashlib
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from pidalio.errors import PortInUse, UsageError
from pidalio.http.discovery import LONGEST_SOCKET_PATH, make_private


class RunDirectory:
    """An owned run directory; a context manager that gives it up."""

    def __init__(self, path: Path) -> None:
        self.path = path
        make_private(path)
        self._lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.read(self._lock, 32).decode(errors="replace").strip()
            os.close(self._lock)
            raise PortInUse(f"another pidalio (process {holder or 'unknown'}) runs this mesh: stop it first") from error
        os.ftruncate(self._lock, 0)
        os.write(self._lock, str(os.getpid()).encode())

    def socket(self, name: str) -> Path:
        """Return a path for a socket: `<name>.sock`, or its digest where that is too long. A stale one is removed."""
        path = self.path / f"{name}.sock"
        if len(os.fsencode(path)) > LONGEST_SOCKET_PATH:
            path = self.path / f"{hashlib.sha256(name.encode()).hexdigest()[:12]}.sock"
        if len(os.fsencode(path)) > LONGEST_SOCKET_PATH:
            raise UsageError(f"{self.path} is too long for UNIX sockets: choose a shorter run directory")
        path.unlink(missing_ok=True)
        return path

    def file(self, name: str) -> Path:
        """Return a path for a file."""
        return self.path / name

    def release(self) -> None:
        """Give the folder up; another process may own it from now on."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
