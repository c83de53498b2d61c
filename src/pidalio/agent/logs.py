"""Log files of Envoys and workloads: their end, for people, and a bound on their size.

Writers hold the file open in append mode, so it is copied and truncated, never renamed.
"""

import asyncio
import contextlib
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

LIMIT_BYTES = 16 << 20


def size_of(path: Path) -> int:
    """Return how many bytes a log holds: where what is written from now on begins."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def last_lines(path: Path, count: int = 5, *, since: int = 0, longest: int = 300) -> str:
    """Return the last lines that hold something, joined by ` | `: the quote of an error; empty without a file.

    `since` is where they begin, as `size_of` told it; a log that was cut in the meantime counts as a whole.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - 16384, since if since <= size else 0))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return ""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " | ".join(line if len(line) <= longest else line[: longest - 1] + "…" for line in lines[-count:])


def bound(path: Path, limit_bytes: int = LIMIT_BYTES) -> None:
    """Move what a file holds to `<name>.1` once it is larger than the limit; on a full disk it is dropped."""
    try:
        if path.stat().st_size <= limit_bytes:
            return
    except FileNotFoundError:
        return
    with contextlib.suppress(OSError):
        shutil.copyfile(path, path.with_name(path.name + ".1"))
    with contextlib.suppress(FileNotFoundError), path.open("r+b") as file:
        file.truncate(0)


async def keep_bounded(
    paths: Callable[[], Iterable[Path]], *, every_seconds: float = 10, limit_bytes: int = LIMIT_BYTES
) -> None:
    """Bound the files again and again until cancelled; together with its `.1` one holds about twice the limit."""
    while True:
        for path in list(paths()):
            await asyncio.to_thread(bound, path, limit_bytes)
        await asyncio.sleep(every_seconds)
