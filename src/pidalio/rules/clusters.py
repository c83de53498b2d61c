"""Clusters and their endpoints: where requests may go.

A cluster is keyed by what it stands for and by the namespace whose DestinationRules and HealthChecks hold ("" where
that makes no difference); its endpoints are a query of their own, so that an instance that joins touches nothing else.
Source of the rules: Istio's documented clusters and endpoints (reference §1.4, §2.7, §2.9, §2.11).
"""

from collections.abc import Iterator

import msgspec

from pidalio.api.traffic_policy import SimpleLB, ZoneAwareLbSetting
from pidalio.derive import Database, derived
from pidalio.ir import (
    AssignmentPlan,
    ClusterPlan,
    Discovery,
    ProxyProtocolVersion,
    UpstreamProtocol,
    ZoneAwarePlan,
)
from pidalio.model import Endpoint, Health, Labels, Mode, Protocol, Resolution, Service, selects
from pidalio.rules import destination_rules, health_checks, mesh, names, resilience, services
from pidalio.rules.balancing import balanced
from pidalio.rules.locality import arranged
from pidalio.rules.outliers import min_health, outlier_plan
from pidalio.rules.policies import Stated, policy
from pidalio.rules.pools import limited, retry_budget_plan, upgraded, upstream_protocol
from pidalio.rules.services import ServiceId
from pidalio.rules.stat_names import stat_name
from pidalio.rules.vantage import Preference, Vantage, is_reached_as_called, preference, seen_from
from pidalio.rules.visibility import ANYBODY, Client, Scope
from pidalio.store.traits import Trait

_DISCOVERY = {
    Resolution.STATIC: Discovery.EDS,
    Resolution.DNS: Discovery.STRICT_DNS,
    Resolution.DNS_ROUND_ROBIN: Discovery.LOGICAL_DNS,
    Resolution.NONE: Discovery.DYNAMIC_FORWARD_PROXY,
    Resolution.DYNAMIC_DNS: Discovery.DYNAMIC_FORWARD_PROXY,
}


_PASSTHROUGH_IDLE = 300_000


class ClusterKey(msgspec.Struct, frozen=True, gc=False, cache_hash=True):
    """One destination: a service's port and subset, under the DestinationRules that `view` sees.

    `vantage` holds what the destination's shape asks about the proxy; `node` is the machine whose instances alone
    serve, None for all; `instance` is the one of a headless service that is called by its own name.
    """

    host: str
    owner: str
    port: int
    subset: str = ""
    view: Client = ANYBODY
    vantage: Vantage = Vantage()
    node: str | None = None
    instance: str = ""

    @property
    def name(self) -> str:
        """Return the cluster's name."""
        host = names.instance_host(self.instance, self.host) if self.instance else self.host
        return names.outbound_cluster(host, self.port, self.subset)

    @property
    def identity(self) -> ServiceId:
        """Return the service."""
        return self.host, self.owner


class Assignment(msgspec.Struct, frozen=True, gc=False, cache_hash=True):
    """The endpoints of a cluster."""

    cluster: ClusterKey


class ServiceClusters(msgspec.Struct, frozen=True, gc=False):
    """The clusters of one service by name, and those of them whose endpoints travel by themselves (EDS)."""

    clusters: tuple[tuple[str, ClusterKey], ...] = ()
    assignments: tuple[tuple[str, Assignment], ...] = ()


def scope_clusters(world: Database, scope: Scope, vantage: Vantage) -> Iterator[ServiceClusters]:
    """Yield the outbound clusters of a scope, service by service in order of hostname."""
    local = services.node_local(world)
    client = scope.client
    own = destination_rules.own_hosts(world, client.namespace) if client else None
    checked = health_checks.hosts_apart(world, client.namespace) if client else frozenset[str]()
    for identity in services.visible_services(world, scope):
        view = destination_rules.view_for(world, client, own, identity) if own else ANYBODY
        if not view and identity[0] in checked:
            view = Client(client.namespace)
        seen = seen_from(world, vantage, identity, view)
        yield service_clusters(world, identity, view, seen, scope.node if identity in local else None)


