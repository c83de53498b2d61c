"""Rules that hand their requests to another VirtualService, and what the two are together.

A root says for which requests, a delegate what becomes of them. Each rule of a delegate is filled up from the root's:
its conditions are theirs together, and what it leaves unsaid is the root's.
Invariant: no rule of a delegate takes a request that its root does not; one whose conditions reach further is dropped
and told. A delegate that is not there is an owned failure: the root's requests get 503 and fall to no other rule
(Istio lets them fall through).
Source of the rules: Istio's documented Delegate (reference §2.5).
"""

from collections.abc import Iterator

import msgspec

from pidalio.api.object import Object
from pidalio.api.strings import Destination, StringMatch
from pidalio.api.virtual_service import HTTPMatchRequest, HTTPRoute, VirtualService
from pidalio.derive import Database, derived
from pidalio.model import ObjectRef, Origin
from pidalio.rules import mesh
from pidalio.rules.visibility import is_exported
from pidalio.store import tables
from pidalio.store.hosts import host_reference
from pidalio.store.tables import Key, delegate_key

_FILLED = (
    *("rewrite", "direct_response", "timeout", "retries", "fault", "mirror", "mirror_percent", "mirror_percentage"),
    *("mirrors", "cors_policy", "headers"),
)
_MAPS = ("headers", "without_headers", "query_params", "source_labels")
_TEXTS = ("uri", "scheme", "method", "authority")
_MATCH_FILLED = (*_TEXTS, "port", "gateways", "source_namespace", "stat_prefix")
_JSON = {"without_headers": "withoutHeaders", "query_params": "queryParams"}


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One condition of a rule, None for every request: where it stands, and in the root that delegates."""

    match: HTTPMatchRequest | None
    path: str
    root: Origin | None = None


class Rule(msgspec.Struct, frozen=True, gc=False):
    """One HTTP rule as it takes effect: a VirtualService's own, or a delegate's with what its root adds.

    `owner` and `path` say where it stands; `root` is the rule that delegates to it, and `filled` names the fields that
    are the root's. `missing` says why there is no delegate: then it is the root's rule, without an action.
    `own` is what a delegate says itself.
    """

    route: HTTPRoute
    owner: ObjectRef
    path: str
    entries: tuple[Entry, ...]
    root: Origin | None = None
    filled: frozenset[str] = frozenset()
    missing: str = ""
    own: HTTPRoute | None = None

    @property
    def stated(self) -> HTTPRoute:
        """Return the rule as its owner wrote it."""
        return self.own or self.route

    def origin(self, field: str) -> Origin:
        """Return where the value of `field` was written."""
        json = HTTPRoute.__struct_encode_fields__[HTTPRoute.__struct_fields__.index(field)]
        if self.root is not None and field in self.filled:
            return Origin(self.root.object, f"{self.root.path}.{json}")
        return Origin(self.owner, f"{self.path}.{json}")


class Dropped(msgspec.Struct, frozen=True, gc=False):
    """A delegate's rule that does not fit into its root's: rule number `index`, and the field that contradicts."""

    index: int
    why: str


class Delegated(msgspec.Struct, frozen=True, gc=False):
    """What one delegating rule comes to; `missing` says why there is no delegate."""

    rules: tuple[Rule, ...] = ()
    dropped: tuple[Dropped, ...] = ()
    missing: str = ""


def rules_of(world: Database, row: Object[VirtualService]) -> Iterator[Rule]:
    """Yield the rules of a VirtualService in order, those of its delegates in the place of the delegating one."""
    for index, route in enumerate(row.spec.http):
        if route.delegate is None:
            path = f"http[{index}]"
            yield Rule(route, row.ref, path, _entries(route, path))
        else:
            yield from delegated(world, (row.meta.namespace, row.meta.name), index).rules


@derived
def delegated(world: Database, key: Key, index: int) -> Delegated:
    """Return what rule `index` of VirtualService `key`, which delegates, comes to."""
    row = tables.VIRTUAL_SERVICES.get(world, key)
    root = row.spec.http[index] if row and index < len(row.spec.http) else None
    if row is None or root is None or root.delegate is None:
        return Delegated()
    path = f"http[{index}]"
    found = delegate_key(root.delegate, key[0])
    missing = _missing(world, key[0], found)
    other = tables.VIRTUAL_SERVICES.get(world, found)
    if missing or other is None:
        return Delegated((Rule(root, row.ref, path, _entries(root, path), missing=missing),), missing=missing)
    rules, dropped = [], []
    for position, route in enumerate(other.spec.http):
        merged = _merged(row, index, other, position, route)
        if isinstance(merged, Rule):
            rules.append(merged)
        else:
            dropped.append(Dropped(position, merged))
    return Delegated(tuple(rules), tuple(dropped))


def _missing(world: Database, namespace: str, key: Key) -> str:
    """Return why a rule of `namespace` cannot delegate to VirtualService `key`, empty when it can."""
    row = tables.VIRTUAL_SERVICES.get(world, key)
    name = "/".join(key)
    if row is None:
        return f"there is no VirtualService {name}"
    if row.spec.hosts:
        return f"VirtualService {name} has hosts, so it is no delegate"
    if not is_exported(row.spec.export_to, key[0], namespace, mesh.default_export(world, "VirtualService")):
        return f"VirtualService {name} is not exported to {namespace}"
    return ""


def _entries(route: HTTPRoute, path: str) -> tuple[Entry, ...]:
    if not route.match:
        return (Entry(None, path),)
    return tuple(Entry(match, f"{path}.match[{position}]") for position, match in enumerate(route.match))


def _merged(
    row: Object[VirtualService], index: int, other: Object[VirtualService], position: int, own: HTTPRoute
) -> Rule | str:
    """Return a delegate's rule with what the root adds, or the contradiction between their conditions."""
    root = absolute(row.spec.http[index], row.meta.namespace)
    stated = absolute(own, other.meta.namespace)
    path = f"http[{position}]"
    entries = _merged_entries(root, Origin(row.ref, f"http[{index}]"), stated, path)
    if isinstance(entries, str):
        return entries
    filled = {name: getattr(root, name) for name in _FILLED if _is_unset(stated, name) and not _is_unset(root, name)}
    match = tuple(one.match for one in entries if one.match is not None)
    route = msgspec.structs.replace(stated, name=_joined(root.name, stated.name), match=match, **filled)
    return Rule(route, other.ref, path, entries, Origin(row.ref, f"http[{index}]"), frozenset(filled), own=own)


