"""Clusters and their endpoints."""

import enum

import msgspec

from pidalio.ir.health_check import HealthCheckPlan
from pidalio.ir.policy import (
    ConnectionPoolPlan,
    OutlierPlan,
    ProxyProtocolVersion,
    RetryBudgetPlan,
    UpstreamProtocol,
    WarmupPlan,
    ZoneAwarePlan,
)
from pidalio.model import Health, Labels, Locality, ObjectRef, Origin

LOCAL_CLUSTER = "local_cluster"
"""The name under which every proxy has the instances that call as it does, as Istio's bootstraps have it."""


class Discovery(enum.Enum):
    """Where a cluster's endpoints come from."""

    EDS = "EDS"
    STATIC = "STATIC"
    STRICT_DNS = "STRICT_DNS"
    LOGICAL_DNS = "LOGICAL_DNS"
    DYNAMIC_FORWARD_PROXY = "DYNAMIC_FORWARD_PROXY"
    ORIGINAL_DST = "ORIGINAL_DST"


class LoadBalancing(enum.Enum):
    """Envoy's policies that this compiler chooses from."""

    LEAST_REQUEST = "LEAST_REQUEST"
    ROUND_ROBIN = "ROUND_ROBIN"
    RANDOM = "RANDOM"
    RING_HASH = "RING_HASH"
    MAGLEV = "MAGLEV"

    @property
    def is_free(self) -> bool:
        """Tell whether any instance may take any request: no hash decides."""
        return self not in _HASHING


_HASHING = frozenset({LoadBalancing.RING_HASH, LoadBalancing.MAGLEV})


class EndpointPlan(msgspec.Struct, frozen=True, gc=False):
    """One address; `weight` 1 or more; `workload` names the instance, for people; `tls_name` as `Endpoint` has it."""

    address: str
    port: int
    weight: int = 1
    health: Health = Health.HEALTHY
    workload: str = ""
    labels: Labels = ()
    tls_name: str = ""


class LocalityPlan(msgspec.Struct, frozen=True, gc=False):
    """The endpoints of one locality; `weight` is the sum of theirs; priorities count from 0 without gaps."""

    endpoints: tuple[EndpointPlan, ...]
    locality: Locality = Locality()
    weight: int = 0
    priority: int = 0


class AssignmentPlan(msgspec.Struct, frozen=True, gc=False):
    """A ClusterLoadAssignment: everything that is known of a cluster's endpoints, possibly nothing.

    `origin` is the locality setting that ordered them.
    """

    cluster: str
    localities: tuple[LocalityPlan, ...] = ()
    origin: Origin | None = None


class ClusterPlan(msgspec.Struct, frozen=True, gc=False):
    """A cluster.

    Times in milliseconds; `assignment` is set for STATIC and DNS clusters, whose endpoints travel with them.
    With `locality_weighted` a locality's share is its weight, not the number of its instances; with `zone_aware` it
    depends on where the proxy and its like are.
    `buffer_limit` is how many bytes a connection may hold back, None for Envoy's own limit.
    `called_port` replaces the port that was called (ORIGINAL_DST), 0 keeps it.
    `host`, `service_name`, `namespace`, `subset`, `port` say which destination it stands for ("" and 0: none).
    `bind` is the address from which it is connected to, empty for any; `stat_name` counts it under another name.
    `lb_origin` is the rule that chose the load balancer, None for the default; `table_size` is the least size of a hash
    ring, or that of a Maglev table (0: Envoy's own); `service` declares its endpoints.
    `keeps_case` leaves header names of HTTP/1.1 as they are written.
    `instance_ca` (PEM) signs the certificates of instances that have a `tls_name`; "": none may have one.
    """

    name: str
    discovery: Discovery
    connect_timeout: int = 10_000
    connect_timeout_origin: Origin | None = None
    load_balancing: LoadBalancing = LoadBalancing.LEAST_REQUEST
    lb_origin: Origin | None = None
    table_size: int = 0
    locality_weighted: bool = False
    zone_aware: ZoneAwarePlan | None = None
    warmup: WarmupPlan | None = None
    protocol: UpstreamProtocol = UpstreamProtocol.HTTP1
    pool: ConnectionPoolPlan = ConnectionPoolPlan()
    retry_budget: RetryBudgetPlan | None = None
    proxy_protocol: ProxyProtocolVersion | None = None
    outlier: OutlierPlan | None = None
    health_check: HealthCheckPlan | None = None
    bind: str = ""
    stat_name: str = ""
    dns_refresh: int = 60_000
    buffer_limit: int | None = None
    keeps_case: bool = False
    instance_ca: str = ""
    called_port: int = 0
    assignment: AssignmentPlan | None = None
    healthy_panic_threshold: int | None = 0
    host: str = ""
    namespace: str = ""
    port: int = 0
    subset: str = ""
    service: ObjectRef | None = None
    origin: Origin | None = None

    @property
    def origins(self) -> tuple[Origin, ...]:
        """Return everything that shaped the cluster, the blocks of its rule first."""
        parts = (self.pool, self.outlier, self.health_check, self.retry_budget, self.zone_aware)
        found = (self.lb_origin, self.connect_timeout_origin, *(part.origin for part in parts if part), self.origin)
        own = self.origin.object if self.origin else None
        return tuple(sorted(filter(None, found), key=lambda one: one.object != own))
