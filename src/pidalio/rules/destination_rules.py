"""Which DestinationRule holds for a client and a service, and the subsets that it defines.

Source of the rules: Istio's documented lookup (reference §2.7): the client's namespace, then the
service's, then the root namespace; the first that has any match wins, and namespaces are never combined. Of a
client's own namespace, rules that select it by labels come first, and then no other counts.
"""

from collections.abc import Iterable, Iterator
from typing import TypeAlias

import msgspec

from pidalio.api.destination_rule import DestinationRule
from pidalio.api.object import Object
from pidalio.derive import Database, derived
from pidalio.model import Labels, Origin, host_subset_of, is_wildcard, labels_of, selects
from pidalio.rules import mesh
from pidalio.rules.services import ServiceId
from pidalio.rules.visibility import ANYBODY, Client, is_exported
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


def client_view(world: Database, client: Client, identity: ServiceId) -> Client:
    """Return what of `client` changes the lookup for a service: its namespace, and the labels that select it.

    Clusters are keyed by this view, so that namespaces without rules of their own share them.
    """
    return view_for(world, client, own_hosts(world, client.namespace), identity) if client else ANYBODY


class OwnHosts(msgspec.Struct, frozen=True, gc=False):
    """The hosts that a namespace's rules name; with `selects` some of them are for selected clients only."""

    exact: frozenset[str] = frozenset()
    wildcards: tuple[str, ...] = ()
    selects: bool = False

    def cover(self, host: str) -> bool:
        """Tell whether some rule is for `host`."""
        return host in self.exact or any(host_subset_of(host, wide) for wide in self.wildcards)


def view_for(world: Database, client: Client, own: OwnHosts, identity: ServiceId) -> Client:
    """Return `client_view` of a namespace whose `own` hosts are known: who asks for many services looks once."""
    if own.cover(identity[0]):
        return Client(client.namespace, selection(world, client, identity[0]) if own.selects else ())
    return Client(client.namespace) if has_private(world, identity) else ANYBODY


@derived
def selection(world: Database, client: Client, host: str) -> Labels:
    """Return the labels by which rules of the client's namespace select it for `host`; empty when none does."""
    root = mesh.root_namespace(world)
    default = mesh.default_export(world, "DestinationRule")
    for rows in _matching(world, client.namespace, host):
        if own := _own(rows, client.namespace, root, default):
            return _choice(own, client.labels) or ()
    return ()


def selector_of(row: Row) -> Labels | None:
    """Return the labels of the clients that a rule is for, None when it is for all."""
    return labels_of(row.spec.workload_selector.match_labels) if row.spec.workload_selector else None


@derived
def own_hosts(world: Database, namespace: str) -> OwnHosts:
    """Return the hosts for which clients in `namespace` have DestinationRules of their own."""
    heads = [head for key in tables.DR_BY_NAMESPACE.keys(world, namespace) if (head := rule_head(world, key))]
    hosts = {host for host, _ in heads}
    wildcards = sorted(host for host in hosts if is_wildcard(host))
    return OwnHosts(frozenset(hosts.difference(wildcards)), tuple(wildcards), any(selects for _, selects in heads))


@derived
def rule_head(world: Database, key: Key) -> tuple[str, bool] | None:
    """Return the host of a rule, and whether it is for selected clients only; None for one that is gone."""
    row = tables.DESTINATION_RULES.get(world, key)
    return (host_reference(row.spec.host, key[0]), row.spec.workload_selector is not None) if row else None


