"""Files read once, for commands that look and leave: `validate`, `compile`, `explain -f`.

Invariant: every path given is either read or reported.
It stands beside `source`, which goes on looking.
"""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from pidalio.api.load import Loaded, load
from pidalio.model import Place, Report, Severity
from pidalio.platforms.files.finding import Root, find
from pidalio.platforms.files.reading import FILE_BYTES, read_file

STDIN: Final = "-"


class Read(msgspec.Struct, frozen=True):
    """What paths held: `units` are names and bytes, in order of the paths; `reports` tell what was not read."""

    units: tuple[tuple[str, bytes], ...]
    reports: tuple[Report, ...]


def read_paths(paths: Sequence[str | Path], stdin: Callable[[int], bytes] | None = None) -> Read:
    """Return the content of files, of the files in folders, and of standard input for `-`.

    `stdin(limit)` returns at most `limit` bytes; by default, the process's own.
    """
    units: list[tuple[str, bytes]] = []
    reports: list[Report] = []
    files = [path for path in paths if str(path) != STDIN]
    found = find([Root.of(path) for path in files])
    reports += found.missing.values()
    reports += (_nothing(name) for name in sorted(found.empty))
    for name, path in found.files.items():
        _take(name, read_file(path, name), units, reports)
    if len(files) < len(paths):
        content = (stdin or sys.stdin.buffer.read)(FILE_BYTES + 1)
        _take("<stdin>", content, units, reports)
    return Read(tuple(units), tuple(reports))


def load_paths(paths: Sequence[str | Path], default_namespace: str = "default") -> dict[str, Loaded]:
    """Return what the files of `paths` hold, by name, as `Catalog.replace_all` takes it."""
    read = read_paths(paths)
    loaded = {name: load(content, name, default_namespace) for name, content in read.units}
    for report in read.reports:
        name = report.place.file if report.place else report.message
        loaded[name] = Loaded((), (), (report,))
    return loaded


def _take(name: str, content: bytes | Report, units: list[tuple[str, bytes]], reports: list[Report]) -> None:
    if isinstance(content, Report):
        reports.append(content)
    else:
        units.append((name, content))


def _nothing(name: str) -> Report:
    message = f"{name} holds no .yaml, .yml or .json file"
    return Report(Severity.WARNING, "no-files", message, place=Place(name, 1))
