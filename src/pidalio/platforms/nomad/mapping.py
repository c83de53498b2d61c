"""Nomad's registrations as services of the mesh. Pure.

Source: Nomad's service, node and check structures as its HTTP API writes them. A service of a namespace is one of the
mesh; each registration is an endpoint on a port of its own, behind the one port that callers use.
"""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from pidalio.model import Endpoint, Health, Labels, Locality, Port, Protocol, labels_of
from pidalio.platforms.nomad.settings import NomadSettings
from pidalio.platforms.offers import Offer, resolution_of
from pidalio.store.protocols import protocol_named

KIND: Final = "NomadService"
Key = tuple[str, str]
"""Namespace and id of a registration."""
_GONE: Final = frozenset({"down", "disconnected"})
"""States of a node whose allocations nobody hears of: registrations of a job that waits for it are kept, as unwell."""


class Registration(msgspec.Struct, frozen=True, rename="pascal", gc=False):
    """One instance of a service, as `/v1/service/NAME` and the event stream write it."""

    id: str = msgspec.field(name="ID")
    service_name: str
    namespace: str
    address: str
    port: int
    node_id: str = msgspec.field(name="NodeID", default="")
    job_id: str = msgspec.field(name="JobID", default="")
    alloc_id: str = msgspec.field(name="AllocID", default="")
    datacenter: str = ""
    tags: tuple[str, ...] | None = ()
    modify_index: int = 0

    @property
    def key(self) -> Key:
        """Return what tells it from all others."""
        return self.namespace, self.id

    @property
    def stated(self) -> Mapping[str, str]:
        """Return the tags that are pairs (`version=v1`, `version|v1`)."""
        pairs = (tag.replace("|", "=", 1).partition("=") for tag in self.tags or ())
        return {name.strip(): value.strip() for name, equals, value in pairs if equals and name.strip()}


class Node(msgspec.Struct, frozen=True, rename="pascal", gc=False):
    """A client of Nomad."""

    id: str = msgspec.field(name="ID")
    status: str = ""
    datacenter: str = ""


def fault_of(one: Registration) -> str:
    """Return what is wrong with a registration, empty where nothing is."""
    if not one.address or not 0 < one.port < 65536:
        return f"it has the address {one.address!r} and the port {one.port}: give its service block a port"
    return ""


def offers(
    registrations: Iterable[Registration],
    nodes: Mapping[str, Node],
    unwell: Iterable[tuple[str, str]],
    settings: NomadSettings,
) -> tuple[Offer, ...]:
    """Return the services; `unwell` are the allocations (by id) and services of which a check fails."""
    by_name: dict[tuple[str, str], list[Registration]] = {}
    for one in registrations:
        by_name.setdefault((one.namespace, one.service_name), []).append(one)
    failing = frozenset(unwell)
    made = (_offer(sorted(members, key=_order), nodes, failing, settings) for _, members in sorted(by_name.items()))
    return tuple(one for one in made if one.hostname)


def _order(one: Registration) -> Key:
    return one.key


def _offer(
    members: list[Registration],
    nodes: Mapping[str, Node],
    failing: frozenset[tuple[str, str]],
    settings: NomadSettings,
) -> Offer:
    first = members[0]
    host = settings.named(
        "{name}.{namespace}.nomad",
        name=first.service_name,
        namespace=first.namespace,
        job=first.job_id,
        datacenter=first.datacenter,
    )
    stated = next((one.stated["protocol"] for one in members if "protocol" in one.stated), settings.protocol)
    protocol = protocol_named(stated) or Protocol.UNSUPPORTED
    port = Port(settings.port, stated.lower(), protocol)
    endpoints = tuple(_endpoint(one, nodes.get(one.node_id), failing, settings) for one in members)
    name, resolution = f"{first.namespace}/{first.service_name}", resolution_of(endpoints)
    return Offer(KIND, name, host, settings.namespace, (port,), endpoints, resolution=resolution)


def _endpoint(
    one: Registration, node: Node | None, failing: frozenset[tuple[str, str]], settings: NomadSettings
) -> Endpoint:
    is_well = (one.alloc_id, one.service_name) not in failing and not (node and node.status in _GONE)
    return Endpoint(
        address=one.address,
        port=one.port,
        service_port=settings.port,
        labels=_labels(one),
        locality=Locality(settings.region, one.datacenter or (node.datacenter if node else "")),
        health=Health.HEALTHY if is_well else Health.UNHEALTHY,
        workload=one.id,
        node=one.node_id,
    )


def _labels(one: Registration) -> Labels:
    own = {"job": one.job_id} if one.job_id else {}
    return labels_of({**own, **{name: value for name, value in one.stated.items() if name != "protocol"}})
