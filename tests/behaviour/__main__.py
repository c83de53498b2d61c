"""Measure and write the page: `python -m tests.behaviour [NAME...]` (all rows, when none is named)."""

import asyncio
import os
import platform
import sys
import time
from pathlib import Path

from tests.behaviour import page
from tests.behaviour.claims import Row
from tests.behaviour.rows import ROWS

_SCALE = 5
_PATIENCE = 300


def main(names: list[str]) -> int:
    """Measure the named rows, write the page, and return 1 when a claim does not hold, else 0."""
    known = {row.name: row for row in ROWS}
    if unknown := [name for name in names if name not in known]:
        sys.stderr.write(f"behaviour: no row {unknown[0]!r}: choose among {', '.join(known)}\n")
        return 2
    wrong = 0
    for row in [known[name] for name in names] or ROWS:
        wrong += _measured(row)
    page.write(ROWS)
    return 1 if wrong else 0


def _measured(row: Row) -> int:
    begun = time.monotonic()
    outcome = asyncio.run(asyncio.wait_for(row.run(_SCALE), _PATIENCE))
    page.keep(row, outcome, _machine())
    print(f"{row.title} ({time.monotonic() - begun:.0f} s)", flush=True)
    for claim in outcome.claims:
        expected = f", expected {claim.expected}: {page.verdict(claim)}" if claim.expected else ""
        print(f"  {claim.what}: {claim.measured}{expected}", flush=True)
    return sum(not claim.holds for claim in outcome.claims)


def _machine() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    processor = names[0] if names else platform.processor() or "an unknown processor"
    day = time.strftime("%Y-%m-%d", time.gmtime())
    return f"{processor}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}, {day}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
