"""The header of the PROXY protocol before a connection's own first bytes: it names the caller."""

from __future__ import annotations

from pidalio.envoy import messages as pb
from pidalio.envoy.protos import pack
from pidalio.ir import ProxyProtocolVersion


def raw_buffer() -> pb.TransportSocket:
    """Return the socket of connections without TLS."""
    return pb.TransportSocket(name="envoy.transport_sockets.raw_buffer", typed_config=pack(pb.RawBuffer()))


def with_proxy_header(version: ProxyProtocolVersion, socket: pb.TransportSocket) -> pb.TransportSocket:
    """Return `socket` with every connection begun by the header."""
    wrapped = pb.ProxyProtocolUpstreamTransport(transport_socket=socket)
    wrapped.config.version = pb.ProxyProtocolConfig.Version.Value(version.value)
    return pb.TransportSocket(name="envoy.transport_sockets.upstream_proxy_protocol", typed_config=pack(wrapped))
