"""Undo for plain dictionaries, so that a change can be tried and taken back at the cost of what it touched.

Invariant: while a trial is open, every write goes through `put`; when it closes, all mappings are as they were.
It stands below the catalog, which keeps all its state in dictionaries of immutable values.
"""

from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any, Final, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")

ABSENT: Final = object()


class Journal:
    """Write to dictionaries, remembering the former values while a trial is open."""

    def __init__(self) -> None:
        self._former: list[tuple[MutableMapping[Any, Any], Any, Any]] = []
        self._depth = 0

    def put(self, mapping: MutableMapping[Key, Value], key: Key, value: Value | None) -> None:
        """Set `mapping[key]` to `value`; None removes the key."""
        if self._depth:
            self._former.append((mapping, key, mapping.get(key, ABSENT)))
        if value is None:
            mapping.pop(key, None)
        else:
            mapping[key] = value

    @contextmanager
    def trial(self) -> Iterator[None]:
        """Take back, at the end, every write made inside; trials nest."""
        mark = len(self._former)
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1
            while len(self._former) > mark:
                mapping, key, value = self._former.pop()
                if value is ABSENT:
                    mapping.pop(key, None)
                else:
                    mapping[key] = value
