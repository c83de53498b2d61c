"""ServiceEntry: a service that no platform registers, or an outside one (reference §1.4)."""

import enum

from pidalio.api.scalars import Message
from pidalio.api.strings import WorkloadSelector
from pidalio.api.workload_entry import WorkloadEntry


class Location(enum.Enum):
    """Whether instances belong to the mesh."""

    MESH_EXTERNAL = "MESH_EXTERNAL"
    MESH_INTERNAL = "MESH_INTERNAL"


class EntryResolution(enum.Enum):
    """How instances are found."""

    NONE = "NONE"
    STATIC = "STATIC"
    DNS = "DNS"
    DNS_ROUND_ROBIN = "DNS_ROUND_ROBIN"
    DYNAMIC_DNS = "DYNAMIC_DNS"


class ServicePort(Message, frozen=True):
    """A port of the service; `target_port` 0 means the same number."""

    number: int = 0
    protocol: str = ""
    name: str = ""
    target_port: int = 0


class ServiceEntry(Message, frozen=True):
    """One service per host; `endpoints` and `workload_selector` exclude each other."""

    hosts: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    ports: tuple[ServicePort, ...] = ()
    location: Location = Location.MESH_EXTERNAL
    resolution: EntryResolution = EntryResolution.NONE
    endpoints: tuple[WorkloadEntry, ...] = ()
    workload_selector: WorkloadSelector | None = None
    export_to: tuple[str, ...] = ()
    subject_alt_names: tuple[str, ...] = ()
