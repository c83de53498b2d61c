"""The folder for what lives only while a mesh runs: admin sockets, bootstrap files, the lock.

UNIX socket paths hold 107 bytes at most, so the folder is short and outside the mesh's own.
Invariant: only this user may look inside, and one process at a time owns it: its lock ends with the process,
`kill -9` included. Whoever gives it up in order leaves nothing of it behind.
"""

import contextlib
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
        self._made: set[Path] = {path / "lock"}
        self._lock = _locked(path)
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
        self._made.add(path)
        return path

    def file(self, name: str) -> Path:
        """Return a path for a file."""
        self._made.add(self.path / name)
        return self.path / name

    def release(self) -> None:
        """Remove what was put there, and give the folder up; another process may own it from now on."""
        if self._lock < 0:
            return
        for path in self._made:
            path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # it holds sockets of others, who remove it after us
            self.path.rmdir()
        os.close(self._lock)
        self._lock = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def _locked(folder: Path) -> int:
    """Return the handle of the folder's lock; raise `PortInUse` when another process has it."""
    while True:
        make_private(folder)
        handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.read(handle, 32).decode(errors="replace").strip()
            os.close(handle)
            raise PortInUse(f"another pidalio (process {holder or 'unknown'}) runs this mesh: stop it first") from error
        if os.fstat(handle).st_nlink:
            return handle
        os.close(handle)  # its last owner removed it between our opening and our lock
