"""The layouts of an object's sticky rules: which rule they belong to, and what a version is called in them.

Invariant: neither a rule's key nor a version's name depends on a position in a list or on a weight, so that reordering
moves nobody. It stands between the live objects and the row that the compiler reads (design record 0011).
"""

import hashlib
from typing import Any, TypeAlias

import msgspec

from pidalio.api.dump import dump_message
from pidalio.api.object import Object
from pidalio.api.strings import Destination
from pidalio.api.virtual_service import HTTPRoute, VirtualService
from pidalio.store.buckets import Layout, relayout
from pidalio.store.hosts import host_reference

_DIGITS = 16


class RuleLayout(msgspec.Struct, frozen=True, gc=False):
    """The layout of one sticky rule; `rule` is its key."""

    rule: str
    ranges: Layout


Layouts: TypeAlias = tuple[RuleLayout, ...]
"""The layouts of one object, by rule."""


def layouts_of(item: Object[Any], previous: Layouts) -> Layouts:
    """Return the layouts of `item`, given those of what was live before it (empty for the first)."""
    if not isinstance(item.spec, VirtualService):
        return ()
    found = {
        rule_key(rule): relayout(layout_for(previous, rule), weights_of(rule, item.meta.namespace))
        for rule in item.spec.http
        if rule.sticky and rule.route
    }
    return tuple(RuleLayout(rule, ranges) for rule, ranges in sorted(found.items()))


def layout_for(layouts: Layouts, rule: HTTPRoute) -> Layout:
    """Return the layout of `rule`, empty when there is none yet."""
    key = rule_key(rule)
    return next((one.ranges for one in layouts if one.rule == key), ())


def rule_key(rule: HTTPRoute) -> str:
    """Return what makes `rule` the same rule as before: its name, or else its conditions."""
    if rule.name:
        return f"name {rule.name}"
    conditions = [dump_message(one) for one in rule.match]
    return f"match {_digest(msgspec.json.encode(conditions, order='sorted'))}"


def salt_of(namespace: str, name: str, rule: HTTPRoute) -> str:
    """Return the salt of a rule of VirtualService `namespace/name`: hexadecimal digits, others for every rule."""
    return _digest(f"{namespace}/{name} {rule_key(rule)}".encode())


def owners_of(rule: HTTPRoute, namespace: str) -> tuple[str, ...]:
    """Return what each destination of `rule` is called in its layout; `namespace` is the object's."""
    named = [_version(one.destination or Destination(), namespace) for one in rule.route]
    return tuple(
        f"{name} as {one.destination.host}" if named.count(name) > 1 and one.destination else name
        for name, one in zip(named, rule.route, strict=True)
    )


def weights_of(rule: HTTPRoute, namespace: str) -> dict[str, int]:
    """Return the weights of a rule's versions; one alone takes everything, whatever its weight."""
    owners = owners_of(rule, namespace)
    if len(owners) == 1:
        return {owners[0]: 1}
    return {owner: one.weight for owner, one in zip(owners, rule.route, strict=True)}


def _version(stated: Destination, namespace: str) -> str:
    port = f":{stated.port.number}" if stated.port and stated.port.number else ""
    subset = f" {stated.subset}" if stated.subset else ""
    return f"{host_reference(stated.host, namespace)}{port}{subset}"


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:_DIGITS]
