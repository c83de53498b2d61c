"""Eureka's instances as services of the mesh. Pure.

A service is what clients of Eureka ask for: a VIP address (or an application). Source of the mapping: Istio's own
adapter before 1.0, and what it left to be done (VIP addresses, zones, secure ports, states besides UP).
"""

from collections.abc import Iterable, Mapping
from typing import Final

from pidalio.model import Endpoint, Health, Locality, Port, Protocol, labels_of
from pidalio.platforms.eureka.registry import Instance
from pidalio.platforms.eureka.settings import EurekaSettings
from pidalio.platforms.offers import Offer, resolution_of
from pidalio.store.protocols import protocol_named

KIND: Final = "EurekaService"
_PROTOCOL: Final = ("protocol", "istio.protocol")
"""Metadata that names what is spoken on the plain port; the first one counts."""
_HEALTH: Final[Mapping[str, Health]] = {"UP": Health.HEALTHY, "OUT_OF_SERVICE": Health.DRAINING}


def offers(instances: Iterable[Instance], settings: EurekaSettings) -> tuple[Offer, ...]:
    """Return the services of these instances, by name; names that make no host are left out."""
    by_name: dict[str, list[Instance]] = {}
    for one in instances:
        for name in names(one, settings):
            by_name.setdefault(name, []).append(one)
    found = ((name, host(name, members[0], settings), members) for name, members in sorted(by_name.items()))
    return tuple(_offer(name, called, members, settings) for name, called, members in found if called)


def names(one: Instance, settings: EurekaSettings) -> tuple[str, ...]:
    """Return the services that an instance belongs to: its VIP addresses, or its application where it has none."""
    app = one.app.lower()
    return one.vips if settings.by == "vip" and one.vips else (app,)


def host(name: str, one: Instance, settings: EurekaSettings) -> str:
    """Return how callers call a service; a name without a dot gets `.eureka`, for short names are namespaces' own."""
    form = "{name}" if "." in name else "{name}.eureka"
    return settings.named(form, name=name, app=one.app.lower())


def _offer(name: str, called: str, members: Iterable[Instance], settings: EurekaSettings) -> Offer:
    ports: dict[int, Port] = {}
    endpoints: list[Endpoint] = []
    for one in sorted(members, key=lambda each: each.key):
        for port, number in _ports(one, settings):
            ports.setdefault(port.number, port)
            endpoints.append(_endpoint(one, number, port.number))
    known, resolution = tuple(ports[number] for number in sorted(ports)), resolution_of(endpoints)
    return Offer(KIND, name, called, settings.namespace, known, tuple(endpoints), resolution=resolution)


def _ports(one: Instance, settings: EurekaSettings) -> Iterable[tuple[Port, int]]:
    """Yield each enabled port of an instance: the service's, and where the instance has it."""
    if one.port:
        stated = next((value for key in _PROTOCOL for name, value in one.metadata if name == key), "HTTP")
        protocol = protocol_named(stated.upper()) or Protocol.UNSUPPORTED
        yield Port(settings.port, protocol.name.lower().replace("_", "-"), protocol), one.port
    if one.secure_port:
        yield Port(settings.secure_port, "https", Protocol.HTTPS), one.secure_port


def _endpoint(one: Instance, number: int, service_port: int) -> Endpoint:
    labels = {"app": one.app.lower(), **{key: value for key, value in one.metadata if key not in _PROTOCOL}}
    return Endpoint(
        address=one.address,
        port=number,
        service_port=service_port,
        labels=labels_of(labels),
        locality=Locality(labels.get("region", ""), one.zone),
        health=_HEALTH.get(one.status, Health.UNHEALTHY),
        workload=one.id,
    )
