"""What one proxy is to hold, and what it is told of names that do not exist.

Invariant: a proxy that asks by name for endpoints or for a route table always gets one, so that no listener or cluster
waits; and what it still holds is never emptied because the name is about to go (make before break).
"""

import enum
import functools
from collections.abc import Collection, Mapping
from typing import Protocol

from pidalio.envoy import messages as pb
from pidalio.envoy.filters.router import router_filter
from pidalio.envoy.protos import pack
from pidalio.envoy.resource import Resource, resource
from pidalio.envoy.values import ads
from pidalio.xds.subscription import Subscription
from pidalio.xds.typeurls import CLUSTER, ENDPOINT, LISTENER, NEVER_REMOVED, ROUTE, RUNTIME, VIRTUAL_HOST


class Target(Protocol):
    """What one proxy is to hold, as a live view; many streams may share one.

    Endpoints bear their cluster's name, virtual hosts `<route configuration>/<name>`.
    """

    def names(self, type_url: str) -> Collection[str]:
        """Return the names of every resource of the type."""

    def get(self, type_url: str, name: str) -> Resource | None:
        """Return the resource, or None where the proxy is to hold none of that name."""


class Absent(enum.Enum):
    """What to do about a name that the target lacks."""

    REMOVE = "remove"
    LEAVE = "leave"


def wanted(
    target: Target, subscriptions: Mapping[str, Subscription], type_url: str, name: str, *, asked: bool
) -> Resource | Absent:
    """Return what the proxy should hold under `name`; `asked` when it waits for an answer about this very name.

    A missing assignment is empty while its cluster stays, and left alone when the cluster goes too.
    A missing route table is an answer of 503 when it is asked for, and left alone when it vanishes: only connections
    that drain still use it, and Envoy takes no removal of a route table. Its virtual hosts are left alone likewise.
    A missing layer of the runtime is empty: Envoy asks for it before anything else, and starts when it is there.
    """
    if not covers(subscriptions, type_url, name):
        return Absent.LEAVE
    found = target.get(type_url, name)
    if found is not None:
        return found
    if type_url == ENDPOINT and name in subscriptions[ENDPOINT].names:
        needed = asked or target.get(CLUSTER, name) is not None
        return empty_assignment(name) if needed else Absent.LEAVE
    if type_url == ROUTE and name in subscriptions[ROUTE].names:
        return absent_route_table(name) if asked else Absent.LEAVE
    if type_url == RUNTIME and name in subscriptions[RUNTIME].names:
        return empty_runtime(name)
    if type_url == VIRTUAL_HOST and target.get(ROUTE, route_table_of(subscriptions, name) or "") is None:
        return Absent.LEAVE
    return Absent.LEAVE if type_url in NEVER_REMOVED else Absent.REMOVE


def covers(subscriptions: Mapping[str, Subscription], type_url: str, name: str) -> bool:
    """Tell whether the proxy takes resources of this name; virtual hosts count once their route table was sent."""
    if type_url != VIRTUAL_HOST:
        return subscriptions[type_url].includes(name)
    table = route_table_of(subscriptions, name)
    return table is not None and has_route_table(subscriptions, table)


def has_route_table(subscriptions: Mapping[str, Subscription], table: str) -> bool:
    """Tell whether the proxy has the route configuration, or it is on its way; a stand-in takes no virtual hosts."""
    version = subscriptions[ROUTE].version(table)
    return bool(version) and version != absent_route_table(table).version


def stand_in(type_url: str, name: str) -> Resource | None:
    """Return what a proxy gets that refused its first version of a resource: nothing may wait for it for ever.

    A cluster without endpoints, or a listener without its route table, holds back every other one when Envoy starts.
    """
    if type_url == ENDPOINT:
        return empty_assignment(name)
    if type_url == RUNTIME:
        return empty_runtime(name)
    return absent_route_table(name) if type_url == ROUTE else None


def route_table_of(subscriptions: Mapping[str, Subscription], name: str) -> str | None:
    """Return the subscribed route configuration of a virtual host, the longest that fits its name."""
    routes = subscriptions.get(ROUTE)
    end = name.rfind("/")
    while routes is not None and end > 0:
        if routes.includes(name[:end]):
            return name[:end]
        end = name.rfind("/", 0, end)
    return None


def unknown(type_url: str, name: str) -> Resource | None:
    """Return what a gRPC client gets that asks for a listener or a cluster which does not exist.

    Leaving it out says the same, but gRPC then waits 15 s before calls fail, and holds back what came with it.
    """
    if type_url == LISTENER:
        return unknown_listener(name)
    return unknown_cluster(name) if type_url == CLUSTER else None


@functools.lru_cache(maxsize=256)
def unknown_listener(name: str) -> Resource:
    """Return an API listener that has no route for any call."""
    manager = pb.HttpConnectionManager(http_filters=[router_filter()])
    manager.route_config.name = "unknown"
    message = pb.Listener(name=name, api_listener=pb.ApiListener(api_listener=pack(manager)))
    return resource(LISTENER, name, message, ())


@functools.lru_cache(maxsize=256)
def unknown_cluster(name: str) -> Resource:
    """Return a cluster; its endpoints are asked for, and are none."""
    message = pb.Cluster(name=name, type=pb.Cluster.EDS)
    message.eds_cluster_config.eds_config.CopyFrom(ads())
    return resource(CLUSTER, name, message, ())


@functools.lru_cache(maxsize=4096)
def empty_assignment(name: str) -> Resource:
    """Return an assignment without endpoints: the cluster is ready, and answers 503."""
    return resource(ENDPOINT, name, pb.ClusterLoadAssignment(cluster_name=name), ())


@functools.lru_cache(maxsize=256)
def empty_runtime(name: str) -> Resource:
    """Return a layer of the runtime that says nothing."""
    return resource(RUNTIME, name, pb.Runtime(name=name), ())


@functools.lru_cache(maxsize=256)
def absent_route_table(name: str) -> Resource:
    """Return a route table that answers every request with 503 and the reason."""
    reason = pb.DataSource(inline_string=f"pidalio: no usable route configuration {name!r}\n")
    answer = pb.Route(match=pb.RouteMatch(prefix="/"), direct_response=pb.DirectResponseAction(status=503, body=reason))
    host = pb.VirtualHost(name="absent", domains=["*"], routes=[answer])
    return resource(ROUTE, name, pb.RouteConfiguration(name=name, virtual_hosts=[host]), ())
