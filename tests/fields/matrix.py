"""The field matrix: for every field of every kind whether it works, is refused, or waits, and the test that proves it.

`matrix.txt` holds one line per field: `status kind pattern proof`. Nothing in it is believed: statuses are computed
from the compiler's own reports, proofs are carried out again, and `?` stands where none was found.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from tests.fields.cases import Proof, proofs
from tests.fields.elsewhere import ELSEWHERE, REFUSED
from tests.fields.patterns import KINDS, mutants, patterns

from pidalio.rules.effective import not_yet_effective

FILE = Path(__file__).parent / "matrix.txt"
WORKS, REFUSES, WAITS, NONE = "works", "refused", "waits", "?"


class Row(NamedTuple):
    """One field; `proof` is empty where nothing needs one. The last word of a line, it may hold spaces."""

    status: str
    kind: str
    pattern: str
    proof: str

    @property
    def field(self) -> str:
        return f"{self.kind} {self.pattern}"

    def __str__(self) -> str:
        return " ".join(self).rstrip()


def kept() -> list[Row]:
    """Return the rows of `matrix.txt`."""
    return [Row(*(*line.split(" ", 3), "")[:4]) for line in FILE.read_text().splitlines()]


def statuses() -> Iterator[Row]:
    """Yield every field with its status and without its proof."""
    for kind in KINDS:
        for pattern, item in patterns(kind):
            field = f"{kind} {pattern}"
            codes = {one.code for one in not_yet_effective(item)}
            refuses = field in REFUSED or codes == {"refused-field"}
            yield Row(REFUSES if refuses else WAITS if codes else WORKS, kind, pattern, "")


def proved_by(row: Row, name: str) -> bool:
    """Carry out a proof by its name."""
    proof = proofs().get(name)
    return proof is not None and proves(proof, row)


def proves(proof: Proof, row: Row) -> bool:
    """Tell whether a case sets the field and fails with it changed."""
    return any(
        proof.fails_with(index, changed)
        for index, item in enumerate(proof.objects)
        if item.kind == row.kind
        for changed in mutants(item, row.pattern)
    )


def refreshed(rows: Iterable[Row], former: Iterable[Row], *, anew: bool = False) -> list[Row]:
    """Return `rows` with a proof each: the former where it still holds (unless `anew`), else one that is looked for."""
    known = {row.field: row.proof for row in former}
    found = [row._replace(proof=_proof(row, "" if anew else known.get(row.field, ""))) for row in rows]
    return [row._replace(proof=_inner(row, found)) if row.proof == NONE else row for row in found]


def _proof(row: Row, former: str) -> str:
    if row.status != WORKS:
        return REFUSED.get(row.field, "")
    if row.field in ELSEWHERE:
        return ELSEWHERE[row.field]
    if former and proved_by(row, former):
        return former
    return next((name for name, proof in proofs().items() if proves(proof, row)), NONE)


def _inner(row: Row, rows: list[Row]) -> str:
    """Return the proof of a field inside: a block that must be there is proved by what it holds."""
    inside = (f"{row.pattern}.", f"{row.pattern}[].")
    found = (one.proof for one in rows if one.kind == row.kind and one.pattern.startswith(inside) and one.proof != NONE)
    return next((proof for proof in found if proof), NONE)


def is_believed(row: Row, rows: list[Row]) -> bool:
    """Tell whether the proof that a row names still proves it."""
    if row.status != WORKS or row.proof == ELSEWHERE.get(row.field):
        return row.proof == _proof(row, "")
    return proved_by(row, row.proof) or row.proof == _inner(row, rows)


def without_proof(rows: Iterable[Row]) -> list[Row]:
    """Return the fields that work, as far as anybody says, and that no test proves."""
    return [row for row in rows if row.proof == NONE]


def write(rows: Iterable[Row]) -> None:
    """Write `matrix.txt`."""
    FILE.write_text("".join(f"{row}\n" for row in rows))
