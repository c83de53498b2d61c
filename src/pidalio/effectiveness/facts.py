"""What proxies hold, as far as it says what an object does: virtual hosts with verdicts, clusters, who reached whom.

Proxies that hold the same groups are looked at once. The world is only read, and only what is already compiled for
connected proxies is asked for, so that nothing here adds to what a change has to compute.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator

import msgspec

from pidalio.derive import Database
from pidalio.effectiveness.door import Door, door
from pidalio.effectiveness.reach import reach
from pidalio.effectiveness.verdict import Standing, Verdict
from pidalio.ir import (
    Direction,
    ForwardPlan,
    HttpPlan,
    ListenerPlan,
    RoutePlan,
    RouteTablePlan,
    TcpPlan,
    VirtualHostPlan,
)
from pidalio.model import ObjectRef, Origin, Proxy, ProxyType
from pidalio.pipeline import (
    Doors,
    Group,
    Own,
    OwnTable,
    ResourceKey,
    WholeTable,
    groups_of,
    members,
    plan_of,
    table_of,
)
from pidalio.rules.clusters import Assignment, ClusterKey
from pidalio.rules.gateway_ports import opened, targets
from pidalio.rules.gateways import GatewayHostKey
from pidalio.rules.matching import RouteContext
from pidalio.rules.virtual_hosts import VirtualHostKey
from pidalio.rules.visibility import Scope, scope_of, sidecar_for
from pidalio.store.tables import Key

_TOGETHER = 64


class Alike(msgspec.Struct, frozen=True):
    """Proxies that hold the same but for what is each one's own."""

    proxies: tuple[Proxy, ...]
    scope: Scope

    @property
    def proxy(self) -> Proxy:
        """Return one of them."""
        return self.proxies[0]

    @property
    def count(self) -> int:
        """Return how many they are."""
        return len(self.proxies)

    @property
    def is_gateway(self) -> bool:
        """Tell whether they face outside."""
        return self.proxy.type is ProxyType.ROUTER


class Seen(msgspec.Struct, frozen=True, gc=False):
    """One route as some proxies hold it: the verdict, and where the routes come from that it names."""

    route: RoutePlan
    verdict: Verdict
    by: tuple[Origin | None, ...]
    twins: tuple[Origin | None, ...]
    host: str


class Interest(msgspec.Struct, frozen=True, gc=False):
    """The VirtualServices that are asked about, and whether Ingresses are."""

    rules: frozenset[Key] = frozenset()
    ingress: bool = False

    def concerns(self, key: object) -> bool:
        """Tell whether a resource is made from what is asked about, as far as its key says it."""
        if isinstance(key, OwnTable):
            return self.concerns(key.host)
        if isinstance(key, VirtualHostKey):
            return any(one is not None and one.rule in self.rules for one in (key.requests, key.tunnels))
        if isinstance(key, GatewayHostKey):
            return any(self.ingress if one.ingress else one.key in self.rules for one in key.rules)
        return True


class Facts:
    """Everything that the proxies of a mesh hold, by what it came from.

    `routes` are by origin, those of an entry that several virtual hosts have one after the other, and `parts` are the
    origins of each object; with `only` they are those of the virtual hosts that these rules take part in;
    `uses` says for whom each VirtualService was compiled; `clusters` are by service and view;
    `connected` are the destinations of filter chains that treat connections;
    `reached` are the proxies (positions in `alike`) for which an object takes part in what they hold.
    """

    def __init__(self, alike: tuple[Alike, ...], only: Interest | None = None) -> None:
        self.alike = alike
        self.only = only
        self.routes: dict[Origin, list[Seen]] = defaultdict(list)
        self.parts: dict[ObjectRef, dict[Origin, None]] = defaultdict(dict)
        self.uses: dict[Key, dict[RouteContext, None]] = defaultdict(dict)
        self.clusters: dict[ClusterKey, set[int]] = defaultdict(set)
        self.destinations: set[str] = set()
        self.connected: set[Origin] = set()
        self.reached: dict[ObjectRef, set[int]] = defaultdict(set)

    def count(self, ref: ObjectRef) -> int:
        """Return on how many proxies an object takes part in what they hold."""
        return sum(self.alike[at].count for at in self.reached.get(ref, ()))

    @property
    def total(self) -> int:
        """Return how many proxies there are."""
        return sum(one.count for one in self.alike)


def group_alike(world: Database, proxies: Iterable[Proxy]) -> tuple[Alike, ...]:
    """Return the proxies by what they hold, and by what decides on what is their own: their Sidecar, or their ports."""
    found: dict[object, list[Proxy]] = defaultdict(list)
    for proxy in proxies:
        shared = tuple(_shared(group) for group in groups_of(world, proxy) if not isinstance(group, Own))
        if proxy.type is ProxyType.ROUTER:
            own: object = opened(world, proxy.labels, targets(world, proxy))
        else:
            own = sidecar_for(world, proxy.namespace, proxy.labels)
        found[proxy.type, shared, own].append(proxy)
    return tuple(Alike(tuple(several), scope_of(world, several[0])) for several in found.values())


