"""Marathon's pods, as instances: one for each container that has endpoints, named as its Mesos task.

Malformed parts do not decode (`msgspec.ValidationError`). Pure.
Source: Marathon, REST API v2, `PodStatus`.
"""

from collections.abc import Iterable

import msgspec

from pidalio.model import Health, Locality
from pidalio.platforms.mesos.apps import CONTAINER, HOST, Network
from pidalio.platforms.mesos.instances import ROUTABLE, SERVICE, Instance, PortNumber, Spec, kept_labels, reversed_path
from pidalio.platforms.mesos.ports import spec_port


class PodEndpoint(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """A port of a container."""

    name: str
    container_port: PortNumber | None = None
    host_port: PortNumber | None = None
    protocol: tuple[str, ...] | None = None
    labels: dict[str, str] | None = None


class PodContainer(msgspec.Struct, frozen=True, gc=False):
    """A container of a pod's definition."""

    name: str
    endpoints: tuple[PodEndpoint, ...] | None = None
    labels: dict[str, str] | None = None


class PodSpec(msgspec.Struct, frozen=True, gc=False):
    """A pod's definition."""

    id: str
    labels: dict[str, str] | None = None
    networks: tuple[Network, ...] | None = None
    containers: tuple[PodContainer, ...] = ()

    @property
    def mode(self) -> str:
        """Return the network mode."""
        return self.networks[0].mode if self.networks else HOST


class EndpointStatus(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """Where an endpoint is on its host, and what its check says."""

    name: str
    allocated_host_port: PortNumber | None = None
    healthy: bool | None = None


class ContainerState(msgspec.Struct, frozen=True, gc=False):
    """How a container is."""

    name: str
    status: str = ""
    endpoints: tuple[EndpointStatus, ...] | None = None


class PodNetwork(msgspec.Struct, frozen=True, gc=False):
    """A network that an instance is in."""

    addresses: tuple[str, ...] | None = None


class PodInstance(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """One instance of a pod."""

    id: str
    agent_hostname: str = ""
    agent_region: str | None = None
    agent_zone: str | None = None
    networks: tuple[PodNetwork, ...] | None = None
    containers: tuple[ContainerState, ...] | None = None


class Pod(msgspec.Struct, frozen=True, gc=False):
    """One pod; instances that an older version started come under `spec` of their own only by version."""

    id: str
    spec: PodSpec
    instances: tuple[msgspec.Raw, ...] | None = None


def specs_of(pod: Pod, framework: str) -> dict[str, Spec]:
    """Return what callers see of a pod, by container; "" stands for the pod as a whole."""
    labels = pod.spec.labels or {}
    whole = Spec(
        framework=framework,
        name=reversed_path(pod.id),
        ports=(),
        labels=kept_labels(labels.items()),
        service=labels.get(SERVICE, ""),
        in_container=pod.spec.mode == CONTAINER,
    )
    found: dict[str, Spec] = {}
    for box in pod.spec.containers:
        if box.endpoints:
            ports = tuple(
                spec_port(
                    one.labels or {},
                    position=at,
                    name=one.name,
                    transport=(one.protocol or ("tcp",))[0],
                    stable=one.host_port or 0,
                    inside=one.container_port or 0,
                )
                for at, one in enumerate(box.endpoints)
            )
            found[box.name] = msgspec.structs.replace(
                whole, ports=ports, labels=kept_labels((*labels.items(), *(box.labels or {}).items()))
            )
    every = tuple(port for one in found.values() for port in one.ports)
    return {"": msgspec.structs.replace(whole, ports=every), **found}


def instances_of(one: PodInstance, specs: dict[str, Spec]) -> Iterable[Instance]:
    """Yield what can be called of one instance of a pod."""
    address = next((found for net in one.networks or () for found in net.addresses or ()), "")
    for box in one.containers or ():
        if (spec := specs.get(box.name)) is None or box.status not in ROUTABLE:
            continue
        told = {each.name: each for each in box.endpoints or ()}
        ports = [told[port.name].allocated_host_port or 0 if port.name in told else 0 for port in spec.ports]
        is_well = all(each.healthy is not False for each in told.values())
        yield Instance(
            id=f"{one.id}.{box.name}",
            spec=spec,
            host=one.agent_hostname,
            host_ports=tuple(ports),
            address=address,
            state=ROUTABLE[box.status],
            health=Health.HEALTHY if is_well else Health.UNHEALTHY,
            locality=Locality(one.agent_region or "", one.agent_zone or ""),
            node=one.agent_hostname,
        )
