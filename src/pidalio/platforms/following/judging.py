"""What an answer of a platform changes, and whether it is suspicious: one that takes away more than half at once.

Pure, and in steps: an answer may have hundreds of thousands of rows, so that whoever compares gives others their turn.
Source of the rule: design record 0020; what remains must also satisfy the store's guard (record 0016).
"""

from collections import Counter
from collections.abc import Callable, Generator, Iterable, Mapping
from typing import Any, Final, TypeAlias

import msgspec

from pidalio.derive import Table
from pidalio.store import tables
from pidalio.store.guarding import WELL, instances

Slot: TypeAlias = tuple[Table[Any, Any], Any]
LEAST: Final = 10
"""So many services or endpoints must be gone at least: small meshes change by half every day."""
_STEP: Final = 100
"""Rows that are compared in one step."""
_COUNTED: Final[Mapping[Table[Any, Any], str]] = {tables.SERVICES: "services", tables.WORKLOADS: "instances"}


class Comparison(msgspec.Struct):
    """What an answer changes: rows that are `different` or new, slots that are `gone`.

    `loss` says in words what it takes away, empty where that is not suspicious. Of the platform's healthy instances,
    those of what the answer is not about among them, there were `before`, there are `after`, and of those that were,
    so many are `shown` still, in whatever health.
    """

    different: list[tuple[Slot, Any]] = msgspec.field(default_factory=list)
    gone: list[Slot] = msgspec.field(default_factory=list)
    loss: str = ""
    before: int = 0
    after: int = 0
    shown: int = 0


def compared(
    former: Mapping[Slot, Any], wanted: Mapping[Slot, Any], is_about: Callable[[Slot], bool]
) -> Generator[None, None, Comparison]:
    """Return what `wanted`, all of the slots that the answer is about, changes of the rows known of a platform."""
    found = Comparison()
    rows, lost, had, left, same = Counter[Any](), Counter[Any](), set[Any](), set[Any](), 0
    for number, (slot, row) in enumerate(former.items()):
        if number % _STEP == 0:
            yield
        table = slot[0]
        rows[table] += 1
        new = wanted.get(slot) if is_about(slot) else row
        well = instances(row, WELL)
        found.before += len(well)
        if new == row:
            found.after += len(well)
            found.shown += len(well)
            same += len(row) if table is tables.ENDPOINTS and is_about(slot) else 0
            continue
        if table is tables.ENDPOINTS:
            had |= instances(row)
        if new is None:
            found.gone.append(slot)
            lost[table] += 1
        else:
            found.different.append((slot, new))
            found.shown += len(well & instances(new))
    for number, (slot, row) in enumerate(wanted.items()):
        if number % _STEP == 0:
            yield
        if slot not in former:
            found.different.append((slot, row))
    for number, (slot, row) in enumerate(found.different):
        if number % _STEP == 0:
            yield
        found.after += len(instances(row, WELL))
        if slot[0] is tables.ENDPOINTS:
            left |= instances(row)
    said = [
        f"{lost[table]} of {rows[table]} {word}"
        for table, word in _COUNTED.items()
        if _is_much(lost[table], rows[table])
    ]
    gone = len(had - left)
    if _is_much(gone, len(had) + same):
        said.append(f"{gone} of {len(had) + same} endpoints")
    found.loss = " and ".join(said)
    return found


def _is_much(gone: int, of: int) -> bool:
    return gone >= LEAST and 2 * gone > of


def healthy(rows: Iterable[Any]) -> int:
    """Return how many healthy instances rows show."""
    return sum(len(instances(row, WELL)) for row in rows)
