"""Every row of the page, in its order; a row is added by adding its file here."""

from tests.behaviour.rows import (
    balancing,
    chain,
    checks,
    dead_subset,
    ejection,
    faults,
    hashing,
    locality,
    pools,
    profiles,
    retries,
    slow_start,
)

ROWS = (
    balancing.ROW,
    hashing.ROW,
    *locality.ROWS,
    slow_start.ROW,
    *ejection.ROWS,
    checks.ROW,
    pools.ROW,
    *retries.ROWS,
    profiles.ROW,
    chain.ROW,
    faults.ROW,
    dead_subset.ROW,
)
