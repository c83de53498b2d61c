"""Instances of one service as an offer to the mesh. Pure.

Hostname: the label `mesh.service` where it holds a dot; else `{name}.{framework}.mesos`, or the form that the settings
state, where `name` is that label, the discovery name, or the app's path reversed.
"""

from collections.abc import Callable, Iterable, Mapping

import msgspec

from pidalio.model import Endpoint, Port, Protocol, combined
from pidalio.platforms.mesos.instances import IDENTITY, Instance, Spec, SpecPort, is_address
from pidalio.platforms.mesos.settings import MesosSettings
from pidalio.platforms.offers import Offer, hostname

KIND = "MesosService"
OWN_FORM = "{name}.{framework}.mesos"


def offer(
    settings: MesosSettings, spec: Spec, instances: Iterable[Instance], addresses: Mapping[str, str]
) -> Offer | None:
    """Return the service of `spec` with its instances, None where no hostname or no port results.

    `addresses` are IP addresses of hosts that are known by name; an instance without any is left out.
    """
    if "." in spec.service:
        host = hostname("{name}", {"name": spec.service})
    else:
        host = settings.named(OWN_FORM, name=spec.service or spec.name, framework=spec.framework, app=spec.name)
    every = tuple(instances)
    ports = _ports(settings, (spec, *(one.spec for one in every)))
    if not host or not ports:
        return None
    return Offer(
        kind=KIND,
        name=spec.group,
        hostname=host,
        namespace=settings.namespace,
        ports=tuple(Port(one.number, one.name, one.protocol, one.inside) for one in ports),
        endpoints=tuple(
            endpoint
            for instance in sorted(every, key=lambda one: one.id)
            for endpoint in _endpoints(settings, instance, addresses)
        ),
        addresses=tuple(dict.fromkeys(address for port in ports for address in port.addresses)),
    )


def numbered(settings: MesosSettings, spec: Spec) -> tuple[SpecPort, ...]:
    """Return the ports of `spec`, each with the number that callers know it by, 0 where nothing calls it."""
    return tuple(
        msgspec.structs.replace(one, number=0 if one.protocol is Protocol.UDP else one.number or settings.port + at)
        for at, one in enumerate(spec.ports)
    )


def _ports(settings: MesosSettings, specs: Iterable[Spec]) -> list[SpecPort]:
    """Return the ports of all versions by number, the first word on each; names are unique."""
    found: dict[int, SpecPort] = {}
    names: set[str] = set()
    for port in (port for spec in dict.fromkeys(specs) for port in numbered(settings, spec)):
        if port.number and port.number not in found:
            name = port.name if port.name not in names else f"{port.name}-{port.number}"
            names.add(name)
            found[port.number] = msgspec.structs.replace(port, name=name)
    return list(found.values())


def _endpoints(settings: MesosSettings, one: Instance, addresses: Mapping[str, str]) -> Iterable[Endpoint]:
    seen: set[int] = set()
    for position, port in enumerate(numbered(settings, one.spec)):
        address, number = _place(one, position, port, addresses)
        if not (port.number and address and number) or port.number in seen:
            continue
        seen.add(port.number)
        yield Endpoint(
            address,
            number,
            port.number,
            labels=one.spec.labels,
            locality=one.locality,
            health=combined((one.state, one.health)),
            workload=one.id,
            node=one.node,
            identity=identity(settings, one.spec),
        )


def _place(one: Instance, position: int, port: SpecPort, addresses: Mapping[str, str]) -> tuple[str, int]:
    """Return where one port is called: in the container's network, else on the host."""
    if one.spec.in_container:
        return one.address if is_address(one.address) else "", port.inside
    host = one.host if is_address(one.host) else addresses.get(one.host, "")
    return host, one.host_ports[position] if position < len(one.host_ports) else 0


def identity(settings: MesosSettings, spec: Spec) -> str:
    """Return the name that instances prove: what their label says, else one of the stated trust domain, or none."""
    stated = dict(spec.labels).get(IDENTITY, "")
    if stated or not settings.trust_domain:
        return stated
    return f"spiffe://{settings.trust_domain}/framework/{spec.framework}/app/{spec.name}"


def names_to_look_up(instances: Iterable[Instance], known: Callable[[str], bool]) -> set[str]:
    """Return the hosts that instances are called at by name, and whose address nobody told."""
    return {
        one.host for one in instances if not one.spec.in_container and not is_address(one.host) and not known(one.host)
    } - {""}
