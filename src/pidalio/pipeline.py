"""The whole compiler on one page: a world of objects and a proxy in, resources and plans out.

A *group* is a set of resources that some proxies hold together: the clusters of a scope, the listeners of one proxy.
`groups_of` says which groups a proxy holds, `members` which resources a group has, `resource_of` makes one of them.
All three are outputs of the incremental engine (design record 0001): a change of input names exactly the groups and
resources to look at again, and proxies of equal scope share every byte.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

import msgspec

from pidalio.derive import Database, derived
from pidalio.envoy import resource as wire
from pidalio.envoy.bootstrap import FAULT_LAYER
from pidalio.envoy.resource import Resource
from pidalio.envoy.route import PLACEHOLDER
from pidalio.groups import (
    CatchAll,
    Doors,
    Elsewhere,
    GatewayHosts,
    GatewayListener,
    Group,
    Grpc,
    InboundCluster,
    InboundListener,
    InboundPassthrough,
    Lent,
    Local,
    Look,
    Members,
    Outbound,
    OutboundListener,
    Own,
    OwnTable,
    Placeholder,
    ProxyListener,
    ResourceKey,
    Shares,
    Shell,
    SidecarHosts,
    Tables,
    VirtualInbound,
    VirtualOutbound,
    WholeTable,
    WholeTables,
)
from pidalio.ir import (
    LOCAL_CLUSTER,
    AssignmentPlan,
    ClusterPlan,
    Direction,
    GrpcAssignmentPlan,
    GrpcClusterPlan,
    GrpcListenerPlan,
    GrpcTablePlan,
    ListenerPlan,
    ProxyPlans,
    RouteTablePlan,
    SharesPlan,
    VirtualHostPlan,
)
from pidalio.model import Delivery, Mode, Proxy, ProxyType
from pidalio.rules import (
    campaigns,
    clusters,
    egress,
    gateway_ports,
    gateways,
    grpc,
    inbound,
    inbound_clusters,
    inbound_listeners,
    local_cluster,
    names,
    outbound_listeners,
    resilience,
    virtual_hosts,
)
from pidalio.rules.clusters import Assignment, ClusterKey
from pidalio.rules.gateway_ports import GatewayPort
from pidalio.rules.gateways import GatewayHostKey
from pidalio.rules.grpc import GrpcAssignment, GrpcCluster, GrpcKind, GrpcListener, GrpcPlan, GrpcTable
from pidalio.rules.listener_settings import listener_settings, settled
from pidalio.rules.local_cluster import LocalCluster
from pidalio.rules.outbound_ports import outbound_side
from pidalio.rules.own_ports import left_out
from pidalio.rules.vantage import vantage_of
from pidalio.rules.virtual_hosts import EXPLICIT, SidecarTable, VirtualHostKey
from pidalio.rules.visibility import outbound_policy, scope_of

Plan: TypeAlias = ListenerPlan | RouteTablePlan | VirtualHostPlan | ClusterPlan | AssignmentPlan | SharesPlan | GrpcPlan


@derived(output=True)
def groups_of(world: Database, proxy: Proxy) -> tuple[Group, ...]:
    """Return the groups that `proxy` holds."""
    scope, vantage = scope_of(world, proxy), vantage_of(world, proxy)
    if proxy.delivery is Delivery.GRPC:
        return tuple(Grpc(scope, vantage, kind) for kind in GrpcKind)
    shared: tuple[Group, ...] = (
        Outbound(scope, vantage),
        Outbound(scope, vantage, endpoints=True),
        CatchAll(proxy.mode, _resolves_names(world, proxy)),
        Local(local_cluster.local_cluster_of(world, proxy)),
        Own(proxy),
    )
    if lent := campaigns.lent_to(world, proxy, scope):
        shared = (*shared, Lent(lent))
    if proxy.type is ProxyType.ROUTER:
        http = (port for port in _gateway_ports(world, proxy) if port.http)
        return (*shared, *_tables(proxy, {port: GatewayHosts(scope, port) for port in http}))
    return (*shared, *_ways_out(world, proxy), Own(proxy, clusters=True))


def _resolves_names(world: Database, proxy: Proxy) -> bool:
    """Tell whether a sidecar to which connections are redirected resolves names all the same."""
    if proxy.mode is not Mode.TRANSPARENT:
        return False
    return outbound_policy(world, proxy).by_name or bool(egress.http_proxy(world, proxy))


def _ways_out(world: Database, proxy: Proxy) -> tuple[Group, ...]:
    """Return what a sidecar opens for its workload's own calls, and the tables by which requests are routed there."""
    policy, http_proxy = outbound_policy(world, proxy), egress.http_proxy(world, proxy)
    ways = egress.ways_out(world, proxy)
    if not ways and not http_proxy:
        return ()
    side = outbound_side(world, ways)
    hosts = [(EXPLICIT, egress.proxy_scope(world, proxy))] if http_proxy else []
    hosts += side.tables
    deaf = resilience.of_mesh(world).deaf
    found: dict[Shell, SidecarHosts | GatewayHosts] = {
        SidecarTable(table, policy, proxy.mode, deaf): SidecarHosts(scope, table) for table, scope in hosts
    }
    look = Look(listener_settings(world, proxy, Direction.OUTBOUND), proxy.access_log)
    without = proxy.address if any(port.address == proxy.address for port in side.ports) else ""
    return (
        *_tables(proxy, found),
        Tables(tuple(map(OwnTable, side.own_tables))),
        Doors(ways, policy, proxy.mode, look, http_proxy, without, left_out(world, proxy)),
    )


