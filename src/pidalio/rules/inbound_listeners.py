"""The listener and the cluster behind each port that a sidecar takes in.

Inbound routes carry no faults, no retries and no timeout: those belong to callers.
A port whose protocol is not declared is sniffed: HTTP/1.1 and HTTP/2 go by the HTTP chain, everything else by the TCP
one. A server that speaks first makes no caller speak, so that its port must be declared, or have a bounded wait
(MeshConfig.protocolDetectionTimeout).
Source of the rules: Istio's documented inbound listeners and clusters (reference §2.3, §2.10, §2.11, §2.13); in
explicit mode they are bound on the instance's own address (design record 0005).
"""

from pidalio.api.traffic_policy import ConnectionPoolSettings
from pidalio.derive import Database
from pidalio.ir import (
    AssignmentPlan,
    ChainMatch,
    ClusterPlan,
    Direction,
    Discovery,
    EndpointPlan,
    FilterChainPlan,
    ForwardPlan,
    HttpPlan,
    Inspector,
    ListenerPlan,
    LocalityPlan,
    MatchPlan,
    RoutePlan,
    RouteTablePlan,
    TcpPlan,
    VirtualHostPlan,
    WeightedCluster,
    one_chain,
)
from pidalio.model import Protocol, Proxy
from pidalio.rules import destination_rules, mesh, names
from pidalio.rules.inbound import InboundPort
from pidalio.rules.policies import Stated, ruled_pool
from pidalio.rules.pools import limited, upstream_protocol

SNIFFED_HTTP = ("http/1.1", "h2c")
"""What the HTTP inspector calls the versions that go by the HTTP chain; HTTP/1.0 is not among them (Istio)."""


def inbound_listener(world: Database, proxy: Proxy, port: InboundPort) -> ListenerPlan:
    """Return the listener for one inbound port, bound on the instance's own address."""
    name = f"{proxy.address}_{port.number}"
    sniffs = port.protocol is Protocol.UNSUPPORTED
    return ListenerPlan(
        name=name,
        address=proxy.address,
        port=port.number,
        requested_port=port.number,
        direction=Direction.INBOUND,
        chains=_chains(proxy, port, f"inbound_{name}"),
        inspectors=(Inspector.HTTP,) if sniffs else (),
        inspection_timeout=mesh.detection_timeout(world) if sniffs else 0,
        origin=port.origin,
    )


def _chains(proxy: Proxy, port: InboundPort, stat_prefix: str) -> tuple[FilterChainPlan, ...]:
    cluster = (WeightedCluster(names.inbound_cluster(port.number), 1),)
    tcp = TcpPlan(stat_prefix, cluster, proxy.access_log)
    http = _http(proxy, port, cluster, stat_prefix)
    if port.protocol is Protocol.UNSUPPORTED:
        sniffed = ChainMatch(application_protocols=SNIFFED_HTTP)
        return FilterChainPlan(http, sniffed, "http"), FilterChainPlan(tcp, name="tcp")
    return one_chain(http if port.protocol.is_http else tcp)


def _http(proxy: Proxy, port: InboundPort, cluster: tuple[WeightedCluster, ...], stat_prefix: str) -> HttpPlan:
    route = RoutePlan(MatchPlan(), ForwardPlan(cluster), name="default")
    host = VirtualHostPlan(f"inbound|http|{port.service_port}", ("*",), (route,))
    table = RouteTablePlan(names.inbound_cluster(port.number), (host,))
    return HttpPlan(stat_prefix, table, server_name="istio-envoy", access_log=proxy.access_log)


def inbound_cluster(world: Database, proxy: Proxy, port: InboundPort) -> ClusterPlan:
    """Return the cluster that leads to the application itself, limited as the rule for its service says."""
    name = names.inbound_cluster(port.number)
    application = EndpointPlan(proxy.app_address, dict(proxy.app_ports).get(port.number, port.number))
    plan = ClusterPlan(
        name=name,
        discovery=Discovery.STATIC,
        protocol=upstream_protocol(port.protocol),
        assignment=AssignmentPlan(name, (LocalityPlan((application,), weight=1),)),
        healthy_panic_threshold=None,
        host=port.service,
        namespace=proxy.namespace,
        port=port.service_port,
        origin=port.origin,
    )
    return limited(world, plan, _limits(world, proxy, port))


def _limits(world: Database, proxy: Proxy, port: InboundPort) -> Stated[ConnectionPoolSettings] | None:
    """Return the limits that the rule for the service states, as clients in the workload's namespace see it."""
    identity = (port.service, port.origin.object.namespace)
    view = destination_rules.client_view(world, proxy.namespace, identity)
    return ruled_pool(world, view, identity, port.service_port)
