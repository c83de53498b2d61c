"""The incremental engine: input tables, indexes, and pure functions of them that remember what they read.

Answers equal those of a computation from scratch, always; the cost of a change is what it affects.
`README.md` shows how to use it, `ALGORITHM.md` how it works and why.
Nothing here knows meshes, Envoy or time.
"""

from pidalio.derive.changes import Changes, QueriesFailed, Stats
from pidalio.derive.database import Database
from pidalio.derive.query import Query, derived
from pidalio.derive.table import Index, Table
from pidalio.derive.wave import Cycle

__all__ = ["Changes", "Cycle", "Database", "Index", "QueriesFailed", "Query", "Stats", "Table", "derived"]
