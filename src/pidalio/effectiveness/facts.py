"""What is found out about all that proxies hold: verdicts on virtual hosts, clusters, who reached whom.

Each virtual host is looked at once for each kind of door, however many proxies share it. The world is only read, and
only what is compiled for connected proxies anyway is asked for, so that nothing here adds to what a change computes.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator

import msgspec

from pidalio.derive import Database
from pidalio.effectiveness.audience import Alike
from pidalio.effectiveness.chains import Opening
from pidalio.effectiveness.door import Door
from pidalio.effectiveness.held import Held, keys_of
from pidalio.effectiveness.reach import reach
from pidalio.effectiveness.verdict import Standing, Verdict
from pidalio.groups import Doors, OutboundListener, OwnTable
from pidalio.ir import Direction, DirectResponsePlan, ForwardPlan, RoutePlan, VirtualHostPlan
from pidalio.model import ObjectRef, Origin
from pidalio.pipeline import Plan, groups_of, plan_of
from pidalio.rules.clusters import ClusterKey
from pidalio.rules.gateways import GatewayHostKey
from pidalio.rules.matching import RouteContext
from pidalio.rules.outbound_listeners import Lost, lost
from pidalio.rules.outbound_ports import CrowdedOut, outbound_side
from pidalio.rules.services import ServiceId
from pidalio.rules.virtual_hosts import VirtualHostKey
from pidalio.store.tables import Key

_TOGETHER = 64


class Seen(msgspec.Struct, frozen=True, gc=False):
    """One route as some proxies hold it: the verdict, and where the routes come from that it names."""

    route: RoutePlan
    verdict: Verdict
    by: tuple[Origin | None, ...]
    twins: tuple[Origin | None, ...]
    doubles: tuple[Origin | None, ...]
    host: str


class Looked(msgspec.Struct, frozen=True):
    """A virtual host behind a door: who takes part in it, the routes that some request selects, and who holds it.

    `holders` are positions in `alike`.
    """

    refs: frozenset[ObjectRef]
    live: tuple[RoutePlan, ...]
    holders: set[int]


class Interest(msgspec.Struct, frozen=True, gc=False):
    """The VirtualServices that are asked about, and whether clusters say something of what is asked."""

    rules: frozenset[Key] = frozenset()
    clusters: bool = False

    def concerns(self, key: object) -> bool:
        """Tell whether a resource is made from what is asked about, as far as its key says it."""
        if isinstance(key, OwnTable):
            return self.concerns(key.host)
        if isinstance(key, VirtualHostKey):
            return any(one is not None and one.rule in self.rules for one in (key.requests, key.tunnels))
        if isinstance(key, GatewayHostKey):
            return any(one.key in self.rules for one in key.rules if not one.ingress)
        return True


class Facts:
    """Everything that the proxies of a mesh hold, by what it came from.

    `routes` are by origin, those of an entry that several virtual hosts have one after the other, and `parts` are the
    origins of each object; with `only` they are those of the virtual hosts that these rules take part in;
    `uses` says for whom each VirtualService was compiled; `clusters` are by service and view;
    `routed` are the destinations of connections at gateways, `openings` the listeners for workloads' own connections
    by the rules that were compiled for them;
    `lost` are the ports that services have at no listener, because older ones have them, and `crowded_out` those at
    which they cannot be beside older ones;
    `carried` are the tunnels that some connection takes, `refused` those for which CONNECT is answered 503;
    `reached` are the proxies (positions in `alike`) for which an object takes part in what they hold;
    `looked` are the virtual hosts behind doors, by their keys and the doors' numbers.
    """

    def __init__(self, alike: tuple[Alike, ...], only: Interest | None = None) -> None:
        self.alike = alike
        self.only = only
        self.routes: dict[Origin, list[Seen]] = defaultdict(list)
        self.parts: dict[ObjectRef, dict[Origin, None]] = defaultdict(dict)
        self.uses: dict[Key, dict[RouteContext, None]] = defaultdict(dict)
        self.clusters: dict[ClusterKey, set[int]] = defaultdict(set)
        self.destinations: set[str] = set()
        self.routed: set[Origin] = set()
        self.openings: dict[Key, list[Opening]] = defaultdict(list)
        self.lost: dict[ServiceId, dict[Lost, None]] = defaultdict(dict)
        self.carried: set[Origin] = set()
        self.refused: set[Origin] = set()
        self.crowded_out: dict[ServiceId, dict[CrowdedOut, None]] = defaultdict(dict)
        self._noted: set[tuple[object, ...]] = set()
        self.reached: dict[ObjectRef, set[int]] = defaultdict(set)
        self.looked: dict[tuple[object, int], Looked] = {}
        self._doors: dict[Door, int] = {}

    def count(self, ref: ObjectRef) -> int:
        """Return on how many proxies an object takes part in what they hold."""
        return sum(self.alike[at].count for at in self.reached.get(ref, ()))

    def note(self, rule: Key, opening: Opening) -> None:
        """Take note of a listener, once however many proxies share it: they hold the same plan."""
        same = (id(opening.listener), rule, opening.context, opening.is_tls, opening.subnet, opening.elsewhere)
        if same not in self._noted:
            self._noted.add(same)
            self.openings[rule].append(opening)

    def lose(self, found: Iterable[Lost]) -> None:
        """Take note of services that a listener leaves out; what a rule of theirs lost is told of the rule."""
        for one in found:
            if one.route.origin is None:
                self.lost[one.part.host, one.part.owner][one] = None

    def crowd(self, found: Iterable[CrowdedOut]) -> None:
        """Take note of services that have nothing at a port."""
        for one in found:
            self.crowded_out[one.service][one] = None

    def number(self, entrance: Door) -> int:
        """Return the number of a door: a virtual host is looked at once for each."""
        return self._doors.setdefault(entrance, len(self._doors))

    @property
    def total(self) -> int:
        """Return how many proxies there are."""
        return sum(one.count for one in self.alike)


def gather(world: Database, facts: Facts) -> Iterator[None]:
    """Fill `facts`, a little at a time: whoever asks may do something else between two steps."""
    plans: dict[object, Plan | None] = {}
    for at, one in enumerate(facts.alike):
        held = Held()
        for group in groups_of(world, one.proxy):
            if isinstance(group, Doors):
                facts.crowd(outbound_side(world, group.ways).crowded_out)
        for number, key in enumerate(keys_of(world, one.proxy, clusters=facts.only is None or facts.only.clusters)):
            if isinstance(key, ClusterKey):
                facts.clusters[key].add(at)
            elif facts.only is None or facts.only.concerns(key):
                if key not in plans:
                    plans[key] = plan_of(world, key)
                    if isinstance(key, OutboundListener):
                        facts.lose(lost(world, key.port))
                held.take(key, plans[key])
            if number % _TOGETHER == 0:
                yield
        yield from _look(facts, at, held)


def _look(facts: Facts, at: int, held: Held) -> Iterator[None]:
    for direction, plan in held.connections():
        if plan.tunnel and plan.tunnel.origin:
            facts.carried.add(plan.tunnel.origin)
        for cluster in plan.clusters:
            facts.destinations.add(cluster.cluster)
            if cluster.origin is not None:
                facts.reached[cluster.origin.object].add(at)
                if direction is Direction.GATEWAY:
                    facts.routed.add(cluster.origin)
    for rule, opening in held.openings():
        facts.note(rule, opening)
    yield
    for number, (key, host, doors) in enumerate(held.entrances()):
        for entrance in doors:
            known = facts.number(entrance)
            seen = facts.looked.get((key, known)) if key is not None else None
            if seen is None:
                seen = facts.looked[key, known] = _noted(facts, key, host, entrance)
            seen.holders.add(at)
            for ref in seen.refs:
                facts.reached[ref].add(at)
        if number % _TOGETHER == 0:
            yield


def _noted(facts: Facts, key: object, host: VirtualHostPlan, entrance: Door) -> Looked:
    """Take note of a virtual host behind a door."""
    for rule, context in _contexts(key):
        facts.uses[rule][context] = None
    verdicts = reach(host, entrance)
    refs = frozenset(ref for position, verdict in enumerate(verdicts) for ref in _note(facts, host, position, verdict))
    pairs = zip(host.routes, verdicts, strict=True)
    return Looked(refs, tuple(route for route, one in pairs if one.standing is not Standing.INEFFECTIVE), set())


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


def _note(facts: Facts, host: VirtualHostPlan, position: int, verdict: Verdict) -> list[ObjectRef]:
    route = host.routes[position]
    is_live = verdict.standing is not Standing.INEFFECTIVE
    if is_live and isinstance(route.action, ForwardPlan):
        facts.destinations |= {one.cluster for one in route.action.clusters}
        facts.destinations |= {one.cluster for one in route.action.mirrors}
    if isinstance(route.action, DirectResponsePlan) and route.action.origin:
        facts.refused.add(route.action.origin)
    if isinstance(route.action, ForwardPlan) and route.action.tunnel and route.action.tunnel.origin:
        facts.carried.add(route.action.tunnel.origin)
    by, twins, doubles = (
        tuple(host.routes[each].origin for each in positions)
        for positions in (verdict.by, verdict.twins, verdict.doubles)
    )
    origins = [origin for origin in (route.origin, route.root) if origin is not None]
    for origin in origins:
        facts.parts[origin.object][origin] = None
        facts.routes[origin].append(Seen(route, verdict, by, twins, doubles, host.name))
    return [origin.object for origin in origins] if is_live else []