def _is_unset(route: HTTPRoute, field: str) -> bool:
    return getattr(route, field) in (None, ())


def _merged_entries(root: HTTPRoute, origin: Origin, own: HTTPRoute, path: str) -> tuple[Entry, ...] | str:
    """Return every pair of conditions that can hold together, or why one of the delegate's fits none of the root's."""
    outer = [(one.match, Origin(origin.object, one.path)) for one in _entries(root, origin.path)]
    found: list[Entry] = []
    for entry in _entries(own, path):
        why = ""
        before = len(found)
        for match, place in outer:
            clash = conflict(match, entry.match) if match and entry.match else ""
            if clash:
                why = why or clash
                continue
            found.append(Entry(_both(match, entry.match), entry.path, place))
        if len(found) == before:
            return f"{entry.path.removeprefix(f'{path}.')}: {why}"
    return tuple(found)


def _both(root: HTTPMatchRequest | None, own: HTTPMatchRequest | None) -> HTTPMatchRequest | None:
    if root is None or own is None:
        return own or root
    filled = {name: value for name in _MATCH_FILLED if not getattr(own, name) and (value := getattr(root, name))}
    maps = {name: tuple(sorted((dict(getattr(root, name)) | dict(getattr(own, name))).items())) for name in _MAPS}
    return msgspec.structs.replace(own, name=_joined(root.name, own.name), **filled, **maps)


def _joined(root: str, own: str) -> str:
    return f"{root}-{own}" if root and own else root or own


def conflict(root: HTTPMatchRequest, own: HTTPMatchRequest) -> str:
    """Return the field in which a delegate's condition is no narrower than its root's, with the reason, or ""."""
    for name in _TEXTS:
        if why := _text_conflict(getattr(root, name), getattr(own, name)):
            return f"{name} {why}"
    for name in ("headers", "without_headers", "query_params"):
        outer = dict(getattr(root, name))
        for key, value in getattr(own, name):
            if why := _text_conflict(outer.get(key), value):
                return f"{_JSON.get(name, name)}[{key}] {why}"
    if root.ignore_uri_case != own.ignore_uri_case:
        return "ignoreUriCase is not the root's"
    if root.port and own.port and root.port != own.port:
        return f"port {own.port} is not the root's {root.port}"
    return _source_conflict(root, own)


def _source_conflict(root: HTTPMatchRequest, own: HTTPMatchRequest) -> str:
    labels = dict(root.source_labels)
    if any(labels.get(name, value) != value for name, value in own.source_labels):
        return "sourceLabels are not the root's"
    if root.source_namespace and own.source_namespace and root.source_namespace != own.source_namespace:
        return f"sourceNamespace {own.source_namespace} is not the root's {root.source_namespace}"
    if root.gateways and not set(own.gateways) <= set(root.gateways):
        return "gateways are not among the root's"
    return ""


def _text_conflict(root: StringMatch | None, own: StringMatch | None) -> str:
    """Return why texts that meet `own` need not meet `root`; regexes are not compared, nor is mere presence."""
    if root is None or own is None:
        return ""
    if root.regex or own.regex:
        return "has a regex here or in the root, which cannot be compared"
    text = own.exact or own.prefix or ""
    if root.exact:
        return "" if own.exact == root.exact else f"is not the root's {root.exact!r}"
    if root.prefix:
        return "" if text.startswith(root.prefix) else f"is not within the root's prefix {root.prefix!r}"
    return "is stated by the root too, for any value"


def absolute(route: HTTPRoute, namespace: str) -> HTTPRoute:
    """Return a rule of `namespace` with hosts and gateways that mean the same from any namespace."""

    def full(stated: Destination | None) -> Destination | None:
        return msgspec.structs.replace(stated, host=host_reference(stated.host, namespace)) if stated else None

    return msgspec.structs.replace(
        route,
        route=tuple(msgspec.structs.replace(one, destination=full(one.destination)) for one in route.route),
        mirror=full(route.mirror),
        mirrors=tuple(msgspec.structs.replace(one, destination=full(one.destination)) for one in route.mirrors),
        match=tuple(
            msgspec.structs.replace(
                one, gateways=tuple(tables.gateway_reference(name, namespace) for name in one.gateways)
            )
            for one in route.match
        ),
    )
