"""RecordIO as the master's event stream speaks it: a decimal length, a line feed, then so many bytes.

Pure and incremental: whatever pieces the network makes of a stream, the records are the same. A record larger than
the limit is skipped and told as its size; only what is no RecordIO at all ends a stream (`ValueError`), for then
nothing that follows can be told apart. Source: Mesos, "Scheduler HTTP API", RecordIO response format.
"""

from typing import Final, NamedTuple

_LONGEST_LENGTH: Final = 20
"""Digits of a length: those of 64 bits."""


class Skipped(NamedTuple):
    """Something that was too large to be kept: its size in bytes."""

    size: int


class Records:
    """Takes a stream apart; `most` bytes of one record are kept."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._head = b""
        self._body = bytearray()
        self._missing = -1
        self._size = 0

    def take(self, part: bytes) -> list[bytes | Skipped]:
        """Return the records that `part` completes; raise `ValueError` when the stream is no RecordIO."""
        found: list[bytes | Skipped] = []
        position = 0
        while position < len(part):
            if self._missing < 0:
                position = self._take_length(part, position)
            else:
                end = min(position + self._missing, len(part))
                self._missing -= end - position
                if self._size <= self._most:
                    self._body += part[position:end]
                position = end
            if self._missing == 0:
                found.append(bytes(self._body) if self._size <= self._most else Skipped(self._size))
                self._body.clear()
                self._missing = -1
        return found

    @property
    def is_between(self) -> bool:
        """Tell whether the stream stands between two records."""
        return self._missing < 0 and not self._head

    def _take_length(self, part: bytes, position: int) -> int:
        end = part.find(b"\n", position, position + _LONGEST_LENGTH + 1)
        self._head += part[position : end if end >= 0 else position + _LONGEST_LENGTH + 1]
        if len(self._head) > _LONGEST_LENGTH or not (self._head.isdigit() or (end < 0 and not self._head)):
            raise ValueError(f"{self._head[:_LONGEST_LENGTH]!r} stands where a record's length should")
        if end < 0:
            return len(part)
        self._missing = self._size = int(self._head)
        self._head = b""
        return end + 1
