"""The policy of one cluster: how blocks of DestinationRules, their ports and subsets, and the mesh replace each other.

Source of the rules: Istio's documented inheritance (reference §2.7): a port entry replaces all that it could state,
also by leaving it out; a subset replaces block by block; the mesh fills limits and ejection that are still unset.
"""

from typing import Any, Generic, TypeVar

import msgspec

from pidalio.api.traffic_policy import (
    ConnectionPoolSettings,
    LoadBalancerSettings,
    OutlierDetection,
    PortTrafficPolicy,
    ProxyProtocol,
    RetryBudget,
    TrafficPolicy,
    TunnelSettings,
)
from pidalio.derive import Database, derived
from pidalio.model import Origin
from pidalio.rules import destination_rules, mesh
from pidalio.rules.destination_rules import Row, subset_path
from pidalio.rules.services import ServiceId
from pidalio.rules.visibility import Client

T = TypeVar("T")


class Stated(msgspec.Struct, Generic[T], frozen=True, gc=False):
    """A block of a policy, and where it stands."""

    value: T
    origin: Origin | None


class Policy(msgspec.Struct, frozen=True, gc=False):
    """The effective policy of one cluster, block by block; `origin` is the rule as a whole, None where none holds."""

    load_balancer: Stated[LoadBalancerSettings] | None = None
    connection_pool: Stated[ConnectionPoolSettings] | None = None
    outlier_detection: Stated[OutlierDetection] | None = None
    tunnel: Stated[TunnelSettings] | None = None
    proxy_protocol: Stated[ProxyProtocol] | None = None
    retry_budget: Stated[RetryBudget] | None = None
    origin: Origin | None = None


_OF_PORTS = {
    "load_balancer": "loadBalancer",
    "connection_pool": "connectionPool",
    "outlier_detection": "outlierDetection",
}
"""Blocks that a port entry states, or takes away."""
_ALL = _OF_PORTS | {"tunnel": "tunnel", "proxy_protocol": "proxyProtocol", "retry_budget": "retryBudget"}


@derived
def policy(world: Database, view: Client, identity: ServiceId, port: int, subset: str) -> Policy:
    """Return the effective policy of the cluster for `port` and subset ("" for none)."""
    found = _ruled(destination_rules.rows_for(world, view, identity), port, subset)
    limits, ejection = mesh.default_policy(world)
    if limits and not found.connection_pool:
        found = msgspec.structs.replace(found, connection_pool=Stated(*limits))
    if ejection and not found.outlier_detection:
        found = msgspec.structs.replace(found, outlier_detection=Stated(*ejection))
    return found


def _ruled(rows: list[Row], port: int, subset: str) -> Policy:
    """Return what the rules say: of several with a top policy the oldest counts, of equal subsets the first."""
    if not rows:
        return Policy()
    top = next((row for row in rows if row.spec.traffic_policy), rows[0])
    result = _of_host(top, port)
    for row in rows if subset else ():
        for one in row.spec.subsets:
            if one.name == subset:
                result = msgspec.structs.replace(result, origin=Origin(row.ref))
                return _of_subset(result, row, one.traffic_policy, f"{subset_path(subset)}.trafficPolicy", port)
    return result


def _of_host(row: Row, port: int) -> Policy:
    stated, path = row.spec.traffic_policy, "trafficPolicy"
    origin = Origin(row.ref)
    if stated is None:
        return Policy(origin=origin)
    entry, where = _port_entry(stated, path, port)
    if entry is not None:
        return Policy(**_blocks(row, entry, where), origin=origin)
    return Policy(**_blocks(row, stated, path), origin=origin)


def _of_subset(base: Policy, row: Row, stated: TrafficPolicy | None, path: str, port: int) -> Policy:
    """Return `base` with the blocks of a subset; under its port entry those that ports cannot state stay the host's."""
    if stated is None:
        return base
    entry, where = _port_entry(stated, path, port)
    if entry is not None:
        return msgspec.structs.replace(base, **(dict.fromkeys(_OF_PORTS) | _blocks(row, entry, where)))
    return msgspec.structs.replace(base, **_blocks(row, stated, path))


def _port_entry(stated: TrafficPolicy, path: str, port: int) -> tuple[PortTrafficPolicy | None, str]:
    for index, entry in enumerate(stated.port_level_settings):
        if entry.port and entry.port.number == port:
            return entry, f"{path}.portLevelSettings[{index}]"
    return None, path


def _blocks(row: Row, stated: TrafficPolicy | PortTrafficPolicy, path: str) -> dict[str, Any]:
    names = _OF_PORTS if isinstance(stated, PortTrafficPolicy) else _ALL
    return {
        name: Stated(block, Origin(row.ref, f"{path}.{written}"))
        for name, written in names.items()
        if (block := getattr(stated, name)) is not None
    }


@derived
def inbound_pool(
    world: Database, namespace: str, identity: ServiceId, port: int
) -> Stated[ConnectionPoolSettings] | None:
    """Return the limits of a port that bind the own sidecar of a workload in `namespace`, too."""
    rows = destination_rules.rows_of(world, destination_rules.inbound_rules(world, namespace, identity))
    return _ruled(rows, port, "").connection_pool
