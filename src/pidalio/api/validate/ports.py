"""Ports of Gateway, ServiceEntry and Sidecar: number, protocol, name."""

from pidalio.api.convert import nearest
from pidalio.api.findings import Findings

PROTOCOLS = ("HTTP", "HTTPS", "GRPC", "GRPC-WEB", "HTTP2", "MONGO", "REDIS", "MYSQL", "TCP", "TLS", "UDP")
GATEWAY_PROTOCOLS = tuple(name for name in PROTOCOLS if name != "UDP")


def check_protocol(protocol: str, path: str, found: Findings, known: tuple[str, ...] = PROTOCOLS) -> None:
    """Note a protocol that does not exist; empty ones are the caller's matter."""
    if protocol and protocol.upper() not in known:
        message = f"{protocol!r} is not one of {', '.join(known)}{nearest(protocol, known)}"
        found.error("bad-protocol", path, message)
