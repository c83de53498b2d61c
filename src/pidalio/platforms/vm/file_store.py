"""Entries of one control plane alone, in a file of its folder: a restart takes no instance out of any pool.

Invariant: the file is whole at any moment; a disk that cannot be written is told in the log and refuses nobody, for
there is no other control plane that could know better.
"""

import asyncio
import logging
import os
from pathlib import Path

import msgspec

from pidalio.platforms.vm.entry import Entry, Seen, Stored

_log = logging.getLogger(__name__)


class FileStore:
    """Keeps entries in `file`; with None in memory only."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._entries: dict[str, Entry] = {}
        self._revision = 0
        self._dirty = False
        self._writing = asyncio.Lock()

    @property
    def name(self) -> str:
        """Return nothing: no other process shares it."""
        return ""

    async def follow(self, seen: Seen) -> None:
        """Tell what an earlier process kept; nobody else changes it."""
        self._entries |= {name: entry for name, entry in self._read().items() if name not in self._entries}
        self._revision += 1
        seen.whole({name: Stored(entry, self._revision) for name, entry in self._entries.items()}, frozenset())
        await asyncio.Event().wait()

    async def write(self, identity: str, entry: Entry | None, expected: int) -> int:  # noqa: ARG002 - nobody else writes
        """Keep or forget an entry; return when the file says so, or cannot."""
        if entry is None:
            self._entries.pop(identity, None)
        else:
            self._entries[identity] = entry
        self._revision += 1
        revision = self._revision
        self._dirty = True
        async with self._writing:  # what came together is written once
            if self._dirty and self._file is not None:
                self._dirty = False
                await asyncio.to_thread(self._replace, self._file, msgspec.json.encode(self._entries))
        return revision

    def _read(self) -> dict[str, Entry]:
        if self._file is None or not self._file.exists():
            return {}
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=dict[str, Entry])
        except (OSError, msgspec.DecodeError) as error:
            _log.warning("%s: registered instances are not restored: %s", self._file, error)
            return {}

    @staticmethod
    def _replace(file: Path, data: bytes) -> None:
        draft = file.with_name(file.name + ".new")
        try:
            handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with os.fdopen(handle, "wb") as out:
                out.write(data)
                out.flush()
                os.fsync(out.fileno())
            draft.replace(file)
        except OSError as error:
            _log.warning("%s: registered instances are not kept: %s", file, error)
