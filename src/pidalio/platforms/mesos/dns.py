"""What Mesos-DNS tells of tasks: names, addresses and ports, but neither labels nor health.

Ports are strings there, and names end with a dot. Pure. Source: Mesos-DNS, "HTTP interface".
"""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from pidalio.platforms.mesos.instances import Instance, Spec, is_address
from pidalio.platforms.mesos.ports import spec_port

_MOST: Final = 65_535


class Record(msgspec.Struct, frozen=True, gc=False):
    """One record of DNS."""

    name: str
    host: str
    rtype: str


class DnsTask(msgspec.Struct, frozen=True, gc=False):
    """A task."""

    name: str
    id: str
    records: tuple[Record, ...] | None = None


class DnsFramework(msgspec.Struct, frozen=True, gc=False):
    """A framework."""

    name: str
    tasks: tuple[msgspec.Raw, ...] | None = None


class Enumerated(msgspec.Struct, frozen=True, gc=False):
    """The answer of /v1/enumerate."""

    frameworks: tuple[DnsFramework, ...]


def instance_of(task: DnsTask, framework: str, specs: Mapping[str, Spec]) -> Instance | None:
    """Return a task as an instance, None without an address; `specs` are definitions known from elsewhere."""
    records = task.records or ()
    address = next((one.host for one in records if one.rtype == "A" and is_address(one.host)), "")
    if not address:
        return None
    places = _places(records)
    ports = tuple(
        spec_port({}, position=at, name=name, transport=transport) for at, (name, transport, _) in enumerate(places)
    )
    own = Spec(framework, task.name, ports)
    known = specs.get(own.group)
    if known is not None and len(known.ports) == len(places) and not known.in_container:
        own = msgspec.structs.replace(known, labels=())
    return Instance(task.id, own, address, tuple(number for *_, number in places))


def _places(records: Iterable[Record]) -> list[tuple[str, str, int]]:
    """Return name, transport and number of each port, by number: `_name._tcp…`, or `_port._name._tcp…`."""
    found: dict[int, tuple[str, str, int]] = {}
    for one in records:
        port = one.host.rpartition(":")[2]
        parts = one.name.split(".")
        if one.rtype != "SRV" or not (port.isascii() and port.isdigit() and 0 < int(port) <= _MOST):
            continue
        transport = next((part[1:] for part in parts if part in ("_tcp", "_udp")), "tcp")
        name = parts[0][1:] if len(parts) > 1 and parts[1].startswith("_") and parts[1] not in ("_tcp", "_udp") else ""
        known = found.get(int(port))
        if known is None or (name and not known[0]):
            found[int(port)] = (name, transport, int(port))
    return [found[number] for number in sorted(found)]
