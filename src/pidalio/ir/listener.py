"""Listeners: where a proxy accepts connections and what it does with them."""

import enum

import msgspec

from pidalio.ir.route import RouteTablePlan, WeightedCluster
from pidalio.model import Origin


class Direction(enum.Enum):
    """Whose traffic a listener takes: the workload's own calls, calls to it, or calls from outside."""

    OUTBOUND = "outbound"
    INBOUND = "inbound"
    GATEWAY = "gateway"


class HttpPlan(msgspec.Struct, frozen=True, gc=False):
    """Treat connections as HTTP.

    `table` is the name of a route table that travels by itself, or the table itself, inline.
    `forward_proxy` adds dynamic resolution of unknown hosts; `explicit_proxy` says that callers name this
    listener as their HTTP proxy (absolute URLs, CONNECT).
    `server_name` "" passes the upstream's `server` header through.
    `access_log` is a file path, empty for none.
    """

    stat_prefix: str
    table: str | RouteTablePlan
    explicit_proxy: bool = False
    forward_proxy: bool = False
    use_remote_address: bool = False
    server_name: str = ""
    access_log: str = ""


class TcpPlan(msgspec.Struct, frozen=True, gc=False):
    """Treat connections as bytes."""

    stat_prefix: str
    clusters: tuple[WeightedCluster, ...]
    access_log: str = ""


class ListenerPlan(msgspec.Struct, frozen=True, gc=False):
    """One listener on `address:port` (`address` an IP); `requested_port` is what the rule asked for."""

    name: str
    address: str
    port: int
    direction: Direction
    filter: HttpPlan | TcpPlan
    requested_port: int = 0
    origin: Origin | None = None
