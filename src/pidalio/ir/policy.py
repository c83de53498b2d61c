"""Policies of a cluster: what protects its endpoints from callers, and callers from its endpoints.

A value that is None is Envoy's own default; `origin` is the block of the rule, or of the mesh, that was in force.
"""

import enum

import msgspec

from pidalio.model import Origin


class OutlierPlan(msgspec.Struct, frozen=True, gc=False):
    """When an instance is ejected: after so many errors in a row, 0 for never.

    Times in milliseconds; `max_ejection_percent` is of the cluster's instances, rounded down.
    With `split_local`, failures to connect are counted apart from answers (`consecutive_local`).
    `error_statuses` are the statuses that count as errors, () for 500 to 599.
    """

    consecutive_5xx: int | None = None
    consecutive_gateway: int | None = None
    consecutive_local: int | None = None
    split_local: bool = False
    interval: int | None = None
    base_ejection_time: int | None = None
    max_ejection_percent: int | None = None
    error_statuses: tuple[int, ...] = ()
    origin: Origin | None = None


class ProxyProtocolVersion(enum.Enum):
    """Versions of the PROXY protocol's header."""

    V1 = "V1"
    V2 = "V2"


class TunnelPlan(msgspec.Struct, frozen=True, gc=False):
    """Have another proxy carry a connection on to `target` (`host:port`), asked by CONNECT, or with `post` by POST."""

    target: str
    post: bool = False
    origin: Origin | None = None

    def __str__(self) -> str:
        return f"{'POST' if self.post else 'CONNECT'} {self.target}"


class HashKind(enum.Enum):
    """What of a request is hashed."""

    HEADER = "HEADER"
    COOKIE = "COOKIE"
    QUERY = "QUERY"
    SOURCE_IP = "SOURCE_IP"


class HashPlan(msgspec.Struct, frozen=True, gc=False):
    """Requests of one key go to one instance, where the cluster's load balancer hashes.

    `name` is of a header, cookie or query parameter; a cookie with `ttl` (milliseconds, 0: of the session) is made for
    callers that bring none, with `path` and `attributes`.
    """

    kind: HashKind
    name: str = ""
    path: str = ""
    ttl: int | None = None
    attributes: tuple[tuple[str, str], ...] = ()
    origin: Origin | None = None


class WarmupPlan(msgspec.Struct, frozen=True, gc=False):
    """A new instance's share grows over `window` (milliseconds) from `min_percent` of its own to all of it."""

    window: int
    min_percent: float = 10.0
    aggression: float = 1.0


class ZoneAwarePlan(msgspec.Struct, frozen=True, gc=False):
    """Callers stay in their own locality as far as it has room for them, from `min_cluster_size` instances on."""

    min_cluster_size: int = 6
    origin: Origin | None = None


class UpstreamProtocol(enum.Enum):
    """The version of HTTP that instances are spoken to in; DOWNSTREAM is what the caller spoke to the proxy."""

    HTTP1 = "HTTP1"
    HTTP2 = "HTTP2"
    DOWNSTREAM = "DOWNSTREAM"


class KeepalivePlan(msgspec.Struct, frozen=True, gc=False):
    """TCP keep-alive is on: times in milliseconds, None is the operating system's; `origin` asks for it."""

    probes: int | None = None
    time: int | None = None
    interval: int | None = None
    origin: Origin | None = None


class PingPlan(msgspec.Struct, frozen=True, gc=False):
    """HTTP/2 pings every `interval`, to be answered within `timeout`; milliseconds."""

    interval: int
    timeout: int


class ConnectionPoolPlan(msgspec.Struct, frozen=True, gc=False):
    """Limits of connections and requests to all instances together; None is unlimited.

    Times in milliseconds: None leaves Envoy's (idle an hour, 0 for ever; no end of connections).
    `max_streams` and `pings` count only where HTTP/2 is spoken by decision, not by the caller's choice.
    """

    max_connections: int | None = None
    max_pending_requests: int | None = None
    max_requests: int | None = None
    max_retries: int | None = None
    max_requests_per_connection: int | None = None
    max_streams: int | None = None
    idle_timeout: int | None = None
    max_connection_duration: int | None = None
    keepalive: KeepalivePlan | None = None
    pings: PingPlan | None = None
    origin: Origin | None = None


class RetryBudgetPlan(msgspec.Struct, frozen=True, gc=False):
    """Retries at a time: at most `percent` (0–100) of requests, but `min_concurrency` always may.

    Requests count that are active, or with `interval` (milliseconds) those of so long.
    """

    percent: float = 20.0
    min_concurrency: int = 3
    interval: int | None = None
    origin: Origin | None = None
