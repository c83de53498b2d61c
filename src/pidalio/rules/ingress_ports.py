"""Ports that a Sidecar's ingress listeners open, in place of those that services lead to.

Source of the rules: Istio's documented Sidecar (reference §1.6).
"""

import ipaddress
from collections.abc import Iterator

from pidalio.api.object import Object
from pidalio.api.sidecar import CaptureMode, IstioIngressListener, Sidecar
from pidalio.derive import Database
from pidalio.model import Origin, Protocol, Proxy, ProxyType
from pidalio.rules.inbound_port import InboundPort
from pidalio.rules.visibility import sidecar_for
from pidalio.store import tables
from pidalio.store.protocols import protocol_named


def sidecar_of(world: Database, proxy: Proxy) -> Object[Sidecar] | None:
    """Return the Sidecar that governs a proxy, never one for a gateway."""
    key = None if proxy.type is ProxyType.ROUTER else sidecar_for(world, proxy.namespace, proxy.labels)
    return tables.SIDECARS.get(world, key) if key else None


def ingress_ports(row: Object[Sidecar], proxy: Proxy, known: tuple[InboundPort, ...]) -> Iterator[InboundPort]:
    """Yield the port of each ingress listener.

    `known` are the ports that services lead to: one of the same number lends its service's name and limits.
    """
    services = {one.number: one for one in known}
    for index, listener in enumerate(row.spec.ingress):
        if listener.port is None:
            continue
        number = listener.port.number
        lent = services.get(number)
        yield InboundPort(
            number=number,
            service_port=number,
            protocol=protocol_named(listener.port.protocol) or Protocol.UNSUPPORTED,
            service=lent.service if lent else "",
            origin=Origin(row.ref, f"ingress[{index}]"),
            port_name=listener.port.name,
            bind=listener.bind,
            captured=listener.capture_mode is not CaptureMode.NONE and not listener.bind.startswith("unix://"),
            endpoint=_endpoint(listener, proxy),
            ruled=lent.ruled if lent else None,
            ingress=index,
        )


def _endpoint(listener: IstioIngressListener, proxy: Proxy) -> str:
    """Return where the application takes what comes in: its own loopback, the instance's address, or a socket."""
    stated = listener.default_endpoint
    if stated.startswith("unix://"):
        return stated
    number = listener.port.number if listener.port else 0
    if not stated:
        return f"127.0.0.1:{number}"
    host, _, port = stated.rpartition(":")
    if ipaddress.ip_address(host.strip("[]")).is_unspecified:
        return f"{proxy.address}:{port}"
    return f"{host.strip('[]')}:{port}"
