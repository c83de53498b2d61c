"""Files that a command sends: read here, judged by the server."""

from collections.abc import Sequence

from pidalio.api.load import load
from pidalio.errors import InvalidInput
from pidalio.http.wire import SourceFile
from pidalio.model import Severity
from pidalio.platforms.files import read_paths


def source_files(paths: Sequence[str]) -> tuple[SourceFile, ...]:
    """Return the texts of files, of the files in folders, and of standard input for `-`.

    Raise `InvalidInput` when one cannot be read, or is no text.
    """
    found = read_paths(paths)
    if any(report.severity is Severity.ERROR for report in found.reports):
        raise InvalidInput("nothing was done: not everything can be read", found.reports)
    files = []
    for name, content in found.units:
        try:
            files.append(SourceFile(name, content.decode()))
        except UnicodeDecodeError:
            raise InvalidInput("nothing was done: a file is no text", load(content, name).reports) from None
    if not files:
        raise InvalidInput("nothing was done: there are no files", found.reports)
    return tuple(files)
