"""What is told to users about their objects, and where in their files it lies.

A `Place` is never part of a compiled value: `Origin` is, for it changes only when meaning does.
The edge joins the two (`store` keeps field path → place beside each object).
"""

import enum
from typing import Final, NamedTuple

import msgspec

_LONGEST_PART: Final = 1000
"""How many characters of a name or a message are shown."""


class Code(NamedTuple):
    """What a code means, and what to do about it: one sentence each, which the documentation shows."""

    meaning: str
    cure: str


class Severity(enum.IntEnum):
    """How much a report matters: an ERROR keeps the object's last accepted version live."""

    INFO = 0
    WARNING = 1
    ERROR = 2


class ObjectRef(msgspec.Struct, frozen=True, order=True, gc=False):
    """Name one object that users wrote."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


class Place(msgspec.Struct, frozen=True, order=True, gc=False):
    """Point at a line of a file, which counts from 1; with 0 `file` is the name of a platform that holds the object."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


class Origin(msgspec.Struct, frozen=True, order=True, gc=False):
    """Name the part of an object that a compiled value stems from: stable under moves and comments.

    `path` is the field path inside the spec (`http[2].match[0]`); empty means the object as a whole.
    """

    object: ObjectRef
    path: str = ""

    def __str__(self) -> str:
        return f"{self.object} {self.path}" if self.path else str(self.object)


class Report(msgspec.Struct, frozen=True, order=True, gc=False):
    """Tell a user one thing about one object: `message` says what is wrong and what to do.

    `code` is stable and documented; `path` is a field path from the object's root (`spec.http[0].route`).
    """

    severity: Severity
    code: str
    message: str
    object: ObjectRef | None = None
    path: str = ""
    place: Place | None = None

    def line(self) -> str:
        """Return `file:line: code: message`, the form in which every tool of Pidalio prints it.

        It is one line of printable text of bounded length, whatever users wrote into names and values.
        """
        parts = (str(part) for part in (self.place, self.code, self.object, self.path, self.message) if part)
        return ": ".join(printable(_shortened(part)) for part in parts)


def printable(text: str) -> str:
    """Return `text` as one line that a terminal shows as it is; other characters are escaped."""
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def _shortened(text: str) -> str:
    half = _LONGEST_PART // 2
    return text if len(text) <= _LONGEST_PART else f"{text[:half]}…{text[-half:]}"
