"""Who takes connections: for what a rule asks of one, every filter chain that some such connection selects.

Connections are told apart by where literals part them: a range of addresses begins or ends, a name is stated or stands
below a wildcard. One of every kind is tried, and the simulator says which chain takes it, so that the answer is exact.
Where ranges part addresses the first of each piece stands for the whole: it begins a range or follows the end of one.
"""

import ipaddress
import itertools
from collections.abc import Iterator
from typing import TypeAlias

import msgspec

from pidalio.ir import FilterChainPlan, ListenerPlan
from pidalio.rules.matching import RouteContext
from pidalio.simulate.connection import Connection, chosen_chain

_UNSPECIFIED = ("0.0.0.0", "::")  # noqa: S104 - compared, not bound
_MOST_TRIED = 4000
_Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network


class Opening(msgspec.Struct, frozen=True, gc=False):
    """A listener where a rule was compiled for the connections of one service: `tls` rules with `is_tls`, else `tcp`.

    `subnet` is the range that the service stands for ("" for none); connections to the addresses `elsewhere` are
    another listener's.
    """

    listener: ListenerPlan
    context: RouteContext
    is_tls: bool
    subnet: str = ""
    elsewhere: tuple[str, ...] = ()


class Taken(msgspec.Struct, frozen=True, gc=False):
    """A chain (None: closed at once) and a connection that selects it."""

    chain: FilterChainPlan | None
    connection: Connection

    def is_by(self, name: str, subnet: str) -> bool:
        """Tell whether it is this server name and this range of the chain that fit best ("" for either: whatever)."""
        if self.chain is None:
            return False
        match = self.chain.match
        if name and name != next(
            (one for one in _ladder(self.connection.server_name) if one in match.server_names), ""
        ):
            return False
        if not subnet or not match.prefixes:
            return not subnet
        address = ipaddress.ip_address(self.connection.destination)
        fitting = [one for one in map(ipaddress.ip_network, match.prefixes) if address in one]
        return max(fitting, key=lambda one: one.prefixlen, default=None) == ipaddress.ip_network(subnet, strict=False)


def takers(opening: Opening, name: str, subnet: str) -> tuple[tuple[Taken, ...], bool]:
    """Return what takes the connections that ask for `name` and are for `subnet` ("" for any), and whether that is all.

    Each chain stands there once for each name and range of its that fits best.
    """
    listener = opening.listener
    kinds = itertools.product(_addresses(opening, subnet or opening.subnet), _hellos(listener, name))
    found: dict[object, Taken] = {}
    for address, hello in itertools.islice(kinds, _MOST_TRIED):
        connection = msgspec.structs.replace(hello, destination=address, port=listener.port)
        taken = Taken(chosen_chain(listener, connection), connection)
        found.setdefault((taken.chain, taken.is_by(name, subnet)), taken)
    return tuple(found.values()), next(kinds, None) is None


def _ladder(name: str) -> tuple[str, ...]:
    labels = name.split(".")
    return (name, *("*." + ".".join(labels[at:]) for at in range(1, len(labels))))


def _addresses(opening: Opening, subnet: str) -> list[str]:
    """Return an address of every kind: the listener's own, or those between which some range begins or ends."""
    listener = opening.listener
    within = ipaddress.ip_network(subnet, strict=False) if subnet else None
    if listener.address not in _UNSPECIFIED:
        is_there = within is None or ipaddress.ip_address(listener.address) in within
        return [listener.address] if is_there else []
    stated = [ipaddress.ip_network(one) for chain in listener.chains for one in chain.match.prefixes]
    singles = [
        ipaddress.ip_network(one) for one in dict.fromkeys((*_UNSPECIFIED, *opening.elsewhere)) if "/" not in one
    ]
    bounds: dict[str, None] = {}
    for one in (*([within] if within else ()), *stated, *singles):
        if within is None or (one.version == within.version and one.overlaps(within)):
            bounds.update(dict.fromkeys(_bounds(one)))
    closed = {*_UNSPECIFIED, *opening.elsewhere}
    return [one for one in bounds if one not in closed and (within is None or ipaddress.ip_address(one) in within)]


def _bounds(network: _Network) -> Iterator[str]:
    """Yield the first address of a range, and the first after it."""
    yield str(network.network_address)
    if int(network.broadcast_address) + 1 < 2**network.max_prefixlen:
        yield str(network.broadcast_address + 1)


def _hellos(listener: ListenerPlan, name: str) -> list[Connection]:
    """Return connections as clients open them, of every kind that asks for `name`; without one the plain ones first."""
    stated = list(dict.fromkeys(one for chain in listener.chains for one in chain.match.server_names))
    spoken = [(), *((one,) for chain in listener.chains for one in chain.match.application_protocols)]
    labels = {label for one in (*stated, name) for label in one.split(".")}
    filler = "x"
    while filler in labels:
        filler += "x"
    if name and "*" not in name:
        names = [name]
    else:
        below = [one for one in stated if one != name and (not name or one.endswith(name[1:]))]
        names = [one.replace("*", filler) for one in ((name,) if name else ("", filler)) + tuple(below)]
    plain = () if name else tuple(Connection(protocol=one) for one in ("", "http/1.1", "h2c"))
    secure = [Connection(tls=True, server_name=one, alpn=alpn) for one in names for alpn in dict.fromkeys(spoken)]
    return [*plain, *secure]
