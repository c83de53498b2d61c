"""TLS to single instances, each under a name of its own.

The cluster says once how TLS is spoken, and an instance's metadata that it is meant; the instance's `hostname` is the
name that is asked for and that its certificate must bear. So instances with TLS and without stand side by side, and
come and go without a change of their cluster.
Invariant: no byte of a request leaves before the certificate was verified. Needs Envoy 1.33 (`auto_host_sni`); 1.40
takes a changed name of an address at once. Source: design record 0022, Envoy's documented UpstreamTlsContext.
"""

from __future__ import annotations

from typing import Final

from pidalio.envoy import messages as pb
from pidalio.envoy.protos import pack
from pidalio.envoy.proxy_header import with_proxy_header
from pidalio.ir import ClusterPlan, UpstreamProtocol

MATCHED: Final = "envoy.transport_socket_match"
"""The namespace of an endpoint's metadata by which Envoy chooses among a cluster's sockets."""
_KEY: Final = "tls"
_ALPN: Final = {UpstreamProtocol.HTTP1: ("http/1.1",), UpstreamProtocol.HTTP2: ("h2",)}


def instance_tls(plan: ClusterPlan) -> pb.Cluster.TransportSocketMatch:
    """Return how instances are spoken to that have a name for TLS; the others match nothing."""
    context = pb.UpstreamTlsContext(auto_host_sni=True, auto_sni_san_validation=True)
    common = context.common_tls_context
    common.validation_context.trusted_ca.inline_string = plan.instance_ca
    common.alpn_protocols.extend(_ALPN.get(plan.protocol, ()))
    socket = pb.TransportSocket(name="envoy.transport_sockets.tls", typed_config=pack(context))
    if plan.proxy_protocol is not None:
        socket = with_proxy_header(plan.proxy_protocol, socket)
    message = pb.Cluster.TransportSocketMatch(name=_KEY, transport_socket=socket)
    message.match.fields[_KEY].bool_value = True
    return message


def write_tls_match(metadata: pb.Metadata) -> None:
    """Say in an endpoint's metadata that it is spoken to with TLS."""
    metadata.filter_metadata[MATCHED].fields[_KEY].bool_value = True
