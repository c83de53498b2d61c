"""The input tables and their indexes: all that the compiler may read.

A row is immutable and equal to another when it means the same.
An index is a question that some rule asks ("who claims this domain?"), so that a change wakes only who asked.
"""

from collections.abc import Iterable
from typing import TypeAlias

from pidalio.api.destination_rule import DestinationRule
from pidalio.api.gateway import Gateway
from pidalio.api.health_check import HealthCheck
from pidalio.api.kubernetes import Ingress, IngressClass
from pidalio.api.mesh_config import MeshConfig
from pidalio.api.object import Object
from pidalio.api.proxy_config import ProxyConfig
from pidalio.api.sidecar import Sidecar
from pidalio.api.virtual_service import (
    Delegate,
    HTTPMatchRequest,
    L4MatchAttributes,
    TLSMatchAttributes,
    VirtualService,
)
from pidalio.derive import Index, Table
from pidalio.model import Alias, Endpoint, Nearness, Service, Workload, is_wildcard
from pidalio.store.campaigns import Campaign
from pidalio.store.hosts import host_reference
from pidalio.store.sticky import Layouts
from pidalio.store.traits import Trait, priority_labels, traits_of

Key: TypeAlias = tuple[str, str]
"""Namespace and name of an object."""
ServiceKey: TypeAlias = tuple[str, str, str]
"""Hostname, namespace, and the object that declares it (as text)."""
WorkloadKey: TypeAlias = tuple[str, str, str]
"""Namespace, name, kind."""
EndpointsKey: TypeAlias = tuple[str, str, str]
"""Hostname, namespace, and who says so (an object as text, or a platform)."""
Pair: TypeAlias = tuple[str, str]

VIRTUAL_SERVICES: Table[Key, Object[VirtualService]] = Table("virtual_services")
LAYOUTS: Table[Key, Layouts] = Table("layouts")
"""Of VirtualServices with sticky rules: which version owns which users."""
DESTINATION_RULES: Table[Key, Object[DestinationRule]] = Table("destination_rules")
HEALTH_CHECKS: Table[Key, Object[HealthCheck]] = Table("health_checks")
GATEWAYS: Table[Key, Object[Gateway]] = Table("gateways")
SIDECARS: Table[Key, Object[Sidecar]] = Table("sidecars")
INGRESSES: Table[Key, Object[Ingress]] = Table("ingresses")
INGRESS_CLASSES: Table[str, Object[IngressClass]] = Table("ingress_classes")
PROXY_CONFIGS: Table[Key, Object[ProxyConfig]] = Table("proxy_configs")
MESH: Table[str, Object[MeshConfig]] = Table("mesh")
SERVICES: Table[ServiceKey, Service] = Table("services")
ALIASES: Table[ServiceKey, Alias] = Table("aliases")
ENDPOINTS: Table[EndpointsKey, tuple[Endpoint, ...]] = Table("endpoints")
WORKLOADS: Table[WorkloadKey, Workload] = Table("workloads")
CAMPAIGNS: Table[str, Campaign] = Table("campaigns")
"""Fault campaigns that run, by name."""


def exported(export_to: tuple[str, ...], namespace: str) -> Iterable[str]:
    """Yield index keys for an `exportTo`: `*`, a namespace, or "" when unset (then the mesh's default decides)."""
    if not export_to:
        yield ""
    for target in export_to:
        if target == ".":
            yield namespace
        elif target != "~":
            yield target


def _vs_hosts(key: Key, row: Object[VirtualService]) -> Iterable[str]:
    return {host_reference(host, key[0]) for host in row.spec.hosts}


def _vs_sources(_: Key, row: Object[VirtualService]) -> Iterable[Pair]:
    spec = row.spec
    matches: list[HTTPMatchRequest | TLSMatchAttributes | L4MatchAttributes] = [
        *(match for route in spec.http for match in route.match),
        *spec.connection_matches,
    ]
    for match in matches:
        yield from match.source_labels
        if match.source_namespace:
            yield ("", match.source_namespace)


def delegate_key(stated: Delegate, namespace: str) -> Key:
    """Return the VirtualService to which a rule of `namespace` delegates."""
    return stated.namespace or namespace, stated.name


def _delegates(key: Key, row: Object[VirtualService]) -> Iterable[Key]:
    return {delegate_key(route.delegate, key[0]) for route in row.spec.http if route.delegate}


def _gateway_references(key: Key, row: Object[VirtualService]) -> Iterable[str]:
    if not row.spec.hosts:
        return ()
    return {gateway_reference(name, key[0]) for name in row.spec.gateways or ("mesh",)}


