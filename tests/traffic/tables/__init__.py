"""The tables, one module per area; each has `CASES`."""

from tests.traffic.case import Case
from tests.traffic.tables import headers, matching, order, redirects, resilience, rewriting, weights

ALL: tuple[Case, ...] = (
    *matching.CASES,
    *order.CASES,
    *weights.CASES,
    *rewriting.CASES,
    *redirects.CASES,
    *headers.CASES,
    *resilience.CASES,
)
