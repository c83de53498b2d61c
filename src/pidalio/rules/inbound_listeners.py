"""The listeners for what comes in to a workload: one per port, or one to which all connections are redirected.

Inbound routes carry no faults, no retries and no timeout, and count no attempts: those belong to callers.
A port whose protocol is not declared is sniffed: HTTP/1.1 and HTTP/2 go by the HTTP chain, everything else by the TCP
one. A server that speaks first makes no caller speak, so that its port must be declared, or have a bounded wait
(MeshConfig.protocolDetectionTimeout).
Source of the rules: Istio's documented inbound listeners (reference §2.3, §2.10, §2.13); in explicit mode they are
bound on the instance's own address (design record 0005).
"""

from pidalio.derive import Database
from pidalio.ir import (
    ChainMatch,
    Direction,
    FilterChainPlan,
    ForwardPlan,
    HttpPlan,
    Inspector,
    ListenerPlan,
    MatchPlan,
    RoutePlan,
    RouteTablePlan,
    TcpPlan,
    VirtualHostPlan,
    WeightedCluster,
)
from pidalio.model import Interception, Mode, Protocol, Proxy
from pidalio.rules import mesh, names
from pidalio.rules.inbound_clusters import port_cluster
from pidalio.rules.inbound_port import InboundPort

SNIFFED_HTTP = ("http/1.1", "h2c")
"""What the HTTP inspector calls the versions that go by the HTTP chain; HTTP/1.0 is not among them (Istio)."""
_EVERYWHERE = "0.0.0.0"  # noqa: S104 - redirected connections come for any address


def is_redirected(proxy: Proxy, port: InboundPort) -> bool:
    """Tell whether connections to a port come by redirection, so that nothing is opened for it."""
    return proxy.mode is Mode.TRANSPARENT and port.captured


def inbound_listener(world: Database, proxy: Proxy, port: InboundPort) -> ListenerPlan:
    """Return the listener of one port, on the instance's own address unless the Sidecar binds another."""
    address = port.bind or proxy.address
    name = f"{address}_{port.number}"
    sniffs = port.protocol is Protocol.UNSUPPORTED
    return ListenerPlan(
        name=name,
        address=address,
        port=port.number,
        requested_port=port.number,
        direction=Direction.INBOUND,
        chains=_chains(proxy, port, ChainMatch(), f"inbound_{name}"),
        inspectors=(Inspector.HTTP,) if sniffs else (),
        inspection_timeout=mesh.detection_timeout(world) if sniffs else 0,
        origin=port.origin,
    )


def virtual_inbound(world: Database, proxy: Proxy, ports: tuple[InboundPort, ...]) -> ListenerPlan:
    """Return the listener to which the system redirects connections to the workload.

    One to its own port would come back for ever, and is closed; ports that nothing declares are passed on as they are.
    """
    own = mesh.inbound_port(world)
    chains = [
        FilterChainPlan(
            TcpPlan(names.BLACKHOLE, (WeightedCluster(names.BLACKHOLE, 1),), proxy.access_log),
            ChainMatch(destination_port=own),
            f"{names.VIRTUAL_INBOUND}-blackhole",
        )
    ]
    for port in ports:
        name = f"{_EVERYWHERE}_{port.number}"
        chains += _chains(proxy, port, ChainMatch(destination_port=port.number), f"inbound_{name}", name)
    tproxy = proxy.interception is Interception.TPROXY
    return ListenerPlan(
        name=names.VIRTUAL_INBOUND,
        address=_EVERYWHERE,
        port=own,
        direction=Direction.INBOUND,
        chains=(*chains, *_passed_on(proxy)),
        inspectors=(Inspector.ORIGINAL_DST, *((Inspector.ORIGINAL_SRC,) if tproxy else ()), Inspector.HTTP),
        inspection_timeout=mesh.detection_timeout(world),
        uninspected=(own, *(port.number for port in ports if port.protocol is not Protocol.UNSUPPORTED)),
        transparent=tproxy,
    )


def _chains(
    proxy: Proxy, port: InboundPort, match: ChainMatch, stat_prefix: str, name: str = ""
) -> tuple[FilterChainPlan, ...]:
    """Return the chains of one port: one, or where it is sniffed one for HTTP and one for everything else."""
    cluster = (WeightedCluster(port_cluster(port), 1),)
    tcp = TcpPlan(stat_prefix, cluster, proxy.access_log)
    http = _http(proxy, cluster, stat_prefix, port.service_port, grpc_web=port.protocol is Protocol.GRPC_WEB)
    if port.protocol is not Protocol.UNSUPPORTED:
        return (FilterChainPlan(http if port.protocol.is_http else tcp, match, name, port.origin if name else None),)
    sniffed = ChainMatch(match.destination_port, application_protocols=SNIFFED_HTTP)
    origin = port.origin if name else None
    return (
        FilterChainPlan(http, sniffed, name or "http", origin),
        FilterChainPlan(tcp, match, f"{name}-tcp" if name else "tcp", origin),
    )


def _passed_on(proxy: Proxy) -> tuple[FilterChainPlan, ...]:
    """Return the chains for ports that nothing declares."""
    cluster = (WeightedCluster(names.INBOUND_PASSTHROUGH, 1),)
    prefix = names.INBOUND_PASSTHROUGH
    sniffed = ChainMatch(application_protocols=SNIFFED_HTTP)
    return (
        FilterChainPlan(_http(proxy, cluster, prefix, 0), sniffed, f"{names.VIRTUAL_INBOUND}-catchall-http"),
        FilterChainPlan(TcpPlan(prefix, cluster, proxy.access_log), name=names.VIRTUAL_INBOUND),
    )


def _http(
    proxy: Proxy,
    cluster: tuple[WeightedCluster, ...],
    stat_prefix: str,
    service_port: int,
    *,
    grpc_web: bool = False,
) -> HttpPlan:
    route = RoutePlan(MatchPlan(), ForwardPlan(cluster), name="default")
    host = VirtualHostPlan(f"inbound|http|{service_port}", ("*",), (route,), counts_attempts=False, grpc_web=grpc_web)
    table = RouteTablePlan(cluster[0].cluster, (host,))
    return HttpPlan(stat_prefix, table, server_name="istio-envoy", access_log=proxy.access_log)
