"""Which VirtualService governs a host, for whom.

`head` is what decides that question; the routes themselves are not read here, so that a changed weight wakes no
list of virtual hosts.
Source of the rules: Istio's documented precedence of hosts and visibility (reference §2.1, §2.2, §2.5).
"""

from collections.abc import Iterable, Iterator

import msgspec

from pidalio.api.strings import Destination
from pidalio.derive import Database, derived
from pidalio.model import is_wildcard
from pidalio.rules import mesh
from pidalio.rules.delegates import rules_of
from pidalio.rules.visibility import EgressHost, Scope, imports, is_exported
from pidalio.store import tables
from pidalio.store.hosts import host_reference, wildcards_of
from pidalio.store.tables import Key, gateway_reference


class Head(msgspec.Struct, frozen=True, gc=False):
    """What decides whether a VirtualService applies.

    `export_to` is what the rule or, where it is silent, the mesh says.
    `by_source` says that some match asks for the caller's namespace or labels, `tcp_by_source` the same of rules for
    connections (`tls`, `tcp`).
    """

    key: Key
    hosts: tuple[str, ...]
    gateways: tuple[str, ...]
    export_to: tuple[str, ...]
    created: str
    by_source: bool
    has_http: bool
    tcp_by_source: bool = False
    has_tcp: bool = False


@derived
def head(world: Database, key: Key) -> Head | None:
    """Return the head of VirtualService `key`, or None when there is none."""
    row = tables.VIRTUAL_SERVICES.get(world, key)
    if row is None:
        return None
    spec = row.spec
    return Head(
        key=key,
        hosts=tuple(host_reference(host, key[0]) for host in spec.hosts),
        gateways=tuple(gateway_reference(name, key[0]) for name in spec.gateways or ("mesh",)),
        export_to=spec.export_to or mesh.default_export(world, "VirtualService"),
        created=row.meta.created,
        by_source=any(
            match.source_labels or match.source_namespace for one in rules_of(world, row) for match in one.route.match
        ),
        has_http=bool(spec.http),
        tcp_by_source=any(one.source_labels or one.source_namespace for one in spec.connection_matches),
        has_tcp=bool(spec.tls or spec.tcp),
    )


def age(one: Head) -> tuple[str, str, str]:
    """Order by age, then by name and namespace."""
    return one.created, one.key[1], one.key[0]


@derived
def mesh_candidates(world: Database, host: str) -> tuple[Head, ...]:
    """Return the VirtualServices for sidecars whose hosts cover `host`, the first visible one governs its requests."""
    return tuple(one for one in _covering(world, host) if one.has_http)


@derived
def tcp_candidates(world: Database, host: str) -> tuple[Head, ...]:
    """Return the VirtualServices with `tls` or `tcp` whose hosts cover `host`, the first visible one governs it."""
    return tuple(one for one in _covering(world, host) if one.has_tcp)


def _covering(world: Database, host: str) -> Iterator[Head]:
    """Yield the VirtualServices for sidecars whose hosts cover `host`: the most specific, then the oldest first."""
    wider = wildcards_of(host) if tables.VS_BY_WILDCARD.keys(world, "*") else ()
    for name in dict.fromkeys((host, *wider)):
        keys = tables.VS_BY_HOST.keys(world, name)
        if keys:
            heads = (one for key in keys if (one := head(world, key)))
            yield from sorted((one for one in heads if "mesh" in one.gateways), key=age)


def is_visible(one: Head, client: str, hosts: tuple[EgressHost, ...] | None) -> bool:
    """Tell whether a client of namespace `client` whose Sidecar imports `hosts` is governed by `one`."""
    if not is_exported(one.export_to, one.key[0], client):
        return False
    return hosts is None or any(imports(hosts, one.key[0], host) for host in one.hosts)


@derived
def imported_rules(world: Database, scope: Scope) -> tuple[Head, ...]:
    """Return the VirtualServices for sidecars that the egress hosts of a scope let in, by namespace and name."""
    keys = {key for one in scope.egress or () if not one.excludes for key in _keys_for(world, one)}
    heads = (one for key in sorted(keys) if (one := head(world, key)))
    return tuple(one for one in heads if "mesh" in one.gateways and is_visible(one, scope.namespace, scope.egress))


def _keys_for(world: Database, one: EgressHost) -> Iterable[Key]:
    """Return the VirtualServices that an egress host may let in: few, unless it asks for a wildcard everywhere."""
    if one.namespace != "*":
        return tables.VS_BY_NAMESPACE.keys(world, one.namespace)
    if is_wildcard(one.host):
        return tables.VS_BY_GATEWAY.keys(world, "mesh")
    return (key for name in (one.host, *wildcards_of(one.host)) for key in tables.VS_BY_HOST.keys(world, name))


@derived
def destination_hosts(world: Database, key: Key) -> tuple[str, ...]:
    """Return every host that VirtualService `key` and its delegates route or mirror to, sorted."""
    row = tables.VIRTUAL_SERVICES.get(world, key)
    if row is None:
        return ()
    spec = row.spec
    routes = [one.route for one in rules_of(world, row)]
    stated: list[Destination | None] = [one.destination for route in routes for one in route.route]
    stated += [one.destination for route in routes for one in route.mirrors]
    stated += [route.mirror for route in routes]
    stated += [one.destination for _, route in spec.connection_routes for one in route]
    return tuple(sorted({host_reference(one.host, key[0]) for one in stated if one and one.host}))


def governing(world: Database, scope: Scope, host: str) -> Head | None:
    """Return the VirtualService that governs requests to `host` for sidecars of `scope`, or None."""
    return _first_visible(scope, mesh_candidates(world, host))


def governing_tcp(world: Database, scope: Scope, host: str) -> Head | None:
    """Return the VirtualService that governs connections to `host` for sidecars of `scope`, or None."""
    return _first_visible(scope, tcp_candidates(world, host))


@derived
def rules_connections(world: Database) -> bool:
    """Tell whether any rule at all is for connections."""
    return bool(tables.VS_BY_CONNECTION.keys(world, "*"))


def _first_visible(scope: Scope, candidates: tuple[Head, ...]) -> Head | None:
    return next((one for one in candidates if is_visible(one, scope.namespace, scope.egress)), None)


def hosts_in(world: Database, scope: Scope) -> Iterable[str]:
    """Return every exact or wildcard host that VirtualServices name which the scope may see, sorted."""
    if scope.egress is None:
        return mesh_hosts(world)
    return sorted({host for one in imported_rules(world, scope) if one.has_http for host in one.hosts})


@derived
def mesh_hosts(world: Database) -> tuple[str, ...]:
    """Return every exact or wildcard host that some VirtualService for sidecars names, sorted."""
    keys = tables.VS_BY_GATEWAY.keys(world, "mesh")
    return tuple(sorted({host for key in keys if (one := head(world, key)) and one.has_http for host in one.hosts}))
