import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from google.protobuf.message import Message

from pidalio.envoy import protos
from pidalio.envoy.executable import find_envoy
from pidalio.ir import (
    AbortPlan,
    AssignmentPlan,
    ClusterPlan,
    ConnectionPoolPlan,
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
    KeepalivePlan,
    ListenerPlan,
    LoadBalancing,
    LocalityPlan,
    MatchKind,
    MatchPlan,
    MirrorPlan,
    OutlierPlan,
    PathKind,
    PathMatch,
    PingPlan,
    ProxyPlans,
    QueryMatch,
    RedirectPlan,
    RegexRewrite,
    RetryBudgetPlan,
    RetryPlan,
    RoutePlan,
    RouteTablePlan,
    StringPattern,
    TcpPlan,
    UpstreamProtocol,
    VirtualHostPlan,
    WeightedCluster,
    one_chain,
)
from pidalio.model import Health, Locality, ObjectRef, Origin

REVIEWS = "outbound|80|v1|reviews.default.svc.cluster.local"
RULE = ObjectRef("VirtualService", "default", "reviews")
EDITS = HeaderEdits(set=(("x-a", "1"),), add=(("x-b", "%REQ(x-c)%"),), remove=("x-d",))

Validate = Callable[[Message], str]


def origin(path: str) -> Origin:
    return Origin(RULE, path)


@pytest.fixture
def validate(tmp_path: Path) -> Validate:
    """Return what real Envoy says against a bootstrap: nothing when it takes it without a warning."""

    def run(bootstrap: Message) -> str:
        file = tmp_path / "envoy.yaml"
        file.write_text(protos.to_yaml(bootstrap), encoding="utf-8")
        command = [find_envoy(), "--mode", "validate", "-c", file, "--disable-hot-restart", "-l", "warning"]
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
        return answer.stderr if answer.returncode == 0 else answer.stderr or f"exit status {answer.returncode}"

    return run


@pytest.fixture
def everything() -> ProxyPlans:
    """Return plans that use every field there is."""
    return ProxyPlans(listeners=_listeners(), tables=(_table(),), clusters=_clusters(), assignments=(_assignment(),))


def _routes() -> tuple[RoutePlan, ...]:
    weighted = (
        WeightedCluster(REVIEWS, 90, EDITS, EDITS, "other.example", origin("http[0].route[0]")),
        WeightedCluster("outbound|80|v2|reviews.default.svc.cluster.local", 10),
    )
    retry = RetryPlan(2, ("connect-failure", "unavailable"), (503,), 100, 25, remote_localities=True)
    headers = (
        HeaderMatch(":method", StringPattern(MatchKind.EXACT, "GET")),
        HeaderMatch("x", StringPattern(MatchKind.PRESENT)),
        HeaderMatch("y", StringPattern(MatchKind.REGEX, "a.*"), invert=True, missing_as_empty=True),
        HeaderMatch("z", StringPattern(MatchKind.PREFIX, "p")),
    )
    query = (QueryMatch("q", StringPattern(MatchKind.PRESENT)), QueryMatch("r", StringPattern(MatchKind.EXACT, "1")))
    cors = CorsPlan(
        (StringPattern(MatchKind.EXACT, "http://a"), StringPattern(MatchKind.REGEX, ".*b")),
        "GET,POST",
        "x-in",
        "x-out",
        "60",
        allow_credentials=True,
        forward_unmatched=False,
    )
    return (
        RoutePlan(
            MatchPlan(PathMatch(PathKind.EXACT, "/a", ignore_case=True), headers, query),
            ForwardPlan(
                weighted,
                timeout=1500,
                retry=retry,
                prefix_rewrite="/b",
                mirrors=(MirrorPlan(REVIEWS, 12.5), MirrorPlan("absent")),
            ),
            name="first",
            fault=FaultPlan(DelayPlan(1000, 10.0), AbortPlan(5.0, http_status=500)),
            cors=cors,
            request_headers=EDITS,
            response_headers=EDITS,
            stat_prefix="stat",
            origin=origin("http[0]"),
        ),
        RoutePlan(
            MatchPlan(PathMatch(PathKind.SEGMENTS, "/seg/")),
            ForwardPlan(
                (WeightedCluster("c", 0, EDITS, EDITS),),
                regex_rewrite=RegexRewrite("^/(.*)$", "/x/\\1"),
                host_rewrite="other",
            ),
            fault=FaultPlan(abort=AbortPlan(1.0, grpc_status=14)),
        ),
        RoutePlan(MatchPlan(PathMatch(PathKind.EXACT, "/moved")), RedirectPlan(308, "https", "h", 8443, "/p")),
        RoutePlan(MatchPlan(PathMatch(PathKind.REGEX, "/r(.*){1,99}")), RedirectPlan(302, prefix_rewrite="/z")),
        RoutePlan(MatchPlan(connect=True), ForwardPlan((WeightedCluster(REVIEWS),))),
        RoutePlan(
            MatchPlan(PathMatch(PathKind.SEGMENTS, "/")),
            DirectResponsePlan(503, b"no such subset", "subset v9 is missing"),
            origin=origin("http[3]"),
        ),
    )


