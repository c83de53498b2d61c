"""Fault campaigns: which destinations of routes they concern, and which proxies are lent their shares.

What a campaign does travels with the routes to its host, the same for every caller, and does nothing by itself; whose
requests it concerns is decided by whom the shares are lent to. So a campaign changes the virtual hosts that lead to
its host, and no proxy that does not see it.
Source: design record 0018.
"""

import msgspec

from pidalio.derive import Database, derived
from pidalio.ir import CampaignPlan, ForwardPlan, RoutePlan, SharesPlan
from pidalio.model import Proxy, selects
from pidalio.rules import names, services
from pidalio.rules.visibility import Scope
from pidalio.store import tables
from pidalio.store.campaigns import Campaign


def with_campaigns(world: Database, routes: tuple[RoutePlan, ...]) -> tuple[RoutePlan, ...]:
    """Return the routes with the campaign of each destination that has one; tunnels have none."""
    return tuple(_with_campaigns(world, one) for one in routes)


def _with_campaigns(world: Database, route: RoutePlan) -> RoutePlan:
    action = route.action
    if not isinstance(action, ForwardPlan) or route.match.connect:
        return route
    found = [_campaign(world, one.cluster) for one in action.clusters]
    if not any(found):
        return route
    clusters = tuple(
        msgspec.structs.replace(one, campaign=plan) for one, plan in zip(action.clusters, found, strict=True)
    )
    return msgspec.structs.replace(route, action=msgspec.structs.replace(action, clusters=clusters))


def _campaign(world: Database, cluster: str) -> CampaignPlan | None:
    """Return the campaign of a cluster; there is one at most, for those that overlap are refused."""
    called = names.outbound_destination(cluster)
    if called is None:
        return None
    host, port, subset = called
    rows = (tables.CAMPAIGNS.get(world, name) for name in sorted(tables.CAMPAIGNS_BY_HOST.keys(world, host)))
    return next((row.plan for row in rows if row and row.concerns(port, subset)), None)


def lent_to(world: Database, proxy: Proxy, scope: Scope) -> tuple[str, ...]:
    """Return the campaigns that concern requests of `proxy`, by name."""
    rows = (tables.CAMPAIGNS.get(world, name) for name in tables.CAMPAIGNS.keys(world))
    return tuple(row.name for row in rows if row and _is_source(row, proxy) and _sees(world, scope, row.host))


def _is_source(row: Campaign, proxy: Proxy) -> bool:
    return row.namespace in ("", proxy.namespace) and selects(row.labels, proxy.labels)


@derived
def _sees(world: Database, scope: Scope, host: str) -> bool:
    return any(one == host for one, _ in services.visible_services(world, scope))


def shares_plan(world: Database, lent: tuple[str, ...]) -> SharesPlan | None:
    """Return the shares of these campaigns, for as long as the shortest of their leases; None when all are over."""
    rows = [row for name in lent if (row := tables.CAMPAIGNS.get(world, name))]
    if not rows:
        return None
    shares = [pair for row in rows for pair in _shares(row)]
    origins = tuple(row.plan.origin for row in rows if row.plan.origin)
    return SharesPlan(tuple(shares), min(row.lease for row in rows), origins)


def _shares(row: Campaign) -> list[tuple[str, int]]:
    stated = ((row.plan.delay_key, row.delay_share), (row.plan.abort_key, row.abort_share))
    return [(key, share) for key, share in stated if share]
