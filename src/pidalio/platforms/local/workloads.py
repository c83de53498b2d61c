"""`LocalWorkload` objects as instances, and instances as the `model.Workload` rows of the mesh.

Pure: `up` asks for the rows of what really runs, offline commands for the rows of what would run.
Invariant: both number and name instances alike, `<workload>-<index>`, in the order of namespace, name and index.
"""

from collections.abc import Iterable

import msgspec

from pidalio.api.annotations import PROXY_CONFIG
from pidalio.api.local_workload import LocalWorkload, WorkloadPort
from pidalio.api.object import Object
from pidalio.api.workload_entry import ReadinessProbe
from pidalio.model import Health, Labels, Locality, ObjectRef, Report, Severity, Source, Workload
from pidalio.platforms.local.addresses import INSTANCES, Placement, Subnet, placement


class LocalInstance(msgspec.Struct, frozen=True):
    """One replica of a `LocalWorkload`: everything that starting it needs; equal when nothing must be restarted."""

    object: ObjectRef
    index: int
    labels: Labels = ()
    command: tuple[str, ...] = ()
    ports: tuple[WorkloadPort, ...] = ()
    environment: Labels = ()
    probe: ReadinessProbe | None = None
    service_account: str = ""
    locality: Locality = Locality()
    working_directory: str = ""
    proxy_config: str = ""
    """The annotation `proxy.istio.io/config`: settings of its Envoy."""
    stated_ports: tuple[tuple[str, int], ...] = ()
    """Ports of services by name, and where this instance serves them whatever the service targets (WorkloadGroup)."""
    weight: int = 0
    network: str = ""

    @property
    def name(self) -> str:
        """Return `<workload>-<index>`."""
        return f"{self.object.name}-{self.index}"

    @property
    def namespace(self) -> str:
        """Return the namespace of its object."""
        return self.object.namespace

    @property
    def id(self) -> str:
        """Return `<name>.<namespace>`, unique in a mesh."""
        return f"{self.name}.{self.namespace}"

    @property
    def port_numbers(self) -> tuple[int, ...]:
        """Return the declared ports in the order in which they were written; the first is `PORT`."""
        return tuple(port.port for port in self.ports)


class Planned(msgspec.Struct, frozen=True):
    """What would run: rows, the placement of each by name and namespace, and what was left out."""

    workloads: tuple[Workload, ...] = ()
    placements: tuple[tuple[LocalInstance, Placement], ...] = ()
    reports: tuple[Report, ...] = ()


def instances(objects: Iterable[Object[LocalWorkload]]) -> tuple[LocalInstance, ...]:
    """Return every replica of the objects, in the order in which addresses are given."""
    found = (_instance(each, index) for each in objects for index in range(_replicas(each.spec)))
    return tuple(sorted(found, key=lambda one: (one.namespace, one.object.name, one.index)))


def planned_workloads(objects: Iterable[Object[LocalWorkload]], subnet: Subnet) -> Planned:
    """Return the rows that `up` would register for the objects, all healthy; those beyond the subnet are reported."""
    every = instances(objects)
    placed = tuple(
        (one, placement(subnet, position, one.port_numbers)) for position, one in enumerate(every[:INSTANCES])
    )
    rows = tuple(workload_row(one, where) for one, where in placed)
    left_out = dict.fromkeys(one.object for one in every[INSTANCES:])
    return Planned(rows, placed, tuple(_too_many(name) for name in left_out))


def workload_row(instance: LocalInstance, where: Placement, health: Health = Health.HEALTHY) -> Workload:
    """Return the instance as every platform reports one; ports that could not be had are moved."""
    return Workload(
        name=instance.name,
        namespace=instance.namespace,
        address=where.address,
        labels=instance.labels,
        ports=instance.stated_ports,
        named_ports=tuple((port.name, port.port) for port in instance.ports if port.name),
        moved_ports=tuple((declared, bound) for declared, bound in where.ports if declared != bound),
        weight=instance.weight,
        locality=instance.locality,
        health=health,
        service_account=instance.service_account,
        network=instance.network,
        object=instance.object,
        source=Source.AGENT,
    )


def _replicas(spec: LocalWorkload) -> int:
    return 1 if spec.replicas is None else max(0, spec.replicas)


def _instance(source: Object[LocalWorkload], index: int) -> LocalInstance:
    spec = source.spec
    return LocalInstance(
        object=source.ref,
        index=index,
        labels=tuple(sorted(spec.labels)),
        command=spec.command,
        ports=spec.ports,
        environment=spec.environment,
        probe=spec.probe,
        service_account=spec.service_account,
        locality=Locality(*spec.locality.split("/", 2)) if spec.locality else Locality(),
        working_directory=spec.working_directory,
        proxy_config=dict(source.meta.annotations).get(PROXY_CONFIG, ""),
    )


def _too_many(name: ObjectRef) -> Report:
    message = f"one mesh runs at most {INSTANCES} local instances; some replicas are not started: lower replicas"
    return Report(Severity.ERROR, "too-many-instances", message, name, "spec.replicas")
