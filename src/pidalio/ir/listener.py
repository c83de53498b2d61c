"""Listeners: where a proxy accepts connections and what it does with them."""

import enum

import msgspec

from pidalio.ir.http import ListenerSettings
from pidalio.ir.policy import TunnelPlan
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
    `forward_proxy` lets requests wait for DNS whose cluster resolves their host;
    `explicit_proxy` says that callers name this listener as their HTTP proxy (absolute URLs, CONNECT).
    `use_remote_address` looks at the caller's own address; at outbound listeners the workload's `x-envoy-*` headers
    count then, by its loopback address, or with `captured` by whatever address it has: nobody else gets there.
    `server_name` "" passes the upstream's `server` header through.
    `access_log` is a file path, empty for none.
    """

    stat_prefix: str
    table: str | RouteTablePlan
    explicit_proxy: bool = False
    forward_proxy: bool = False
    use_remote_address: bool = False
    captured: bool = False
    server_name: str = ""
    access_log: str = ""


class TcpPlan(msgspec.Struct, frozen=True, gc=False):
    """Treat connections as bytes; times in milliseconds, None for Envoy's own (idle: an hour; duration: no end).

    With `hash_source` the caller's address is the key by which hashing clusters choose an instance.
    With `tunnel` the instance is a proxy that is asked to carry the bytes on.
    """

    stat_prefix: str
    clusters: tuple[WeightedCluster, ...]
    access_log: str = ""
    idle_timeout: int | None = None
    max_duration: int | None = None
    hash_source: bool = False
    tunnel: TunnelPlan | None = None


class ChainMatch(msgspec.Struct, frozen=True, gc=False):
    """Which connections a filter chain takes, all conditions ANDed; an empty one compares nothing.

    `prefixes` are CIDRs of the destination; `server_names` what TLS clients ask for (`*.example.com` covers what is
    below); `transport_protocol` is `tls` or `raw_buffer`, `application_protocols` are ALPN's names or what the HTTP
    inspector found (`http/1.1`, `h2c`).
    """

    destination_port: int = 0
    prefixes: tuple[str, ...] = ()
    server_names: tuple[str, ...] = ()
    transport_protocol: str = ""
    application_protocols: tuple[str, ...] = ()


class FilterChainPlan(msgspec.Struct, frozen=True, gc=False):
    """What is done with the connections of one `match`; `name` is unique within its listener, or empty."""

    filter: HttpPlan | TcpPlan
    match: ChainMatch = ChainMatch()
    name: str = ""
    origin: Origin | None = None


class Inspector(enum.Enum):
    """What looks at a connection before a chain is chosen, in the order in which Envoy must run them."""

    PROXY_PROTOCOL = "PROXY_PROTOCOL"
    ORIGINAL_DST = "ORIGINAL_DST"
    ORIGINAL_SRC = "ORIGINAL_SRC"
    TLS = "TLS"
    HTTP = "HTTP"


class ListenerPlan(msgspec.Struct, frozen=True, gc=False):
    """One listener on `address:port` (`address` an IP, or `unix:///path`); `requested_port` is what the rule asked for.

    `chains` are alternatives by their matches, of which Envoy takes the most specific; `default` takes what fits none.
    With `bind` False no port is opened: connections come by hand-off from a listener with `hands_off`, which gives
    each one to the listener of its original destination (or of `0.0.0.0` and that port) and keeps the rest.
    Connections to the `uninspected` ports are not looked at for what they speak. `transparent` takes connections whose
    destination is not this machine's, as TPROXY gives them.
    `inspection_timeout` in milliseconds ends the wait for bytes to inspect (0: no end); the connection goes on then.
    """

    name: str
    address: str
    port: int
    direction: Direction
    chains: tuple[FilterChainPlan, ...]
    default: FilterChainPlan | None = None
    bind: bool = True
    hands_off: bool = False
    inspectors: tuple[Inspector, ...] = ()
    inspection_timeout: int = 0
    uninspected: tuple[int, ...] = ()
    transparent: bool = False
    requested_port: int = 0
    settings: ListenerSettings = ListenerSettings()
    origin: Origin | None = None

    @property
    def all_chains(self) -> tuple[FilterChainPlan, ...]:
        """Return every chain, the default one last."""
        return self.chains if self.default is None else (*self.chains, self.default)

    @property
    def explicit_proxy(self) -> bool:
        """Tell whether callers name this listener as their HTTP proxy."""
        return any(isinstance(one.filter, HttpPlan) and one.filter.explicit_proxy for one in self.all_chains)


def one_chain(content: HttpPlan | TcpPlan) -> tuple[FilterChainPlan, ...]:
    """Return the chains of a listener that treats all its connections alike."""
    return (FilterChainPlan(content),)
