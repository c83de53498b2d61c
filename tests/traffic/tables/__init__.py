"""The tables, one module per area; each has `CASES`."""

from tests.traffic.case import Case
from tests.traffic.tables import matching

ALL: tuple[Case, ...] = (*matching.CASES,)
