"""Resources: what travels, as bytes that are made once per content.

`body` is a ready entry of the field `DeltaDiscoveryResponse.resources`, so that a response is its header and the join
of bodies; `version` is a hash of the content, so that replicas agree and nothing is sent twice.
Invariant: equal plans give equal resources.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import msgspec
from google.protobuf.message import Message

from pidalio.envoy import grpc
from pidalio.envoy import messages as pb
from pidalio.envoy.bootstrap import FAULT_LAYER
from pidalio.envoy.cluster import cluster
from pidalio.envoy.endpoint import load_assignment
from pidalio.envoy.listener import listener
from pidalio.envoy.protos import encode, type_url, unpack
from pidalio.envoy.route import PLACEHOLDER, route_configuration
from pidalio.envoy.values import duration
from pidalio.envoy.virtual_host import virtual_host
from pidalio.ir import (
    AssignmentPlan,
    ClusterPlan,
    FilterChainPlan,
    ForwardPlan,
    GrpcAssignmentPlan,
    GrpcClusterPlan,
    GrpcListenerPlan,
    GrpcTablePlan,
    ListenerPlan,
    RoutePlan,
    RouteTablePlan,
    SharesPlan,
    TcpPlan,
    VirtualHostPlan,
)
from pidalio.model import Origin

LISTENER = type_url("envoy.config.listener.v3.Listener")
ROUTE_CONFIGURATION = type_url("envoy.config.route.v3.RouteConfiguration")
VIRTUAL_HOST = type_url("envoy.config.route.v3.VirtualHost")
CLUSTER = type_url("envoy.config.cluster.v3.Cluster")
LOAD_ASSIGNMENT = type_url("envoy.config.endpoint.v3.ClusterLoadAssignment")
RUNTIME = type_url("envoy.service.runtime.v3.Runtime")

_WRAPPED = type_url("envoy.service.discovery.v3.Resource")

_VERSION_BYTES = 8


class Resource(msgspec.Struct, frozen=True, gc=False):
    """One xDS resource: `origins` are the parts of objects that it was made from, each once, most specific first.

    `parts` are the virtual hosts that a whole route table was put together from.
    With `ttl` (milliseconds, 0: for ever) the proxy drops it by itself, unless it is sent again in time.
    """

    type_url: str
    name: str
    version: str
    body: bytes
    origins: tuple[Origin, ...] = ()
    parts: tuple[Resource, ...] = ()
    ttl: int = 0

    def blame(self, former: Resource | None) -> tuple[Origin, ...]:
        """Return what to blame when a proxy that accepted `former` refuses this: the origins of what is new in it."""
        if former is None or not former.parts:
            return self.origins
        same = {(each.name, each.version) for each in former.parts}
        new = [origin for each in self.parts if (each.name, each.version) not in same for origin in each.origins]
        return tuple(dict.fromkeys(new)) or self.origins


def listener_resource(plan: ListenerPlan) -> Resource:
    """Return the listener."""
    origins = [origin for each in plan.all_chains for origin in _chain_origins(each)]
    return resource(LISTENER, plan.name, listener(plan), [*origins, plan.origin])


def _chain_origins(plan: FilterChainPlan) -> list[Origin | None]:
    if isinstance(plan.filter, TcpPlan):
        return [plan.origin, *(each.origin for each in plan.filter.clusters)]
    table = plan.filter.table
    return [plan.origin, *(_table_origins(table) if isinstance(table, RouteTablePlan) else ())]


def route_resource(plan: RouteTablePlan) -> Resource:
    """Return the route configuration with the virtual hosts that are inline."""
    return resource(ROUTE_CONFIGURATION, plan.name, route_configuration(plan), _table_origins(plan))


def whole_table_resource(shell: RouteTablePlan, hosts: Iterable[Resource]) -> Resource:
    """Return the route configuration with `hosts` put inside, byte for byte, beside those that are inline anyway.

    Messages are joined by joining their bytes; in a RouteConfiguration virtual hosts are the field 2.
    """
    parts = tuple(hosts)
    plan = msgspec.structs.replace(shell, delta=False)
    content = encode(route_configuration(plan)) + b"".join(_field(0x12, _content_bytes(each)) for each in parts)
    origins = [*(origin for each in parts for origin in each.origins), *_table_origins(plan)]
    made = _resource(ROUTE_CONFIGURATION, plan.name, content, origins)
    return msgspec.structs.replace(made, parts=parts)


def virtual_host_resource(table: str, plan: VirtualHostPlan) -> Resource:
    """Return one virtual host of the route configuration `table`, named `<table>/<virtual host>`.

    The message bears the resource's name: if they differ, Envoy acknowledges a removal and removes nothing.
    """
    name = f"{table}/{plan.name}"
    return resource(VIRTUAL_HOST, name, virtual_host(plan, name), _virtual_host_origins(plan))


def placeholder_resource(table: str) -> Resource:
    """Return the virtual host without which Envoy holds back the listeners of a delta table."""
    return virtual_host_resource(table, PLACEHOLDER)


def cluster_resource(plan: ClusterPlan) -> Resource:
    """Return the cluster."""
    return resource(CLUSTER, plan.name, cluster(plan), plan.origins)


def load_assignment_resource(plan: AssignmentPlan) -> Resource:
    """Return the endpoints of a cluster."""
    return resource(LOAD_ASSIGNMENT, plan.cluster, load_assignment(plan), (plan.origin,))


def shares_resource(plan: SharesPlan) -> Resource:
    """Return the layer of the runtime that says how many requests fault campaigns concern."""
    message = pb.Runtime(name=FAULT_LAYER)
    for key, millionths in plan.shares:
        share = message.layer.fields[key].struct_value
        share.fields["numerator"].number_value = millionths
        share.fields["denominator"].string_value = "MILLION"
    return resource(RUNTIME, FAULT_LAYER, message, plan.origins, ttl=plan.ttl)


def grpc_resource(plan: GrpcListenerPlan | GrpcTablePlan | GrpcClusterPlan | GrpcAssignmentPlan) -> Resource:
    """Return what a proxyless gRPC client asked for."""
    match plan:
        case GrpcListenerPlan():
            return resource(LISTENER, plan.name, grpc.grpc_listener(plan), ())
        case GrpcTablePlan():
            origins = [origin for each in plan.routes for origin in each.origins]
            return resource(ROUTE_CONFIGURATION, plan.name, grpc.grpc_route_configuration(plan), origins)
        case GrpcClusterPlan():
            return resource(CLUSTER, plan.name, grpc.grpc_cluster(plan), plan.origins)
        case GrpcAssignmentPlan():
            return resource(LOAD_ASSIGNMENT, plan.assignment.cluster, grpc.grpc_load_assignment(plan), ())


def resource(kind: str, name: str, content: Message, origins: Iterable[Origin | None], ttl: int = 0) -> Resource:
    """Return `content` ready to be sent; `kind` is its type URL, `ttl` as in `Resource`."""
    return _resource(kind, name, encode(content), origins, ttl)


def _resource(kind: str, name: str, content: bytes, origins: Iterable[Origin | None], ttl: int = 0) -> Resource:
    wrapped = _field(0x0A, kind.encode()) + _field(0x12, content)
    version = hashlib.blake2b(wrapped, digest_size=_VERSION_BYTES).hexdigest()
    # Fields of envoy.service.discovery.v3.Resource: version 1, resource 2, name 3, ttl 6.
    entry = _field(0x0A, version.encode()) + _field(0x12, wrapped) + _field(0x1A, name.encode())
    if ttl:
        entry += _field(0x32, encode(duration(ttl)))
    # Field 2 of DeltaDiscoveryResponse.
    body = _field(0x12, entry)
    found = tuple(dict.fromkeys(each for each in origins if each is not None))
    return Resource(kind, name, version, body, found, ttl=ttl)


def state_entry(sent: Resource) -> bytes:
    """Return the `Any` inside `sent` as an entry of the field `DiscoveryResponse.resources`: the same bytes.

    Both the entry of that field and the field of `Resource` that holds the `Any` have number 2.
    One with a time to live is wrapped whole in an `Any`, whose value is its field 2 too.
    """
    if sent.ttl:
        return _field(0x12, _field(0x0A, _WRAPPED.encode()) + sent.body)
    begin, _, end = _any_in(sent.body)
    return sent.body[begin:end]


def _content_bytes(sent: Resource) -> bytes:
    """Return the serialised message inside `sent`."""
    _, start, end = _any_in(sent.body)
    size, url = _sized(sent.body, start + 1)
    _, content = _sized(sent.body, url + size + 1)
    return sent.body[content:end]


def _any_in(body: bytes) -> tuple[int, int, int]:
    """Return where the field that holds the `Any` begins, where its content begins, and where both end."""
    _, start = _sized(body, 1)
    size, version = _sized(body, start + 1)
    begin = version + size
    size, content = _sized(body, begin + 1)
    return begin, content, content + size


def _sized(data: bytes, at: int) -> tuple[int, int]:
    """Read the length that is written at `at`; return it, and where what it measures begins."""
    size = shift = 0
    while True:
        byte = data[at]
        at += 1
        size |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return size, at


def content_of(sent: Resource) -> Message:
    """Return the message inside `sent`: for dumps and tests, not for the path to Envoy."""
    return unpack(_entry(sent).resource)


def _entry(sent: Resource) -> pb.Resource:
    return pb.DeltaDiscoveryResponse.FromString(sent.body).resources[0]


def _field(tag: int, content: bytes) -> bytes:
    """Return a length-delimited field: tag, length as a varint, content."""
    length = len(content)
    head = bytearray((tag,))
    while length > 0x7F:
        head.append(length & 0x7F | 0x80)
        length >>= 7
    head.append(length)
    return bytes(head) + content


def _table_origins(plan: RouteTablePlan) -> list[Origin | None]:
    return [origin for host in plan.virtual_hosts for origin in _virtual_host_origins(host)]


def _virtual_host_origins(plan: VirtualHostPlan) -> list[Origin | None]:
    found = [origin for each in plan.routes for origin in _route_origins(each)]
    found.append(plan.origin)
    return found


def _route_origins(plan: RoutePlan) -> list[Origin | None]:
    found = [plan.origin, plan.root]
    if isinstance(plan.action, ForwardPlan):
        found += (each.origin for each in plan.action.clusters)
        found += (each.campaign.origin for each in plan.action.clusters if each.campaign is not None)
        found += (each.origin for each in plan.action.mirrors)
        if plan.action.retry is not None:
            found.append(plan.action.retry.origin)
        found.append(plan.action.timeout_origin)
    return found
