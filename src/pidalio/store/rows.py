"""What an object contributes to the input tables: one function per kind, all pure.

The rest of the compiler never asks which kind of object a service or an instance came from.
Source of the mappings: Istio's documented model of Kubernetes and ServiceEntry (reference §1.4, §1.5, §2.3).
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from pidalio.api import kubernetes
from pidalio.api.mesh_config import MeshConfig
from pidalio.api.object import Object
from pidalio.api.resilience import heeds_callers, profile_of
from pidalio.api.service_entry import Location, ServiceEntry
from pidalio.api.workload_entry import WorkloadEntry
from pidalio.derive import Table
from pidalio.model import (
    Endpoint,
    Health,
    Port,
    Protocol,
    Resolution,
    Service,
    Workload,
    labelled_locality,
    labels_of,
    parse_locality,
)
from pidalio.store import tables
from pidalio.store.claims import Live
from pidalio.store.hosts import canonical_address, kubernetes_host
from pidalio.store.kubernetes_rows import (
    SERVICE_NAME,
    container_ports,
    pod_workload,
    service_rows,
    slice_endpoint,
    slice_members,
    workload_of,
)
from pidalio.store.protocols import protocol_named

Rows: TypeAlias = Mapping[Table[Any, Any], Mapping[Any, Any]]


def rows_of(item: Object[Any]) -> Rows:
    """Return the rows of `item`, by table and key; empty for kinds that the compiler does not read."""
    own = _OWN_TABLE.get(item.kind)
    if own is not None:
        return {own: {(item.meta.namespace, item.meta.name): item}}
    make = _MAKERS.get(item.kind)
    return make(item) if make else {}


def layout_rows(live: Live) -> Rows:
    """Return the row of the layouts of an object's sticky rules, if it has any."""
    meta = live.object.meta
    return {tables.LAYOUTS: {(meta.namespace, meta.name): live.layouts}} if live.layouts else {}


def _service_entry(item: Object[ServiceEntry]) -> Rows:
    spec, text = item.spec, str(item.ref)
    namespace = item.meta.namespace
    ports = tuple(
        Port(port.number, port.name, protocol_named(port.protocol) or Protocol.UNSUPPORTED, port.target_port)
        for port in spec.ports
    )
    services = {
        (host, namespace, text): Service(
            hostname=host,
            namespace=namespace,
            ports=ports,
            registry="ServiceEntry",
            object=item.ref,
            addresses=tuple(map(canonical_address, spec.addresses)),
            resolution=Resolution(spec.resolution.value),
            external=spec.location is Location.MESH_EXTERNAL,
            export_to=spec.export_to,
            selector=labels_of(spec.workload_selector.labels) if spec.workload_selector else None,
            created=item.meta.created,
            subject_alt_names=spec.subject_alt_names,
            profile=profile_of(item.meta.annotations),
            heeds_callers=heeds_callers(item.meta.annotations),
        )
        for host in dict.fromkeys(one.lower().removesuffix(".") for one in spec.hosts)
    }
    endpoints = {key: found for key in services if (found := _entry_endpoints(item, ports, key[0]))}
    return {tables.SERVICES: services, tables.ENDPOINTS: endpoints}


def _entry_endpoints(item: Object[ServiceEntry], ports: tuple[Port, ...], host: str) -> tuple[Endpoint, ...]:
    spec = item.spec
    entries = spec.endpoints
    by_name = Resolution(spec.resolution.value) in (Resolution.DNS, Resolution.DNS_ROUND_ROBIN)
    if not entries and by_name and not host.startswith("*") and spec.workload_selector is None:
        entries = (WorkloadEntry(address=host),)
    return tuple(_entry_endpoint(entry, port) for port in ports for entry in entries)