def gateway_reference(name: str, namespace: str) -> str:
    """Return `namespace/name` of a gateway named from `namespace`; `mesh` stays as it is.

    The dotted form (`gw.ns.svc.cluster.local`) is Istio's oldest and still accepted.
    """
    if name == "mesh" or "/" in name:
        return name
    if "." in name:
        short, _, rest = name.partition(".")
        return f"{rest.partition('.')[0]}/{short}"
    return f"{namespace}/{name}"


def _ingress_hosts(_: Key, row: Object[Ingress]) -> Iterable[str]:
    return {one.host.lower() or "*" for one in row.spec.rules} | ({"*"} if row.spec.default_backend else set())


def _rule_traits(key: Key, row: Object[DestinationRule]) -> Iterable[tuple[Trait, str]]:
    """Yield the traits of a rule with its host, and with "" for any."""
    for trait in traits_of(row.spec):
        yield trait, host_reference(row.spec.host, key[0])
        yield trait, ""


def _client_pairs(key: Key, row: Object[DestinationRule]) -> Iterable[tuple[str, str, str]]:
    selector = row.spec.workload_selector
    return ((key[0], *pair) for pair in (selector.match_labels if selector else ()))


def _selector_pair(_: ServiceKey, row: Service) -> Iterable[tuple[str, str, str]]:
    if row.selector:
        yield (row.namespace, *row.selector[0])


def _workload_pairs(key: WorkloadKey, row: Workload) -> Iterable[tuple[str, str, str]]:
    return ((key[0], *pair) for pair in row.labels)


VS_BY_HOST: Index[str, Key, Object[VirtualService]] = VIRTUAL_SERVICES.index("by_host", _vs_hosts)
VS_BY_WILDCARD: Index[str, Key, Object[VirtualService]] = VIRTUAL_SERVICES.index(
    "by_wildcard", lambda key, row: {"*"} if any(is_wildcard(host) for host in _vs_hosts(key, row)) else ()
)
VS_BY_CONNECTION: Index[str, Key, Object[VirtualService]] = VIRTUAL_SERVICES.index(
    "by_connection", lambda _, row: {"*"} if row.spec.tls or row.spec.tcp else ()
)
VS_BY_NAMESPACE: Index[str, Key, Object[VirtualService]] = VIRTUAL_SERVICES.index(
    "by_namespace", lambda key, _: (key[0],)
)
VS_BY_GATEWAY: Index[str, Key, Object[VirtualService]] = VIRTUAL_SERVICES.index("by_gateway", _gateway_references)
VS_BY_DELEGATE: Index[Key, Key, Object[VirtualService]] = VIRTUAL_SERVICES.index("by_delegate", _delegates)
VS_BY_EXPORT: Index[str, Key, Object[VirtualService]] = VIRTUAL_SERVICES.index(
    "by_export", lambda key, row: exported(row.spec.export_to, key[0])
)
VS_BY_SOURCE: Index[Pair, Key, Object[VirtualService]] = VIRTUAL_SERVICES.index("by_source", _vs_sources)

DR_BY_HOST: Index[tuple[str, str], Key, Object[DestinationRule]] = DESTINATION_RULES.index(
    "by_host", lambda key, row: ((key[0], host_reference(row.spec.host, key[0])),)
)
DR_BY_WILDCARD: Index[str, Key, Object[DestinationRule]] = DESTINATION_RULES.index(
    "by_wildcard", lambda key, row: (key[0],) if is_wildcard(row.spec.host) else ()
)
DR_BY_NAMESPACE: Index[str, Key, Object[DestinationRule]] = DESTINATION_RULES.index(
    "by_namespace", lambda key, _: (key[0],)
)
DR_BY_EXPORT: Index[str, Key, Object[DestinationRule]] = DESTINATION_RULES.index(
    "by_export", lambda key, row: exported(row.spec.export_to, key[0])
)

DR_BY_TRAIT: Index[tuple[Trait, str], Key, Object[DestinationRule]] = DESTINATION_RULES.index("by_trait", _rule_traits)
DR_BY_CLIENT: Index[tuple[str, str, str], Key, Object[DestinationRule]] = DESTINATION_RULES.index(
    "by_client", _client_pairs
)
DR_BY_PRIORITY: Index[str, Key, Object[DestinationRule]] = DESTINATION_RULES.index(
    "by_priority", lambda _, row: priority_labels(row.spec)
)

