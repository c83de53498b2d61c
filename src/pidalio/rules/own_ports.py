"""The addresses and ports that a sidecar has for itself, and the egress listeners that would bind them too.

A sidecar takes its workload's connections on ports of its own; an egress listener on one of them would take their
place, or be refused by the system, depending on which comes first. So the sidecar's own stay, and the others are left
out of what it opens: they are told as conflicts.
"""

from pidalio.derive import Database, derived
from pidalio.model import Mode, Proxy
from pidalio.rules import mesh
from pidalio.rules.egress import UNSPECIFIED, http_proxy, ways_out
from pidalio.rules.inbound import inbound_ports
from pidalio.rules.inbound_listeners import is_redirected
from pidalio.rules.outbound_ports import OutboundPort, outbound_side

_EVERY = frozenset({UNSPECIFIED, "::"})


def left_out(world: Database, proxy: Proxy) -> tuple[OutboundPort, ...]:
    """Return the bound egress ports of a sidecar that it cannot open, because it has their addresses for itself."""
    bound = [port for port in outbound_side(world, ways_out(world, proxy)).ports if not port.captured]
    own = _own_ports(world, proxy) if bound else ()
    return tuple(one for one in bound if any(_meet(one.address, one.port, *each) for each in own))


@derived
def _own_ports(world: Database, proxy: Proxy) -> tuple[tuple[str, int], ...]:
    """Return address and port of each listener that takes connections to the workload, or redirected ones."""
    opened = (one for one in inbound_ports(world, proxy) if not is_redirected(proxy, one))
    found = {(one.bind or proxy.address, one.number) for one in opened}
    if address := http_proxy(world, proxy):
        host, _, number = address.rpartition(":")
        found.add((host, int(number)))
    if proxy.mode is Mode.TRANSPARENT:
        found |= {(UNSPECIFIED, mesh.outbound_port(world)), (UNSPECIFIED, mesh.inbound_port(world))}
    return tuple(sorted(found))


def _meet(address: str, port: int, other: str, number: int) -> bool:
    return port == number and (address == other or (port > 0 and bool(_EVERY & {address, other})))
