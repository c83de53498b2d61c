"""What a proxyless gRPC client may ask for: listeners by target, a small route table per host and port, clusters.

A client asks for the target that it was given (`xds:///reviews.default.svc.cluster.local:9080`) as a listener, which
names a route table, which names clusters. Each host and port has a table of its own, so that a changed rule travels
alone, and every name of a host leads to it.
Names are Istio's, of its generator `grpc` (reference §2.4, §2.11).
"""

import enum
from collections.abc import Iterator
from typing import TypeAlias

import msgspec

from pidalio.derive import Database, derived
from pidalio.ir import GrpcAssignmentPlan, GrpcClusterPlan, GrpcListenerPlan, GrpcTablePlan
from pidalio.rules import clusters, names, virtual_hosts
from pidalio.rules.clusters import ClusterKey
from pidalio.rules.grpc_clusters import grpc_assignment, grpc_cluster
from pidalio.rules.grpc_lacks import Lack, cluster_lacks, table_lacks
from pidalio.rules.grpc_routes import grpc_table
from pidalio.rules.vantage import Vantage
from pidalio.rules.virtual_hosts import VirtualHostKey
from pidalio.rules.visibility import Scope

_ANY_INSTANCE = "*"


class GrpcKind(enum.Enum):
    """The four kinds of resources that a client asks for."""

    LISTENERS = "listeners"
    TABLES = "tables"
    CLUSTERS = "clusters"
    ENDPOINTS = "endpoints"


class GrpcListener(msgspec.Struct, frozen=True, gc=False):
    """The listener of one target."""

    name: str
    table: str


class GrpcTable(msgspec.Struct, frozen=True, gc=False):
    """The route table of one host and port."""

    host: VirtualHostKey

    @property
    def name(self) -> str:
        """Return `outbound|9080||reviews.default.svc.cluster.local`."""
        return names.outbound_cluster(self.host.full_host, self.host.port)


class GrpcCluster(msgspec.Struct, frozen=True, gc=False):
    """A cluster in gRPC's words."""

    cluster: ClusterKey


class GrpcAssignment(msgspec.Struct, frozen=True, gc=False):
    """The endpoints of a cluster in gRPC's words."""

    cluster: ClusterKey


GrpcKey: TypeAlias = GrpcListener | GrpcTable | GrpcCluster | GrpcAssignment
GrpcPlan: TypeAlias = GrpcListenerPlan | GrpcTablePlan | GrpcClusterPlan | GrpcAssignmentPlan


def grpc_keys(world: Database, scope: Scope, vantage: Vantage, kind: GrpcKind) -> Iterator[tuple[str, GrpcKey]]:
    """Yield what clients of the scope may ask for, by name."""
    match kind:
        case GrpcKind.LISTENERS:
            for _, key in virtual_hosts.virtual_host_keys(world, scope, virtual_hosts.EXPLICIT):
                yield from _listeners(world, key)
        case GrpcKind.TABLES:
            for _, key in virtual_hosts.virtual_host_keys(world, scope, virtual_hosts.EXPLICIT):
                table = GrpcTable(key)
                yield table.name, table
        case GrpcKind.CLUSTERS:
            for found in clusters.scope_clusters(world, scope, vantage):
                yield from ((name, GrpcCluster(key)) for name, key in found.clusters)
        case GrpcKind.ENDPOINTS:
            for found in clusters.scope_clusters(world, scope, vantage):
                yield from ((name, GrpcAssignment(one.cluster)) for name, one in found.assignments)


@derived
def _listeners(world: Database, key: VirtualHostKey) -> tuple[tuple[str, GrpcListener], ...]:
    """Return a listener for every name of a host; one that stands for many hosts cannot be a target."""
    table = GrpcTable(key).name
    if key.instance == _ANY_INSTANCE:
        return ()
    called = virtual_hosts.domains_of(world, key)
    return tuple((name, GrpcListener(name, table)) for name in called if not name.startswith("*"))


def grpc_plan(world: Database, key: GrpcKey) -> GrpcPlan | None:
    """Return the plan of a resource, None when what it stands for is gone."""
    match key:
        case GrpcListener(name, table):
            return GrpcListenerPlan(name, table)
        case GrpcTable(host):
            own = names.outbound_cluster(host.full_host, host.port) if host.owner is not None else ""
            return grpc_table(key.name, virtual_hosts.virtual_host(world, host), own)
        case GrpcCluster(cluster):
            plan = clusters.cluster(world, cluster)
            return grpc_cluster(plan) if plan else None
        case GrpcAssignment(cluster):
            return grpc_assignment(clusters.endpoints_of(world, cluster))


def lacks(world: Database, key: object) -> tuple[Lack, ...]:
    """Return what a resource's rules ask for and gRPC cannot do."""
    match key:
        case GrpcTable(host):
            return table_lacks(virtual_hosts.virtual_host(world, host))
        case GrpcCluster(cluster):
            plan = clusters.cluster(world, cluster)
            return cluster_lacks(plan) if plan else ()
        case _:
            return ()