def _tables(proxy: Proxy, found: Mapping[Shell, SidecarHosts | GatewayHosts]) -> tuple[Group, ...]:
    """Return route tables with the virtual hosts of each, as the proxy takes them."""
    if not found:
        return ()
    if proxy.delivery is Delivery.TABLES:
        return (WholeTables(tuple(WholeTable(shell, hosts) for shell, hosts in found.items())),)
    return (Tables(tuple(found)), *found.values())


@derived(output=True)
def members(world: Database, group: Group) -> Members:
    """Return the resources of `group` by name."""
    match group:
        case Outbound(scope, vantage, endpoints):
            found = clusters.scope_clusters(world, scope, vantage)
            if endpoints:
                return tuple(entry for one in found for entry in one.assignments)
            return tuple(entry for one in found for entry in one.clusters)
        case CatchAll(mode, by_name):
            return tuple((name, Elsewhere(name, mode)) for name in clusters.catch_all(mode, by_name=by_name))
        case SidecarHosts(scope, table):
            return (_placeholder(table.name), *virtual_hosts.virtual_host_keys(world, scope, table))
        case GatewayHosts(scope, port):
            hosts = gateways.gateway_host_keys(world, scope, port)
            return (_placeholder(port.table), *((f"{port.table}/{key.name}", key) for key in hosts))
        case Tables(tables):
            return tuple((shell.table, shell) for shell in tables)
        case WholeTables(tables):
            return tuple((whole.shell.table, whole) for whole in tables)
        case Doors():
            return tuple(_doors(world, group))
        case Local(cluster):
            return ((LOCAL_CLUSTER, cluster),)
        case Grpc(scope, vantage, kind):
            return tuple(grpc.grpc_keys(world, scope, vantage, kind))
        case Lent(lent):
            return ((FAULT_LAYER, Shares(lent)),)
        case Own(proxy, True):
            opened = inbound.inbound_ports(world, proxy)
            own: Members = tuple((inbound_clusters.port_cluster(port), InboundCluster(proxy, port)) for port in opened)
            redirected = proxy.mode is Mode.TRANSPARENT
            return (*own, (names.INBOUND_PASSTHROUGH, InboundPassthrough(proxy))) if redirected else own
        case Own(proxy):
            listeners = _listener_keys(world, proxy)
            return tuple((plan.name, key) for key in listeners if isinstance(plan := plan_of(world, key), ListenerPlan))


