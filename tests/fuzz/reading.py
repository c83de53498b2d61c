"""Read broken texts until the budget ends, in a process of its own whose memory is bounded: `reading.py SEED COUNT`.

Prints the input (in base64) that breaks a promise, before the process ends by it.
"""

import base64
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.fuzz.corpus import mutated

from pidalio.api import Loaded, dump, load
from pidalio.api.yaml_writer import write
from pidalio.model import Severity
from pidalio.rules.effective import not_yet_effective
from pidalio.store.rows import rows_of

MEMORY = 1 << 30


@contextmanager
def told(text: bytes) -> Iterator[None]:
    """Print `text` when what is done with it fails."""
    try:
        yield
    except BaseException:
        sys.stdout.write(f"{base64.b64encode(text).decode()}\n")
        sys.stdout.flush()
        raise


def check(text: bytes) -> None:
    """Read a text and do with its objects what every front door does."""
    loaded = load(text, "f.yaml")
    assert isinstance(loaded, Loaded)
    for report in loaded.all_reports():
        assert "\n" not in report.line()
    for parsed in loaded.parsed:
        is_refused = any(report.severity is Severity.ERROR for report in parsed.reports)
        assert (parsed.object is None) == is_refused
        if parsed.object is not None:
            (again,) = load(write([dump(parsed.object)]), "").parsed
            assert again.object == parsed.object
            rows_of(parsed.object)
            list(not_yet_effective(parsed.object))


def main(seed: int, count: int) -> None:
    """Read `count` texts; the process ends with an error at the first that breaks a promise."""
    check(b"a: 1")
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    for text in mutated(seed, count):
        with told(text):
            check(text)
    sys.stdout.write(f"{count} texts\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
