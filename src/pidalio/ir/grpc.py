"""What a proxyless gRPC client runs on: the part of Envoy's language that gRPC's own xDS client understands.

Source: gRPC's proposals A27, A28, A31, A32, A33, A42, A44 and A50.
"""

import msgspec

from pidalio.ir.cluster import AssignmentPlan
from pidalio.ir.match import MatchPlan
from pidalio.ir.route import FaultPlan
from pidalio.model import Origin


class GrpcListenerPlan(msgspec.Struct, frozen=True, gc=False):
    """What a client asks for first: `name` is the target that it was given, `table` where calls to it are routed."""

    name: str
    table: str


class GrpcRetryPlan(msgspec.Struct, frozen=True, gc=False):
    """At most `attempts` after the first try, on these of gRPC's statuses; `backoff` in milliseconds, None: gRPC's."""

    attempts: int
    retry_on: tuple[str, ...]
    backoff: int | None = None


class GrpcRoutePlan(msgspec.Struct, frozen=True, gc=False):
    """One route: calls that match go to `clusters` by weight, and fail where there are none.

    `timeout` in milliseconds, 0 for none; `hash_headers` are the key where a cluster hashes.
    """

    match: MatchPlan
    clusters: tuple[tuple[str, int], ...]
    timeout: int = 0
    retry: GrpcRetryPlan | None = None
    hash_headers: tuple[str, ...] = ()
    fault: FaultPlan | None = None
    origins: tuple[Origin, ...] = ()


class GrpcTablePlan(msgspec.Struct, frozen=True, gc=False):
    """The routes of one host and port; `domains` are the targets that lead there."""

    name: str
    domains: tuple[str, ...]
    routes: tuple[GrpcRoutePlan, ...]


class GrpcOutlierPlan(msgspec.Struct, frozen=True, gc=False):
    """An instance is ejected when all of at least `volume` calls of one interval failed; times in milliseconds."""

    volume: int
    interval: int | None = None
    base_ejection_time: int | None = None
    max_ejection_percent: int | None = None


class GrpcClusterPlan(msgspec.Struct, frozen=True, gc=False):
    """A cluster: round robin, or with `ring_size` a hash ring of at least so many entries.

    `dns` is the one name and port to look up; without it instances travel by themselves. `max_requests` None: no limit.
    """

    name: str
    ring_size: int = 0
    max_requests: int | None = None
    outlier: GrpcOutlierPlan | None = None
    dns: tuple[str, int] | None = None
    origins: tuple[Origin, ...] = ()


class GrpcAssignmentPlan(msgspec.Struct, frozen=True, gc=False):
    """The endpoints of a cluster."""

    assignment: AssignmentPlan
