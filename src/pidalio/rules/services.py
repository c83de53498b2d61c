"""Services as a scope sees them, and the endpoints behind each.

A service is known by hostname and namespace (`ServiceId`); where several namespaces declare one hostname, a client
sees one of them. An endpoint change reaches only `endpoints` of its service, never a list of services.
Source of the rules: Istio's documented registry merging and selection (reference §1.4, §1.5, §2.2).
"""

from collections.abc import Iterable
from typing import TypeAlias

import msgspec

from pidalio.api.names import is_dns_label
from pidalio.derive import Database, derived
from pidalio.model import Endpoint, Health, Port, Service, Source, Workload, combined, is_wildcard
from pidalio.rules import aliases, mesh, names
from pidalio.rules.virtual_services import destination_hosts, imported_rules
from pidalio.rules.visibility import Scope, imports_service, is_exported
from pidalio.store import tables
from pidalio.store.tables import EndpointsKey, ServiceKey

ServiceId: TypeAlias = tuple[str, str]


@derived
def service(world: Database, identity: ServiceId) -> Service | None:
    """Return the service `(hostname, namespace)`; of several declarations the first counts.

    Their ports are united, the oldest first, and so is who signs their instances' certificates.
    """
    rows = declarations(world, identity)
    if not rows:
        return None
    first = rows[0]
    numbers = {port.number for port in first.ports}
    more = [port for row in rows[1:] for port in row.ports if port.number not in numbers]
    authorities = "".join(dict.fromkeys(row.instance_ca for row in rows))
    if not more and authorities == first.instance_ca:
        return first
    united = {port.number: port for port in (*reversed(more), *first.ports)}
    ports = tuple(united[number] for number in sorted(united))
    return msgspec.structs.replace(first, ports=ports, instance_ca=authorities)


def declarations(world: Database, identity: ServiceId) -> list[Service]:
    """Return every declaration of a service, the one whose settings hold first."""
    keys = tables.SERVICES_BY_HOST.keys(world, identity[0])
    rows = [row for key in keys if key[1] == identity[1] and (row := tables.SERVICES.get(world, key))]
    return sorted(rows, key=_precedence) if len(rows) > 1 else rows


def _precedence(row: Service) -> tuple[bool, int, str, str, str]:
    return row.registry == "ServiceEntry", row.rank, row.created, row.namespace, row.object.name


@derived
def visible_keys(world: Database, namespace: str) -> tuple[ServiceKey, ...]:
    """Return every declaration that clients in `namespace` may see by `exportTo`."""
    by_export = tables.SERVICES_BY_EXPORT
    default = mesh.default_export(world, "Service")
    unstated = by_export.keys(world, "")
    if "*" not in default and namespace not in default:
        unstated = tuple(key for key in unstated if key[1] == namespace) if "." in default else ()
    public = by_export.keys(world, "*")
    private = by_export.keys(world, namespace) if namespace else ()
    if not public and not private:
        return unstated
    return tuple(sorted({*public, *unstated, *private}))


@derived
def visible_services(world: Database, scope: Scope) -> tuple[ServiceId, ...]:
    """Return the services of a scope, one namespace per hostname, sorted by hostname.

    Where a Sidecar restricts it, services that an imported VirtualService routes to are in it too.
    """
    found: dict[str, list[str]] = {}
    for host, namespace, _ in _candidates(world, scope):
        if imports_service(scope.egress, namespace, host):
            found.setdefault(host, []).append(namespace)
    chosen = {host: _best_namespace(world, scope.namespace, host, spaces) for host, spaces in found.items()}
    if scope.egress is None:
        return tuple(chosen.items())
    for host in {host for rule in imported_rules(world, scope) for host in destination_hosts(world, rule.key)}:
        if host not in chosen and (identity := resolve(world, host, scope.namespace)):
            chosen[identity[0]] = identity[1]
    return tuple(sorted(chosen.items()))


