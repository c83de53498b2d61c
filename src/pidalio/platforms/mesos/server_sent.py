"""Server-sent events as Marathon's event stream speaks them: lines of fields, an empty line ends an event.

Pure and incremental: whatever pieces the network makes of a stream, the events are the same. An event larger than the
limit is skipped and told as its size. Source: WHATWG HTML, "Server-sent events", parsing an event stream.
"""

from typing import NamedTuple

from pidalio.platforms.mesos.records import Skipped

_BOM = b"\xef\xbb\xbf"


class ServerSent(NamedTuple):
    """One event: its name (`message` where none is stated) and its data."""

    name: str
    data: bytes


class Events:
    """Takes a stream apart; `most` bytes of one event are kept."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._start = b""
        self._line = bytearray()
        self._length = 0
        self._name = ""
        self._data: list[bytes] = []
        self._size = 0
        self._after_return = False
        self._is_begun = False

    def take(self, part: bytes) -> list[ServerSent | Skipped]:
        """Return the events that `part` completes."""
        if not self._is_begun:
            part = self._start + part
            if len(part) < len(_BOM) and _BOM.startswith(part):
                self._start = part
                return []
            self._is_begun = True
            part = part.removeprefix(_BOM)
        found: list[ServerSent | Skipped] = []
        for line, is_ended in self._lines(part):
            self._extend(line)
            if is_ended and (event := self._end_line()) is not None:
                found.append(event)
        return found

    def _lines(self, part: bytes) -> list[tuple[bytes, bool]]:
        """Return pieces of lines, each with whether its line ends there (CR, LF, or both)."""
        if self._after_return and part[:1] == b"\n":
            part = part[1:]
            self._after_return = False
        if not part:
            return []
        self._after_return = part[-1:] == b"\r"
        *whole, rest = part.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        return [*((line, True) for line in whole), (rest, False)]

    def _extend(self, piece: bytes) -> None:
        self._length += len(piece)
        self._size += len(piece)
        if self._size <= self._most:
            self._line += piece

    def _end_line(self) -> ServerSent | Skipped | None:
        line, is_empty = bytes(self._line), self._length == 0
        self._line.clear()
        self._length = 0
        if is_empty:
            return self._dispatch()
        if self._size <= self._most:
            field, _, value = line.partition(b":")
            if field == b"event":
                self._name = value.removeprefix(b" ").decode(errors="replace")
            elif field == b"data":
                self._data.append(value.removeprefix(b" "))
        return None

    def _dispatch(self) -> ServerSent | Skipped | None:
        name, data, size = self._name, self._data, self._size
        self._name, self._data, self._size = "", [], 0
        if size > self._most:
            return Skipped(size)
        return ServerSent(name or "message", b"\n".join(data)) if data else None