@derived
def service_clusters(
    world: Database, identity: ServiceId, view: Client, vantage: Vantage, node: str | None
) -> ServiceClusters:
    """Return the clusters of one service as `view` sees it: each port with each subset, and each headless instance.

    Where endpoints travel by themselves, only they depend on where the proxy runs.
    """
    host, owner = identity
    found = services.service(world, identity)
    subsets = ("", *sorted(one.name for one in destination_rules.subsets(world, view, identity)))
    single = services.instances(world, identity)
    keys = [
        ClusterKey(host, owner, port.number, subset, view, vantage, node, instance)
        for port in (found.ports if found else ())
        if port.protocol is not Protocol.UDP
        for subset, instance in (*((one, "") for one in subsets), *(("", one) for one in single))
    ]
    discovered = [key for key in keys if found and _discovery(world, found, key) is Discovery.EDS]
    shared = {key: msgspec.structs.replace(key, vantage=Vantage(vantage.mode)) for key in discovered}
    return ServiceClusters(
        tuple((key.name, shared.get(key, key)) for key in keys),
        tuple((key.name, Assignment(key)) for key in discovered),
    )


def _discovery(world: Database, found: Service, key: ClusterKey) -> Discovery:
    """Return where endpoints come from: callers' own addresses are all that counts where they are known and wanted.

    A caller of an explicit proxy calls no address of its own: then it is what DNS gives for the request's host. At
    gateways nothing is known of an instance that nobody lists.
    """
    mode, left = key.vantage.mode, is_by_address(world, key)
    if left or found.resolution is Resolution.NONE:
        if mode is Mode.EXPLICIT:
            return Discovery.DYNAMIC_FORWARD_PROXY
        return Discovery.ORIGINAL_DST if left or mode is Mode.TRANSPARENT else Discovery.EDS
    if mode is Mode.TRANSPARENT and is_reached_as_called(found):
        return Discovery.ORIGINAL_DST
    return _DISCOVERY[found.resolution]


def is_by_address(world: Database, key: ClusterKey) -> bool:
    """Tell whether a rule leaves callers the address they called: nothing is balanced then (PASSTHROUGH)."""
    anywhere = destination_rules.is_anywhere(world, Trait.PASSTHROUGH)
    if not anywhere or not destination_rules.has_trait(world, Trait.PASSTHROUGH, key.host):
        return False
    stated = policy(world, key.view, key.identity, key.port, key.subset).load_balancer
    return stated is not None and stated.value.simple is SimpleLB.PASSTHROUGH


def cluster(world: Database, key: ClusterKey) -> ClusterPlan | None:
    """Return the plan of an outbound cluster; None when service, port or subset is gone, or it can hold nothing."""
    found = services.service(world, key.identity)
    port = found.port(key.port) if found else None
    if found is None or port is None:
        return None
    chosen = destination_rules.subset(world, key.view, key.identity, key.subset) if key.subset else None
    if key.subset and chosen is None:
        return None
    holds = policy(world, key.view, key.identity, key.port, key.subset)
    discovery = _discovery(world, found, key)
    assignment = None
    if discovery in (Discovery.STRICT_DNS, Discovery.LOGICAL_DNS):
        assignment = endpoints_of(world, key)
        if not assignment.localities:
            return None
    wide, preferred = mesh.cluster_settings(world), preference(world, holds, found)
    plan = ClusterPlan(
        name=key.name,
        discovery=discovery,
        protocol=upstream_protocol(port.protocol, key.vantage.mode),
        retry_budget=retry_budget_plan(
            holds.retry_budget, holds.connection_pool, resilience.of_service(world, key.identity)
        ),
        proxy_protocol=ProxyProtocolVersion(holds.proxy_protocol.value.version.value) if holds.proxy_protocol else None,
        outlier=outlier_plan(holds.outlier_detection),
        healthy_panic_threshold=min_health(holds.outlier_detection),
        locality_weighted=_is_locality_weighted(preferred),
        dns_refresh=wide.dns_refresh,
        assignment=assignment,
        instance_ca=found.instance_ca if discovery is Discovery.EDS else "",
        called_port=port.target_port if discovery is Discovery.ORIGINAL_DST and not found.headless else 0,
        host=key.host,
        namespace=key.owner,
        port=key.port,
        subset=key.subset,
        service=found.object,
        stat_name=stat_name(
            wide.outbound_stat_name,
            host=key.host,
            port=key.port,
            port_name=port.name,
            target=port.target_port or key.port,
            subset=key.subset,
        ),
        origin=chosen.origin if chosen else holds.origin,
    )
    limits = holds.connection_pool
    plan = _zoned(balanced(plan, holds.load_balancer, in_turn=found.round_robin), preferred)
    plan = upgraded(wide, limited(wide, plan, limits), port, limits)
    return health_checks.checked(world, key.view.namespace, plan, port)