HC_BY_HOST: Index[str, Key, Object[HealthCheck]] = HEALTH_CHECKS.index(
    "by_host", lambda key, row: (host_reference(row.spec.host, key[0]),)
)
HC_BY_NAMESPACE: Index[str, Key, Object[HealthCheck]] = HEALTH_CHECKS.index("by_namespace", lambda key, _: (key[0],))
HC_BY_EXPORT: Index[str, Key, Object[HealthCheck]] = HEALTH_CHECKS.index(
    "by_export", lambda key, row: exported(row.spec.export_to, key[0])
)
HC_BY_PRIVACY: Index[str, Key, Object[HealthCheck]] = HEALTH_CHECKS.index(
    "by_privacy", lambda _, row: ("",) if row.spec.export_to and "*" not in row.spec.export_to else ()
)

GATEWAYS_BY_PAIR: Index[Pair, Key, Object[Gateway]] = GATEWAYS.index(
    "by_pair", lambda _, row: (row.spec.selector[0] if row.spec.selector else ("", ""),)
)
INGRESSES_BY_HOST: Index[str, Key, Object[Ingress]] = INGRESSES.index("by_host", _ingress_hosts)
SIDECARS_BY_NAMESPACE: Index[str, Key, Object[Sidecar]] = SIDECARS.index("by_namespace", lambda key, _: (key[0],))
PROXY_CONFIGS_BY_NAMESPACE: Index[str, Key, Object[ProxyConfig]] = PROXY_CONFIGS.index(
    "by_namespace", lambda key, _: (key[0],)
)

SERVICES_BY_HOST: Index[str, ServiceKey, Service] = SERVICES.index("by_host", lambda key, _: (key[0],))
SERVICES_BY_ADDRESS: Index[str, ServiceKey, Service] = SERVICES.index("by_address", lambda _, row: set(row.addresses))
SERVICES_BY_NAMESPACE: Index[str, ServiceKey, Service] = SERVICES.index("by_namespace", lambda key, _: (key[1],))
SERVICES_BY_EXPORT: Index[str, ServiceKey, Service] = SERVICES.index(
    "by_export", lambda key, row: exported(row.export_to, key[1])
)
SERVICES_BY_NODE: Index[str, ServiceKey, Service] = SERVICES.index(
    "by_node", lambda _, row: ("",) if row.node_local else ()
)
SERVICES_BY_NEARNESS: Index[Nearness, ServiceKey, Service] = SERVICES.index(
    "by_nearness", lambda _, row: () if row.prefers is Nearness.ANYWHERE else (row.prefers,)
)
SERVICES_BY_RESILIENCE: Index[str, ServiceKey, Service] = SERVICES.index(
    "by_resilience", lambda _, row: () if row.profile is None and row.heeds_callers is None else ("",)
)
SERVICES_BY_SELECTOR: Index[tuple[str, str, str], ServiceKey, Service] = SERVICES.index("by_selector", _selector_pair)
ALIASES_BY_HOST: Index[str, ServiceKey, Alias] = ALIASES.index("by_host", lambda key, _: (key[0],))
ALIASES_BY_TARGET: Index[str, ServiceKey, Alias] = ALIASES.index("by_target", lambda _, row: (row.target,))
ALIASES_BY_NAMESPACE: Index[str, ServiceKey, Alias] = ALIASES.index("by_namespace", lambda key, _: (key[1],))
ENDPOINTS_BY_SERVICE: Index[tuple[str, str], EndpointsKey, tuple[Endpoint, ...]] = ENDPOINTS.index(
    "by_service", lambda key, _: ((key[0], key[1]),)
)
ENDPOINTS_BY_ADDRESS: Index[str, EndpointsKey, tuple[Endpoint, ...]] = ENDPOINTS.index(
    "by_address", lambda _, row: {one.address for one in row}
)
WORKLOADS_BY_PAIR: Index[tuple[str, str, str], WorkloadKey, Workload] = WORKLOADS.index("by_pair", _workload_pairs)
WORKLOADS_BY_NAMESPACE: Index[str, WorkloadKey, Workload] = WORKLOADS.index("by_namespace", lambda key, _: (key[0],))
WORKLOADS_BY_NAME: Index[tuple[str, str], WorkloadKey, Workload] = WORKLOADS.index(
    "by_name", lambda key, _: ((key[0], key[1]),)
)
CAMPAIGNS_BY_HOST: Index[str, str, Campaign] = CAMPAIGNS.index("by_host", lambda _, row: (row.host,))
