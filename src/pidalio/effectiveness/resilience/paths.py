"""The ways that requests take: what the lint looks at, made of what proxies hold and some request selects."""

from collections import defaultdict
from collections.abc import Iterator
from ipaddress import ip_address

import msgspec

from pidalio.derive import Database
from pidalio.effectiveness.facts import Facts
from pidalio.ir import ClusterPlan, Discovery, ForwardPlan, RoutePlan
from pidalio.model import host_matches, is_wildcard
from pidalio.pipeline import plan_of
from pidalio.rules.clusters import ClusterKey, endpoints_of
from pidalio.rules.gateways import GatewayHostKey
from pidalio.rules.virtual_hosts import VirtualHostKey
from pidalio.store import tables

TOGETHER = 64
"""How much is looked at before whoever asks may do something else."""


class Path(msgspec.Struct, frozen=True):
    """A route that forwards, in the virtual host of `host`; `holders` are the proxies that have it."""

    host: str
    route: RoutePlan
    action: ForwardPlan
    holders: frozenset[int]


class Paths:
    """The routes and clusters that are in use.

    It is empty until it has gathered; `outbound` are the routes of workloads' own calls by the host that is called,
    `inward` those at gateways.
    """

    def __init__(self, world: Database, facts: Facts) -> None:
        self.world = world
        self.facts = facts
        self.outbound: dict[str, list[Path]] = defaultdict(list)
        self.inward: list[Path] = []
        self._clusters: dict[str, list[tuple[ClusterKey, set[int]]]] = defaultdict(list)
        self._plans: dict[ClusterKey, ClusterPlan | None] = {}
        for cluster, holders in facts.clusters.items():
            self._clusters[cluster.name].append((cluster, holders))

    def gather(self) -> Iterator[None]:
        """Take note of the routes, a little at a time."""
        found: dict[tuple[object, int], tuple[RoutePlan, set[int]]] = {}
        for number, ((key, _), seen) in enumerate(self.facts.looked.items()):
            if number % TOGETHER == 0:
                yield
            for route in seen.live:
                found.setdefault((key, id(route)), (route, set()))[1].update(seen.holders)
        for (key, _), (route, holders) in found.items():
            if not isinstance(route.action, ForwardPlan):
                continue
            if isinstance(key, VirtualHostKey):
                self.outbound[key.host].append(Path(key.host, route, route.action, frozenset(holders)))
            elif isinstance(key, GatewayHostKey):
                self.inward.append(Path(key.host, route, route.action, frozenset(holders)))

    def called(self, host: str) -> list[Path]:
        """Return the routes of calls to a host: its own, or those of the nearest wildcard."""
        if host in self.outbound:
            return self.outbound[host]
        wide = [one for one in self.outbound if is_wildcard(one) and host_matches(one, host)]
        return self.outbound[max(wide, key=len)] if wide else []

    def all(self) -> Iterator[Path]:
        """Yield every path."""
        for several in self.outbound.values():
            yield from several
        yield from self.inward

    def destinations(self, path: Path) -> Iterator[ClusterKey]:
        """Yield the clusters that a path leads to, as its proxies have them."""
        for one in path.action.clusters:
            for cluster, holders in self._clusters.get(one.cluster, ()):
                if not holders.isdisjoint(path.holders):
                    yield cluster

    def used(self) -> Iterator[tuple[ClusterKey, ClusterPlan]]:
        """Yield the clusters that some request or connection gets to."""
        for name, several in self._clusters.items():
            if name in self.facts.destinations:
                yield from ((cluster, plan) for cluster, _ in several if (plan := self.plan(cluster)))

    def plan(self, cluster: ClusterKey) -> ClusterPlan | None:
        """Return the plan of a cluster."""
        if cluster not in self._plans:
            plan = plan_of(self.world, cluster)
            self._plans[cluster] = plan if isinstance(plan, ClusterPlan) else None
        return self._plans[cluster]

    def instances(self, cluster: ClusterKey, plan: ClusterPlan) -> int | None:
        """Return how many instances Envoy balances among, None where that is not known beforehand."""
        if plan.discovery is Discovery.LOGICAL_DNS:
            return 1
        if plan.discovery is Discovery.STRICT_DNS and plan.assignment:
            localities = plan.assignment.localities
            if not all(_is_address(one.address) for each in localities for one in each.endpoints):
                return None
        elif plan.discovery is Discovery.EDS:
            localities = endpoints_of(self.world, cluster).localities
        else:
            return None
        return sum(len(each.endpoints) for each in localities) or None

    def is_in_one_place(self, cluster: ClusterKey, plan: ClusterPlan) -> bool:
        """Tell whether all instances are in one locality: where there are several, one stands in for another."""
        assignment = plan.assignment or endpoints_of(self.world, cluster)
        return len({each.locality for each in assignment.localities}) < 2

    def inhabited(self) -> set[str]:
        """Return the namespaces that have a service or a workload: in others nobody calls."""
        spaces = {key[1] for key in tables.SERVICES.keys(self.world)}
        return spaces | {key[0] for key in tables.WORKLOADS.keys(self.world)}


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return text.startswith("unix://")
    return True