@derived
def has_private(world: Database, identity: ServiceId) -> bool:
    """Tell whether a rule for the service, in its namespace or the root's, is not exported to everybody."""
    default = mesh.default_export(world, "DestinationRule")
    return any(
        "*" not in (row.spec.export_to or default)
        for place in (identity[1], mesh.root_namespace(world))
        for rows in _matching(world, place, identity[0])
        for row in rows
        if selector_of(row) is None
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
        if rows:
            yield sorted(rows, key=lambda row: (row.meta.created, row.meta.name))


@derived
def rules_for(world: Database, view: Client, identity: ServiceId) -> tuple[Key, ...]:
    """Return the DestinationRules for a service as `view` sees it, the oldest first."""
    return _holding(world, view.namespace, view.labels, identity)


@derived
def inbound_rules(world: Database, namespace: str, identity: ServiceId) -> tuple[Key, ...]:
    """Return the DestinationRules that bind a workload's own sidecar: those for all clients of its namespace."""
    return _holding(world, namespace, None, identity)


def _holding(world: Database, client: str, labels: Labels | None, identity: ServiceId) -> tuple[Key, ...]:
    root = mesh.root_namespace(world)
    default = mesh.default_export(world, "DestinationRule")
    if client:
        for rows in _matching(world, client, identity[0]):
            if own := _own(rows, client, root, default):
                chosen = _choice(own, labels)
                return _merged([row for row in own if selector_of(row) == chosen], default)
    for place in (identity[1], root):
        for rows in _matching(world, place, identity[0]):
            general = [row for row in rows if selector_of(row) is None]
            if visible := [row for row in general if is_exported(row.spec.export_to, place, client, default)]:
                return _merged(visible, default)
    return ()


def _own(rows: list[Row], client: str, root: str, default: tuple[str, ...]) -> list[Row]:
    """Return the rules of a client's namespace that come before all others: in the root's, only private ones.

    A rule that is exported to other namespaces alone is none of them.
    """
    visible = (row for row in rows if is_exported(row.spec.export_to, client, client, ("*",)))
    return [row for row in visible if client != root or _is_private(row, default)]


def _choice(rows: list[Row], labels: Labels | None) -> Labels | None:
    """Return the selector of the oldest rule that selects a client by its labels, None where rules for all hold.

    Where there are none of these either, none holds: a namespace that has a rule for a host is not passed over.
    """
    if labels is None:
        return None
    return next((one for one in map(selector_of, rows) if one is not None and selects(one, labels)), None)


def _is_private(row: Row, default: tuple[str, ...]) -> bool:
    return _audience(row, default) == {row.meta.namespace}


def _merged(rows: list[Row], default: tuple[str, ...]) -> tuple[Key, ...]:
    """Return the oldest rule and those that join it: the younger that are exported at least as widely."""
    if not rows:
        return ()
    oldest = _audience(rows[0], default)
    joined = [row for row in rows if "*" in (one := _audience(row, default)) or oldest <= one]
    return tuple((row.meta.namespace, row.meta.name) for row in joined)


def _audience(row: Row, default: tuple[str, ...]) -> set[str]:
    """Return the namespaces that a rule is exported to; one for selected clients is for its own."""
    if row.spec.workload_selector:
        return {row.meta.namespace}
    return {row.meta.namespace if one == "." else one for one in row.spec.export_to or default}


@derived
def subsets(world: Database, view: Client, identity: ServiceId) -> tuple[SubsetLabels, ...]:
    """Return the subsets of a service: those of all its rules united, the first definition of a name stays."""
    found: dict[str, SubsetLabels] = {}
    for row in rows_for(world, view, identity):
        for subset in row.spec.subsets:
            origin = Origin(row.ref, subset_path(subset.name))
            found.setdefault(subset.name, SubsetLabels(subset.name, labels_of(subset.labels), origin))
    return tuple(found.values())


def only_selects(world: Database, namespace: str, host: str) -> bool:
    """Tell whether a namespace has rules for `host`, all of them for selected clients: others have none then."""
    rows = next(_matching(world, namespace, host), [])
    return bool(rows) and all(selector_of(row) is not None for row in rows)


def known_subsets(world: Database, namespace: str, identity: ServiceId) -> tuple[str, ...]:
    """Return the names of the subsets that some client of `namespace` sees, selected ones too."""
    rows = next(_matching(world, namespace, identity[0]), [])
    selectors = dict.fromkeys(chosen for one in rows if (chosen := selector_of(one)) is not None)
    clients = (Client(namespace), *(Client(namespace, one) for one in selectors))
    views = (client_view(world, one, identity) for one in clients)
    return tuple(dict.fromkeys(one.name for view in views for one in subsets(world, view, identity)))


def subset_path(name: str) -> str:
    """Return the field path of a subset: by its name, so that an order changed in a file changes no cluster."""
    return f'subsets["{name}"]'


def subset(world: Database, view: Client, identity: ServiceId, name: str) -> SubsetLabels | None:
    """Return one subset by name, None when it is not defined."""
    return next((one for one in subsets(world, view, identity) if one.name == name), None)


def rows_for(world: Database, view: Client, identity: ServiceId) -> list[Row]:
    """Return the rules themselves, the oldest first."""
    return rows_of(world, rules_for(world, view, identity))


def rows_of(world: Database, keys: Iterable[Key]) -> list[Row]:
    """Return the rules of these keys that are there."""
    return [row for key in keys if (row := tables.DESTINATION_RULES.get(world, key))]