def _candidates(world: Database, scope: Scope) -> Iterable[ServiceKey]:
    """Return the declarations that clients of the scope may see, before egress hosts are compared.

    Egress hosts with a namespace or a full hostname are looked up, so that a small scope costs little in a large mesh.
    """
    if scope.egress is None:
        return visible_keys(world, scope.namespace)
    keys: set[ServiceKey] = set()
    for one in scope.egress:
        if one.excludes:
            continue
        if one.namespace != "*":
            keys.update(tables.SERVICES_BY_NAMESPACE.keys(world, one.namespace))
        elif is_wildcard(one.host):
            return visible_keys(world, scope.namespace)
        else:
            keys.update(tables.SERVICES_BY_HOST.keys(world, one.host))
    default = mesh.default_export(world, "Service")
    return (
        key
        for key in sorted(keys)
        if (stated := export_of(world, key)) is not None and is_exported(stated, key[1], scope.namespace, default)
    )


@derived
def export_of(world: Database, key: ServiceKey) -> tuple[str, ...] | None:
    """Return the `exportTo` of a declaration, None when there is none of that key."""
    row = tables.SERVICES.get(world, key)
    return row.export_to if row else None


def _best_namespace(world: Database, client: str, host: str, namespaces: list[str]) -> str:
    """Choose among the namespaces that declare `host`: the client's own, then Kubernetes, then the oldest."""
    if len(namespaces) == 1 or client in namespaces:
        return client if client in namespaces else namespaces[0]
    known = [found for one in dict.fromkeys(namespaces) if (found := service(world, (host, one)))]
    return min(known, key=_precedence).namespace if known else namespaces[0]


@derived
def has_own_view(world: Database, namespace: str) -> bool:
    """Tell whether clients in `namespace` resolve some hostname otherwise than anonymous clients do."""
    if not namespace:
        return False
    if tables.SERVICES_BY_EXPORT.keys(world, namespace) or "*" not in mesh.default_export(world, "Service"):
        return True
    own = tables.SERVICES_BY_NAMESPACE.keys(world, namespace)
    return any(len(tables.SERVICES_BY_HOST.keys(world, key[0])) > 1 for key in own)


@derived
def resolve(world: Database, host: str, view: str) -> ServiceId | None:
    """Return the service that `host` means to a client of namespace `view` ("" for anonymous), or None.

    An alias means the service that it stands for.
    """
    default = mesh.default_export(world, "Service")
    found = []
    for key in tables.SERVICES_BY_HOST.keys(world, host):
        row = tables.SERVICES.get(world, key)
        if row and is_exported(row.export_to, row.namespace, view, default):
            found.append(row.namespace)
    if found:
        return host, _best_namespace(world, view, host, found)
    target = aliases.target_of(world, host)
    return resolve(world, target, view) if target else None


@derived
def ports(world: Database, identity: ServiceId) -> tuple[Port, ...]:
    """Return the service's ports, empty when there is no such service."""
    found = service(world, identity)
    return found.ports if found else ()


def port(world: Database, identity: ServiceId, number: int) -> Port | None:
    """Return the service's port `number`, or None."""
    return next((one for one in ports(world, identity) if one.number == number), None)


@derived
def endpoints(world: Database, identity: ServiceId) -> tuple[Endpoint, ...]:
    """Return every instance address of a service, each with the service port's number and its labels.

    Platform endpoints come as they are; workloads selected by labels are added, but a Pod only in files that list no
    endpoints themselves: a cluster that is followed lists them. What several sources say of the health of one address
    is put together; for the rest the word of the platform that was configured first holds.
    """
    unique: dict[tuple[str, int, int], Endpoint] = {}
    for said in words(world, identity):
        one = said.endpoint
        key = (one.address, one.port, one.service_port)
        other = unique.get(key)
        health = combined((other.health, one.health)) if other else one.health
        unique[key] = one if health is one.health else msgspec.structs.replace(one, health=health)
    return tuple(unique[key] for key in sorted(unique))


class Said(msgspec.Struct, frozen=True, gc=False):
    """One source's word on one endpoint of a service; `by` names the object or the feed that it comes from."""

    endpoint: Endpoint
    source: Source
    by: str


def words(world: Database, identity: ServiceId) -> list[Said]:
    """Return what every source says of the instances of a service: of one address there may be several words."""
    found = service(world, identity)
    if found is None:
        return []
    keys = tables.ENDPOINTS_BY_SERVICE.keys(world, identity)
    stated = [
        Said(_complete(world, found, one), Source.PLATFORM, key[2])
        for key in _by_rank(world, identity, keys)
        for one in tables.ENDPOINTS.get(world, key) or ()
    ]
    chosen = [
        Said(endpoint, workload.source, str(workload.object or ""))
        for workload in selected_workloads(world, identity)
        if not ((keys or found.rank) and workload.object and workload.object.kind == "Pod")
        for endpoint in _workload_endpoints(found, workload)
    ]
    return [one for one in (*stated, *chosen) if one.endpoint.service_port]


