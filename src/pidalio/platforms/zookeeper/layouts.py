"""What the nodes of services hold, by layout. Pure.

Sources: Apache Curator's service discovery (`ServiceInstance` as JSON), the serversets of Finagle and Aurora, and a
plain JSON of ours: `{"address": "10.0.0.1", "port": 8080, "labels": {"version": "v1"}, "protocol": "http", "zone":
"region/zone", "weight": 1, "healthy": true}`, of which all but the first two may be absent.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import msgspec

from pidalio.model import Endpoint, Health, Locality, Port, Protocol, labels_of, parse_locality
from pidalio.platforms.offers import Offer, resolution_of
from pidalio.platforms.zookeeper.settings import ZooKeeperSettings
from pidalio.store.protocols import protocol_named

KIND: Final = "ZooKeeperService"


class Member(msgspec.Struct, frozen=True, gc=False):
    """One instance; a port that it has not is 0. `ports` are further ones by name."""

    id: str
    address: str
    port: int = 0
    secure_port: int = 0
    ports: tuple[tuple[str, int], ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    protocol: str = ""
    locality: Locality = Locality()
    weight: int = 0
    health: Health = Health.HEALTHY


def is_member(layout: str, name: str) -> bool:
    """Tell whether a node below a service is an instance: in a serverset others (locks, leaders) stand beside them."""
    return layout != "serverset" or name.startswith("member_")


def member(layout: str, name: str, data: bytes) -> Member:
    """Return the instance that the node `name` holds; raise `ValueError`, one line, for what is none."""
    try:
        tree = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"it holds no JSON: {error}") from error
    if not isinstance(tree, dict):
        raise ValueError("it holds no JSON object")  # noqa: TRY004 - what users wrote is a value
    return _READ[layout](name, tree)


def offer(name: str, members: Iterable[Member], settings: ZooKeeperSettings) -> Offer | None:
    """Return a service with its instances, None where its name makes no host."""
    host = settings.named("{name}.zookeeper", name=name)
    if not host:
        return None
    ports: dict[int, Port] = {}
    endpoints: list[Endpoint] = []
    for one in members:
        for port, number in _ports(one, settings):
            ports.setdefault(port.number, port)
            endpoints.append(
                Endpoint(
                    address=one.address,
                    port=number,
                    service_port=port.number,
                    labels=one.labels,
                    weight=one.weight,
                    locality=one.locality,
                    health=one.health,
                    workload=one.id,
                )
            )
    known = tuple(ports[number] for number in sorted(ports)) or (_main(settings.protocol, settings),)
    resolution = resolution_of(endpoints)
    return Offer(KIND, name, host, settings.namespace, known, tuple(endpoints), resolution=resolution)


def _main(protocol: str, settings: ZooKeeperSettings) -> Port:
    return Port(settings.port, protocol.lower(), protocol_named(protocol) or Protocol.UNSUPPORTED)


def _ports(one: Member, settings: ZooKeeperSettings) -> Iterable[tuple[Port, int]]:
    if one.port:
        yield _main(one.protocol or settings.protocol, settings), one.port
    if one.secure_port:
        yield Port(settings.secure_port, "https", Protocol.HTTPS), one.secure_port


def _curator(name: str, tree: Mapping[str, Any]) -> Member:
    port, secure = _port(tree, "port"), _port(tree, "sslPort")
    if not port and not secure:
        raise ValueError("it has neither port nor sslPort")
    payload = tree.get("payload")
    stated = payload if isinstance(payload, dict) else {}
    nested = stated.get("metadata")
    metadata = nested if isinstance(nested, dict) else stated
    texts = {key: value for key, value in metadata.items() if isinstance(value, str) and key != "@class"}
    return Member(
        id=_text(tree, "id") or name,
        address=_address(tree, "address"),
        port=port,
        secure_port=secure,
        labels=labels_of({key: value for key, value in texts.items() if key not in ("protocol", "zone")}),
        protocol=texts.get("protocol", ""),
        locality=parse_locality(texts["zone"]) if "zone" in texts else Locality(),
        health=Health.HEALTHY if tree.get("enabled", True) else Health.DRAINING,
    )


def _serverset(name: str, tree: Mapping[str, Any]) -> Member:
    endpoint = tree.get("serviceEndpoint")
    if not isinstance(endpoint, dict):
        raise ValueError("it has no serviceEndpoint")  # noqa: TRY004 - what users wrote is a value
    shard = tree.get("shard")
    labels = {"shard": str(shard)} if isinstance(shard, int) else {}
    metadata = tree.get("metadata")
    if isinstance(metadata, dict):
        labels |= {key: value for key, value in metadata.items() if isinstance(value, str)}
    status = tree.get("status", "ALIVE")
    return Member(
        id=name,
        address=_address(endpoint, "host"),
        port=_port(endpoint, "port"),
        labels=labels_of(labels),
        health=Health.HEALTHY if status == "ALIVE" else _STATUS.get(str(status), Health.UNHEALTHY),
    )


def _json(name: str, tree: Mapping[str, Any]) -> Member:
    labels = tree.get("labels")
    weight = tree.get("weight", 0)
    if not isinstance(weight, int) or weight < 0:
        raise ValueError(f"weight is {weight!r}: write a whole number")
    return Member(
        id=name,
        address=_address(tree, "address"),
        port=_port(tree, "port"),
        labels=labels_of({key: str(value) for key, value in labels.items()} if isinstance(labels, dict) else {}),
        protocol=_text(tree, "protocol"),
        locality=parse_locality(_text(tree, "zone")) if _text(tree, "zone") else Locality(),
        weight=weight,
        health=Health.HEALTHY if tree.get("healthy", True) else Health.UNHEALTHY,
    )


def _text(tree: Mapping[str, Any], field: str) -> str:
    value = tree.get(field)
    return value if isinstance(value, str) else ""


def _address(tree: Mapping[str, Any], field: str) -> str:
    address = _text(tree, field)
    if not address:
        raise ValueError(f"it has no {field}")
    return address


def _port(tree: Mapping[str, Any], field: str) -> int:
    value = tree.get(field)
    if value is None:
        return 0
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 65536:
        raise ValueError(f"{field} is {value!r}, not a port: write a number from 1 to 65535")
    return value


_STATUS: Final[Mapping[str, Health]] = {"STOPPING": Health.DRAINING, "WARNING": Health.HEALTHY}
_READ: Final[Mapping[str, Callable[[str, Mapping[str, Any]], Member]]] = {
    "curator": _curator,
    "serverset": _serverset,
    "json": _json,
}
