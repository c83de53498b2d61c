"""From what a proxy says of itself to the `Proxy` that the compiler knows, and back.

Istio's metadata keys are read as Istio's agent writes them; what Istio has no word for travels under `PIDALIO`.
Source: Istio's documented node metadata (reference §3.2).
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from pidalio.errors import Refused, UsageError
from pidalio.model import Delivery, Interception, Locality, Proxy, labelled_locality, labels_of
from pidalio.xds.node import GENERATOR, GRPC, Node

_OWN = "PIDALIO"
_INTERCEPTION = "INTERCEPTION_MODE"


class _Own(msgspec.Struct, frozen=True):
    """Pidalio's own part of the metadata: fields of `model.Proxy`; ports as texts, for JSON objects have text keys."""

    outbound: str = ""
    app_address: str = "127.0.0.1"
    app_ports: dict[str, int] = {}
    gateway_address: str = "0.0.0.0"  # noqa: S104 - as in model.Proxy
    gateway_ports: dict[str, int] = {}
    access_log: str = ""


def proxy_of(node: Node) -> Proxy:
    """Return the proxy that `node` describes; raise `Refused` with one line when it does not make sense."""
    try:
        base = Proxy.from_id(node.id)
        own = msgspec.convert(node.metadata.get(_OWN, {}), _Own, strict=False)
        labels = msgspec.convert(node.metadata.get("LABELS", {}), dict[str, str])
        interception = msgspec.convert(node.metadata.get(_INTERCEPTION, "NONE"), Interception)
        outbound = own.outbound or _istio_http_proxy(node.metadata)
    except (UsageError, msgspec.ValidationError) as error:
        raise Refused(f"the proxy's node does not make sense: {error}") from error
    return msgspec.structs.replace(
        base,
        labels=labels_of(labels),
        locality=node.locality if node.locality != Locality() else labelled_locality(labels),
        outbound=outbound,
        app_address=own.app_address,
        app_ports=_ports(own.app_ports),
        gateway_address=own.gateway_address,
        gateway_ports=_ports(own.gateway_ports),
        access_log=own.access_log,
        interception=interception,
        delivery=_delivery(node),
    )


def _delivery(node: Node) -> Delivery:
    if node.is_grpc:
        return Delivery.GRPC
    return Delivery.PARTS if node.takes_parts else Delivery.TABLES


def metadata_of(proxy: Proxy) -> dict[str, Any]:
    """Return the node metadata from which `proxy_of` makes `proxy` again."""
    who = {"NAMESPACE": proxy.namespace, "LABELS": dict(proxy.labels)}
    if proxy.delivery is Delivery.GRPC:
        return {**who, GENERATOR: GRPC}
    own = _Own(
        outbound=proxy.outbound,
        app_address=proxy.app_address,
        app_ports={str(port): number for port, number in proxy.app_ports},
        gateway_address=proxy.gateway_address,
        gateway_ports={str(port): number for port, number in proxy.gateway_ports},
        access_log=proxy.access_log,
    )
    return {
        **who,
        _INTERCEPTION: proxy.interception.value,
        _OWN: msgspec.to_builtins(own),
    }


def _ports(found: Mapping[str, int]) -> tuple[tuple[int, int], ...]:
    return tuple(sorted((int(port), number) for port, number in found.items()))


def _istio_http_proxy(metadata: Mapping[str, Any]) -> str:
    """Read the explicit listener as Istio's agent states it (`HTTP_PROXY_PORT`)."""
    port = metadata.get("HTTP_PROXY_PORT")
    return f"127.0.0.1:{int(float(port))}" if port else ""
