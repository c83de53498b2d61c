"""What Kubernetes' own objects mean as rows: the same whether they come from a file or from an API server.

Pure. Source of the mappings: Istio's documented model of Kubernetes (reference §1.4); Kubernetes' EndpointSlice API.
"""

from collections.abc import Iterator
from typing import Any, Final

from pidalio.api import kubernetes
from pidalio.api.object import Meta, Object
from pidalio.api.resilience import heeds_callers, profile_of
from pidalio.derive import Table
from pidalio.model import (
    NETWORK,
    Alias,
    Endpoint,
    Health,
    Locality,
    Nearness,
    ObjectRef,
    Port,
    Service,
    Workload,
    labelled_locality,
    labels_of,
)
from pidalio.store import tables
from pidalio.store.hosts import DOMAIN, canonical_address, kubernetes_host
from pidalio.store.protocols import port_protocol

SERVICE_NAME: Final = "kubernetes.io/service-name"
"""The label by which an EndpointSlice names its service."""
_NEARNESS: Final = {
    "PreferClose": Nearness.SAME_ZONE,
    "PreferSameZone": Nearness.SAME_ZONE,
    "PreferSameNode": Nearness.SAME_NODE,
}
_ENDED: Final = ("Succeeded", "Failed")


def service_rows(
    item: Object[kubernetes.Service], domain: str = DOMAIN, by: str = ""
) -> dict[Table[Any, Any], dict[Any, Any]]:
    """Return the row of a Service; `by` says who declares it (else the object itself)."""
    spec, namespace = item.spec, item.meta.namespace
    host = kubernetes_host(item.meta.name, namespace, domain)
    key = (host, namespace, by or str(item.ref))
    if spec.type == "ExternalName":
        target = spec.external_name.lower().removesuffix(".")
        return {tables.ALIASES: {key: Alias(host, target, item.ref)}} if target else {}
    export = dict(item.meta.annotations).get("networking.istio.io/exportTo", "")
    addresses = spec.cluster_ips or ((spec.cluster_ip,) if spec.cluster_ip else ())
    service = Service(
        hostname=host,
        namespace=namespace,
        ports=tuple(_port(port) for port in spec.ports),
        registry="Kubernetes",
        object=item.ref,
        addresses=tuple(canonical_address(one) for one in addresses if one not in ("None", "")),
        headless=spec.cluster_ip == "None",
        export_to=tuple(part.strip() for part in export.split(",") if part.strip()),
        selector=labels_of(spec.selector) or None,
        created=item.meta.created,
        node_local=spec.internal_traffic_policy == "Local",
        publish_not_ready=spec.publish_not_ready_addresses,
        prefers=_NEARNESS.get(spec.traffic_distribution, Nearness.ANYWHERE),
        profile=profile_of(item.meta.annotations),
        heeds_callers=heeds_callers(item.meta.annotations),
    )
    return {tables.SERVICES: {key: service}}


def _port(port: kubernetes.KubeServicePort) -> Port:
    number = int(port.target_port) if port.target_port.isdigit() else 0
    return Port(
        number=port.port,
        name=port.name,
        protocol=port_protocol(port.port, port.name, port.app_protocol, port.protocol or "TCP"),
        target_port=number,
        target_port_name="" if number else port.target_port,
    )


def slice_members(
    spec: kubernetes.EndpointSlice,
) -> Iterator[tuple[kubernetes.SliceEndpoint, kubernetes.EndpointPort]]:
    """Yield each endpoint of a slice with each of its ports.

    Of several addresses of one endpoint the first counts, as everywhere in Kubernetes.
    """
    return ((one, port) for one in spec.endpoints if one.addresses for port in spec.ports if port.port)


def slice_endpoint(one: kubernetes.SliceEndpoint, port: kubernetes.EndpointPort) -> Endpoint:
    """Return an endpoint of a slice at one of its ports, as far as the slice itself tells."""
    return Endpoint(
        one.addresses[0],
        port.port,
        0,
        port_name=port.name,
        health=slice_health(one.conditions),
        workload=workload_of(one.target_ref),
        locality=Locality("", one.zone),
        hostname=one.hostname,
        node=one.node_name,
    )


def workload_of(target: kubernetes.ObjectReference | None) -> str:
    """Return the name of the pod that an address stands for, empty where it stands for something else."""
    return target.name if target and target.kind == "Pod" else ""


def slice_health(conditions: kubernetes.EndpointConditions | None) -> Health:
    """Return the health that conditions mean; unknown is ready."""
    if conditions is None or conditions.ready is None or conditions.ready:
        return Health.HEALTHY
    return Health.DRAINING if conditions.terminating and conditions.serving else Health.UNHEALTHY


def pod_workload(meta: Meta, pod: kubernetes.Pod) -> Workload | None:
    """Return a pod as a workload, None for one that has ended."""
    status, spec = pod.status, pod.spec
    if status and status.phase in _ENDED:
        return None
    labels = dict(meta.labels)
    return Workload(
        name=meta.name,
        namespace=meta.namespace,
        address=status.pod_ip if status else "",
        labels=meta.labels,
        named_ports=container_ports(spec),
        locality=labelled_locality(labels),
        health=_pod_health(meta, status),
        network=labels.get(NETWORK, ""),
        object=ObjectRef("Pod", meta.namespace, meta.name),
        hostname=spec.hostname if spec else "",
        node=spec.node_name if spec else "",
    )


def _pod_health(meta: Meta, status: kubernetes.PodStatus | None) -> Health:
    """Return the health of a pod: one that is being removed finishes what it has and gets nothing new."""
    if status and any(one.status == "False" for one in status.conditions if one.type == "Ready"):
        return Health.UNHEALTHY
    return Health.DRAINING if meta.deleting else Health.HEALTHY


def container_ports(spec: kubernetes.PodSpec | kubernetes.TemplateSpec | None) -> tuple[tuple[str, int], ...]:
    """Return the ports that containers name."""
    ports = (port for container in (spec.containers if spec else ()) for port in container.ports)
    return tuple(sorted((port.name, port.container_port) for port in ports if port.name))
