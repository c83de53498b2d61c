"""The instances of one Consul service as an offer to the mesh. Pure.

A Consul service is one thing that is called, whatever port each of its instances has: so it has one port in the mesh.
It is the one that is stated, else the one that the instances have; where they differ, that of the oldest, so that one
odd registration takes the port away from nobody. Source of the rule: design record 0023.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from pidalio.model import Endpoint, ObjectRef, Port, Protocol, Report, Resolution, Severity
from pidalio.platforms.consul.instances import Seen, is_name
from pidalio.platforms.consul.settings import ConsulSettings
from pidalio.platforms.offers import Offer
from pidalio.store.protocols import port_protocol, protocol_named

KIND: Final = "ConsulService"
_SHOWN: Final = 5
_LARGEST_PORT: Final = 65535


class Offered(msgspec.Struct, frozen=True):
    """What a service is to the mesh (None: nothing that can be called), and what is to be told about it."""

    offer: Offer | None
    reports: tuple[Report, ...] = ()


def offered_as(name: str, instances: Sequence[Seen], settings: ConsulSettings, protocol: str = "") -> Offered:
    """Return what the service called `name` is; `protocol` is what Consul's own settings state for it."""
    ref = ObjectRef(KIND, settings.namespace, name)
    hostname = settings.named("{name}.service.consul", name=name)
    if not hostname:
        message = f"{name} makes no hostname and is left out: rename it, or state `hostname` otherwise"
        return Offered(None, (Report(Severity.WARNING, "consul-no-hostname", message, ref),))
    if not instances:
        return Offered(None)
    oldest = sorted(instances, key=lambda one: (one.created, one.key))
    reports: list[Report] = []
    spoken = _protocol(oldest, settings, protocol, ref, reports)
    number = _port(oldest, settings, ref, reports)
    declared = port_protocol(number, "", spoken.value if spoken else "")
    port = Port(number, "port" if declared is Protocol.UNSUPPORTED else declared.value.lower(), declared)
    by_name = any(is_name(one.address) for one in instances)
    offer = Offer(
        kind=KIND,
        name=name,
        hostname=hostname,
        namespace=settings.namespace,
        ports=(port,),
        endpoints=tuple(_endpoint(one, number) for one in sorted(instances, key=_place)),
        addresses=tuple(sorted({one.virtual for one in instances if one.virtual})),
        external=any(one.external for one in instances),
        resolution=Resolution.DNS if by_name else Resolution.STATIC,
    )
    return Offered(offer, tuple(reports))


def _port(oldest: Sequence[Seen], settings: ConsulSettings, ref: ObjectRef, reports: list[Report]) -> int:
    """Return the number that callers use."""
    stated = {one.stated_port for one in oldest if one.stated_port}
    numbers = sorted(int(text) for text in stated if text.isdecimal() and 0 < int(text[:6]) <= _LARGEST_PORT)
    for text in sorted(stated):
        if not (text.isdecimal() and 0 < int(text[:6]) <= _LARGEST_PORT):
            message = f"meta service-port of {ref.name} is {text!r}, no port: write a number"
            reports.append(Report(Severity.WARNING, "consul-bad-meta", message, ref))
    if numbers:
        return numbers[0]
    if settings.port:
        return settings.port
    different = list(dict.fromkeys(one.port for one in oldest))
    if len(different) > 1:
        shown = _few(map(str, different))
        message = (
            f"instances of {ref.name} have different ports ({shown}): callers use {different[0]}, which the oldest has;"
            " state the port that callers use as meta `service-port`, or for all services as `port`"
        )
        reports.append(Report(Severity.WARNING, "consul-ports-differ", message, ref))
    return different[0]


def _protocol(
    oldest: Sequence[Seen], settings: ConsulSettings, central: str, ref: ObjectRef, reports: list[Report]
) -> Protocol | None:
    """Return what callers speak, None where nobody says it."""
    stated = list(dict.fromkeys(one.protocol for one in oldest if one.protocol))
    if len({text.lower() for text in stated}) > 1:
        message = (
            f"instances of {ref.name} state different protocols ({_few(stated)}): {stated[0]} counts, of the oldest"
        )
        reports.append(Report(Severity.WARNING, "consul-protocols-differ", message, ref))
    nodes = [one.node_protocol for one in oldest if one.node_protocol]
    for text in (*stated[:1], central, *nodes[:1]):
        if not text:
            continue
        if found := protocol_named(text):
            return found
        message = f"protocol {text!r} of {ref.name} is none: write http, http2, grpc, https, tls or tcp"
        reports.append(Report(Severity.WARNING, "consul-bad-meta", message, ref))
    return protocol_named(settings.protocol) if settings.protocol else None


def _endpoint(one: Seen, service_port: int) -> Endpoint:
    return Endpoint(
        address=one.address,
        port=one.port,
        service_port=service_port,
        labels=one.labels,
        weight=one.weight,
        locality=one.locality,
        health=one.health,
        workload=one.id,
        node=one.node,
    )


def _place(one: Seen) -> tuple[str, str, int, tuple[str, str]]:
    return one.locality.region, one.address, one.port, one.key


def _few(items: Iterable[str]) -> str:
    every = list(items)
    more = len(every) - _SHOWN
    return ", ".join(every[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
