"""Who is at the other end: what the proxy says of itself, and what the transport knows of it.

Invariant: `Peer` comes from the connection alone; nothing that the proxy writes in its node reaches it.
Trust decisions use `Peer`; `Node` only says which of the permitted proxies this is.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from pidalio.model import Locality

GENERATOR: Final = "GENERATOR"
GRPC: Final = "grpc"
"""Istio's metadata of a client that is gRPC's own."""


class Node(msgspec.Struct, frozen=True):
    """The node of the first request; `metadata` is plain JSON data (numbers are floats, as in `Struct`).

    `user_agent` is the name of the client (`envoy`, `gRPC C-core linux`); `takes_parts` says that the stream is delta,
    so that route tables may travel by virtual hosts.
    """

    id: str
    cluster: str = ""
    metadata: Mapping[str, Any] = {}
    locality: Locality = Locality()
    user_agent: str = ""
    takes_parts: bool = True

    @property
    def is_grpc(self) -> bool:
        """Tell whether this is an application's own gRPC client, which asks by name for what it calls.

        gRPC says so itself; the metadata is what Istio's agent writes for one.
        """
        return self.metadata.get(GENERATOR) == GRPC or self.user_agent.startswith("gRPC")


class Peer(msgspec.Struct, frozen=True):
    """The connection: `address` as gRPC prints it, `identities` from a verified client certificate.

    `identities` holds the certificate's URI and DNS names, its common name last; it is empty without mutual TLS.
    """

    address: str = ""
    identities: tuple[str, ...] = ()

    @property
    def identity(self) -> str:
        """Return the first identity, or the empty string where the transport knows none."""
        return self.identities[0] if self.identities else ""


def node_of(message: Any, *, takes_parts: bool) -> Node | None:
    """Read Envoy's `core.v3.Node`; None where its id is empty."""
    if not message.id:
        return None
    place = message.locality
    return Node(
        message.id,
        message.cluster,
        {name: _plain(value) for name, value in message.metadata.fields.items()},
        Locality(place.region, place.zone, place.sub_zone),
        message.user_agent_name,
        takes_parts,
    )


def _plain(value: Any) -> Any:
    """Turn a `google.protobuf.Value` into plain data; protobuf itself bounds the nesting (100)."""
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        return {name: _plain(inner) for name, inner in value.struct_value.fields.items()}
    if kind == "list_value":
        return [_plain(inner) for inner in value.list_value.values]
    return None if kind in (None, "null_value") else getattr(value, kind)
