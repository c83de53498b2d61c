"""Where a forwarded request can go, and what each destination would receive.

Source: Envoy's weighted clusters: a destination's share is its weight over the sum; a weight of 0 gets nothing, unless
it is the only one, for a single destination has no weight.
"""

import msgspec

from pidalio.ir import (
    CALLER_OVERRIDES,
    ClusterPlan,
    Discovery,
    ForwardPlan,
    HeaderEdits,
    MirrorPlan,
    ProxyPlans,
    RoutePlan,
    TcpPlan,
    WeightedCluster,
)
from pidalio.model import Health, Origin
from pidalio.simulate.campaigns import injected
from pidalio.simulate.connection import Connection
from pidalio.simulate.decision import Destination, Forwarded, Mirrored
from pidalio.simulate.edits import edited, request_edits, response_edits
from pidalio.simulate.grpc_web import TO_GRPC
from pidalio.simulate.incoming import Arrival
from pidalio.simulate.override import effective_retry, effective_timeout, told_deadline
from pidalio.simulate.pool import Place, Pool, Reach, pool
from pidalio.simulate.request import Request
from pidalio.simulate.rewrite import rewritten_path
from pidalio.simulate.settings import cluster_settings, route_settings
from pidalio.simulate.sticky import bucket_of, makes_cookie, owner_of, request_with_cookie, response_with_cookie

_OVERRIDES_REMOVED = HeaderEdits(remove=CALLER_OVERRIDES)


def forwarded(
    plans: ProxyPlans, route: RoutePlan, action: ForwardPlan, arrival: Arrival, opened: Connection
) -> Forwarded:
    """Return what `action` does with the request that arrived in the connection `opened`."""
    bucket = bucket_of(action.sticky, arrival, action.clusters) if action.sticky else None
    shares = cluster_shares(action.clusters)
    if action.sticky and bucket and bucket.number is not None:
        shares = ((action.clusters[owner_of(action.sticky, bucket.number)], 1.0),)
    known = ((_known(plans, each, share, opened), each) for each, share in shares)
    return Forwarded(
        destinations=tuple(
            msgspec.structs.replace(
                _destination(route, action, arrival, to, each),
                fault=injected(each.campaign, plans.shares, arrival.request),
            )
            for to, each in known
        ),
        timeout=effective_timeout(action, arrival),
        retry=effective_retry(action, arrival),
        mirrors=tuple(_mirrored(plans, each) for each in action.mirrors if each.percent),
        dynamic=action.dynamic,
        bucket=bucket,
        hashes=action.hashes,
        settings=route_settings(action, arrival),
    )


def cluster_shares(clusters: tuple[WeightedCluster, ...]) -> tuple[tuple[WeightedCluster, float], ...]:
    """Return the destinations that can be chosen, each with its share."""
    if len(clusters) == 1:
        return ((clusters[0], 1.0),)
    total = sum(each.weight for each in clusters)
    return tuple((each, each.weight / total) for each in clusters if each.weight)


def _destination(
    route: RoutePlan,
    action: ForwardPlan,
    arrival: Arrival,
    to: Destination,
    weighted: WeightedCluster,
) -> Destination:
    single = len(action.clusters) == 1
    request = arrival.request
    # With one destination its host replaces the route's; with several the route's comes last and wins.
    first, second = (weighted, action) if single else (action, weighted)
    rewritten = action.host_rewrite or (single and weighted.host_rewrite)
    told = _told_host(request) if action.tells_host and rewritten else None
    deadline = told_deadline(action, arrival)
    on_request, on_response = route.request_headers, route.response_headers
    if key := makes_cookie(action.sticky, request):
        headers = edited(request.headers, () if single else (weighted.request_headers,))
        on_request = request_with_cookie(on_request, key, request, headers)
        on_response = response_with_cookie(on_response, key, request)
    return msgspec.structs.replace(
        to,
        path=rewritten_path(route.match, action, request.path),
        authority=action.tunnel.target
        if action.tunnel
        else first.host_rewrite or second.host_rewrite or request.authority,
        tunnel=action.tunnel,
        request_edits=((TO_GRPC,) if arrival.grpc_web else ())
        + request_edits(on_request, weighted, single=single)
        + ((_OVERRIDES_REMOVED,) if action.deaf else ())
        + ((deadline,) if deadline else ())
        + ((told,) if told else ()),
        response_edits=response_edits(on_response, weighted, single=single),
    )


def _told_host(request: Request) -> HeaderEdits | None:
    """Return the edit that names the host as it was, unless a proxy before this one named it last."""
    known = request.header("x-forwarded-host") or ""
    if known.split(",")[-1].strip() == request.authority:
        return None
    return HeaderEdits(set=(("x-forwarded-host", f"{known},{request.authority}" if known else request.authority),))


def tunnelled(plans: ProxyPlans, tcp: TcpPlan, opened: Connection) -> Forwarded:
    """Return where a connection goes that is carried as bytes."""
    known = (_known(plans, each, share, opened) for each, share in cluster_shares(tcp.clusters))
    return Forwarded(tuple(msgspec.structs.replace(each, tunnel=tcp.tunnel) for each in known))


def _known(plans: ProxyPlans, weighted: WeightedCluster, share: float, opened: Connection) -> Destination:
    to = Destination(weighted.cluster, weighted.weight, share, known=False, origin=weighted.origin)
    cluster = plans.cluster(weighted.cluster)
    if cluster is None:
        return to
    return msgspec.structs.replace(
        to,
        known=True,
        host=cluster.host,
        subset=cluster.subset,
        subset_origin=cluster.origin if cluster.subset else None,
        port=cluster.port,
        discovery=cluster.discovery,
        load_balancing=cluster.load_balancing,
        lb_origin=cluster.lb_origin,
        zone_aware=cluster.zone_aware,
        connect_timeout=cluster.connect_timeout,
        connect_timeout_origin=cluster.connect_timeout_origin,
        pool=_called(cluster, opened) or _pool(plans, cluster),
        health_check=cluster.health_check,
        settings=cluster_settings(cluster),
        pool_origin=Origin(cluster.service) if cluster.service else None,
    )


def _called(cluster: ClusterPlan, opened: Connection) -> Pool | None:
    """Return the one endpoint of a cluster that reaches whatever address was called."""
    if cluster.discovery is not Discovery.ORIGINAL_DST or not opened.destination:
        return None
    return Pool((Reach(opened.destination, cluster.called_port or opened.port, "", Health.UNKNOWN, 1.0),))


def _pool(plans: ProxyPlans, cluster: ClusterPlan | None) -> Pool:
    if cluster is None:
        return Pool()
    return pool(cluster, cluster.assignment or plans.assignment(cluster.name), Place(plans.locality, plans.local))


def _mirrored(plans: ProxyPlans, mirror: MirrorPlan) -> Mirrored:
    cluster = plans.cluster(mirror.cluster)
    return Mirrored(mirror, cluster is not None, _pool(plans, cluster))
