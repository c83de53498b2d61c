"""Look for the test that proves each field, and keep the answers in tests/fields/matrix.txt.

`fields.py` keeps proofs that still hold and looks for the others; `fields.py --anew` looks for all of them, so that
stronger tests take the place of weaker ones. What no test proves is told, and is the exit status.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main(*, anew: bool) -> int:
    """Refresh the matrix; return 1 when a field has no proof."""
    sys.path.insert(0, str(ROOT))
    from tests.fields import matrix  # noqa: PLC0415 - found by the path above
    from tests.fields.elsewhere import UNPROVEN  # noqa: PLC0415 - likewise

    rows = matrix.refreshed(matrix.statuses(), matrix.kept(), anew=anew)
    matrix.write(rows)
    missing = [row for row in matrix.without_proof(rows) if row.field not in UNPROVEN]
    for row in missing:
        sys.stderr.write(f"no test fails without {row.field}\n")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(anew="--anew" in sys.argv[1:]))
