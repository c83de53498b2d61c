"""Virtual hosts and what is asked about them."""

from pidalio.effectiveness import Standing, Verdict, door, reach
from pidalio.ir import (
    Direction,
    ForwardPlan,
    HeaderMatch,
    HttpPlan,
    HttpSettings,
    ListenerPlan,
    ListenerSettings,
    MatchKind,
    MatchPlan,
    PathKind,
    PathMatch,
    PathSettings,
    ProxyPlans,
    QueryMatch,
    RoutePlan,
    RouteTablePlan,
    StringPattern,
    VirtualHostPlan,
    WeightedCluster,
    one_chain,
)
from pidalio.simulate import Decision, Request, decide

GATEWAY = HttpPlan("g", "t", use_remote_address=True)
SIDECAR = HttpPlan("s", "t", explicit_proxy=True)
DIRECTIONS = {id(GATEWAY): Direction.GATEWAY, id(SIDECAR): Direction.OUTBOUND}


def text(written: str) -> StringPattern:
    """Return a pattern written as `v`, `v*`, `~regex` or `*` (present)."""
    if written == "*":
        return StringPattern(MatchKind.PRESENT)
    if written.startswith("~"):
        return StringPattern(MatchKind.REGEX, written[1:])
    if written.endswith("*"):
        return StringPattern(MatchKind.PREFIX, written[:-1])
    return StringPattern(MatchKind.EXACT, written)


def path(written: str) -> PathMatch:
    """Return a condition written as `/v`, `/v*`, `/v/**` (segments) or `~regex`, after `i ` in any case."""
    any_case = written.startswith("i ")
    written = written.removeprefix("i ")
    if written.startswith("~"):
        return PathMatch(PathKind.REGEX, written[1:], any_case)
    if written.endswith("/**"):
        return PathMatch(PathKind.SEGMENTS, written[:-3], any_case)
    if written.endswith("*"):
        return PathMatch(PathKind.PREFIX, written[:-1], any_case)
    return PathMatch(PathKind.EXACT, written, any_case)


def match(written: str) -> MatchPlan:
    """Return conditions written as `/path ?q=v h:v !h:v -h:v`.

    `!` inverts, `-` inverts with an absent header counting as empty; a first word that is no path stands for any path.
    """
    words = written.split(" and ")
    headers, query, where = [], [], PathMatch()
    connect = False
    for word in words:
        if word == "CONNECT":
            connect = True
        elif word.startswith("?"):
            name, _, value = word[1:].partition("=")
            query.append(QueryMatch(name, text(value)))
        elif word.startswith(("/", "~", "i ")):
            where = path(word)
        else:
            name, _, value = word.lstrip("!-").rpartition("=")
            headers.append(HeaderMatch(name, text(value), word[0] in "!-", word[0] == "-"))
    return MatchPlan(where, tuple(headers), tuple(query), connect=connect)


def host(*routes: str, domains: tuple[str, ...] = ("a.test",), name: str = "own") -> VirtualHostPlan:
    """Return a virtual host; each route goes to a cluster of its position, or to what follows `->`."""
    plans = []
    for position, one in enumerate(routes):
        conditions, _, cluster = one.partition(" -> ")
        plans.append(RoutePlan(match(conditions), ForwardPlan((WeightedCluster(cluster or f"c{position}", 1),))))
    return VirtualHostPlan(name, domains, tuple(plans))


class Asked:
    """A virtual host behind a door, with its verdicts."""

    def __init__(
        self,
        own: VirtualHostPlan,
        http: HttpPlan = SIDECAR,
        others: tuple[VirtualHostPlan, ...] = (),
        *,
        ignore_port: bool = False,
        direction: Direction | None = None,
        paths: PathSettings | None = None,
    ) -> None:
        self.host = own
        side = direction or DIRECTIONS[id(http)]
        table = RouteTablePlan("t", (own, *others), ignore_port=ignore_port)
        settings = ListenerSettings(http=HttpSettings(path=paths or PathSettings()))
        listener = ListenerPlan("l", "127.0.0.1", 1, side, one_chain(http), settings=settings)
        self.plans = ProxyPlans((listener,), (table,), (), ())
        self.verdicts: tuple[Verdict, ...] = reach(own, door(side, http, own, table, settings))

    def decide(self, request: Request) -> Decision:
        return decide(self.plans, "l", request)

    def selected(self, request: Request) -> int | None:
        """Return the position of the route that real decisions select, None when it is none of the host's."""
        found = self.decide(request)
        if found.host is None or found.host.name != self.host.name or found.route is None:
            return None
        return found.route.position

    def check_witnesses(self) -> None:
        for position, verdict in enumerate(self.verdicts):
            assert (verdict.standing is Standing.EFFECTIVE) == (verdict.witness is not None)
            if verdict.witness is not None:
                assert self.selected(verdict.witness) == position, (verdict, self.host.routes)
