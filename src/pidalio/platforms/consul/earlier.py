"""What an earlier process knew of Consul's instances, by the rows that it left. Pure.

So a Consul that lost its state, or a token that sees less, takes nothing away only because Pidalio was restarted, too.
Invariant: what is read back makes the offers that the rows came from. Rows say less than Consul does: the port and the
protocol of a service are those of each instance, and an instance's datacenter is its region. A service of which an
instance is in none that is followed is not read back.
"""

from collections.abc import Collection, Iterator

from pidalio.model import Endpoint, Protocol, Service
from pidalio.platforms.adapter import Rows
from pidalio.platforms.consul.instances import Seen
from pidalio.platforms.consul.offering import KIND
from pidalio.store import tables


def earlier(rows: Rows, datacenters: Collection[str]) -> Iterator[tuple[str, str, tuple[Seen, ...]]]:
    """Yield a datacenter, the name of a service, and its instances there; `rows` are what `Feed.known` returns."""
    endpoints = rows.get(tables.ENDPOINTS, {})
    for key, service in rows.get(tables.SERVICES, {}).items():
        if service.registry != KIND:
            continue  # the platform of this name was of another kind
        places: dict[str, list[Seen]] = {}
        for number, one in enumerate(endpoints.get(key, ())):
            place = one.locality.region if len(datacenters) > 1 else next(iter(datacenters))
            places.setdefault(place, []).append(_seen(one, service, number))
        if places.keys() <= set(datacenters):
            for place, instances in places.items():
                yield place, service.object.name, tuple(instances)


def _seen(one: Endpoint, service: Service, number: int) -> Seen:
    (port,) = service.ports
    virtual = service.addresses
    return Seen(
        node=one.node,
        id=one.workload,
        address=one.address,
        port=one.port,
        labels=one.labels,
        weight=one.weight,
        health=one.health,
        locality=one.locality,
        virtual=virtual[number % len(virtual)] if virtual else "",
        stated_port=str(port.number),
        protocol="" if port.protocol is Protocol.UNSUPPORTED else port.protocol.value,
        external=service.external,
    )
