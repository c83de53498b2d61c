"""Which ports a sidecar takes in for its own workload: those that its Sidecar opens, else that some service leads to.

Source of the rules: Istio's documented inbound listeners (reference §1.6, §2.11, §2.13).
"""

from collections.abc import Mapping

import msgspec

from pidalio.derive import Database, derived
from pidalio.model import Origin, Port, Protocol, Proxy, Service, Workload, selects
from pidalio.rules import services
from pidalio.rules.inbound_port import InboundPort, RuledPort
from pidalio.rules.ingress_ports import ingress_ports, sidecar_of
from pidalio.rules.services import ServiceId
from pidalio.store import tables
from pidalio.store.tables import ServiceKey


@derived
def inbound_ports(world: Database, proxy: Proxy) -> tuple[InboundPort, ...]:
    """Return the ports of the proxy's workload, sorted: a Sidecar's ingress listeners take the place of services'."""
    row, known = sidecar_of(world, proxy), service_ports(world, proxy)
    if row is None or not row.spec.ingress:
        return known
    found = {one.key: one for one in reversed(list(ingress_ports(row, proxy, known)))}
    return tuple(sorted(found.values(), key=lambda one: (one.number, one.bind)))


@derived
def service_ports(world: Database, proxy: Proxy) -> tuple[InboundPort, ...]:
    """Return the ports that services lead to, sorted; of two services on one port the older wins."""
    workload = _workload(world, proxy)
    found: dict[int, InboundPort] = {}
    for service in sorted(services_of(world, proxy), key=lambda one: (one.created, one.hostname)):
        for port in service.ports:
            number = _number(world, service, port, workload)
            if number and port.protocol is not Protocol.UDP:
                found.setdefault(number, _inbound_port(number, port, service))
    return tuple(found[number] for number in sorted(found))


def _inbound_port(number: int, port: Port, service: Service) -> InboundPort:
    ruled = RuledPort((service.hostname, service.namespace), port.number)
    return InboundPort(
        number, port.number, port.protocol, service.hostname, Origin(service.object), port.name, ruled=ruled
    )


def _number(world: Database, service: Service, port: Port, workload: Workload) -> int | None:
    """Return where the workload serves `port`: as its endpoints say where there are any, else by the port itself."""
    identity = (service.hostname, service.namespace)
    stated = stated_port(world, identity, workload.address, port.number)
    return services.instance_port(port, workload) if stated is None else stated


@derived
def stated_port(world: Database, identity: ServiceId, address: str, service_port: int) -> int | None:
    """Return the port at which the service's endpoints list `address`; another instance's change ends here."""
    return stated_ports(world, identity).get((address, service_port))


@derived
def stated_ports(world: Database, identity: ServiceId) -> Mapping[tuple[str, int], int]:
    """Return by address and service port where each endpoint of a service is."""
    found = reversed(services.endpoints(world, identity))
    return {(one.address, one.service_port): one.port for one in found}


def _workload(world: Database, proxy: Proxy) -> Workload:
    for key in tables.WORKLOADS_BY_NAME.keys(world, (proxy.namespace, proxy.name)):
        row = tables.WORKLOADS.get(world, key)
        if row and row.address in ("", proxy.address):
            return msgspec.structs.replace(row, address=proxy.address)
    return Workload(proxy.name, proxy.namespace, proxy.address, proxy.labels)


def services_of(world: Database, proxy: Proxy) -> list[Service]:
    """Return the services whose selector picks the proxy's labels, and those that list its address."""
    keys: set[ServiceKey] = set()
    for pair in proxy.labels:
        keys.update(tables.SERVICES_BY_SELECTOR.keys(world, (proxy.namespace, *pair)))
    rows = [row for key in sorted(keys) if (row := tables.SERVICES.get(world, key))]
    chosen = [row for row in rows if row.selector and selects(row.selector, proxy.labels)]
    taken = {(row.hostname, row.namespace) for row in chosen}
    for key in tables.ENDPOINTS_BY_ADDRESS.keys(world, proxy.address):
        identity = (key[0], key[1])
        if identity not in taken and (found := services.service(world, identity)):
            taken.add(identity)
            chosen.append(found)
    return chosen