def _entry_endpoint(entry: WorkloadEntry, port: Port) -> Endpoint:
    socket = entry.address.startswith("unix://")
    return Endpoint(
        address=entry.address,
        port=0 if socket else dict(entry.ports).get(port.name) or port.target_port or port.number,
        service_port=port.number,
        labels=labels_of(entry.labels),
        weight=entry.weight,
        locality=parse_locality(entry.locality) if entry.locality else labelled_locality(dict(entry.labels)),
        network=entry.network,
    )


def _workload_entry(item: Object[WorkloadEntry]) -> Rows:
    spec = item.spec
    row = Workload(
        name=item.meta.name,
        namespace=item.meta.namespace,
        address=spec.address,
        labels=labels_of(spec.labels),
        ports=tuple(sorted(spec.ports)),
        weight=spec.weight,
        locality=parse_locality(spec.locality) if spec.locality else labelled_locality(dict(spec.labels)),
        service_account=spec.service_account,
        network=spec.network,
        object=item.ref,
    )
    return {tables.WORKLOADS: {(item.meta.namespace, item.meta.name, item.kind): row}}


def _endpoints(item: Object[kubernetes.Endpoints]) -> Rows:
    host = kubernetes_host(item.meta.name, item.meta.namespace)
    found = [
        Endpoint(
            address.ip,
            port.port,
            0,
            port_name=port.name,
            health=health,
            workload=workload_of(address.target_ref),
            hostname=address.hostname,
            node=address.node_name,
        )
        for subset in item.spec.subsets
        for addresses, health in ((subset.addresses, Health.HEALTHY), (subset.not_ready_addresses, Health.UNHEALTHY))
        for address in addresses
        for port in subset.ports
    ]
    return {tables.ENDPOINTS: {(host, item.meta.namespace, str(item.ref)): tuple(found)}}


def _endpoint_slice(item: Object[kubernetes.EndpointSlice]) -> Rows:
    name = dict(item.meta.labels).get(SERVICE_NAME, "")
    if not name:
        return {}
    found = tuple(slice_endpoint(one, port) for one, port in slice_members(item.spec))
    return {tables.ENDPOINTS: {(kubernetes_host(name, item.meta.namespace), item.meta.namespace, str(item.ref)): found}}


def _pod(item: Object[kubernetes.Pod]) -> Rows:
    row = pod_workload(item.meta, item.spec)
    return {tables.WORKLOADS: {(item.meta.namespace, item.meta.name, item.kind): row}} if row else {}


def _deployment(item: Object[kubernetes.Deployment]) -> Rows:
    template = item.spec.template
    labels = template.metadata.labels if template and template.metadata else ()
    row = Workload(
        name=item.meta.name,
        namespace=item.meta.namespace,
        address="",
        labels=labels_of(labels),
        named_ports=container_ports(template.spec if template else None),
        object=item.ref,
    )
    return {tables.WORKLOADS: {(item.meta.namespace, item.meta.name, item.kind): row}}


def _mesh_config(item: Object[MeshConfig]) -> Rows:
    return {tables.MESH: {"": item}}


def _ingress_class(item: Object[kubernetes.IngressClass]) -> Rows:
    return {tables.INGRESS_CLASSES: {item.meta.name: item}}


_OWN_TABLE: Mapping[str, Table[Any, Any]] = {
    "VirtualService": tables.VIRTUAL_SERVICES,
    "DestinationRule": tables.DESTINATION_RULES,
    "HealthCheck": tables.HEALTH_CHECKS,
    "Gateway": tables.GATEWAYS,
    "Sidecar": tables.SIDECARS,
    "ProxyConfig": tables.PROXY_CONFIGS,
    "Ingress": tables.INGRESSES,
}
_MAKERS: Mapping[str, Callable[[Object[Any]], Rows]] = {
    "ServiceEntry": _service_entry,
    "WorkloadEntry": _workload_entry,
    "Service": service_rows,
    "Endpoints": _endpoints,
    "EndpointSlice": _endpoint_slice,
    "Pod": _pod,
    "Deployment": _deployment,
    "MeshConfig": _mesh_config,
    "IngressClass": _ingress_class,
}
