"""Which DestinationRule holds for a client and a service, and the subsets that it defines.

Source of the rules: Istio's documented lookup (reference §2.7): the client's namespace, then the
service's, then the root namespace; the first that has any match wins, and namespaces are never combined.
"""

from collections.abc import Iterator
from typing import TypeAlias

import msgspec

from pidalio.api.destination_rule import DestinationRule
from pidalio.api.object import Object
from pidalio.derive import Database, derived
from pidalio.model import Labels, Origin, host_subset_of, is_wildcard, labels_of
from pidalio.rules import mesh
from pidalio.rules.services import ServiceId
from pidalio.rules.visibility import is_exported
from pidalio.store import tables
from pidalio.store.hosts import host_reference, wildcards_of
from pidalio.store.tables import Key
from pidalio.store.traits import Trait

Row: TypeAlias = Object[DestinationRule]


class SubsetLabels(msgspec.Struct, frozen=True, gc=False):
    """A subset's name and labels, and the rule that defines it."""

    name: str
    labels: Labels
    origin: Origin


def client_view(world: Database, client: str, identity: ServiceId) -> str:
    """Return `client` where its namespace changes the lookup for a service, "" where it does not.

    Clusters are keyed by this view, so that namespaces without rules of their own share them.
    """
    return view_for(world, client, own_hosts(world, client), identity) if client else ""


class OwnHosts(msgspec.Struct, frozen=True, gc=False):
    """The hosts that a namespace's rules name."""

    exact: frozenset[str] = frozenset()
    wildcards: tuple[str, ...] = ()

    def cover(self, host: str) -> bool:
        """Tell whether some rule is for `host`."""
        return host in self.exact or any(host_subset_of(host, wide) for wide in self.wildcards)


def view_for(world: Database, client: str, own: OwnHosts, identity: ServiceId) -> str:
    """Return `client_view` of a namespace whose `own` hosts are known: who asks for many services looks once."""
    return client if own.cover(identity[0]) or has_private(world, identity) else ""


@derived
def own_hosts(world: Database, namespace: str) -> OwnHosts:
    """Return the hosts for which clients in `namespace` have DestinationRules of their own."""
    keys = tables.DR_BY_NAMESPACE.keys(world, namespace)
    hosts = {host for key in keys if (host := rule_host(world, key))}
    wildcards = sorted(host for host in hosts if is_wildcard(host))
    return OwnHosts(frozenset(hosts.difference(wildcards)), tuple(wildcards))


@derived
def rule_host(world: Database, key: Key) -> str | None:
    """Return the host of a rule, None for one that is gone or holds for selected clients only."""
    row = tables.DESTINATION_RULES.get(world, key)
    if row is None or row.spec.workload_selector:
        return None
    return host_reference(row.spec.host, key[0])


@derived
def has_private(world: Database, identity: ServiceId) -> bool:
    """Tell whether a rule for the service, in its namespace or the root's, is not exported to everybody."""
    default = mesh.default_export(world, "DestinationRule")
    return any(
        "*" not in (row.spec.export_to or default)
        for place in (identity[1], mesh.root_namespace(world))
        for rows in _matching(world, place, identity[0])
        for row in rows
    )


@derived
def has_trait(world: Database, trait: Trait, host: str) -> bool:
    """Tell whether any rule that covers `host`, for whichever client, has a trait."""
    return is_anywhere(world, trait) and any(
        tables.DR_BY_TRAIT.keys(world, (trait, name)) for name in (host, *wildcards_of(host))
    )


@derived
def is_anywhere(world: Database, trait: Trait) -> bool:
    """Tell whether any rule at all has a trait."""
    return bool(tables.DR_BY_TRAIT.keys(world, (trait, "")))


def _matching(world: Database, namespace: str, host: str) -> Iterator[list[Row]]:
    """Yield the rules of `namespace` that cover `host`, those of the most specific host first; the oldest lead."""
    wider = wildcards_of(host) if tables.DR_BY_WILDCARD.keys(world, namespace) else ()
    for name in dict.fromkeys((host, *wider)):
        keys = tables.DR_BY_HOST.keys(world, (namespace, name))
        rows = [row for key in keys if (row := tables.DESTINATION_RULES.get(world, key))]
        if rows := [row for row in rows if not row.spec.workload_selector]:
            yield sorted(rows, key=lambda row: (row.meta.created, row.meta.name))


@derived
def rules_for(world: Database, view: str, identity: ServiceId) -> tuple[Key, ...]:
    """Return the DestinationRules for a service as clients of namespace `view` see it, the oldest first."""
    root = mesh.root_namespace(world)
    default = mesh.default_export(world, "DestinationRule")
    if view:
        for rows in _matching(world, view, identity[0]):
            own = [row for row in rows if view != root or _is_private(row, default)]
            if own:
                return _merged(own, default)
    for place in (identity[1], root):
        for rows in _matching(world, place, identity[0]):
            if visible := [row for row in rows if is_exported(row.spec.export_to, place, view, default)]:
                return _merged(visible, default)
    return ()


def _is_private(row: Row, default: tuple[str, ...]) -> bool:
    return set(row.spec.export_to or default) <= {".", row.meta.namespace}


def _merged(rows: list[Row], default: tuple[str, ...]) -> tuple[Key, ...]:
    """Return the oldest rule and those that join it: the younger that are exported at least as widely."""
    oldest = _audience(rows[0], default)
    joined = [row for row in rows if "*" in (one := _audience(row, default)) or oldest <= one]
    return tuple((row.meta.namespace, row.meta.name) for row in joined)


def _audience(row: Row, default: tuple[str, ...]) -> set[str]:
    return {row.meta.namespace if one == "." else one for one in row.spec.export_to or default}


@derived
def subsets(world: Database, view: str, identity: ServiceId) -> tuple[SubsetLabels, ...]:
    """Return the subsets of a service: those of all its rules united, the first definition of a name stays."""
    found: dict[str, SubsetLabels] = {}
    for row in rows_for(world, view, identity):
        for subset in row.spec.subsets:
            origin = Origin(row.ref, subset_path(subset.name))
            found.setdefault(subset.name, SubsetLabels(subset.name, labels_of(subset.labels), origin))
    return tuple(found.values())


def subset_path(name: str) -> str:
    """Return the field path of a subset: by its name, so that an order changed in a file changes no cluster."""
    return f'subsets["{name}"]'


def subset(world: Database, view: str, identity: ServiceId, name: str) -> SubsetLabels | None:
    """Return one subset by name, None when it is not defined."""
    return next((one for one in subsets(world, view, identity) if one.name == name), None)


def rows_for(world: Database, view: str, identity: ServiceId) -> list[Row]:
    """Return the rules themselves, the oldest first."""
    keys = rules_for(world, view, identity)
    return [row for key in keys if (row := tables.DESTINATION_RULES.get(world, key))]
