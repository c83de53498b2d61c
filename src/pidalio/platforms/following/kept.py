"""What is known of a platform, on disk: a restarted control plane has it before the platform answers, or without.

Invariant: the file is whole at any moment (written beside, synced, renamed); one that cannot be read is no reason not
to start. It is one line of JSON for each row or object, so that writing it never holds the event loop for long.
"""

import asyncio
import itertools
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

import msgspec

from pidalio.derive import Table
from pidalio.model import Alias, Endpoint, Report, Service, Severity, Workload
from pidalio.platforms.adapter import Tree
from pidalio.store import tables

Slot: TypeAlias = tuple[Table[Any, Any], Any]
_VERSION: Final = 1
_TOGETHER: Final = 200
"""Rows that are encoded before the loop gets its turn."""
_KEPT: Final[Mapping[str, tuple[Table[Any, Any], Any]]] = {
    "service": (tables.SERVICES, Service),
    "alias": (tables.ALIASES, Alias),
    "endpoints": (tables.ENDPOINTS, tuple[Endpoint, ...]),
    "workload": (tables.WORKLOADS, Workload),
}
_WORD: Final = {table: word for word, (table, _) in _KEPT.items()}


class _Line(msgspec.Struct, array_like=True):
    """One line of the file: what it is, its key, and itself."""

    what: str
    key: Any
    row: msgspec.Raw


class Known(msgspec.Struct):
    """Everything that a platform said last."""

    rows: dict[Slot, Any] = msgspec.field(default_factory=dict)
    objects: dict[str, Tree] = msgspec.field(default_factory=dict)


def read(file: Path) -> Known:
    """Return what the file holds; raise `OSError` or `ValueError` when it cannot be read to its end."""
    known = Known()
    with file.open("rb") as lines:
        head = msgspec.json.decode(next(lines, b"null"))
        if head != {"version": _VERSION}:
            raise ValueError(f"it was written by another version ({head})")
        for line in lines:
            one = msgspec.json.decode(line, type=_Line)
            if one.what == "object":
                known.objects[one.key] = msgspec.json.decode(one.row)
                continue
            table, type_ = _KEPT[one.what]
            known.rows[table, tuple(one.key)] = msgspec.json.decode(one.row, type=type_)
    return known


async def write(file: Path, known: Known) -> None:
    """Replace the file by `known`, which must not change meanwhile; raise `OSError`."""
    parts: list[bytes] = [msgspec.json.encode({"version": _VERSION}) + b"\n"]
    lines = _lines(known)
    while part := b"".join(itertools.islice(lines, _TOGETHER)):
        parts.append(part)
        await asyncio.sleep(0)
    await asyncio.to_thread(_replace, file, parts)


def _lines(known: Known) -> Iterator[bytes]:
    encode = msgspec.json.encode
    for (table, key), row in known.rows.items():
        if table in _WORD:
            yield encode((_WORD[table], key, row)) + b"\n"
    for name, tree in known.objects.items():
        yield encode(("object", name, tree)) + b"\n"


def _replace(file: Path, parts: list[bytes]) -> None:
    draft = file.with_name(file.name + ".new")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as out:
        out.writelines(parts)
        out.flush()
        os.fsync(out.fileno())
    draft.replace(file)


class Keeper:
    """Keeps what is `known` of a platform in `file` (None: nowhere), some `seconds` after it changed.

    What cannot be written is told, under the topic `kept`, and tried again after that time.
    """

    def __init__(
        self, file: Path | None, known: Callable[[], Known], tell: Callable[..., None], seconds: float
    ) -> None:
        self.file = file
        self._known, self._tell, self._seconds = known, tell, seconds
        self._dirty = asyncio.Event()
        self._one = asyncio.Lock()
        self._last: asyncio.Future[None] | None = None

    def changed(self) -> None:
        """Note that the file is not what is known."""
        self._dirty.set()

    async def read(self) -> Known | None:
        """Return what an earlier process knew, None where there is nothing; raise as the function `read` does."""
        if self.file is None or not self.file.exists():
            return None
        return await asyncio.to_thread(read, self.file)

    async def run(self) -> None:
        """Write whenever something changed, until cancelled; a twentieth of the time at most."""
        now = asyncio.get_running_loop().time
        while True:
            await self._dirty.wait()
            begun = now()
            await self.write()
            await asyncio.sleep(max(self._seconds, 20 * (now() - begun)))

    async def write(self) -> None:
        """Write if something changed: to the end, also when the caller is cancelled, and one after another."""
        self._last = asyncio.ensure_future(self._write())
        await asyncio.shield(self._last)

    async def _write(self) -> None:
        async with self._one:
            if self.file is None or not self._dirty.is_set():
                return
            self._dirty.clear()
            try:
                await write(self.file, self._known())
            except Exception as error:  # noqa: BLE001 - a disk, or an object that cannot be written as JSON
                self._dirty.set()
                message = f"{self.file}: what is known of the platform cannot be kept: {error}"
                self._tell("kept", Report(Severity.WARNING, "platform-not-kept", message))
            else:
                self._tell("kept")
