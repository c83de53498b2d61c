"""What of a request chooses the instance: consistent hashing as routes, and routes for connections, must know it.

A hash is a policy of the destination, but Envoy takes the key from the route. So routes read DestinationRules, and
callers whose namespace sees other rules get routes of their own, but only where some rule for the host hashes.
Source of the rules: Istio's documented ConsistentHashLB (reference §1.2, §2.10).
"""

from collections.abc import Iterable

import msgspec

from pidalio.api.traffic_policy import ConsistentHashLB
from pidalio.derive import Database, derived
from pidalio.ir import HashKind, HashPlan
from pidalio.model import Origin
from pidalio.rules import destination_rules, services
from pidalio.rules.policies import policy
from pidalio.rules.services import ServiceId
from pidalio.rules.virtual_services import destination_hosts
from pidalio.store.tables import Key
from pidalio.store.traits import Trait


def hash_view(
    world: Database,
    namespace: str,
    view: str,
    rules: Iterable[Key],
    hosts: Iterable[str] = (),
    trait: Trait = Trait.HASHED,
) -> str:
    """Return `namespace` where routes of `rules`, or to `hosts`, may hash for its clients otherwise than for others.

    `view` is the namespace from which destinations are resolved; routes for connections ask for another `trait`.
    """
    if not namespace or not destination_rules.is_anywhere(world, trait):
        return ""
    differs = any(_rule_differs(world, namespace, view, one, trait) for one in hosts)
    return namespace if differs or any(_rules_differ(world, namespace, view, one, trait) for one in rules) else ""


@derived
def _rules_differ(world: Database, namespace: str, view: str, rule: Key, trait: Trait) -> bool:
    return any(_rule_differs(world, namespace, view, host, trait) for host in destination_hosts(world, rule))


@derived
def _rule_differs(world: Database, namespace: str, view: str, host: str, trait: Trait) -> bool:
    if not destination_rules.has_trait(world, trait, host):
        return False
    identity = services.resolve(world, host, view)
    return identity is not None and bool(destination_rules.client_view(world, namespace, identity))


def hash_plan(world: Database, namespace: str, identity: ServiceId | None, port: int, subset: str) -> HashPlan | None:
    """Return what of requests to a destination is hashed, as clients in `namespace` see its rules; None for nothing."""
    if identity is None or not destination_rules.is_anywhere(world, Trait.HASHED):
        return None
    return _hash_plan(world, destination_rules.client_view(world, namespace, identity), identity, port, subset)


def hashes_source(world: Database, namespace: str, identity: ServiceId, port: int, subset: str = "") -> bool:
    """Tell whether a destination hashes callers' addresses: the only hash for connections that are not HTTP."""
    plan = hash_plan(world, namespace, identity, port, subset)
    return plan is not None and plan.kind is HashKind.SOURCE_IP


@derived
def _hash_plan(world: Database, view: str, identity: ServiceId, port: int, subset: str) -> HashPlan | None:
    stated = policy(world, view, identity, port, subset).load_balancer
    if stated is None or stated.value.consistent_hash is None:
        return None
    plan = _key(stated.value.consistent_hash)
    where = stated.origin
    origin = Origin(where.object, f"{where.path}.consistentHash") if where else None
    return msgspec.structs.replace(plan, origin=origin) if plan else None


def _key(stated: ConsistentHashLB) -> HashPlan | None:
    cookie = stated.http_cookie
    if cookie:
        attributes = tuple((one.name, one.value) for one in cookie.attributes)
        return HashPlan(HashKind.COOKIE, cookie.name, cookie.path, cookie.ttl, attributes)
    if stated.http_header_name:
        return HashPlan(HashKind.HEADER, stated.http_header_name)
    if stated.http_query_parameter_name:
        return HashPlan(HashKind.QUERY, stated.http_query_parameter_name)
    return HashPlan(HashKind.SOURCE_IP) if stated.use_source_ip else None


def distinct(plans: Iterable[HashPlan | None]) -> tuple[HashPlan, ...]:
    """Return each key once, in order: destinations of one route that hash alike make one key."""
    found = {msgspec.structs.replace(one, origin=None): one for one in plans if one}
    return tuple(found.values())