def endpoints_of(world: Database, key: ClusterKey) -> AssignmentPlan:
    """Return the endpoints of a cluster, grouped by locality; empty when there are none.

    Unhealthy ones are among them, for panic to count, unless a rule states the share that must be healthy: then
    panic would send them requests, and they are withheld. So are those whose certificate nobody could vouch for.
    """
    found = services.service(world, key.identity)
    chosen = destination_rules.subset(world, key.view, key.identity, key.subset) if key.subset else None
    if found is None or (key.subset and chosen is None):
        return AssignmentPlan(key.name)
    labels: Labels = chosen.labels if chosen else ()
    holds = policy(world, key.view, key.identity, key.port, key.subset)
    withheld = min_health(holds.outlier_detection) > 0
    instances = [
        one
        for one in services.endpoints(world, key.identity)
        if one.service_port == key.port
        and selects(labels, one.labels)
        and _is_in(key, one)
        and not (withheld and one.health is Health.UNHEALTHY)
        and not (one.tls_name and not found.instance_ca)
    ]
    preferred = preference(world, holds, found)
    localities = arranged(instances, preferred.value if preferred else None, key.vantage)
    return AssignmentPlan(key.name, localities, preferred.origin if preferred else None)


def _is_in(key: ClusterKey, one: Endpoint) -> bool:
    return key.instance in ("", one.instance) and key.node in (None, one.node)


_OF_SEVERAL = frozenset({Discovery.EDS, Discovery.STRICT_DNS})
"""Where endpoints come from that have localities to choose among."""


def _zoned(plan: ClusterPlan, setting: Stated[Preference] | None) -> ClusterPlan:
    """Return the plan with its zones balanced, where a setting says so and no hash decides instead."""
    if setting is None or not isinstance(setting.value, ZoneAwareLbSetting):
        return plan
    if not (plan.load_balancing.is_free and plan.discovery in _OF_SEVERAL):
        return plan
    stated = setting.value.min_cluster_size
    zones = ZoneAwarePlan(origin=setting.origin) if stated is None else ZoneAwarePlan(stated, setting.origin)
    return msgspec.structs.replace(plan, zone_aware=zones)


def _is_locality_weighted(setting: Stated[Preference] | None) -> bool:
    """Tell whether localities have shares of their own: else the balancer weighs instances, wherever they are."""
    if setting is None or isinstance(setting.value, ZoneAwareLbSetting):
        return False
    return bool(setting.value.distribute or setting.value.failover or setting.value.failover_priority)


def catch_all(mode: Mode, *, by_name: bool) -> tuple[str, ...]:
    """Return the names of the clusters for what nothing is declared for."""
    if mode is not Mode.TRANSPARENT:
        return (names.PASSTHROUGH,)
    return (names.PASSTHROUGH, names.BLACKHOLE, names.DYNAMIC_DNS) if by_name else (names.PASSTHROUGH, names.BLACKHOLE)


def catch_all_cluster(world: Database, name: str, mode: Mode) -> ClusterPlan:
    """Return a cluster for what nothing is declared for, bounded by the mesh's default limits.

    It reaches the address that was called, where connections are redirected, and else whatever DNS gives for the host;
    the black hole reaches nothing.
    """
    if name == names.BLACKHOLE:
        return ClusterPlan(name, Discovery.STATIC, assignment=AssignmentPlan(name), healthy_panic_threshold=None)
    is_called = mode is Mode.TRANSPARENT and name == names.PASSTHROUGH
    plan = ClusterPlan(
        name,
        Discovery.ORIGINAL_DST if is_called else Discovery.DYNAMIC_FORWARD_PROXY,
        protocol=UpstreamProtocol.DOWNSTREAM,
        dns_refresh=mesh.cluster_settings(world).dns_refresh,
        healthy_panic_threshold=None,
    )
    stated = mesh.default_pool(world)
    plan = limited(mesh.cluster_settings(world), plan, Stated(*stated) if stated else None)
    if plan.pool.idle_timeout is None:
        plan = msgspec.structs.replace(plan, pool=msgspec.structs.replace(plan.pool, idle_timeout=_PASSTHROUGH_IDLE))
    return plan
