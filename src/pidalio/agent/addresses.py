"""Hand out loopback addresses to the instances of one mesh: the effectful half of `platforms.local.addresses`.

Invariant: two meshes on one machine never share a subnet, and an instance keeps its address for as long as it is
leased; an address given back is the last to be used again, for callers may still remember whom it belonged to.
"""

import os
import socket
import sys
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from pidalio.errors import PortInUse
from pidalio.platforms.local.addresses import INSTANCES, Placement, Subnet, placement, subnets

LINUX = sys.platform == "linux"
_APP_PORTS = range(20000, 32000)  # below the ports that systems give to outgoing connections
_NET_BIND_SERVICE = 10  # the bit of the capability that low ports need (capabilities(7), linux/capability.h)


class AddressPool:
    """The subnet of one mesh, held until `close` or the end of this process."""

    def __init__(self, mesh: Path, *, own_addresses: bool = LINUX) -> None:
        seed = str(mesh.resolve())
        for subnet in subnets(seed, own_addresses=own_addresses, lowest_port=lowest_port()):
            claim = _claim(subnet)
            if claim is not None:
                self.subnet, self._claim = subnet, claim
                break
        else:
            raise PortInUse("every loopback subnet is taken by another mesh: stop one of them")
        self._unused: deque[int] = deque(range(INSTANCES))
        self._leases: dict[str, tuple[int, Placement]] = {}
        self._app_ports: dict[tuple[str, int], int] = {}

    def lease(self, instance: str, ports: Sequence[int]) -> Placement:
        """Return where `instance` is reached; the same again while it holds its lease. Raise `UsageError` when full."""
        held = self._leases.get(instance)
        position = held[0] if held else (self._unused[0] if self._unused else INSTANCES)
        placed = placement(self.subnet, position, ports)
        if held is None:
            self._unused.popleft()
        self._leases[instance] = (position, placed)
        return placed

    def release(self, instance: str) -> None:
        """Take the instance's address back, and the ports of its application."""
        held = self._leases.pop(instance, None)
        if held is not None:
            self._unused.append(held[0])
        for key in [key for key in self._app_ports if key[0] == instance]:
            del self._app_ports[key]

    def app_port(self, instance: str, declared: int) -> int:
        """Return the port on which the application of `instance` is told to listen; it keeps it while it is leased."""
        key = (instance, declared)
        if key not in self._app_ports:
            self._app_ports[key] = self._free_app_port()
        return self._app_ports[key]

    def close(self) -> None:
        """Let others have the subnet."""
        self._claim.close()

    def _free_app_port(self) -> int:
        taken = set(self._app_ports.values())
        start = int.from_bytes(os.urandom(4), "big") % len(_APP_PORTS)
        for offset in range(len(_APP_PORTS)):
            port = _APP_PORTS[(start + offset) % len(_APP_PORTS)]
            if port not in taken and _can_bind(port):
                return port
        raise PortInUse(f"no port between {_APP_PORTS.start} and {_APP_PORTS.stop} is free for an application")


def lowest_port() -> int:
    """Return the lowest port that this process may bind; root in a container may lack the right to low ones."""
    if os.geteuid() == 0 and _may_bind_any():
        return 1
    try:
        return int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text())
    except OSError:
        return 1024 if LINUX else 1


def _may_bind_any() -> bool:
    """Tell whether root has CAP_NET_BIND_SERVICE; yes where the system does not say."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return True
    held = [line.split()[1] for line in status.splitlines() if line.startswith("CapEff:")]
    return not held or bool(int(held[0], 16) >> _NET_BIND_SERVICE & 1)


def _claim(subnet: Subnet) -> socket.socket | None:
    """Hold a name that no second mesh can hold: abstract on Linux, else the last port of the block."""
    if subnet.prefix and LINUX:
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        name: str | tuple[str, int] = f"\0pidalio/{subnet.prefix}"
    else:
        claim = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        name = ("127.0.0.1", subnet.first_port + INSTANCES * 16)
    try:
        claim.bind(name)
    except OSError:
        claim.close()
        return None
    return claim


def _can_bind(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.bind(("0.0.0.0", port))  # noqa: S104 - released at once: an application may bind every address
        except OSError:
            return False
    return True
