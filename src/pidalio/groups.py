"""What proxies hold, by name: groups of resources, and the key of each resource.

A key holds exactly what its resource is made from beside the tables, so that proxies for which it is the same share it.
Nothing here is computed; `pipeline.py` says which groups a proxy holds and what a key becomes.
"""

from typing import TypeAlias

import msgspec

from pidalio.ir import ListenerPlan, ListenerSettings
from pidalio.model import Mode, Proxy
from pidalio.rules.clusters import Assignment, ClusterKey
from pidalio.rules.egress import Way
from pidalio.rules.gateway_ports import GatewayPort
from pidalio.rules.gateways import GatewayHostKey
from pidalio.rules.grpc import GrpcKey, GrpcKind
from pidalio.rules.inbound_port import InboundPort
from pidalio.rules.local_cluster import LocalCluster
from pidalio.rules.outbound_ports import OutboundPort
from pidalio.rules.vantage import Vantage
from pidalio.rules.virtual_hosts import HostTable, SidecarTable, VirtualHostKey
from pidalio.rules.visibility import OutboundPolicy, Scope


class Outbound(msgspec.Struct, frozen=True, tag=True, gc=False):
    """The clusters of a scope, or with `endpoints` the endpoints of those whose endpoints travel by themselves."""

    scope: Scope
    vantage: Vantage
    endpoints: bool = False


class CatchAll(msgspec.Struct, frozen=True, tag=True, gc=False):
    """The clusters for what nothing is declared for."""

    mode: Mode
    by_name: bool = False


class SidecarHosts(msgspec.Struct, frozen=True, tag=True, gc=False):
    """The virtual hosts that a scope has in one route table."""

    scope: Scope
    table: HostTable


class GatewayHosts(msgspec.Struct, frozen=True, tag=True, gc=False):
    """The virtual hosts of one gateway port."""

    scope: Scope
    port: GatewayPort


class Look(msgspec.Struct, frozen=True, gc=False):
    """What the listeners of workloads' own calls share, whatever they take; `access_log` is a file, empty for none."""

    settings: ListenerSettings
    access_log: str = ""

    def on(self, plan: ListenerPlan) -> ListenerPlan:
        """Return the listener with what all share."""
        return msgspec.structs.replace(plan, settings=self.settings)


class Doors(msgspec.Struct, frozen=True, tag=True, gc=False):
    """The listeners for workloads' own calls; `without` is the workload that does not call itself this way.

    `taken` are those that the sidecar cannot bind, because it has their addresses for itself.
    """

    ways: tuple[Way, ...]
    policy: OutboundPolicy
    mode: Mode
    look: Look
    http_proxy: str = ""
    without: str = ""
    taken: tuple[OutboundPort, ...] = ()


class Own(msgspec.Struct, frozen=True, tag=True, gc=False):
    """What no other proxy shares: its listeners, or with `clusters` its inbound clusters."""

    proxy: Proxy
    clusters: bool = False


class ProxyListener(msgspec.Struct, frozen=True, gc=False):
    """The HTTP proxy at `address`."""

    address: str
    look: Look


class VirtualOutbound(msgspec.Struct, frozen=True, gc=False):
    """The listener to which the system redirects a workload's own calls."""

    policy: OutboundPolicy
    look: Look


class OutboundListener(msgspec.Struct, frozen=True, gc=False):
    """The listener of one address and port of workloads' own calls."""

    port: OutboundPort
    policy: OutboundPolicy
    look: Look


class GatewayListener(msgspec.Struct, frozen=True, gc=False):
    """One listener of a gateway proxy."""

    proxy: Proxy
    port: GatewayPort


class InboundListener(msgspec.Struct, frozen=True, gc=False):
    """One inbound listener of a sidecar."""

    proxy: Proxy
    port: InboundPort


class VirtualInbound(msgspec.Struct, frozen=True, gc=False):
    """The listener to which the system redirects connections to a workload."""

    proxy: Proxy


class InboundCluster(msgspec.Struct, frozen=True, gc=False):
    """The cluster behind one inbound listener."""

    proxy: Proxy
    port: InboundPort


class OwnTable(msgspec.Struct, frozen=True, gc=False):
    """The route table that a service has for itself."""

    host: VirtualHostKey

    @property
    def table(self) -> str:
        """Return the name of the route table."""
        return self.host.table.name


Shell: TypeAlias = SidecarTable | OwnTable | GatewayPort
"""What a route table is beside its virtual hosts."""


class Tables(msgspec.Struct, frozen=True, tag=True, gc=False):
    """Route tables without the virtual hosts that travel by themselves."""

    tables: tuple[Shell, ...]


class InboundPassthrough(msgspec.Struct, frozen=True, gc=False):
    """The cluster for redirected connections to ports that nothing declares."""

    proxy: Proxy


class Placeholder(msgspec.Struct, frozen=True, gc=False):
    """The virtual host that every table which travels in parts must hold."""

    table: str


class Elsewhere(msgspec.Struct, frozen=True, gc=False):
    """A cluster for what nothing is declared for, by name."""

    name: str
    mode: Mode


class WholeTable(msgspec.Struct, frozen=True, gc=False):
    """A route table with all its virtual hosts inside, for proxies that do not take them one by one."""

    shell: Shell
    hosts: SidecarHosts | GatewayHosts


class WholeTables(msgspec.Struct, frozen=True, tag=True, gc=False):
    """Route tables with all their virtual hosts inside."""

    tables: tuple[WholeTable, ...]


class Grpc(msgspec.Struct, frozen=True, tag=True, gc=False):
    """What proxyless gRPC clients of a scope may ask for, who stand in one place."""

    scope: Scope
    vantage: Vantage
    kind: GrpcKind


class Lent(msgspec.Struct, frozen=True, tag=True, gc=False):
    """The layer of the runtime with the shares of these fault campaigns."""

    campaigns: tuple[str, ...]


class Shares(msgspec.Struct, frozen=True, gc=False):
    """The shares of these fault campaigns."""

    campaigns: tuple[str, ...]


class Local(msgspec.Struct, frozen=True, tag=True, gc=False):
    """The instances that call as the proxy does."""

    cluster: LocalCluster


Group: TypeAlias = (
    Outbound | CatchAll | SidecarHosts | GatewayHosts | Tables | WholeTables | Doors | Own | Local | Lent | Grpc
)
ResourceKey: TypeAlias = (
    ClusterKey
    | Assignment
    | VirtualHostKey
    | GatewayHostKey
    | SidecarTable
    | OwnTable
    | GatewayPort
    | ProxyListener
    | VirtualOutbound
    | OutboundListener
    | GatewayListener
    | InboundListener
    | VirtualInbound
    | InboundCluster
    | InboundPassthrough
    | Placeholder
    | Elsewhere
    | WholeTable
    | Shares
    | LocalCluster
    | GrpcKey
)
Members: TypeAlias = tuple[tuple[str, ResourceKey], ...]
