"""The addresses and ports at which a sidecar takes its workload's own calls, and whose calls each takes.

Which there are follows from services alone: rules and endpoints are read when a listener is made, so that neither
wakes this list (but for the instances of headless services, which are addresses).
Where services meet on one address and port, requests go by their host, and the parts of the others stand in order of
age: `outbound_listeners` keeps those whose conditions differ.
Source of the rules: Istio's documented outbound listeners (reference §2.3, §2.13, §2.14).
"""

from collections.abc import Iterator
from typing import TypeAlias

import msgspec

from pidalio.derive import Database, derived
from pidalio.model import Origin, Port, Protocol, Service
from pidalio.rules import services
from pidalio.rules.callers import Caller, connector, hashing, requester, view_of
from pidalio.rules.egress import SOCKET, UNSPECIFIED, Way
from pidalio.rules.services import ServiceId
from pidalio.rules.virtual_hosts import HostTable, VirtualHostKey, takes_requests
from pidalio.rules.virtual_services import governing, governing_tcp
from pidalio.rules.visibility import Scope
from pidalio.store.hosts import is_address
from pidalio.store.traits import Trait

_KEEPS_TO_ITSELF = frozenset({Protocol.MONGO, Protocol.MYSQL})
"""Protocols that cannot share a port with HTTP."""
Age: TypeAlias = tuple[str, str, str]


class Opening(msgspec.Struct, frozen=True, gc=False):
    """Where a service's port is called: `address` (with `subnet`, any within); `named` if only its name tells it."""

    address: str
    port: int
    protocol: Protocol
    subnet: str = ""
    named: bool = False


class Part(msgspec.Struct, frozen=True, gc=False):
    """What one service adds to a listener for connections: `port` is the service's own."""

    host: str
    owner: str
    port: int
    protocol: Protocol
    callers: Caller
    subnet: str = ""
    named: bool = False


class OutboundPort(msgspec.Struct, frozen=True, gc=False):
    """An address and port (or UNIX socket, port 0): `table` names the route table of its requests, empty for none.

    `parts` take connections, the oldest service first; `captured` ones are handed over, others bound.
    """

    address: str
    port: int
    captured: bool
    table: str = ""
    parts: tuple[Part, ...] = ()
    origin: Origin | None = None


class CrowdedOut(msgspec.Struct, frozen=True, gc=False):
    """A service that has nothing at `address:port`: what it speaks cannot share a port with the older `winner`."""

    address: str
    port: int
    service: ServiceId
    winner: ServiceId


class OutboundSide(msgspec.Struct, frozen=True, gc=False):
    """All ports of a sidecar's outbound side, the tables that they name with the scope of each, and services' own.

    `crowded_out` are the services that are at none of a port's parts, nor in its table.
    """

    ports: tuple[OutboundPort, ...] = ()
    crowded_out: tuple[CrowdedOut, ...] = ()
    tables: tuple[tuple[HostTable, Scope], ...] = ()
    own_tables: tuple[VirtualHostKey, ...] = ()


class ServiceOpenings(msgspec.Struct, frozen=True, gc=False):
    """Where the ports of one service are called, and when it was made."""

    created: str = ""
    openings: tuple[Opening, ...] = ()


@derived
def service_openings(world: Database, identity: ServiceId) -> ServiceOpenings:
    """Return where callers whose connections are redirected call each port of a service."""
    found = services.service(world, identity)
    if found is None:
        return ServiceOpenings()
    result: list[Opening] = []
    for port in found.ports:
        if port.protocol.is_http:
            result.append(Opening(UNSPECIFIED, port.number, port.protocol))
        elif port.protocol is not Protocol.UDP:
            result += _by_address(world, found, port)
    return ServiceOpenings(found.created, tuple(result))


def _by_address(world: Database, found: Service, port: Port) -> Iterator[Opening]:
    """Yield an opening per address or range; one for all where there is neither."""
    single = [one for one in found.addresses if is_address(one) and one not in (UNSPECIFIED, "::")]
    ranges = [one for one in found.addresses if "/" in one]
    if found.headless and not single:
        single = _instances(world, (found.hostname, found.namespace), port.number)
    for address in single:
        yield Opening(address, port.number, port.protocol)
    for subnet in ranges:
        yield Opening(UNSPECIFIED, port.number, port.protocol, subnet, named=True)
    if not single and not ranges:
        yield Opening(UNSPECIFIED, port.number, port.protocol, named=True)


def _instances(world: Database, identity: ServiceId, number: int) -> list[str]:
    found = {one.address for one in services.endpoints(world, identity) if one.service_port == number}
    return sorted(one for one in found if is_address(one))


