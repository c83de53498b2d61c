"""Where the control plane of a folder is found: its sockets, its token, the file that points at them.

The folder of a mesh has `.pidalio/`, which survives: history, logs, token. Sockets lie elsewhere, for their paths hold
107 bytes at most; `.pidalio/server.json` points there.
Invariant: a pointer that this user did not write is not followed.
"""

import contextlib
import fcntl
import hashlib
import os
import secrets
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from pidalio.errors import ServerUnreachable, UsageError

DATA: Final = ".pidalio"
POINTER: Final = "server.json"
LOCK: Final = "lock"
"""Held by the process that runs the mesh, whose number is in it."""
PLANE: Final = "plane"
"""The id of this control plane among those that share what they know: the same after a restart."""
TOKEN: Final = "token"  # noqa: S105 - a file's name
ACCESS_LOGS: Final = Path("logs") / "access"
"""Below the data folder: one file per proxy, `<name>.<namespace>.json`."""
LONGEST_SOCKET_PATH: Final = 107 if sys.platform == "linux" else 103
_LONGEST_BASE: Final = 40


class Pointer(msgspec.Struct, frozen=True):
    """Where the server of a folder listens: addresses as `Client` and Envoy take them, and its process."""

    api: str
    xds: str
    process: int


def data_directory(folder: Path) -> Path:
    """Return `.pidalio` of a mesh's folder."""
    return folder / DATA


def run_directory(folder: Path, environ: Mapping[str, str] = os.environ) -> Path:
    """Return where the mesh of `folder` has its sockets: short, the same at each start, unlike any other mesh's."""
    base = environ.get("XDG_RUNTIME_DIR", "")
    digest = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:10]
    if base and len(base) <= _LONGEST_BASE and os.access(base, os.W_OK):
        return Path(base) / f"pidalio-{digest}"
    return Path(f"/tmp/pidalio-{os.getuid()}-{digest}")  # noqa: S108 - made with mode 0700, its owner is checked


def make_private(path: Path) -> Path:
    """Make a folder that only this user can enter; raise `UsageError` when it cannot be, or someone else has it."""
    try:
        path.mkdir(mode=0o700, exist_ok=True, parents=True)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}: start in a folder that can be written") from error
    found = path.lstat()
    if not path.is_dir() or path.is_symlink() or found.st_uid != os.getuid():
        raise UsageError(f"{path} is not a folder of this user: remove it, or choose another")
    path.chmod(0o700)
    return path


def socket_path(directory: Path, name: str) -> Path:
    """Return the path of a socket; raise `UsageError` when it is longer than the system takes."""
    path = directory / f"{name}.sock"
    if len(os.fsencode(path)) > LONGEST_SOCKET_PATH:
        raise UsageError(f"{directory} is too long for UNIX sockets: choose a shorter run directory")
    return path


def plane_of(data: Path) -> str:
    """Return the id of the control plane of a data folder; made at the first time."""
    path = data / PLANE
    with contextlib.suppress(FileNotFoundError):
        if known := path.read_text().strip():
            return known
    made = f"{socket.gethostname()[:60]}-{secrets.token_hex(4)}"
    _write_private(path, made.encode())
    return made


def publish(data: Path, pointer: Pointer) -> None:
    """Write where the server is found, in one step."""
    draft = data / f"{POINTER}.new"
    draft.unlink(missing_ok=True)
    _write_private(draft, msgspec.json.encode(pointer))
    draft.replace(data / POINTER)


def withdraw(data: Path) -> None:
    """Take the pointer away."""
    (data / POINTER).unlink(missing_ok=True)


def find(start: Path) -> Pointer:
    """Return the pointer of `start` or of the nearest folder above it; raise `ServerUnreachable` when there is none."""
    for folder in (start, *start.parents):
        path = folder / DATA / POINTER
        try:
            if path.stat().st_uid == os.getuid():
                return msgspec.json.decode(path.read_bytes(), type=Pointer)
        except (OSError, msgspec.DecodeError):
            if process := _holder(folder / DATA):
                why = f"the mesh in {folder} (process {process}) is starting or ending: ask again in a moment"
                raise ServerUnreachable(why) from None
    raise ServerUnreachable(
        f"no mesh runs in {start}: start one with `pidalio up` or `pidalio serve`, or name one with --server"
    )


def _holder(data: Path) -> int:
    """Return the process that runs the mesh of this folder, 0 for none.

    The lock is tried only where the process in it lives: a server that starts must not find it taken.
    """
    try:
        with (data / LOCK).open("rb") as lock:
            process = int(lock.read(32))
            os.kill(process, 0)
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return process
    except (OSError, ValueError):
        return 0
    return 0


def token_of(data: Path) -> str:
    """Return the token of the TCP door; make one at the first start."""
    path = data / TOKEN
    with contextlib.suppress(FileExistsError):  # made at an earlier start
        _write_private(path, secrets.token_urlsafe(32).encode())
    return path.read_text().strip()


def _write_private(path: Path, content: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
        file.write(content)
