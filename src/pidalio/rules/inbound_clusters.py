"""The clusters behind what a sidecar takes in: each leads to the application itself.

Where connections are redirected they go on to the address that was called, from an address (127.0.0.6) that the
redirection leaves alone; with inboundTrafficPolicy LOCALHOST, and where a Sidecar says so, to another one.
Source of the rules: Istio's documented inbound clusters (reference §1.6, §2.7, §2.11, §2.13).
"""

import ipaddress

from pidalio.api.traffic_policy import ConnectionPoolSettings
from pidalio.derive import Database
from pidalio.ir import AssignmentPlan, ClusterPlan, Discovery, EndpointPlan, LocalityPlan, UpstreamProtocol
from pidalio.model import Mode, Origin, Proxy
from pidalio.rules import destination_rules, mesh, names
from pidalio.rules.inbound_port import InboundPort
from pidalio.rules.ingress_ports import sidecar_of
from pidalio.rules.policies import Stated, inbound_pool
from pidalio.rules.pools import limited, upstream_protocol
from pidalio.rules.stat_names import stat_name
from pidalio.rules.visibility import Client

_LOOPBACKS = ("127.0.0.1", "::1")
_UNTOUCHED = {4: "127.0.0.6", 6: "::6"}
"""Addresses from which connections to the application come, so that they are not redirected again."""


def inbound_cluster(world: Database, proxy: Proxy, port: InboundPort) -> ClusterPlan:
    """Return the cluster of one port, limited as the Sidecar says, or else the rule for its service."""
    name = port_cluster(port)
    endpoint = _endpoint(world, proxy, port)
    assignment = AssignmentPlan(name, (LocalityPlan((endpoint,), weight=1),)) if endpoint else None
    plan = ClusterPlan(
        name=name,
        discovery=Discovery.STATIC if endpoint else Discovery.ORIGINAL_DST,
        protocol=upstream_protocol(port.protocol),
        bind="" if endpoint else _untouched(proxy),
        stat_name=stat_name(
            mesh.cluster_settings(world).inbound_stat_name,
            host=port.service,
            port=port.service_port,
            port_name=port.port_name,
            target=port.number,
        ),
        assignment=assignment,
        healthy_panic_threshold=None,
        host=port.service,
        namespace=proxy.namespace if port.service else "",
        port=port.service_port,
        origin=port.origin,
    )
    return limited(mesh.cluster_settings(world), plan, _limits(world, proxy, port))


def port_cluster(port: InboundPort) -> str:
    """Return the name of a port's cluster."""
    return names.inbound_cluster(port.number, "" if port.number else port.bind.removeprefix("unix://"))


def passthrough_cluster(world: Database, proxy: Proxy) -> ClusterPlan:
    """Return the cluster for redirected connections to ports that nothing declares."""
    plan = ClusterPlan(
        name=names.INBOUND_PASSTHROUGH,
        discovery=Discovery.ORIGINAL_DST,
        protocol=UpstreamProtocol.DOWNSTREAM,
        bind=_untouched(proxy),
    )
    return limited(mesh.cluster_settings(world), plan, None)


def _endpoint(world: Database, proxy: Proxy, port: InboundPort) -> EndpointPlan | None:
    """Return where the application takes what comes in; None for the address that was called."""
    if port.endpoint.startswith("unix://"):
        return EndpointPlan(port.endpoint, 0)
    host, _, number = port.endpoint.rpartition(":")
    at = int(number or port.number)
    if proxy.mode is Mode.TRANSPARENT:
        if port.endpoint:
            return EndpointPlan(host, at)
        return EndpointPlan(_loopback(proxy), at) if mesh.delivers_to_localhost(world) else None
    itself = host == proxy.address and at == port.number and port.bind in ("", host)
    if host not in ("", *_LOOPBACKS) and not itself:
        return EndpointPlan(host, at)
    # The application was told by its agent where to listen instead of `at`, a port that the proxy may have itself.
    moved = dict(proxy.app_ports).get(at, at)
    return EndpointPlan(host if host == "::1" else proxy.app_address, moved)


def _limits(world: Database, proxy: Proxy, port: InboundPort) -> Stated[ConnectionPoolSettings] | None:
    """Return the limits in effect: the ingress listener's, the Sidecar's, or those that clients nearby would have."""
    row = sidecar_of(world, proxy)
    if row is not None:
        stated = row.spec.ingress[port.ingress : port.ingress + 1] if port.ingress is not None else ()
        own = stated[0].connection_pool if stated else None
        if own:
            return Stated(own, Origin(row.ref, f"ingress[{port.ingress}].connectionPool"))
        if row.spec.inbound_connection_pool:
            return Stated(row.spec.inbound_connection_pool, Origin(row.ref, "inboundConnectionPool"))
    if port.ruled is None:
        return None
    view = destination_rules.client_view(world, Client(proxy.namespace), port.ruled.service)
    return inbound_pool(world, view.namespace, port.ruled.service, port.ruled.port)


def _untouched(proxy: Proxy) -> str:
    return _UNTOUCHED[ipaddress.ip_address(proxy.address).version]


def _loopback(proxy: Proxy) -> str:
    return _LOOPBACKS[ipaddress.ip_address(proxy.address).version == 6]
