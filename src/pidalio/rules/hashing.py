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
from pidalio.rules.visibility import ANYBODY, Client
from pidalio.store.tables import Key
from pidalio.store.traits import Trait


def hash_view(
    world: Database,
    client: Client,
    view: str,
    rules: Iterable[Key],
    hosts: Iterable[str] = (),
    trait: Trait = Trait.HASHED,
) -> Client:
    """Return what of `client` makes routes of `rules`, or to `hosts`, hash otherwise than for others.

    `view` is the namespace from which destinations are resolved; routes for connections ask for another `trait`.
    """
    if not client or not destination_rules.is_anywhere(world, trait):
        return ANYBODY
    by_host = [_host_view(world, client, view, one, trait) for one in hosts]
    return _together((*by_host, *(_rule_view(world, client, view, one, trait) for one in rules)))


@derived
def _rule_view(world: Database, client: Client, view: str, rule: Key, trait: Trait) -> Client:
    return _together(_host_view(world, client, view, host, trait) for host in destination_hosts(world, rule))


@derived
def _host_view(world: Database, client: Client, view: str, host: str, trait: Trait) -> Client:
    if not destination_rules.has_trait(world, trait, host):
        return ANYBODY
    identity = services.resolve(world, host, view)
    return destination_rules.client_view(world, client, identity) if identity else ANYBODY


def _together(views: Iterable[Client]) -> Client:
    """Return a client who sees of each host what these views of one client see of theirs: with the labels of all."""
    found = [one for one in views if one]
    labels = {pair for one in found for pair in one.labels}
    return Client(found[0].namespace, tuple(sorted(labels))) if found else ANYBODY


def hash_plan(world: Database, client: Client, identity: ServiceId | None, port: int, subset: str) -> HashPlan | None:
    """Return what of requests to a destination is hashed, as `client` sees its rules; None for nothing."""
    if identity is None or not destination_rules.is_anywhere(world, Trait.HASHED):
        return None
    return _hash_plan(world, destination_rules.client_view(world, client, identity), identity, port, subset)


def hashes_source(world: Database, client: Client, identity: ServiceId, port: int, subset: str = "") -> bool:
    """Tell whether a destination hashes callers' addresses: the only hash for connections that are not HTTP."""
    plan = hash_plan(world, client, identity, port, subset)
    return plan is not None and plan.kind is HashKind.SOURCE_IP


@derived
def _hash_plan(world: Database, view: Client, identity: ServiceId, port: int, subset: str) -> HashPlan | None:
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