def _doors(world: Database, group: Doors) -> Iterator[tuple[str, ResourceKey]]:
    policy, look = group.policy, group.look
    if group.http_proxy:
        key = ProxyListener(group.http_proxy, look)
        yield group.http_proxy.replace(":", "_"), key
    if group.mode is Mode.TRANSPARENT:
        yield names.VIRTUAL_OUTBOUND, VirtualOutbound(policy, look)
    for port in outbound_side(world, group.ways).ports:
        if port not in group.taken and (port.address != group.without or not port.captured):
            yield names.listener(port.address, port.port), OutboundListener(port, policy, look)


def _placeholder(table: str) -> tuple[str, ResourceKey]:
    return f"{table}/{PLACEHOLDER.name}", Placeholder(table)


def _listener_keys(world: Database, proxy: Proxy) -> list[ResourceKey]:
    if proxy.type is ProxyType.ROUTER:
        return [GatewayListener(proxy, port) for port in _gateway_ports(world, proxy)]
    keys: list[ResourceKey] = [
        InboundListener(proxy, port)
        for port in inbound.inbound_ports(world, proxy)
        if not inbound_listeners.is_redirected(proxy, port)
    ]
    if proxy.mode is Mode.TRANSPARENT:
        keys.append(VirtualInbound(proxy))
    return keys


def _gateway_ports(world: Database, proxy: Proxy) -> tuple[GatewayPort, ...]:
    return gateway_ports.opened(world, proxy.labels, gateway_ports.targets(world, proxy)).ports


def plan_of(world: Database, key: ResourceKey) -> Plan | None:
    """Return the plan of a resource, None when what it stands for is gone."""
    match key:
        case ClusterKey():
            return clusters.cluster(world, key)
        case Assignment(cluster):
            return clusters.endpoints_of(world, cluster)
        case VirtualHostKey():
            return virtual_hosts.virtual_host(world, key)
        case GatewayHostKey():
            return gateways.gateway_host(world, key)
        case SidecarTable():
            return virtual_hosts.sidecar_table(key)
        case OwnTable(host):
            return virtual_hosts.own_table(world, host)
        case GatewayPort():
            return gateways.gateway_table(key)
        case ProxyListener(address, look):
            return look.on(outbound_listeners.proxy_listener(address, look.access_log))
        case VirtualOutbound(policy, look):
            return look.on(outbound_listeners.virtual_outbound(world, policy, look.access_log))
        case OutboundListener(way, policy, look):
            return look.on(outbound_listeners.outbound_listener(world, way, policy, look.access_log))
        case GatewayListener(proxy, port):
            opened = gateways.gateway_listener(world, proxy, port)
            return settled(world, proxy, opened) if opened else None
        case InboundListener(proxy, own):
            return settled(world, proxy, inbound_listeners.inbound_listener(world, proxy, own))
        case InboundCluster(proxy, own):
            return inbound_clusters.inbound_cluster(world, proxy, own)
        case VirtualInbound(proxy):
            return settled(world, proxy, _virtual_inbound(world, proxy))
        case InboundPassthrough(proxy):
            return inbound_clusters.passthrough_cluster(world, proxy)
        case Placeholder():
            return PLACEHOLDER
        case Shares(lent):
            return campaigns.shares_plan(world, lent)
        case Elsewhere(name, mode):
            return clusters.catch_all_cluster(world, name, mode)
        case LocalCluster():
            return local_cluster.local_assignment(world, key)
        case GrpcListener() | GrpcTable() | GrpcCluster() | GrpcAssignment():
            return grpc.grpc_plan(world, key)
        case WholeTable(shell, hosts):
            return _put_together(plan_of(world, shell), [plan_of(world, host) for host in _real(members(world, hosts))])


def _virtual_inbound(world: Database, proxy: Proxy) -> ListenerPlan:
    ports = inbound.inbound_ports(world, proxy)
    redirected = tuple(port for port in ports if inbound_listeners.is_redirected(proxy, port))
    return inbound_listeners.virtual_inbound(world, proxy, redirected)


