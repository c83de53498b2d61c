"""Sticky weights of a route: which destination has which buckets, by the layout that stands in the store.

The layout is brought to the weights once more, so that weights which change without their object (an overlay) move as
few users, and a world without layouts gets those of a first release.
Source of the rules: design record 0011.
"""

from collections.abc import Iterator, Sequence

import msgspec

from pidalio.api.object import Object
from pidalio.api.strings import Destination
from pidalio.api.virtual_service import HTTPRoute, Sticky, VirtualService
from pidalio.derive import Database
from pidalio.ir import BucketRange, CookieKey, HeaderKey, SourceKey, StickyPlan, WeightedCluster
from pidalio.model import Report, Severity
from pidalio.rules import mesh, services
from pidalio.rules.delegates import Rule
from pidalio.rules.hashing import hash_plan
from pidalio.rules.matching import RouteContext
from pidalio.rules.visibility import Client
from pidalio.store import tables
from pidalio.store.buckets import relayout
from pidalio.store.hosts import host_reference
from pidalio.store.sticky import layout_for, owners_of, salt_of, weights_of

COOKIE = "pidalio-user"
"""The cookie that tells users apart unless the rule names another."""
_MESH = "mesh"


def sticky_plan(world: Database, rule: Rule, context: RouteContext) -> StickyPlan | None:
    """Return how users stay with the versions of `rule`, None where they are drawn request by request.

    A destination's position counts those that have a weight. Sidecars see their own workload as the source of every
    request, and so do not go by the source's address.
    """
    stated = rule.stated
    key = _key(stated.sticky) if stated.sticky else None
    if key is None or (isinstance(key, SourceKey) and context.gateway == _MESH):
        return None
    namespace, name = rule.owner.namespace, rule.owner.name
    layouts = tables.LAYOUTS.get(world, (namespace, name)) or ()
    layout = relayout(layout_for(layouts, stated), weights_of(stated, namespace))
    owners = zip(owners_of(stated, namespace), stated.route, strict=True)
    positions = {owner: position for position, owner in enumerate(owner for owner, to in owners if to.weight)}
    return StickyPlan(
        key=key,
        salt=salt_of(namespace, name, stated),
        ranges=tuple(BucketRange(one.start, one.end, positions[one.owner]) for one in layout),
        origin=rule.origin("sticky"),
    )


def with_shares(clusters: Sequence[WeightedCluster], sticky: StickyPlan) -> tuple[WeightedCluster, ...]:
    """Return `clusters` with the number of their buckets as weight."""
    return tuple(
        msgspec.structs.replace(
            one, weight=sum(each.end - each.start for each in sticky.ranges if each.destination == position)
        )
        for position, one in enumerate(clusters)
    )


def sticky_reports(world: Database, row: Object[VirtualService]) -> Iterator[Report]:
    """Yield a report for each sticky rule that means less than it says, or whose destinations do."""
    for index, rule in enumerate(row.spec.http):
        if rule.sticky is None:
            continue
        here = f"spec.http[{index}].sticky"
        if rule.sticky.source_address and _MESH in (row.spec.gateways or (_MESH,)):
            message = (
                "sidecars draw each request, for all that they see comes from their own workload: use a header there"
            )
            yield Report(Severity.WARNING, "sticky-at-gateways-only", message, row.ref, f"{here}.sourceAddress")
        if rule.sticky.cookie and not mesh.makes_request_ids(world):
            message = (
                "no cookie is made, for the mesh's proxyHeaders.requestId is disabled: each request of a new user is "
                "drawn, so leave request ids on, or be sticky by a header"
            )
            yield Report(Severity.WARNING, "sticky-makes-no-cookie", message, row.ref, f"{here}.cookie")
        if hashing := _hashing(world, rule, row.meta.namespace):
            message = (
                f"what is sticky here chooses the instance too, and not the consistentHash for {', '.join(hashing)}"
            )
            yield Report(Severity.WARNING, "sticky-chooses-instances", message, row.ref, here)


def _hashing(world: Database, rule: HTTPRoute, namespace: str) -> list[str]:
    """Return the hosts of a rule's destinations whose instances are chosen by a hash."""
    found: dict[str, None] = {}
    for one in rule.route:
        stated = one.destination or Destination()
        identity = services.resolve(world, host_reference(stated.host, namespace), namespace)
        ports = services.ports(world, identity) if identity else ()
        numbers = (stated.port.number,) if stated.port else tuple(port.number for port in ports)
        if any(hash_plan(world, Client(namespace), identity, number, stated.subset) for number in numbers):
            found[stated.host] = None
    return list(found)


def _key(sticky: Sticky) -> CookieKey | HeaderKey | SourceKey | None:
    if sticky.cookie:
        return CookieKey(sticky.cookie.name or COOKIE, sticky.cookie.path or "/", (sticky.cookie.ttl or 0) // 1000)
    if sticky.header:
        return HeaderKey(sticky.header.lower())
    return SourceKey() if sticky.source_address else None
