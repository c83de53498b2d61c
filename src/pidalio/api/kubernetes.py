"""Kubernetes' own kinds, so far as Pidalio reads them; every other field is ignored.

Each struct holds spec and status side by side where the object itself has no `spec` (Endpoints, EndpointSlice).
"""

import msgspec

from pidalio.api.scalars import IntOrString, Message, StringMap


class KubeServicePort(Message, frozen=True):
    """A service's port; `target_port` is a number or a name, empty for the same number."""

    name: str = ""
    protocol: str = ""
    port: int = 0
    target_port: IntOrString = ""
    node_port: int = 0
    app_protocol: str = ""


class Service(Message, frozen=True):
    """A Kubernetes Service; `cluster_ip` is `None` (the word) when it is headless."""

    type: str = ""
    cluster_ip: str = msgspec.field(default="", name="clusterIP")
    cluster_ips: tuple[str, ...] = msgspec.field(default=(), name="clusterIPs")
    ports: tuple[KubeServicePort, ...] = ()
    selector: StringMap = ()
    external_name: str = ""
    external_ips: tuple[str, ...] = msgspec.field(default=(), name="externalIPs")
    session_affinity: str = ""
    publish_not_ready_addresses: bool = False
    internal_traffic_policy: str = ""
    traffic_distribution: str = ""


class ObjectReference(Message, frozen=True):
    """The object that an address stands for."""

    kind: str = ""
    name: str = ""


class EndpointAddress(Message, frozen=True):
    """One address of an Endpoints object."""

    ip: str = ""
    hostname: str = ""
    node_name: str = ""
    target_ref: ObjectReference | None = None


class EndpointPort(Message, frozen=True):
    """A port of Endpoints or EndpointSlice."""

    name: str = ""
    port: int = 0


class EndpointSubset(Message, frozen=True):
    """Addresses that share ports."""

    addresses: tuple[EndpointAddress, ...] = ()
    not_ready_addresses: tuple[EndpointAddress, ...] = ()
    ports: tuple[EndpointPort, ...] = ()


class Endpoints(Message, frozen=True):
    """The instances of the service of the same name."""

    subsets: tuple[EndpointSubset, ...] = ()


class EndpointConditions(Message, frozen=True):
    """The state of a slice's endpoint; `ready` None means ready."""

    ready: bool | None = None
    serving: bool | None = None
    terminating: bool | None = None


class SliceEndpoint(Message, frozen=True):
    """One endpoint of a slice."""

    addresses: tuple[str, ...] = ()
    conditions: EndpointConditions | None = None
    hostname: str = ""
    node_name: str = ""
    zone: str = ""
    target_ref: ObjectReference | None = None


class EndpointSlice(Message, frozen=True):
    """A part of a service's instances; the service is named by the label `kubernetes.io/service-name`."""

    endpoints: tuple[SliceEndpoint, ...] = ()
    ports: tuple[EndpointPort, ...] = ()


class ContainerPort(Message, frozen=True):
    """A port that a container names."""

    name: str = ""
    container_port: int = 0


class Container(Message, frozen=True):
    """A container, so far as ports need it."""

    ports: tuple[ContainerPort, ...] = ()


class PodCondition(Message, frozen=True):
    """One condition, `True`, `False` or `Unknown`."""

    type: str = ""
    status: str = ""


class PodStatus(Message, frozen=True):
    """What the platform says of a running pod."""

    phase: str = ""
    pod_ip: str = msgspec.field(default="", name="podIP")
    conditions: tuple[PodCondition, ...] = ()


class PodSpec(Message, frozen=True):
    """What a pod asks for."""

    node_name: str = ""
    hostname: str = ""
    containers: tuple[Container, ...] = ()


class Pod(Message, frozen=True):
    """A pod: `spec` and `status` together, because its address is status."""

    spec: PodSpec | None = None
    status: PodStatus | None = None


class PodMetadata(Message, frozen=True):
    """A template's metadata."""

    labels: StringMap = ()


class TemplateSpec(Message, frozen=True):
    """What a template's pods ask for."""

    containers: tuple[Container, ...] = ()


class PodTemplate(Message, frozen=True):
    """What a Deployment's pods look like."""

    metadata: PodMetadata | None = None
    spec: TemplateSpec | None = None


class Deployment(Message, frozen=True):
    """A set of equal pods, of which only the template counts."""

    template: PodTemplate | None = None


class IngressServicePort(Message, frozen=True):
    """A backend's port by number or name."""

    number: int = 0
    name: str = ""


class IngressServiceBackend(Message, frozen=True):
    """A backend service."""

    name: str = ""
    port: IngressServicePort | None = None


class IngressBackend(Message, frozen=True):
    """Where an Ingress path leads."""

    service: IngressServiceBackend | None = None


class HTTPIngressPath(Message, frozen=True):
    """A path; `path_type` is Exact, Prefix or ImplementationSpecific."""

    path: str = ""
    path_type: str = ""
    backend: IngressBackend | None = None


class HTTPIngressRuleValue(Message, frozen=True):
    """The paths of a host."""

    paths: tuple[HTTPIngressPath, ...] = ()


class IngressRule(Message, frozen=True):
    """One host's paths; an empty host means all."""

    host: str = ""
    http: HTTPIngressRuleValue | None = None


class IngressTLS(Message, frozen=True):
    """Hosts under one certificate."""

    hosts: tuple[str, ...] = ()
    secret_name: str = ""


class Ingress(Message, frozen=True):
    """A Kubernetes Ingress."""

    ingress_class_name: str = ""
    default_backend: IngressBackend | None = None
    tls: tuple[IngressTLS, ...] = ()
    rules: tuple[IngressRule, ...] = ()


class IngressClass(Message, frozen=True):
    """Which controller implements Ingresses of this class."""

    controller: str = ""