class _Slot(msgspec.Struct):
    """A port in the making; `locked` by a Sidecar that states it, `requests` are the ages of those with requests."""

    captured: bool
    table: str = ""
    locked: bool = False
    origin: Origin | None = None
    requests: list[Age] = []
    parts: list[tuple[Age, Part]] = []

    def port(self, address: str, number: int) -> OutboundPort:
        """Return the port as it is opened: what cannot share it with older requests, or they with it, is left out."""
        _, out = self._rivals()
        table = "" if out and out[0] in self.requests else self.table
        parts = sorted(self.parts, key=lambda one: one[0])
        kept = tuple(part for age, part in parts if age not in out or part.protocol not in _KEEPS_TO_ITSELF)
        return OutboundPort(address, number, self.captured, table, kept, self.origin)

    def crowded_out(self, address: str, number: int) -> Iterator[CrowdedOut]:
        """Yield the services that are left out."""
        first, out = self._rivals()
        yield from (CrowdedOut(address, number, age[1:], min(first)[1:]) for age in sorted(out))

    def _rivals(self) -> tuple[list[Age], list[Age]]:
        """Return those with requests and those that keep to themselves, the older side first, where both are."""
        alone = [age for age, part in self.parts if part.protocol in _KEEPS_TO_ITSELF]
        if not self.table or not self.requests or not alone:
            return [], []
        return (alone, self.requests) if min(alone) < min(self.requests) else (self.requests, alone)


class _Side:
    """The outbound side in the making."""

    def __init__(self, world: Database) -> None:
        self.world = world
        self.slots: dict[tuple[str, int], _Slot] = {}
        self.tables: dict[str, tuple[HostTable, Scope]] = {}
        self.own_tables: dict[str, VirtualHostKey] = {}

    def add(self, way: Way) -> None:
        """Add the ports of one way out; what an earlier one has stays its own."""
        if way.protocol is None:
            self._add_all(way)
        elif (way.bind, way.port) not in self.slots:
            self._add_one(way, way.protocol)

    def _add_one(self, way: Way, protocol: Protocol) -> None:
        slot = self.slots[way.bind, way.port] = _Slot(way.captured, locked=True, origin=way.origin)
        if takes_requests(protocol):
            slot.table = self._table(way.bind if way.bind.startswith(SOCKET) else str(way.port), way.port, way.scope)
        if protocol.is_http:
            return
        found = services.visible_services(self.world, way.scope)
        for identity in found:
            numbers = [one.number for one in services.ports(self.world, identity)]
            number = numbers[0] if len(numbers) == 1 else way.port
            opening = Opening(way.bind, way.port, protocol, named=len(found) > 1)
            self._join(slot, way, identity, opening, number)

    def _add_all(self, way: Way) -> None:
        for identity in services.visible_services(self.world, way.scope):
            for opening in service_openings(self.world, identity).openings:
                address = way.bind or opening.address
                slot = self.slots.setdefault((address, opening.port), _Slot(way.captured))
                if slot.locked or slot.captured != way.captured:
                    continue
                if takes_requests(opening.protocol):
                    slot.requests.append(self._age(identity))
                    slot.table = slot.table or self._requests(way, identity, address, opening)
                if not opening.protocol.is_http:
                    self._join(slot, way, identity, opening, opening.port)

    def _requests(self, way: Way, identity: ServiceId, address: str, opening: Opening) -> str:
        """Return the table of an opening's requests: the service's own where its address is called, else the port's."""
        if opening.protocol.is_http or address == UNSPECIFIED or not way.captured:
            return self._table(str(opening.port), opening.port, way.scope)
        host, owner = identity
        name = f"{host}:{opening.port}"
        callers = requester(way.scope, governing(self.world, way.scope, host), view_of(self.world, way.scope))
        callers = hashing(self.world, way.scope, callers, host)
        table = HostTable(name, opening.port, alone=True)
        self.own_tables.setdefault(name, VirtualHostKey(host, opening.port, owner, callers, table=table))
        return name

    def _table(self, name: str, port: int, scope: Scope) -> str:
        self.tables.setdefault(name, (HostTable(name, port), scope))
        return name

    def _join(self, slot: _Slot, way: Way, identity: ServiceId, opening: Opening, number: int) -> None:
        host, owner = identity
        callers = connector(way.scope, governing_tcp(self.world, way.scope, host), view_of(self.world, way.scope))
        callers = hashing(self.world, way.scope, callers, host, Trait.CONNECTIONS)
        part = Part(host, owner, number, opening.protocol, callers, opening.subnet, opening.named)
        slot.parts.append((self._age(identity), part))

    def _age(self, identity: ServiceId) -> Age:
        return service_openings(self.world, identity).created, *identity

    def finished(self) -> OutboundSide:
        """Return the ports, sorted, with the tables that they name."""
        ports = tuple(self.slots[key].port(*key) for key in sorted(self.slots))
        named = {one.table for one in ports}
        return OutboundSide(
            tuple(one for one in ports if one.table or one.parts),
            tuple(one for key in sorted(self.slots) for one in self.slots[key].crowded_out(*key)),
            tuple(self.tables[name] for name in sorted(self.tables) if name in named),
            tuple(self.own_tables[name] for name in sorted(self.own_tables) if name in named),
        )


@derived
def outbound_side(world: Database, ways: tuple[Way, ...]) -> OutboundSide:
    """Return what sidecars with these ways out open for their workloads' calls."""
    side = _Side(world)
    for way in ways:
        side.add(way)
    return side.finished()
