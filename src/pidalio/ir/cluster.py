"""Clusters and their endpoints."""

import enum

import msgspec

from pidalio.ir.policy import OutlierPlan
from pidalio.model import Health, Labels, Locality, ObjectRef, Origin


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


class EndpointPlan(msgspec.Struct, frozen=True, gc=False):
    """One address; `weight` 1 or more; `workload` names the instance, for people."""

    address: str
    port: int
    weight: int = 1
    health: Health = Health.HEALTHY
    workload: str = ""
    labels: Labels = ()


class LocalityPlan(msgspec.Struct, frozen=True, gc=False):
    """The endpoints of one locality; `weight` is the sum of theirs; priorities count from 0 without gaps."""

    endpoints: tuple[EndpointPlan, ...]
    locality: Locality = Locality()
    weight: int = 0
    priority: int = 0


class AssignmentPlan(msgspec.Struct, frozen=True, gc=False):
    """A ClusterLoadAssignment: everything that is known of a cluster's endpoints, possibly nothing."""

    cluster: str
    localities: tuple[LocalityPlan, ...] = ()


class ClusterPlan(msgspec.Struct, frozen=True, gc=False):
    """A cluster.

    Times in milliseconds; `assignment` is set for STATIC and DNS clusters, whose endpoints travel with them.
    `host`, `service_name`, `namespace`, `subset`, `port` say which destination it stands for ("" and 0: none).
    `http2` speaks HTTP/2 to it, `as_received` the version that the caller spoke to the proxy.
    `lb_origin` is the rule that chose the load balancer, None for the default; `service` declares its endpoints.
    """

    name: str
    discovery: Discovery
    connect_timeout: int = 10_000
    connect_timeout_origin: Origin | None = None
    load_balancing: LoadBalancing = LoadBalancing.LEAST_REQUEST
    lb_origin: Origin | None = None
    http2: bool = False
    outlier: OutlierPlan | None = None
    as_received: bool = False
    dns_refresh: int = 60_000
    assignment: AssignmentPlan | None = None
    healthy_panic_threshold: int | None = 0
    host: str = ""
    namespace: str = ""
    port: int = 0
    subset: str = ""
    service: ObjectRef | None = None
    origin: Origin | None = None
