"""Random plans, more than rules can say; everything comes from one `random.Random`, so that a seed repeats it."""

import random
from dataclasses import dataclass
from itertools import pairwise

import msgspec

from pidalio.ir import (
    BUCKETS,
    AbortPlan,
    AssignmentPlan,
    BucketRange,
    ClusterPlan,
    CookieKey,
    CorsPlan,
    DelayPlan,
    Direction,
    DirectResponsePlan,
    Discovery,
    EndpointPlan,
    FaultPlan,
    ForwardPlan,
    HeaderEdits,
    HeaderKey,
    HeaderMatch,
    HttpPlan,
    HttpSettings,
    ListenerPlan,
    ListenerSettings,
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
    RetryPlan,
    RoutePlan,
    RouteTablePlan,
    SourceKey,
    StickyPlan,
    StringPattern,
    VirtualHostPlan,
    WeightedCluster,
    one_chain,
)
from pidalio.model import Health, ObjectRef, Origin

SEGMENTS = ("a", "b", "api", "v1", "v2", "A", "Api", "x-1", "a.b", "%61", "a%2fb", "", "..", ".", "~u", "a;c")
VALUES = ("", "a", "b", "ab", "1", "12", "v1", "A", "a,b", "a b", "x-1")
COOKIES = ("u=a", "u=b; v=c", 'v=a;u="ab"', "u=", "v=1; u", "u = a", "u=a; u=b")
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
        name,
        "127.0.0.1",
        1,
        direction,
        one_chain(HttpPlan(name, "t", explicit_proxy=explicit, use_remote_address=remote)),
        settings=ListenerSettings(http=HttpSettings(trusted_hops=hops)),
    )
    for name, direction, explicit, remote, hops in (
        ("proxy", Direction.OUTBOUND, True, False, 0),
        ("trusting", Direction.OUTBOUND, True, True, 1),
        ("inbound", Direction.INBOUND, False, False, 0),
        ("gateway", Direction.GATEWAY, False, True, 0),
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


def sticky_weighted(draw: random.Random) -> tuple[tuple[WeightedCluster, ...], StickyPlan]:
    """Return destinations, some without a bucket, and ranges of buckets; one destination may have several."""
    clusters = weighted(draw)
    borders = (0, *sorted(draw.sample(range(1, BUCKETS), draw.choice((0, 1, 3)))), BUCKETS)
    ranges = tuple(BucketRange(start, end, draw.randrange(len(clusters))) for start, end in pairwise(borders))
    counts = [sum(one.end - one.start for one in ranges if one.destination == each) for each in range(len(clusters))]
    shares = (msgspec.structs.replace(one, weight=count) for one, count in zip(clusters, counts, strict=True))
    keys = (HeaderKey("x-user"), HeaderKey("accept"), SourceKey(), CookieKey("u"), CookieKey("u", "/p", 60))
    return tuple(shares), StickyPlan(draw.choice(keys), draw.choice(("0a1b", "ffff")), ranges)


def forward(draw: random.Random) -> ForwardPlan:
    rewrite = draw.choice(("none", "none", "prefix", "prefix", "regex"))
    clusters, sticky = sticky_weighted(draw) if draw.random() < 0.2 else (weighted(draw), None)
    return ForwardPlan(
        clusters=clusters,
        sticky=sticky,
        timeout=draw.choice((0, 0, 15_000)),
        prefix_rewrite=draw.choice(("/", "/new", "/new/", "/p?x", "/deep/er")) if rewrite == "prefix" else None,
        regex_rewrite=draw.choice(REWRITES) if rewrite == "regex" else None,
        host_rewrite=draw.choice(("", "", "", "rewritten.host", "Rewritten:81")),
        retry=retry(draw),
        deaf=draw.choice((None, None, None, Origin(ObjectRef("MeshConfig", "", "mesh"), "deaf"))),
    )


def retry(draw: random.Random) -> RetryPlan | None:
    """Return retries of which some go by the method, so that one route is two."""
    if draw.random() < 0.5:
        return None
    return RetryPlan(
        attempts=draw.choice((1, 3)),
        retry_on=draw.choice((("5xx",), ("connect-failure", "reset"))),
        per_try_timeout=draw.choice((None, None, 9_000)),
        unsafe_retry_on=draw.choice((None, (), ("connect-failure",))),
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
