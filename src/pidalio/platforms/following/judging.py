"""Whether an answer of a platform is suspicious: one that takes away more than half of what was known, all at once.

Pure. Source of the rule: design record 0020; what remains must also satisfy the store's guard (record 0016).
"""

from collections.abc import Mapping
from typing import Any, Final

from pidalio.derive import Table
from pidalio.model import Endpoint
from pidalio.platforms.adapter import Rows
from pidalio.store import tables

LEAST: Final = 10
"""So many services or endpoints must be gone at least: small meshes change by half every day."""


def loss(former: Mapping[Any, Any], rows: Rows) -> str:
    """Return what an answer would take away, in words, empty where it is not suspicious.

    `former` are the rows known of what it is about by (table, key), `rows` all that it shows now.
    """
    said = []
    for table, word in _COUNTED.items():
        before = [slot for slot in former if slot[0] is table]
        new = rows.get(table, {})
        gone = sum(1 for slot in before if new.get(slot[1]) is None)
        if gone >= LEAST and 2 * gone > len(before):
            said.append(f"{gone} of {len(before)} {word}")
    had = _endpoints(row for (table, _), row in former.items() if table is tables.ENDPOINTS)
    left = had & _endpoints(rows.get(tables.ENDPOINTS, {}).values())
    gone = len(had) - len(left)
    if gone >= LEAST and 2 * gone > len(had):
        said.append(f"{gone} of {len(had)} endpoints")
    return " and ".join(said)


_COUNTED: Final[Mapping[Table[Any, Any], str]] = {tables.SERVICES: "services", tables.WORKLOADS: "instances"}


def _endpoints(rows: Any) -> frozenset[tuple[str, int]]:
    return frozenset((one.address, one.port) for row in rows if row for one in row if isinstance(one, Endpoint))
