"""Random plans and random requests: half of the requests are made from a route, its conditions met or one missed.

Everything comes from one `random.Random`, so that a seed gives the same rules and requests again.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass

from pidalio.ir import (
    AbortPlan,
    AssignmentPlan,
    ClusterPlan,
    CorsPlan,
    DelayPlan,
    Direction,
    DirectResponsePlan,
    Discovery,
    EndpointPlan,
    FaultPlan,
    ForwardPlan,
    HeaderEdits,
    HeaderMatch,
    HttpPlan,
    ListenerPlan,
    LoadBalancing,
    LocalityPlan,
    MatchKind,
    MatchPlan,
    PathKind,
    PathMatch,
    ProxyPlans,
    QueryMatch,
    RedirectPlan,
    RegexRewrite,
    RoutePlan,
    RouteTablePlan,
    StringPattern,
    VirtualHostPlan,
    WeightedCluster,
)
from pidalio.model import Health
from pidalio.simulate import Request

SEGMENTS = ("a", "b", "api", "v1", "v2", "A", "Api", "x-1", "a.b", "%61", "a%2fb", "", "..", ".", "~u", "a;c")
VALUES = ("", "a", "b", "ab", "1", "12", "v1", "A", "a,b", "a b", "x-1")
HEADERS = (
    "x-user",
    "x-envoy-retry-on",
    "x-envoy-internal",
    "x-request-id",
    "x-forwarded-for",
    "x-v",
    "cookie",
    "accept",
    ":method",
    ":authority",
    ":scheme",
    "user-agent",
    "x-forwarded-proto",
)
SWITCHES = (
    "x-forwarded-for",
    "x-envoy-max-retries",
    "x-envoy-retry-on",
    "x-envoy-upstream-rq-timeout-ms",
    "x-envoy-decorator-operation",
    "x-envoy-internal",
    "x-envoy-original-path",
    "x-envoy-downstream-service-cluster",
    "x-envoy-ip-tags",
    "x-forwarded-host",
    "x-envoy-attempt-count",
    "x-envoy-external-address",
    "te",
    "keep-alive",
)
QUERIES = ("q", "page", "Q", "a.b", "x")
METHODS = ("GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "OPTIONS")
PATH_REGEXES = {
    "/api/.*": ("/api/x", "/api/", "/api/a/b"),
    "/(a|b)/[0-9]+": ("/a/1", "/b/22"),
    ".*": ("/", "/any"),
    "/a.*b": ("/ab", "/a/x/b"),
    "/v[12](/.*)?": ("/v1", "/v2/x"),
    "(?i)/API": ("/api", "/Api"),
    "/[^/]+/x": ("/q/x",),
}
VALUE_REGEXES = {
    ".*": ("", "a"),
    "a+": ("a", "aaa"),
    "v[0-9]": ("v1", "v9"),
    "a|b": ("a", "b"),
    "(?i)ab": ("AB", "ab"),
    "[^,]*": ("a", ""),
    "\\d{2,3}": ("12", "123"),
}
REWRITES = (
    RegexRewrite("/a", "/z"),
    RegexRewrite("^/([^/]+)/(.*)$", r"/\2/\1"),
    RegexRewrite("a*", "-"),
    RegexRewrite("[0-9]+", r"<\0>"),
    RegexRewrite("/v1", ""),
    RegexRewrite("^/(api|a)", r"/new/\1\\"),
    RegexRewrite("(x)?b", r"[\1]"),
)


LISTENERS = tuple(
    ListenerPlan(
        name, "127.0.0.1", 1, direction, HttpPlan(name, "t", explicit_proxy=explicit, use_remote_address=remote)
    )
    for name, direction, explicit, remote in (
        ("proxy", Direction.OUTBOUND, True, False),
        ("trusting", Direction.OUTBOUND, True, True),
        ("inbound", Direction.INBOUND, False, False),
        ("gateway", Direction.GATEWAY, False, True),
    )
)


def pattern(draw: random.Random, *, present: bool = True) -> StringPattern:
    kind = draw.choice(("exact", "exact", "prefix", "regex", *(("present",) if present else ())))
    if kind == "present":
        return StringPattern(MatchKind.PRESENT)
    if kind == "regex":
        return StringPattern(MatchKind.REGEX, draw.choice(sorted(VALUE_REGEXES)))
    values = [value for value in VALUES if value]
    return StringPattern(MatchKind(kind), draw.choice(values))


def path(draw: random.Random) -> str:
    return "/" + "/".join(draw.choice(SEGMENTS) for _ in range(draw.randint(0, 3)))


def path_match(draw: random.Random) -> PathMatch:
    kind = draw.choice((PathKind.EXACT, PathKind.PREFIX, PathKind.PREFIX, PathKind.SEGMENTS, PathKind.REGEX))
    ignore_case = draw.random() < 0.2
    if kind is PathKind.REGEX:
        return PathMatch(kind, draw.choice(sorted(PATH_REGEXES)), ignore_case)
    simple = [each for each in SEGMENTS if each not in ("", "..", ".", "%61")]
    value = "/" + "/".join(draw.choice(simple) for _ in range(draw.randint(0, 2)))
    return PathMatch(kind, value, ignore_case)


def header_match(draw: random.Random) -> HeaderMatch:
    name = draw.choice(HEADERS)
    matched = pattern(draw)
    if name == ":method":
        matched = StringPattern(draw.choice((MatchKind.EXACT, MatchKind.PREFIX)), draw.choice(METHODS))
    elif name in (":scheme", "x-forwarded-proto"):
        matched = StringPattern(MatchKind.EXACT, draw.choice(("http", "https")))
    elif name in ("x-request-id", "x-forwarded-for"):
        matched = StringPattern(MatchKind.PRESENT)  # the value is Envoy's own
    invert = draw.random() < 0.3
    return HeaderMatch(name, matched, invert, missing_as_empty=draw.random() < (0.7 if invert else 0.1))


def match_plan(draw: random.Random) -> MatchPlan:
    return MatchPlan(
        path=path_match(draw) if draw.random() < 0.7 else PathMatch(),
        headers=tuple(header_match(draw) for _ in range(draw.choice((0, 0, 0, 1, 1, 2)))),
        query=tuple(QueryMatch(draw.choice(QUERIES), pattern(draw)) for _ in range(draw.choice((0, 0, 0, 1, 2)))),
    )


def edits(draw: random.Random) -> HeaderEdits:
    if draw.random() < 0.6:
        return HeaderEdits()
    names = ("x-user", "x-new", "x-v", "x-drop-me", "x-from", "accept")

    def pairs() -> tuple[tuple[str, str], ...]:
        return tuple((draw.choice(names), draw.choice(("1", "two", ""))) for _ in range(draw.choice((0, 1, 2))))

    return HeaderEdits(pairs(), pairs(), tuple(draw.sample(names, draw.choice((0, 0, 1)))))


@dataclass
class Clusters:
    """The clusters that routes may name: some with endpoints, an empty one, one that does not exist."""

    port: int

    def plans(self) -> tuple[ClusterPlan, ...]:
        full = tuple(self._cluster(number) for number in range(6))
        return (*full, self._cluster(6, health=Health.UNHEALTHY), ClusterPlan("empty", Discovery.EDS))

    def _cluster(self, number: int, health: Health = Health.HEALTHY) -> ClusterPlan:
        endpoints = tuple(
            EndpointPlan(f"127.2.{number}.{instance}", self.port, weight=instance, health=health) for instance in (1, 2)
        )
        assignment = AssignmentPlan(f"c{number}", (LocalityPlan((*endpoints, self._drained(number))),))
        balancing = (LoadBalancing.ROUND_ROBIN, LoadBalancing.RANDOM, LoadBalancing.LEAST_REQUEST)[number % 3]
        return ClusterPlan(f"c{number}", Discovery.STATIC, load_balancing=balancing, assignment=assignment)

    def _drained(self, number: int) -> EndpointPlan:
        return EndpointPlan(f"127.2.{number}.9", self.port, health=Health.DRAINING)


def weighted(draw: random.Random) -> tuple[WeightedCluster, ...]:
    names = [f"c{number}" for number in range(7)] * 2 + ["empty", "absent"]
    count = draw.choice((1, 1, 1, 2, 3))
    clusters = [
        WeightedCluster(
            name,
            draw.choice((0, 1, 1, 50, 100)),
            edits(draw),
            edits(draw),
            draw.choice(("", "", "", "cluster.host", "CLUSTER:8080")),
        )
        for name in draw.sample(sorted(set(names)), count)
    ]
    if count > 1 and not any(each.weight for each in clusters):
        clusters[0] = WeightedCluster(clusters[0].cluster, 1)
    return tuple(clusters)


def forward(draw: random.Random) -> ForwardPlan:
    rewrite = draw.choice(("none", "none", "prefix", "prefix", "regex"))
    return ForwardPlan(
        clusters=weighted(draw),
        timeout=draw.choice((0, 0, 15_000)),
        prefix_rewrite=draw.choice(("/", "/new", "/new/", "/p?x", "/deep/er")) if rewrite == "prefix" else None,
        regex_rewrite=draw.choice(REWRITES) if rewrite == "regex" else None,
        host_rewrite=draw.choice(("", "", "", "rewritten.host", "Rewritten:81")),
    )


def redirect(draw: random.Random) -> RedirectPlan:
    rewrite = draw.choice((None, None, "/p", "/", "/pre/"))
    return RedirectPlan(
        code=draw.choice((301, 302, 303, 307, 308)),
        scheme=draw.choice(("", "", "http", "https")),
        authority=draw.choice(("", "", "other.host", "other.host:444")),
        port=draw.choice((0, 0, 80, 443, 8443)),
        path=None if rewrite else draw.choice((None, "/new", "/new?y=1", "/")),
        prefix_rewrite=rewrite,
    )


def fault(draw: random.Random) -> FaultPlan | None:
    if draw.random() < 0.85:
        return None
    percent = draw.choice((0.0, 100.0, 50.0))
    delay = DelayPlan(draw.choice((1, 2)), percent) if draw.random() < 0.5 else None
    abort = draw.choice(
        (
            AbortPlan(draw.choice((0.0, 100.0, 30.0)), http_status=draw.choice((400, 418, 503, 200))),
            AbortPlan(draw.choice((0.0, 100.0)), grpc_status=draw.choice((5, 14))),
            None,
        )
    )
    return FaultPlan(delay, abort)


def cors(draw: random.Random) -> CorsPlan | None:
    if draw.random() < 0.85:
        return None
    patterns = (
        StringPattern(MatchKind.EXACT, "http://a.test"),
        StringPattern(MatchKind.PREFIX, "http://a"),
        StringPattern(MatchKind.REGEX, "http://.*[.]test"),
    )
    return CorsPlan(
        allow_origins=tuple(draw.sample(patterns, draw.choice((0, 1, 1, 2)))),
        allow_methods=draw.choice(("", "GET,POST")),
        max_age=draw.choice(("", "60")),
        forward_unmatched=draw.random() < 0.6,
    )


def route(draw: random.Random, name: str) -> RoutePlan:
    action: ForwardPlan | RedirectPlan | DirectResponsePlan
    kind = draw.choice(("forward", "forward", "forward", "forward", "redirect", "direct"))
    if kind == "forward":
        action = forward(draw)
    elif kind == "redirect":
        action = redirect(draw)
    else:
        action = DirectResponsePlan(draw.choice((200, 201, 301, 404, 503)), draw.choice((b"", b"hello", "ü".encode())))
    return RoutePlan(
        match_plan(draw),
        action,
        name,
        fault=fault(draw),
        cors=cors(draw),
        request_headers=edits(draw),
        response_headers=edits(draw),
    )


def rule_set(draw: random.Random, number: int) -> list[VirtualHostPlan]:
    """Return the virtual hosts of one set: an exact host with variants, and sometimes wildcards above and below it."""
    host = f"s{number}.test"
    hosts = [(host, f"{host}:80", f"s{number}")]
    if draw.random() < 0.5:
        hosts.append((f"*.{host}",))
    if draw.random() < 0.3:
        hosts.append((f"*-x.{host}", f"*.a.{host}"))
    if draw.random() < 0.3:
        hosts.append((f"s{number}.*",))
    return [
        VirtualHostPlan(
            name=f"s{number}h{position}",
            domains=domains,
            routes=tuple(
                route(draw, f"s{number}h{position}r{index}") for index in range(draw.choice((0, 1, 2, 3, 4, 5, 6)))
            ),
            require_tls=draw.random() < 0.05,
        )
        for position, domains in enumerate(hosts)
    ]


def plans(draw: random.Random, sets: list[list[VirtualHostPlan]], port: int) -> ProxyPlans:
    """Return one proxy that runs on all `sets`."""
    table = RouteTablePlan(
        "t", tuple(one for each in sets for one in each), delta=True, ignore_port=draw.random() < 0.5
    )
    return ProxyPlans(LISTENERS, (table,), Clusters(port).plans(), ())


def any_request(draw: random.Random, hosts: list[VirtualHostPlan]) -> Request:
    """Return a request that is random in everything but its host."""
    headers = [
        (draw.choice(("x-user", "x-v", "cookie", "accept")), draw.choice(VALUES))
        for _ in range(draw.choice((0, 1, 2, 3)))
    ]
    if draw.random() < 0.1:
        headers.append(("x-forwarded-proto", draw.choice(("http", "https", "HTTPS", "", "ws"))))
    if draw.random() < 0.2:
        headers.append(("origin", draw.choice(("http://a.test", "http://b.test", "http://c", ""))))
    if draw.random() < 0.2:
        headers.append(("access-control-request-method", draw.choice(("GET", ""))))
    if draw.random() < 0.1:
        headers.append((draw.choice(SWITCHES), draw.choice(("5", "9000", "5xx", "true", ""))))
    if draw.random() < 0.1:
        headers.append(("content-type", draw.choice(("application/grpc", "application/grpc+x", "text/plain"))))
    return Request(
        method=draw.choice(METHODS),
        authority=authority(draw, draw.choice(hosts)),
        path=draw.choice((path(draw), path(draw), *[draw.choice(one) for one in PATH_REGEXES.values()]))
        + draw.choice(
            ("", "", f"?{draw.choice(QUERIES)}={draw.choice(VALUES).replace(' ', '+')}", "?q", "?q=1&q=2", "?")
        ),
        headers=tuple(headers),
    )


def authority(draw: random.Random, virtual_host: VirtualHostPlan) -> str:
    domain = draw.choice(virtual_host.domains)
    filled = domain.replace("*", draw.choice(("y", "a", "b.a", "z-x")))
    if ":" not in filled:
        filled += draw.choice(("", "", "", ":80", ":8080"))
    return draw.choice((filled, filled, filled, filled.upper(), f"n.{filled}"))


def request_for(draw: random.Random, virtual_host: VirtualHostPlan) -> Request:
    """Return a request that meets all conditions of one route, or misses one of them."""
    chosen = draw.choice(virtual_host.routes)
    request = any_request(draw, [virtual_host])
    request = meeting(draw, chosen.match, request)
    return missing_one(draw, chosen.match, request) if draw.random() < 0.5 else request


def meeting(draw: random.Random, match: MatchPlan, request: Request) -> Request:
    made = matching_path(draw, match.path)
    query: list[str] = [f"{each.name}={matching_value(draw, each.pattern).replace(' ', '+')}" for each in match.query]
    headers = dict(request.headers)
    method, authority = request.method, request.authority
    for each in match.headers:
        if each.name == ":method":
            method = each.pattern.value if not each.invert else "PATCH"
        elif each.invert:
            headers.pop(each.name, None)
            if draw.random() < 0.5 and not each.name.startswith(":") and each.pattern.kind is not MatchKind.PRESENT:
                headers[each.name] = "zzz"
        elif not each.name.startswith(":"):
            headers[each.name] = matching_value(draw, each.pattern)
    return Request(
        method=method,
        authority=authority,
        path=made + ("?" + "&".join(query) if query else ""),
        headers=tuple(headers.items()),
    )


def matching_path(draw: random.Random, match: PathMatch) -> str:
    if match.kind is PathKind.REGEX:
        return draw.choice(PATH_REGEXES[match.value])
    value = match.value.swapcase() if match.ignore_case and draw.random() < 0.5 else match.value
    if match.kind is PathKind.EXACT:
        return value
    if match.kind is PathKind.SEGMENTS:
        return value + draw.choice(("", "/x", "/")) if value != "/" else draw.choice(("/", "/x"))
    return value + draw.choice(("", "x", "/x", "/"))


def matching_value(draw: random.Random, wanted: StringPattern) -> str:
    if wanted.kind is MatchKind.EXACT:
        return wanted.value
    if wanted.kind is MatchKind.PREFIX:
        return wanted.value + draw.choice(("", "z"))
    if wanted.kind is MatchKind.REGEX:
        return draw.choice(VALUE_REGEXES.get(wanted.value, VALUES))
    return draw.choice(VALUES)


def missing_one(draw: random.Random, match: MatchPlan, request: Request) -> Request:
    changes: list[Callable[[Request], Request]] = [lambda one: replaced(one, path=path(draw))]
    changes += [_without_header(each.name) for each in match.headers if not each.name.startswith(":")]
    changes += [_other_header(draw, each.name) for each in match.headers if not each.name.startswith(":")]
    changes += [lambda one: replaced(one, path=one.path.partition("?")[0])] * len(match.query)
    changes += [lambda one: replaced(one, path=one.path.replace("=", "=y"))] * len(match.query)
    changes += [lambda one: replaced(one, method="TRACE" if one.method == "GET" else "GET")]
    return draw.choice(changes)(request)


def _without_header(name: str) -> Callable[[Request], Request]:
    return lambda one: replaced(one, headers=tuple(pair for pair in one.headers if pair[0] != name))


def _other_header(draw: random.Random, name: str) -> Callable[[Request], Request]:
    return lambda one: replaced(one, headers=(*one.headers, (name, draw.choice(VALUES))))


def replaced(request: Request, **changes: object) -> Request:
    values = {name: getattr(request, name) for name in ("method", "authority", "path", "headers")}
    return Request(**(values | changes))
