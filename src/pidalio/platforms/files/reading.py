"""The bytes of one file, or one clear line: never more memory than the limit, never a wait for a pipe.

Invariant: nothing raises for what a file is; a file that cannot be read is a `Report`.
It stands between `finding` and what parses.
"""

import errno
import os
import stat
from typing import Final

import msgspec

from pidalio.api.yaml_reader import Bounds
from pidalio.model import Place, Report, Severity

FILE_BYTES: Final = Bounds().file_bytes
"""The largest file that is read, in bytes."""


class Signature(msgspec.Struct, frozen=True):
    """What the file system says of a file: as long as it is equal, so is, almost always, the content."""

    device: int
    inode: int
    size: int
    modified_ns: int
    changed_ns: int


def signature_of(path: str) -> Signature | None:
    """Return the signature of `path`, None when it cannot be looked at."""
    try:
        found = os.stat(path)  # noqa: PTH116 - text
    except OSError:
        return None
    return Signature(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def read_file(path: str, name: str, limit: int = FILE_BYTES) -> bytes | Report:
    """Return the bytes of `path`, shown as `name`, or the report that says why not."""
    try:
        # Without O_NONBLOCK, a named pipe would wait for a writer.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        return unreadable(name, error)
    try:
        found = os.fstat(handle)
        if stat.S_ISDIR(found.st_mode):  # made since it was looked for: the file that was meant is not there
            return unreadable(name, FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT)))
        if not stat.S_ISREG(found.st_mode):
            return _report("unreadable", f"{name} is not a regular file", name)
        if found.st_size > limit:
            return _too_large(name, found.st_size, limit)
        with os.fdopen(handle, "rb", closefd=False) as file:
            content = file.read(limit + 1)
    except OSError as error:
        return unreadable(name, error)
    finally:
        os.close(handle)
    return content if len(content) <= limit else _too_large(name, len(content), limit)


def unreadable(name: str, error: OSError) -> Report:
    """Return the report for a path that the system does not give."""
    if error.errno == errno.ENOENT:
        return _report("no-such-file", f"{name} does not exist: check the path", name)
    return _report("unreadable", f"{name} cannot be read: {error.strerror}", name)


def _too_large(name: str, size: int, limit: int) -> Report:
    return _report("too-large", f"{size} bytes; the limit is {limit}: split the file", name)


def _report(code: str, message: str, name: str) -> Report:
    return Report(Severity.ERROR, code, message, place=Place(name, 1))
