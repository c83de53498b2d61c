"""A port that a sidecar takes in, as a value: what the listener and the cluster behind it are made of."""

import msgspec

from pidalio.model import Origin, Protocol
from pidalio.rules.services import ServiceId


class RuledPort(msgspec.Struct, frozen=True, gc=False):
    """The service port whose DestinationRule limits what comes in."""

    service: ServiceId
    port: int


class InboundPort(msgspec.Struct, frozen=True, gc=False):
    """A port of the instance: `number` is where callers reach it, `service_port` what they ask for.

    With a Sidecar's ingress listener (number `ingress`) `bind` may name another address than the instance's, or a
    UNIX socket, and `endpoint` (`host:port` or a socket) where the application takes it; one that is not `captured`
    has a port of its own even where connections are redirected.
    """

    number: int
    service_port: int
    protocol: Protocol
    service: str
    origin: Origin
    port_name: str = ""
    bind: str = ""
    captured: bool = True
    endpoint: str = ""
    ruled: RuledPort | None = None
    ingress: int | None = None

    @property
    def key(self) -> int | str:
        """Return what tells it from other ports of its proxy: its number, or its socket."""
        return self.number or self.bind
