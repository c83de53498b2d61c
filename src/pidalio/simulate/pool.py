"""Which endpoints of a cluster get requests, and which share each has.

Source: Envoy's load balancing documentation, checked on Envoy 1.40 (statuses, priorities, thresholds). Shares are those
of an idle proxy with all connections working: what health checks and ejections find out later is not in a plan.
"""

from collections.abc import Mapping, Sequence

import msgspec

from pidalio.ir import AssignmentPlan, ClusterPlan, EndpointPlan, LoadBalancing, LocalityPlan
from pidalio.model import Health, Labels, Locality
from pidalio.simulate.zones import zone_shares

_OVERPROVISIONING = 140
_DEFAULT_PANIC_THRESHOLD = 50


class Reach(msgspec.Struct, frozen=True):
    """One endpoint and the share (0–1) of the cluster's requests that it gets."""

    address: str
    port: int
    workload: str
    health: Health
    share: float
    weight: int = 1
    priority: int = 0
    locality: Locality = Locality()
    labels: Labels = ()


class Pool(msgspec.Struct, frozen=True):
    """The endpoints of one cluster; `panic` says that health is ignored, for too few are healthy."""

    endpoints: tuple[Reach, ...] = ()
    panic: bool = False

    @property
    def is_empty(self) -> bool:
        """Tell whether no endpoint gets requests (503, flag UH)."""
        return not any(each.share for each in self.endpoints)


class Place(msgspec.Struct, frozen=True):
    """Where the proxy runs, and the instances that call as it does (`ProxyPlans.local`)."""

    locality: Locality = Locality()
    local: AssignmentPlan | None = None


_NOWHERE = Place()


class _Priority(msgspec.Struct):
    localities: list[LocalityPlan]
    panic: bool = False
    load: float = 0.0

    @property
    def members(self) -> list[EndpointPlan]:
        return [endpoint for locality in self.localities for endpoint in locality.endpoints]

    @property
    def healthy_percent(self) -> float:
        healthy, counted = _counts(self.members)
        return 100 * healthy / counted if counted else 0.0

    @property
    def availability(self) -> int:
        """Return Envoy's health of the priority (0–100): whole percent, with overprovisioning."""
        healthy, counted = _counts(self.members)
        return min(100, _OVERPROVISIONING * healthy // counted) if counted else 0


def _takes_requests(endpoint: EndpointPlan) -> bool:
    return endpoint.health in (Health.HEALTHY, Health.UNKNOWN)


def _counts(members: Sequence[EndpointPlan]) -> tuple[int, int]:
    """Return how many are healthy, and of how many: draining ones are neither healthy nor ill (observed)."""
    return sum(map(_takes_requests, members)), sum(each.health is not Health.DRAINING for each in members)


def pool(cluster: ClusterPlan, assignment: AssignmentPlan | None, place: Place = _NOWHERE) -> Pool:
    """Return the endpoints of `cluster` with their shares; unhealthy and draining ones have none unless in panic.

    Only the first priority balances zones.
    """
    priorities = _priorities(assignment)
    if not priorities:
        return Pool()
    stated = cluster.healthy_panic_threshold
    threshold = _DEFAULT_PANIC_THRESHOLD if stated is None else stated
    _spread(priorities, threshold)
    zones = None
    if cluster.zone_aware is not None and not priorities[0].panic:
        zones = zone_shares(cluster.zone_aware, priorities[0].localities, place.locality, place.local, threshold)
    reached = []
    for level, priority in enumerate(priorities):
        weights = _locality_weights(priority, cluster, zones if level == 0 else None)
        reached += _reach(priority, level, cluster.load_balancing, weights)
    return Pool(tuple(reached), any(each.panic and each.load for each in priorities))


def _priorities(assignment: AssignmentPlan | None) -> list[_Priority]:
    localities = assignment.localities if assignment is not None else ()
    levels = [_Priority([]) for _ in range(max((each.priority for each in localities), default=-1) + 1)]
    for locality in localities:
        levels[locality.priority].localities.append(locality)
    return levels


def _spread(priorities: list[_Priority], threshold: int) -> None:
    """Set each priority's load: earlier ones take what their availability carries, later ones the rest."""
    total = min(100, sum(each.availability for each in priorities))
    if total < 100:
        for each in priorities:
            each.panic = each.healthy_percent < threshold
    if all(each.panic for each in priorities):
        count = sum(len(each.members) for each in priorities)
        for each in priorities:
            each.load = len(each.members) / count if count else 0.0
        return
    left = 100.0
    for each in priorities:
        each.load = min(left, each.availability * 100 // total if total else 0.0)
        left -= each.load
        each.load /= 100
    if total and left:
        # What rounding leaves over goes to the first priority that has any endpoint available.
        next(each for each in priorities if each.availability).load += left / 100


def _locality_weights(
    priority: _Priority, cluster: ClusterPlan, zones: Mapping[Locality, float] | None
) -> list[float] | None:
    """Return what each locality of a priority weighs; None where only instances count, as they do in panic."""
    if priority.panic:
        return None
    if cluster.locality_weighted:
        return [_effective_weight(each) for each in priority.localities]
    return None if zones is None else [zones.get(each.locality, 0.0) for each in priority.localities]


def _reach(priority: _Priority, level: int, balancing: LoadBalancing, weights: list[float] | None) -> list[Reach]:
    """Return the members of a priority; in panic nobody asks where or how healthy they are."""
    if weights is None:
        shares = _weighed(priority.members, balancing, panic=priority.panic)
    else:
        total = sum(weights) or 1
        shares = [
            share * weight / total
            for each, weight in zip(priority.localities, weights, strict=True)
            for share in _weighed(each.endpoints, balancing, panic=False)
        ]
    places = [each.locality for each in priority.localities for _ in each.endpoints]
    return [
        Reach(
            address=endpoint.address,
            port=endpoint.port,
            workload=endpoint.workload,
            health=endpoint.health,
            share=priority.load * share,
            weight=endpoint.weight,
            priority=level,
            locality=locality,
            labels=endpoint.labels,
        )
        for endpoint, locality, share in zip(priority.members, places, shares, strict=True)
    ]


def _weighed(members: Sequence[EndpointPlan], balancing: LoadBalancing, *, panic: bool) -> list[float]:
    """Return the share of each member among those that take requests."""
    weights = [
        (1 if balancing is LoadBalancing.RANDOM else each.weight) if panic or _takes_requests(each) else 0
        for each in members
    ]
    total = sum(weights) or 1
    return [weight / total for weight in weights]


def _effective_weight(locality: LocalityPlan) -> float:
    """Return what a locality weighs: less than it says when more of it is ill than overprovisioning covers."""
    healthy, counted = _counts(locality.endpoints)
    return locality.weight * min(1.0, _OVERPROVISIONING / 100 * healthy / counted) if counted else 0.0