def _table() -> RouteTablePlan:
    unknown = RoutePlan(MatchPlan(), ForwardPlan((WeightedCluster("forward"),), dynamic=True))
    hosts = (
        VirtualHostPlan("reviews:80", ("reviews", "reviews:80"), _routes(), origin=origin("")),
        VirtualHostPlan("secure", ("secure.example",), (), require_tls=True),
        VirtualHostPlan("allow_any", ("*",), (unknown,)),
    )
    return RouteTablePlan("http_proxy", hosts, delta=True)


def _listeners() -> tuple[ListenerPlan, ...]:
    to_app = RoutePlan(MatchPlan(), ForwardPlan((WeightedCluster("inbound|80||"),)))
    inbound = RouteTablePlan("inbound|80||", (VirtualHostPlan("inbound|http|80", ("*",), (to_app,)),), ignore_port=True)
    proxy = HttpPlan("outbound", "http_proxy", explicit_proxy=True, forward_proxy=True, use_remote_address=True)
    weighted = (WeightedCluster("a", 1), WeightedCluster("b", 0), WeightedCluster("c", 2))
    return (
        ListenerPlan("proxy", "127.0.0.1", 0, Direction.OUTBOUND, one_chain(proxy)),
        ListenerPlan(
            "in", "127.0.0.1", 0, Direction.INBOUND, one_chain(HttpPlan("in", inbound, server_name="istio-envoy"))
        ),
        ListenerPlan(
            "tcp", "127.0.0.1", 0, Direction.GATEWAY, one_chain(TcpPlan("t", weighted)), origin=origin("tcp[0]")
        ),
        ListenerPlan("one", "127.0.0.1", 0, Direction.GATEWAY, one_chain(TcpPlan("o", (WeightedCluster("a"),)))),
    )


def _clusters() -> tuple[ClusterPlan, ...]:
    named = AssignmentPlan("a", (LocalityPlan((EndpointPlan("localhost", 8080),)),))
    policy = Origin(ObjectRef("DestinationRule", "default", "reviews"), "trafficPolicy")
    return (
        ClusterPlan(
            REVIEWS,
            Discovery.EDS,
            protocol=UpstreamProtocol.HTTP2,
            pool=ConnectionPoolPlan(1, 2, 3, 4, 5, 6, 7000, 8000, KeepalivePlan(1, 2000, 3000), PingPlan(1000, 2000)),
            retry_budget=RetryBudgetPlan(25.0, 5, 10_000),
            outlier=OutlierPlan(
                5, 3, 2, split_local=True, interval=1000, base_ejection_time=2000, max_ejection_percent=50
            ),
            host="reviews.default.svc.cluster.local",
            namespace="default",
            port=80,
            subset="v1",
            lb_origin=policy,
        ),
        ClusterPlan("a", Discovery.STRICT_DNS, load_balancing=LoadBalancing.RANDOM, assignment=named),
        ClusterPlan("b", Discovery.LOGICAL_DNS, load_balancing=LoadBalancing.ROUND_ROBIN, assignment=named),
        ClusterPlan("c", Discovery.STATIC, healthy_panic_threshold=None, assignment=AssignmentPlan("c")),
        ClusterPlan("forward", Discovery.DYNAMIC_FORWARD_PROXY),
        ClusterPlan("PassthroughCluster", Discovery.ORIGINAL_DST),
        ClusterPlan("inbound|80||", Discovery.STATIC, assignment=AssignmentPlan("inbound|80||")),
    )


def _assignment() -> AssignmentPlan:
    near = LocalityPlan(
        (
            EndpointPlan("127.0.0.1", 8080, 2, workload="reviews-v1-0"),
            EndpointPlan("unix:///tmp/app.sock", 0, health=Health.DRAINING),
        ),
        Locality("r", "z", "s"),
        weight=3,
    )
    far = LocalityPlan((EndpointPlan("::1", 8081, health=Health.UNHEALTHY),), weight=1, priority=1)
    return AssignmentPlan(REVIEWS, (near, far))
