"""Which files of the given paths hold objects, and which folders must be watched to notice a change.

Invariant: a file has one name (the one a user would type, what cannot be printed escaped), whatever way leads to it;
hidden files, editors' backups and temporary files are no part of the mesh.
It stands before `reading`.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from pidalio.model import Report, Severity, printable

_SUFFIXES = (".yaml", ".yml", ".json")
_IGNORED = (".", "~", "#")


class Root(msgspec.Struct, frozen=True):
    """A path as given: `name` is shown, `path` is absolute and opened."""

    name: str
    path: str

    @classmethod
    def of(cls, given: str | Path) -> "Root":
        """Return the root for a path as a user typed it."""
        if not str(given):
            return cls("''", "")  # often an unset variable of a shell: never the folder it is in
        name = printable(os.path.normpath(given))
        return cls(name, os.path.abspath(given))  # noqa: PTH100 - must not follow links

    def inside(self, path: str) -> str:
        """Return the shown name of `path`, which lies in this root."""
        if path == self.path:
            return self.name
        relative = printable(os.path.relpath(path, self.path))
        return relative if self.name == "." else os.path.join(self.name, relative)  # noqa: PTH118 - text


class Found(msgspec.Struct, frozen=True):
    """What lies under the roots.

    `files` maps shown names to paths; `missing` maps shown names of roots and folders that cannot be listed to the
    reason: what was known under them is not gone; `empty` names the roots that hold no file.
    `trees` are watched with all that is in them, `folders` by themselves; both are real paths that exist.
    """

    files: dict[str, str]
    missing: dict[str, Report]
    empty: frozenset[str]
    trees: frozenset[str]
    folders: frozenset[str]


def find(roots: Sequence[Root]) -> Found:
    """Return the files under `roots`; a root may be a file (of any name) or a folder."""
    files: dict[str, str] = {}
    missing: dict[str, Report] = {}
    empty: set[str] = set()
    trees: set[str] = set()
    folders: set[str] = set()
    seen: set[str] = set()
    for root in roots:
        if os.path.isdir(root.path):  # noqa: PTH112 - text
            inside = list(_walk(root, missing, folders))
            trees.add(os.path.realpath(root.path))
            if not inside:
                empty.add(root.name)
        else:
            inside = [root.path]
            folders.add(os.path.realpath(os.path.dirname(root.path)))  # noqa: PTH120 - text
        for path in inside:
            if (real := os.path.realpath(path)) not in seen:
                seen.add(real)
                files[root.inside(path)] = path
                folders.add(os.path.dirname(real))  # noqa: PTH120 - text
    outside = {folder for folder in folders if os.path.isdir(folder) and not _is_under(folder, trees)}  # noqa: PTH112
    return Found(files, missing, frozenset(empty), frozenset(trees), frozenset(outside))


def is_candidate(name: str) -> bool:
    """Tell whether a file of this name may hold objects."""
    return name.endswith(_SUFFIXES) and not name.startswith(_IGNORED)


def _walk(root: Root, missing: dict[str, Report], folders: set[str]) -> Iterator[str]:
    """Yield the files under a folder, those of a folder before its subfolders; links are followed, but in no circle."""
    pending = [(root.path, frozenset[str]())]
    while pending:
        folder, above = pending.pop()
        real = os.path.realpath(folder)
        if real in above:
            continue
        try:
            names = sorted(os.listdir(folder))  # noqa: PTH208 - text
        except OSError as error:
            name = root.inside(folder)
            message = f"{name} cannot be listed: {error.strerror}; what it held stays as it was"
            missing[name] = Report(Severity.ERROR, "unreadable", message)
            continue
        folders.add(real)
        inside: list[tuple[str, frozenset[str]]] = []
        for name in names:
            path = os.path.join(folder, name)  # noqa: PTH118 - text
            if name.startswith(_IGNORED):
                continue
            if os.path.isdir(path):  # noqa: PTH112 - text
                inside.append((path, above | {real}))
            elif is_candidate(name):
                yield path
        pending.extend(reversed(inside))


def _is_under(folder: str, trees: set[str]) -> bool:
    return any(folder == tree or folder.startswith(tree.rstrip("/") + "/") for tree in trees)