def _shared(group: Group) -> Group:
    """Return a group without what differs from proxy to proxy and matters to no rule."""
    return msgspec.structs.replace(group, without="") if isinstance(group, Doors) else group


def _keys(world: Database, proxy: Proxy) -> Iterator[ResourceKey]:
    """Yield what a proxy holds; of tables that travel whole, their virtual hosts one by one."""
    for group in groups_of(world, proxy):
        for _, key in members(world, group):
            if isinstance(key, WholeTable):
                yield key.shell
                yield from (host for _, host in members(world, key.hosts))
            else:
                yield key


def gather(world: Database, facts: Facts) -> Iterator[None]:
    """Fill `facts`, a little at a time: whoever asks may do something else between two steps."""
    for at, one in enumerate(facts.alike):
        held = _Held()
        for number, key in enumerate(_keys(world, one.proxy)):
            if isinstance(key, ClusterKey):
                facts.clusters[key].add(at)
            elif not isinstance(key, Assignment) and (facts.only is None or facts.only.concerns(key)):
                held.take(key, plan_of(world, key))
            if number % _TOGETHER == 0:
                yield
        yield from _look(facts, at, held)


class _Held:
    """The listeners, tables and virtual hosts of one proxy."""

    def __init__(self) -> None:
        self.doors: dict[tuple[str, Direction, HttpPlan], None] = {}
        self.tables: dict[str, RouteTablePlan] = {}
        self.hosts: dict[str, list[tuple[object, VirtualHostPlan]]] = defaultdict(list)
        self.connections: list[TcpPlan] = []

    def take(self, key: object, plan: object) -> None:
        """Take one resource."""
        if isinstance(plan, ListenerPlan):
            for chain in plan.all_chains:
                if isinstance(chain.filter, HttpPlan):
                    self._enter(plan.direction, chain.filter)
                else:
                    self.connections.append(chain.filter)
        elif isinstance(plan, RouteTablePlan):
            self._add(plan, key.host if isinstance(key, OwnTable) else None)
        elif isinstance(plan, VirtualHostPlan):
            self.hosts[table_of(key)].append((key, plan))

    def _enter(self, direction: Direction, http: HttpPlan) -> None:
        if isinstance(http.table, RouteTablePlan):
            self._add(http.table)
        name = http.table.name if isinstance(http.table, RouteTablePlan) else http.table
        self.doors[name, direction, msgspec.structs.replace(http, stat_prefix="", table="", access_log="")] = None

    def _add(self, table: RouteTablePlan, key: object = None) -> None:
        self.tables[table.name] = table
        self.hosts[table.name] += [(key, one) for one in table.virtual_hosts]

    def entrances(self) -> Iterator[tuple[object, VirtualHostPlan, list[Door]]]:
        """Yield every virtual host with the doors by which requests come to it."""
        for name, found in self.hosts.items():
            table = self.tables.get(name, RouteTablePlan(name))
            whole = msgspec.structs.replace(table, virtual_hosts=tuple(plan for _, plan in found))
            ways = [(direction, http) for of, direction, http in self.doors if of == name]
            for key, plan in found:
                yield key, plan, list(dict.fromkeys(door(*way, plan, whole) for way in ways))


def _look(facts: Facts, at: int, held: _Held) -> Iterator[None]:
    for cluster in (cluster for plan in held.connections for cluster in plan.clusters):
        facts.destinations.add(cluster.cluster)
        if cluster.origin is not None:
            facts.connected.add(cluster.origin)
            facts.reached[cluster.origin.object].add(at)
    for key, host, doors in held.entrances():
        for rule, context in _contexts(key):
            facts.uses[rule][context] = None
        for entrance in doors:
            for position, verdict in enumerate(reach(host, entrance)):
                _note(facts, at, host, position, verdict)
        yield


def _contexts(key: object) -> Iterator[tuple[Key, RouteContext]]:
    """Yield the VirtualServices that a virtual host was compiled from, and for whom."""
    if isinstance(key, VirtualHostKey):
        for caller in (key.requests, key.tunnels):
            if caller and caller.rule:
                yield caller.rule, caller.context(key.port)
    elif isinstance(key, GatewayHostKey):
        for rule in key.rules:
            if not rule.ingress:
                yield rule.key, RouteContext(rule.gateway, key.port, key.namespace, key.labels, key.view)


def _note(facts: Facts, at: int, host: VirtualHostPlan, position: int, verdict: Verdict) -> None:
    route = host.routes[position]
    is_live = verdict.standing is not Standing.INEFFECTIVE
    if is_live and isinstance(route.action, ForwardPlan):
        facts.destinations |= {one.cluster for one in route.action.clusters}
        facts.destinations |= {one.cluster for one in route.action.mirrors}
    by = tuple(host.routes[each].origin for each in verdict.by)
    twins = tuple(host.routes[each].origin for each in verdict.twins)
    for origin in (route.origin, route.root):
        if origin is not None:
            facts.parts[origin.object][origin] = None
            facts.routes[origin].append(Seen(route, verdict, by, twins, host.name))
            if is_live:
                facts.reached[origin.object].add(at)
