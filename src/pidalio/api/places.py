"""Where in a file each field lies: a tree of line numbers beside the tree of values.

Places are never part of an object's value; the store keeps them beside it.
A path is written `spec.http[2].match[0].headers["x-user"]`: names with dots, indexes and other keys in brackets.
"""

import re
from collections.abc import Iterator
from typing import TypeAlias

import msgspec

from pidalio.model import Place

Lines: TypeAlias = "int | tuple[int, dict[str, Lines] | list[Lines]]"
"""The line of a scalar, or the line of a container with the lines of its members."""

_STEP = re.compile(r'\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]|\.?([A-Za-z_][A-Za-z0-9_]*)')
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_SNAKE = re.compile(r"(?<!^)([A-Z])")


def join(path: str, key: str | int) -> str:
    """Return the path of member `key` of the container at `path`."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    if _PLAIN.match(key):
        return f"{path}.{key}" if path else key
    return f"{path}[{msgspec.json.encode(key).decode()}]"


def steps(path: str) -> Iterator[str | int]:
    """Yield the keys and indexes of `path`."""
    for found in _STEP.finditer(path):
        index, quoted, plain = found.groups()
        if index is not None:
            yield int(index)
        elif quoted is not None:
            yield msgspec.json.decode(f'"{quoted}"', type=str)
        else:
            yield plain


class Places(msgspec.Struct, frozen=True):
    """The lines of one object in `file`; an empty file means that it came from elsewhere (the HTTP API)."""

    file: str
    lines: Lines

    def line(self, path: str) -> int:
        """Return the line of `path`, or of its nearest ancestor that is written in the file."""
        node = self.lines
        for step in steps(path):
            found = _member(node, step)
            if found is None:
                break
            node = found
        return node if isinstance(node, int) else node[0]

    def place(self, path: str) -> Place | None:
        """Return `file:line` of `path`, or None where there is no file."""
        return Place(self.file, self.line(path)) if self.file else None

    def items(self) -> Iterator[tuple[str, int]]:
        """Yield each path of the object with its line."""
        pending: list[tuple[str, Lines]] = [("", self.lines)]
        while pending:
            path, node = pending.pop()
            if isinstance(node, int):
                yield path, node
                continue
            line, members = node
            yield path, line
            pairs = members.items() if isinstance(members, dict) else enumerate(members)
            pending.extend((join(path, key), member) for key, member in pairs)


def _member(node: Lines, step: str | int) -> "Lines | None":
    if isinstance(node, int):
        return None
    members = node[1]
    if isinstance(members, dict):
        key = str(step)
        return members.get(key, members.get(_SNAKE.sub(r"_\1", key).lower()))
    return members[step] if isinstance(step, int) and step < len(members) else None
