"""Which address and ports a local instance gets: arithmetic on names and positions, no network.

On Linux every address of 127/8 is there without configuration, so each instance has one of its own, and its services
keep their port numbers. Elsewhere only 127.0.0.1 is, and each instance has sixteen ports of it instead.
Invariant: the same mesh folder and the same order give the same addresses, live and offline.
`agent.addresses` finds out which subnets are free.
"""

import hashlib
from collections.abc import Iterator, Sequence

import msgspec

from pidalio.errors import UsageError

OUTBOUND_PORT = 15001
INSTANCES = 254
UNPRIVILEGED_SHIFT = 8000
_BLOCK = 16
_FIRST_BLOCK_PORT = 10000
_BLOCKS_PORTS = 4096


class Subnet(msgspec.Struct, frozen=True):
    """The addresses of one mesh: `prefix` is three numbers (`127.23.7`); or `first_port` on 127.0.0.1, prefix empty.

    Ports below `lowest_port` cannot be bound and are shifted by 8000.
    """

    prefix: str = ""
    first_port: int = 0
    lowest_port: int = 1024


class Placement(msgspec.Struct, frozen=True):
    """Where one instance is: its address, its explicit proxy port, and (declared, bound) port pairs.

    `redirected_to` is the port to which the system redirects calls of the instance, 0 where its ports are bound.
    """

    address: str
    outbound: str
    ports: tuple[tuple[int, int], ...] = ()
    redirected_to: int = 0

    @property
    def doors(self) -> list[tuple[str, int]]:
        """Return the addresses and ports at which the sidecar takes calls of the instance."""
        if self.redirected_to:
            return [("0.0.0.0", self.redirected_to)]  # noqa: S104 - where Envoy listens; nothing is bound by this
        return [(self.address, port) for _, port in self.ports]

    @property
    def is_moved(self) -> bool:
        """Tell whether some port is another than the declared one."""
        return any(declared != bound for declared, bound in self.ports)

    def bound(self, declared: int) -> int:
        """Return the port on which the instance is reached when its service targets `declared`."""
        return dict(self.ports).get(declared, declared)


def subnets(mesh: str, *, own_addresses: bool = True, lowest_port: int = 1024) -> Iterator[Subnet]:
    """Yield the subnets that the mesh of this folder tries, in order; the first is what offline commands assume."""
    seed = int.from_bytes(hashlib.sha256(mesh.encode()).digest()[:8], "big")
    if own_addresses:
        for attempt in range(64):
            second, third = divmod((seed + attempt * 7919) % (253 * 256), 256)
            yield Subnet(prefix=f"127.{second + 2}.{third}", lowest_port=lowest_port)  # 127.0 and 127.1 have owners
        return
    for attempt in range(5):
        first = _FIRST_BLOCK_PORT + (seed + attempt) % 5 * _BLOCKS_PORTS
        yield Subnet(first_port=first, lowest_port=lowest_port)


def placement(subnet: Subnet, position: int, ports: Sequence[int]) -> Placement:
    """Return where the instance at `position` (from 0) of a mesh is; raise `UsageError` beyond 254 instances."""
    if not 0 <= position < INSTANCES:
        raise UsageError(f"one mesh runs at most {INSTANCES} local instances: start fewer, or a second mesh")
    if subnet.prefix:
        address = f"{subnet.prefix}.{position + 1}"
        shifted = tuple((port, shifted_port(port, subnet.lowest_port)) for port in ports)
        return Placement(address, f"{address}:{OUTBOUND_PORT}", shifted)
    if len(ports) >= _BLOCK:
        raise UsageError(f"a local instance has at most {_BLOCK - 1} ports on this system")
    first = subnet.first_port + position * _BLOCK
    bound = tuple((port, first + index) for index, port in enumerate(ports))
    return Placement("127.0.0.1", f"127.0.0.1:{first + _BLOCK - 1}", bound)


def shifted_port(port: int, lowest_port: int) -> int:
    """Return the port itself, or where it listens instead when this user may not bind it."""
    return port if port >= lowest_port else port + UNPRIVILEGED_SHIFT
