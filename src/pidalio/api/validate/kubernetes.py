"""What Kubernetes' own kinds must hold to mean something: the platform's API checks it, and files may say anything.

A single name among the addresses of endpoints, or a number that is no port, would have Envoy refuse the whole service.
"""

from collections.abc import Iterable

from pidalio.api import kubernetes
from pidalio.api.findings import Findings
from pidalio.api.names import is_address
from pidalio.api.object import Meta
from pidalio.api.resilience import WORDS
from pidalio.api.validate.values import check_optional_port, check_port

_WORDS = {
    "internalTrafficPolicy": ("Cluster", "Local"),
    "trafficDistribution": ("PreferClose", "PreferSameZone", "PreferSameNode"),
}
"""The words that fields of a Service may hold; the platform may come to know others, which mean nothing here."""


def validate_service(spec: kubernetes.Service, meta: Meta, found: Findings) -> None:
    """Note what is wrong with the addresses of a Service, and words in it that have no effect."""
    if spec.type == "ExternalName":
        for name in (name for name, _ in meta.annotations if name in WORDS):
            message = f"{name} means nothing on a second name: it goes on the service that it stands for"
            found.warning("misplaced-annotation", "externalName", message)
        return
    stated = {"clusterIP": spec.cluster_ip}
    stated |= {f"clusterIPs[{index}]": one for index, one in enumerate(spec.cluster_ips)}
    for path, address in stated.items():
        if address not in ("", "None") and not is_address(address):
            found.error("bad-address", path, f"{address!r} is neither an IP address nor None")
    for index, port in enumerate(spec.ports):
        check_port(port.port, f"ports[{index}].port", found)
        if port.target_port.removeprefix("-").isdigit():
            check_port(int(port.target_port), f"ports[{index}].targetPort", found)
    words = {"internalTrafficPolicy": spec.internal_traffic_policy, "trafficDistribution": spec.traffic_distribution}
    for path, word in words.items():
        if word and word not in _WORDS[path]:
            message = f"{word!r} has no effect: it is not one of {', '.join(_WORDS[path])}"
            found.warning("unknown-value", path, message)


def validate_endpoints(spec: kubernetes.Endpoints, _meta: Meta, found: Findings) -> None:
    """Note everything that is wrong with the addresses of Endpoints."""
    for index, subset in enumerate(spec.subsets):
        for field, addresses in (("addresses", subset.addresses), ("notReadyAddresses", subset.not_ready_addresses)):
            for position, one in enumerate(addresses):
                _check(one.ip, f"subsets[{index}].{field}[{position}].ip", found)
        _check_ports(subset.ports, f"subsets[{index}].ports", found)


def validate_endpoint_slice(spec: kubernetes.EndpointSlice, _meta: Meta, found: Findings) -> None:
    """Note everything that is wrong with the addresses of an EndpointSlice."""
    for index, endpoint in enumerate(spec.endpoints):
        for position, address in enumerate(endpoint.addresses):
            _check(address, f"endpoints[{index}].addresses[{position}]", found)
    _check_ports(spec.ports, "ports", found)


def validate_pod(spec: kubernetes.Pod, _meta: Meta, found: Findings) -> None:
    """Note everything that is wrong with the address of a Pod, which it may not have yet, and with its ports."""
    if spec.status and spec.status.pod_ip:
        _check(spec.status.pod_ip, "status.podIP", found)
    if spec.spec:
        _check_containers(spec.spec.containers, "spec.containers", found)


def validate_deployment(spec: kubernetes.Deployment, _meta: Meta, found: Findings) -> None:
    """Note everything that is wrong with the ports of a Deployment's pods."""
    if spec.template and spec.template.spec:
        _check_containers(spec.template.spec.containers, "template.spec.containers", found)


def _check_containers(containers: tuple[kubernetes.Container, ...], path: str, found: Findings) -> None:
    for index, container in enumerate(containers):
        for position, port in enumerate(container.ports):
            check_optional_port(port.container_port, f"{path}[{index}].ports[{position}].containerPort", found)


def _check_ports(ports: Iterable[kubernetes.EndpointPort], path: str, found: Findings) -> None:
    """Note numbers that are no ports; a slice that names none has all."""
    for index, port in enumerate(ports):
        check_optional_port(port.port, f"{path}[{index}].port", found)


def _check(address: str, path: str, found: Findings) -> None:
    if not is_address(address):
        message = f"{address!r} is no IP address: for a name, write a ServiceEntry with resolution DNS"
        found.error("bad-address", path, message)
