"""Regenerate the generated pages and check every link: `docs.py`; only compare and check: `docs.py --check`."""

import sys
from pathlib import Path

from links import dead_links
from reference import pages

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "docs" / "reference"


def main(*, check: bool) -> int:
    """Write or compare the pages, then follow the links; return the exit status."""
    wrong = compare() if check else write()
    wrong += list(dead_links(ROOT))
    for line in wrong:
        sys.stderr.write(f"{line}\n")
    return 1 if wrong else 0


def write() -> list[str]:
    """Write every generated page; nothing can be wrong with them."""
    REFERENCE.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (REFERENCE / name).write_text(text)
    return []


def compare() -> list[str]:
    """Return one line for each generated page that is not what the code says."""
    stale = []
    for name, text in pages().items():
        path = REFERENCE / name
        if not path.exists() or path.read_text() != text:
            stale.append(f"docs/reference/{name}: not what the code says: run `make docs`")
    return stale


if __name__ == "__main__":
    sys.exit(main(check="--check" in sys.argv[1:]))