@derived(output=True)
def resource_of(world: Database, key: ResourceKey) -> Resource | None:
    """Return the bytes of a resource, None when what it stands for is gone."""
    if isinstance(key, WholeTable):
        shell = plan_of(world, key.shell)
        parts = [resource_of(world, host) for host in _real(members(world, key.hosts))]
        return wire.whole_table_resource(shell, filter(None, parts)) if isinstance(shell, RouteTablePlan) else None
    plan = plan_of(world, key)
    match plan:
        case None:
            return None
        case ClusterPlan():
            return wire.cluster_resource(plan)
        case AssignmentPlan():
            return wire.load_assignment_resource(plan)
        case VirtualHostPlan():
            return wire.virtual_host_resource(table_of(key), plan)
        case RouteTablePlan():
            return wire.route_resource(plan)
        case ListenerPlan():
            return wire.listener_resource(plan)
        case SharesPlan():
            return wire.shares_resource(plan)
        case GrpcListenerPlan() | GrpcTablePlan() | GrpcClusterPlan() | GrpcAssignmentPlan():
            return wire.grpc_resource(plan)


def _real(found: Members) -> Iterator[ResourceKey]:
    """Leave out the placeholder: a whole table needs none."""
    return (key for _, key in found if not isinstance(key, Placeholder))


def _put_together(shell: Plan | None, hosts: Iterable[Plan | None]) -> Plan | None:
    if not isinstance(shell, RouteTablePlan):
        return None
    found = (host for host in hosts if isinstance(host, VirtualHostPlan))
    return msgspec.structs.replace(shell, virtual_hosts=(*found, *shell.virtual_hosts), delta=False)


def table_of(key: object) -> str:
    """Return the name of the route table that a virtual host belongs to, by its key."""
    match key:
        case GatewayHostKey() | Placeholder():
            return key.table
        case VirtualHostKey():
            return key.table.name
    raise TypeError(f"{key} is no virtual host")


def type_of(group: Group) -> str:
    """Return the type URL of a group's resources."""
    match group:
        case Outbound(_, _, True) | Local() | Grpc(_, _, GrpcKind.ENDPOINTS):
            return wire.LOAD_ASSIGNMENT
        case SidecarHosts() | GatewayHosts():
            return wire.VIRTUAL_HOST
        case Tables() | WholeTables() | Grpc(_, _, GrpcKind.TABLES):
            return wire.ROUTE_CONFIGURATION
        case Own(_, False) | Doors() | Grpc(_, _, GrpcKind.LISTENERS):
            return wire.LISTENER
        case Lent():
            return wire.RUNTIME
        case _:
            return wire.CLUSTER


def plans_for(world: Database, proxy: Proxy) -> ProxyPlans:
    """Return all plans of `proxy`: what a static file is made of, and what the simulator answers from."""
    listeners: list[ListenerPlan] = []
    route_tables: dict[str, RouteTablePlan] = {}
    hosts: dict[str, list[VirtualHostPlan]] = {}
    found: list[ClusterPlan] = []
    assignments: list[AssignmentPlan] = []
    shares: tuple[tuple[str, int], ...] = ()
    local: AssignmentPlan | None = None
    for group in groups_of(world, proxy):
        for _, key in members(world, group):
            match plan_of(world, key):
                case ListenerPlan() as plan:
                    listeners.append(plan)
                case RouteTablePlan() as plan:
                    route_tables[plan.name] = plan
                case VirtualHostPlan() as plan:
                    hosts.setdefault(table_of(key), []).append(plan)
                case ClusterPlan() as plan:
                    found.append(plan)
                case AssignmentPlan() as plan if isinstance(key, LocalCluster):
                    local = plan
                case AssignmentPlan() as plan:
                    assignments.append(plan)
                case SharesPlan() as plan:
                    shares = plan.shares
                case None:
                    pass
    complete = tuple(
        msgspec.structs.replace(table, virtual_hosts=(*hosts.get(name, ()), *table.virtual_hosts))
        for name, table in route_tables.items()
    )
    return ProxyPlans(
        tuple(listeners),
        complete,
        tuple(found),
        tuple(assignments),
        shares=shares,
        locality=proxy.locality,
        local=local,
    )
