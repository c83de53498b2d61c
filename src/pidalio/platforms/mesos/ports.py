"""Ports of tasks as callers know them. Pure.

The number is, in this order: what the port's label `mesh.port` says, the port of its VIP label, Marathon's service
port, the port inside a container; a host port counts only where Mesos did not hand it out at random. Where nothing
of this is, it is 0 and the settings say one.
The protocol is what the label `mesh.protocol` says, else what the port's name begins with.
"""

from collections.abc import Mapping

from pidalio.platforms.mesos.instances import PORT, PROTOCOL, SpecPort, vip
from pidalio.store.protocols import port_protocol, protocol_named


def spec_port(
    labels: Mapping[str, str],
    *,
    position: int,
    name: str = "",
    transport: str = "tcp",
    stable: int = 0,
    inside: int = 0,
) -> SpecPort:
    """Return the port at this place of an app's list; `stable` is the number that the platform gives callers."""
    virtual = [vip(value) for key, value in sorted(labels.items()) if key.startswith("VIP_")]
    stated = labels.get(PORT, "")
    number = int(stated) if stated.isascii() and stated.isdigit() and 0 < int(stated) < 65536 else 0
    number = number or next((port for _, port in virtual if port), 0) or stable or inside
    addresses = tuple(dict.fromkeys(address for address, port in virtual if address and port == number))
    protocol = protocol_named(labels.get(PROTOCOL, "")) or port_protocol(number, name, transport=_single(transport))
    return SpecPort(number, name or f"port-{position}", protocol, inside, addresses)


def _single(transport: str) -> str:
    """Return `udp` only where nothing else is spoken: Marathon's `udp,tcp` is TCP to a proxy."""
    return "udp" if transport.lower() == "udp" else "tcp"