def _by_rank(world: Database, identity: ServiceId, keys: tuple[EndpointsKey, ...]) -> Iterable[EndpointsKey]:
    """Return the keys of endpoints, the first platform's last: what it says of an address holds.

    Rows of a platform are known by its name, with which the last part of their keys begins.
    """
    if len(keys) < 2:
        return keys
    declaring = (key for key in tables.SERVICES_BY_HOST.keys(world, identity[0]) if key[1] == identity[1])
    ranks = {_platform(key): row.rank for key in declaring if (row := tables.SERVICES.get(world, key))}
    return sorted(keys, key=lambda key: -ranks.get(_platform(key), 0)) if len(ranks) > 1 else keys


def _platform(key: ServiceKey | EndpointsKey) -> str:
    return key[2].partition("/")[0]


@derived
def instances(world: Database, identity: ServiceId) -> tuple[str, ...]:
    """Return the names by which single instances of a headless service can be called, sorted.

    A host that a service has means that service.
    """
    found = service(world, identity)
    if found is None or not found.headless:
        return ()
    called = {one.instance for one in endpoints(world, identity) if is_dns_label(one.instance)}
    own = (one for one in called if not tables.SERVICES_BY_HOST.keys(world, names.instance_host(one, found.hostname)))
    return tuple(sorted(own))


@derived
def node_local(world: Database) -> tuple[ServiceId, ...]:
    """Return the services whose callers are sent to instances on their own node only."""
    return tuple(dict.fromkeys((key[0], key[1]) for key in tables.SERVICES_BY_NODE.keys(world, "")))


@derived
def selected_workloads(world: Database, identity: ServiceId) -> tuple[Workload, ...]:
    """Return the workloads of the service's namespace that its selector picks."""
    found = service(world, identity)
    if found is None or not found.selector:
        return ()
    sets = [set(tables.WORKLOADS_BY_PAIR.keys(world, (found.namespace, *pair))) for pair in found.selector]
    rows = (tables.WORKLOADS.get(world, key) for key in sorted(set.intersection(*sets)))
    return tuple(row for row in rows if row)


def _complete(world: Database, found: Service, one: Endpoint) -> Endpoint:
    """Fill in the service port of an endpoint known by port name, and the labels of its workload."""
    number = one.service_port
    if not number:
        named = [port.number for port in found.ports if port.name == one.port_name]
        number = named[0] if named else 0
    labels, node = one.labels, one.node
    if one.workload and not labels:
        for key in tables.WORKLOADS_BY_NAME.keys(world, (found.namespace, one.workload)):
            row = tables.WORKLOADS.get(world, key)
            labels, node = (row.labels, node or row.node) if row else (labels, node)
    return msgspec.structs.replace(one, service_port=number, labels=labels, node=node)


def _workload_endpoints(found: Service, workload: Workload) -> list[Endpoint]:
    if not workload.address:
        return []
    result = []
    published = found.publish_not_ready and workload.health is Health.UNHEALTHY
    for port in found.ports:
        number = instance_port(port, workload)
        if number is not None:
            result.append(
                Endpoint(
                    address=workload.address,
                    port=number,
                    service_port=port.number,
                    port_name=port.name,
                    labels=workload.labels,
                    weight=workload.weight,
                    locality=workload.locality,
                    health=Health.HEALTHY if published else workload.health,
                    workload=workload.name,
                    network=workload.network,
                    hostname=workload.hostname,
                    node=workload.node,
                )
            )
    return result


def instance_port(port: Port, workload: Workload) -> int | None:
    """Return the number on which `workload` serves `port`; None when the target port's name is unknown to it.

    Order: socket address (0), the instance's own map by the port's name, the target port, the same number. A target
    port that has a name is looked up by that name alone, in the instance's map and among its own ports.
    """
    if workload.address.startswith("unix://"):
        return 0
    known = dict(workload.ports)
    if name := port.target_port_name:
        number = known.get(name) or dict(workload.named_ports).get(name)
        if not number:
            return None
    else:
        number = known.get(port.name)
    number = number or port.target_port or port.number
    return dict(workload.moved_ports).get(number, number)
