"""One look at all paths: find, read what may have changed, parse it once.

Invariant: equal bytes under one name give the very same parsed objects, so that looking again costs no parsing.
It stands between the file system and `settling`; it blocks, and runs in a thread.
"""

import hashlib
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from pidalio.api.load import Loaded, load
from pidalio.model import Report
from pidalio.platforms.files.finding import Found, Root, find
from pidalio.platforms.files.reading import Signature, read_file, signature_of
from pidalio.platforms.files.settling import Look, Seen

_RACY_NS: Final = 100_000_000
"""A file changed less than this before it was read may change again without its signature telling."""


class Known(msgspec.Struct, frozen=True):
    """What is known of a file: its signature (None: look again) and what was seen."""

    signature: Signature | None
    seen: Seen


class Looker:
    """Look at `paths` again and again; keeps what it parsed."""

    def __init__(
        self, paths: Sequence[str | Path], default_namespace: str, now_ns: Callable[[], int] = time.time_ns
    ) -> None:
        self.roots = tuple(Root.of(path) for path in paths)
        self._namespace = default_namespace
        self._now_ns = now_ns
        self._known: dict[str, Known] = {}
        self._inodes: dict[str, tuple[int, int]] = {}

    def look(self, *, thorough: bool, removed: frozenset[str] = frozenset()) -> tuple[Look, Found]:
        """Return what is there now; `thorough` reads every file again, whatever the file system says.

        `removed` are real paths of folders that were removed since the last look, and may be back only in part.
        """
        found = find(self.roots)
        self._known = {name: self._file(name, path, thorough=thorough) for name, path in found.files.items()}
        units = {name: known.seen for name, known in self._known.items()}
        for name, report in found.missing.items():
            units[name] = failed(report)
        absent = {root.name for root in self.roots if _is_absent(units.get(root.name))}
        doubtful = found.empty | absent | self._remade(removed) | set(found.missing)
        return Look(units, (*found.missing, *sorted(absent)), doubtful), found

    def _remade(self, removed: frozenset[str]) -> set[str]:
        """Return the names of the roots that were made anew since the last look, as far as can be known."""
        remade = {root.name for root in self.roots if removed and os.path.realpath(root.path) in removed}
        for root in self.roots:
            signature = signature_of(root.path)
            if signature is not None:
                inode = (signature.device, signature.inode)
                if self._inodes.setdefault(root.name, inode) != inode and os.path.isdir(root.path):  # noqa: PTH112
                    remade.add(root.name)
                self._inodes[root.name] = inode
        return remade

    def _file(self, name: str, path: str, *, thorough: bool) -> Known:
        known, signature = self._known.get(name), signature_of(path)
        if known and not thorough and signature is not None and signature == known.signature:
            return known
        moment = self._now_ns()
        content = read_file(path, name)
        if isinstance(content, Report):
            return Known(None, failed(content))
        digest = hashlib.blake2b(content, digest_size=16).hexdigest()
        is_fresh = signature is not None and moment - signature.changed_ns < _RACY_NS
        trusted = None if is_fresh else signature
        if known and known.seen.digest == digest:
            return Known(trusted, known.seen)
        loaded = load(content, name, self._namespace)
        return Known(trusted, Seen(digest, loaded, max(self._now_ns() - moment, 0) / 1e9))


def failed(report: Report) -> Seen:
    """Return what is seen of something that cannot be read."""
    return Seen(report.line(), Loaded((), (), (report,)))


def _is_absent(seen: Seen | None) -> bool:
    return seen is not None and any(report.code == "no-such-file" for report in seen.loaded.reports)
