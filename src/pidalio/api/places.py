"""Where in a file each field lies: a tree of line numbers beside the tree of values.

Places are never part of an object's value; the store keeps them beside it.
A path is written `spec.http[2].match[0].headers["x-user"]`: names with dots, indexes and other keys in brackets.
"""

import functools
import re
from collections.abc import Iterable, Iterator
from typing import TypeAlias

import msgspec

from pidalio.model import Place

Lines: TypeAlias = "int | tuple[int, tuple[Lines, ...]] | tuple[int, tuple[Lines, ...], tuple[str, ...]]"
"""The line of a scalar; of a list, with those of its members; of a map, with those of its members and their keys.

Tuples of numbers and shared key tuples: a third of the memory of dicts, and nothing for the garbage collector.
"""

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


@functools.lru_cache(maxsize=4096)
def _shared(keys: tuple[str, ...]) -> tuple[str, ...]:
    """Return one tuple for equal ones: most objects have the same keys."""
    return keys


def lines_of_map(line: int, members: dict[str, Lines]) -> Lines:
    """Return the lines of a map that begins in `line`."""
    return (line, tuple(members.values()), _shared(tuple(members)))


def lines_of_list(line: int, members: list[Lines]) -> Lines:
    """Return the lines of a list that begins in `line`."""
    return (line, tuple(members))


def member_of(node: Lines, step: str | int) -> "Lines | None":
    """Return the lines of one member; a key may be given in its JSON spelling where the file has the other."""
    if isinstance(node, int):
        return None
    if len(node) == 2:
        return node[1][step] if isinstance(step, int) and step < len(node[1]) else None
    keys, key = node[2], str(step)
    if key not in keys:
        key = _SNAKE.sub(r"_\1", key).lower()
    return node[1][keys.index(key)] if key in keys else None


class Places(msgspec.Struct, frozen=True):
    """The lines of one object in `file`; an empty file means that it came from elsewhere (the HTTP API)."""

    file: str
    lines: Lines

    def line(self, path: str) -> int:
        """Return the line of `path`, or of its nearest ancestor that is written in the file."""
        node = self.lines
        for step in steps(path):
            found = member_of(node, step)
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
            yield path, node[0]
            keys: Iterable[str | int] = node[2] if len(node) == 3 else range(len(node[1]))
            pending.extend((join(path, key), member) for key, member in zip(keys, node[1], strict=True))
