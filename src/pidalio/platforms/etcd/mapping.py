"""Keys of etcd as services of the mesh. Pure.

A key is `PREFIX NAME/ID`; its value is JSON (`{"address": "10.0.0.1", "port": 8080, "labels": {…}}`, all fields in
`Value`), or what gRPC's own etcd naming writes (`{"Addr": "10.0.0.1:8080"}`), or `ADDRESS:PORT` alone.
Invariant: a value that cannot be understood is told of, and takes nothing away: what its key said before stays.
"""

import ipaddress
from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

import msgspec

from pidalio.errors import UsageError
from pidalio.model import Endpoint, Health, Port, Protocol, labelled_locality, labels_of, parse_locality
from pidalio.platforms.etcd.settings import EtcdSettings
from pidalio.platforms.offers import Offer
from pidalio.settings import split_address
from pidalio.store.protocols import protocol_named

KIND: Final = "EtcdService"
Key: TypeAlias = tuple[str, str]
"""Name of the service, and id of the instance."""


class Value(msgspec.Struct, frozen=True, rename="camel"):
    """What a key says of an instance.

    `port` is its only port, or `ports` are all by name; `protocol` is spoken on `port`, names of ports say theirs.
    `health` is `healthy`, `unhealthy` or `draining`; `locality` (or `zone`) is
    `region/zone/subzone`; `healthy` false is another word for unhealthy.
    """

    address: str = ""
    port: int = 0
    ports: dict[str, int] = {}
    protocol: str = ""
    labels: dict[str, str] = {}
    weight: int = 0
    locality: str = ""
    zone: str = ""
    healthy: bool = True
    health: str = "healthy"
    identity: str = ""


class _Naming(msgspec.Struct, frozen=True):
    """What gRPC's etcd naming writes."""

    addr: str = msgspec.field(name="Addr")


def key_of(key: str, root: str) -> Key | None:
    """Return what a key below the prefix is about, None where it has another form."""
    name, slash, identity = key.removeprefix(root).partition("/")
    return (name, identity) if key.startswith(root) and name and slash and identity and "/" not in identity else None


def value_of(data: bytes) -> Value:
    """Return what a value says; raise `ValueError`, one line, where it cannot be understood."""
    text = data.strip()
    if not text.startswith(b"{"):
        return _checked(_of_address(text.decode(errors="replace")))
    try:
        naming = msgspec.json.decode(text, type=_Naming)
    except msgspec.ValidationError:
        return _checked(msgspec.json.decode(text, type=Value))
    except msgspec.DecodeError as error:
        raise ValueError(f"the JSON cannot be read: {error}") from error
    return _checked(_of_address(naming.addr))


def _of_address(text: str) -> Value:
    try:
        host, port = split_address(text)
    except UsageError as error:
        raise ValueError(f"{text[:60]!r} is neither JSON nor ADDRESS:PORT") from error
    return Value(address=host, port=port)


def _checked(value: Value) -> Value:
    try:
        ipaddress.ip_address(value.address)
    except ValueError:
        raise ValueError(f"address: {value.address!r} is no IP address") from None
    numbers = [*value.ports.values(), *([value.port] if value.port or not value.ports else [])]
    for number in numbers:
        if not 0 < number < 65536:
            raise ValueError(f"port: {number} is not a port")
    if value.health.upper() not in Health.__members__:
        raise ValueError(f"health: {value.health!r} is none of healthy, unhealthy, draining")
    if value.protocol and protocol_named(value.protocol.upper()) is None:
        raise ValueError(f"protocol: {value.protocol!r} is not known")
    return value


def offers(values: Mapping[Key, Value], settings: EtcdSettings) -> tuple[Offer, ...]:
    """Return the services of these instances, by name; names that make no host are left out."""
    by_name: dict[str, dict[str, Value]] = {}
    for (name, identity), value in values.items():
        by_name.setdefault(name, {})[identity] = value
    return tuple(found for name in sorted(by_name) if (found := offer(name, by_name[name], settings)))


def offer(name: str, members: Mapping[str, Value], settings: EtcdSettings) -> Offer | None:
    """Return one service, None where it has no instance or its name makes no host."""
    called = settings.host_of(name)
    if not called or not members:
        return None
    ports = _ports(members.values(), settings)
    endpoints = (
        _endpoint(identity, value, number, ports[port].number)
        for identity, value in sorted(members.items())
        for port, number in (value.ports or {"": value.port}).items()
    )
    numbers = {port.number: port for port in reversed(ports.values())}
    return Offer(
        KIND, name, called, settings.namespace, tuple(numbers[one] for one in sorted(numbers)), tuple(endpoints)
    )


def _ports(values: Iterable[Value], settings: EtcdSettings) -> dict[str, Port]:
    """Return the service's ports by the instances' names of them ("" for an only one): callers use the lowest number.

    Two names that came to the same number are one port, that of the first name.
    """
    named: dict[str, int] = {}
    protocol = ""
    for value in values:
        protocol = protocol or value.protocol
        for name, number in (value.ports or {"": settings.port}).items():
            named[name] = min(number, named.get(name, number))
    ports = {name: _port(name, number, protocol) for name, number in sorted(named.items())}
    only = ports.get("")
    if only is not None and only.name in named:
        ports[""] = msgspec.structs.replace(only, name=f"{only.name}-{only.number}")
    return ports


def _port(name: str, number: int, stated: str) -> Port:
    known = protocol_named(stated.upper()) if stated and not name else None
    spoken = known or protocol_named(name.partition("-")[0].upper()) or Protocol.HTTP
    return Port(number, name or spoken.name.lower().replace("_", "-"), spoken)


def _endpoint(identity: str, value: Value, number: int, service_port: int) -> Endpoint:
    stated = value.locality or value.zone
    return Endpoint(
        address=str(ipaddress.ip_address(value.address)),
        port=number,
        service_port=service_port,
        labels=labels_of(value.labels),
        weight=max(0, value.weight),
        locality=parse_locality(stated) if stated else labelled_locality(value.labels),
        health=Health[value.health.upper()] if value.healthy else Health.UNHEALTHY,
        workload=identity,
        identity=value.identity,
    )
