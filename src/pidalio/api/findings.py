"""What is wrong with an object: collected while it is parsed and validated, told all at once."""

from typing import TypeAlias

import msgspec

from pidalio.api.codes import CODES
from pidalio.api.places import join
from pidalio.model import Severity

Trail: TypeAlias = "tuple[Trail, str | int] | None"
"""A path as a chain from leaf to root: costs nothing until it is told."""


class Finding(msgspec.Struct, frozen=True):
    """One mistake at a field path from the object's root."""

    severity: Severity
    code: str
    message: str
    path: str


class Findings:
    """Collects mistakes; `prefix` is put before each path (`spec`)."""

    def __init__(self, prefix: str = "") -> None:
        self.prefix = prefix
        self.found: list[Finding] = []

    def error(self, code: str, path: str, message: str) -> None:
        """Note a mistake that keeps the object from being accepted."""
        self._add(Severity.ERROR, code, path, message)

    def warning(self, code: str, path: str, message: str) -> None:
        """Note something that is accepted but probably not meant."""
        self._add(Severity.WARNING, code, path, message)

    def _add(self, severity: Severity, code: str, path: str, message: str) -> None:
        if code not in CODES:
            raise KeyError(code)
        whole = f"{self.prefix}.{path}" if self.prefix and path else self.prefix or path
        self.found.append(Finding(severity, code, message, whole))


def path_of(trail: Trail) -> str:
    """Return the path that `trail` stands for."""
    keys: list[str | int] = []
    while trail is not None:
        trail, key = trail
        keys.append(key)
    path = ""
    for key in reversed(keys):
        path = join(path, key)
    return path
