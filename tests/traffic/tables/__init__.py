"""The tables, one module per area; each has `CASES`."""

from tests.traffic.case import Case
from tests.traffic.tables import (
    catch_all,
    delegates,
    entries,
    gateways,
    headers,
    ingresses,
    matching,
    order,
    redirects,
    resilience,
    rewriting,
    scoping,
    services,
    settings,
    sticky,
    surprises,
    tunnels,
    weights,
)

ALL: tuple[Case, ...] = (
    *matching.CASES,
    *order.CASES,
    *weights.CASES,
    *rewriting.CASES,
    *redirects.CASES,
    *headers.CASES,
    *resilience.CASES,
    *catch_all.CASES,
    *delegates.CASES,
    *gateways.CASES,
    *ingresses.CASES,
    *entries.CASES,
    *scoping.CASES,
    *services.CASES,
    *sticky.CASES,
    *settings.CASES,
    *surprises.CASES,
    *tunnels.CASES,
)
