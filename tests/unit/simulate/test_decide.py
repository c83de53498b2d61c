"""The whole trace of single requests; what Envoy does with many is held in tests/traffic and tests/differential."""

import msgspec
import pytest

from pidalio.ir import (
    AbortPlan,
    AssignmentPlan,
    ClusterPlan,
    DelayPlan,
    Direction,
    DirectResponsePlan,
    Discovery,
    EndpointPlan,
    FaultPlan,
    ForwardPlan,
    HttpPlan,
    ListenerPlan,
    LocalityPlan,
    MatchPlan,
    MirrorPlan,
    PathKind,
    PathMatch,
    ProxyPlans,
    RedirectPlan,
    RoutePlan,
    RouteTablePlan,
    TcpPlan,
    VirtualHostPlan,
    WeightedCluster,
    one_chain,
)
from pidalio.model import ObjectRef, Origin
from pidalio.simulate import Answered, Forwarded, Redirected, Request, decide

_RULE = Origin(ObjectRef("VirtualService", "default", "shop"), "http[0]")


def _cluster(name, *addresses, host=""):
    localities = (LocalityPlan(tuple(EndpointPlan(one, 80) for one in addresses)),) if addresses else ()
    return ClusterPlan(name, Discovery.STATIC, assignment=AssignmentPlan(name, localities), host=host, subset="v1")


def _plans(*routes, domains=("shop",), clusters=(), listener=None):
    table = RouteTablePlan("table", (VirtualHostPlan("shop:80", domains, routes, origin=_RULE),))
    door = listener or ListenerPlan("door", "127.0.0.1", 80, Direction.INBOUND, one_chain(HttpPlan("door", "table")))
    known = (_cluster("one", "10.0.0.1", host="shop"), _cluster("two", "10.0.0.2", "10.0.0.3"), _cluster("none"))
    return ProxyPlans((door,), (table,), known + clusters, ())


def _to(*weighted, **more):
    return ForwardPlan(tuple(WeightedCluster(name, weight) for name, weight in weighted), **more)


def _ask(plans, path="/", authority="shop", **more):
    return decide(plans, "door", Request(authority=authority, path=path, **more))


def test_the_trace_of_a_forwarded_request():
    missed = RoutePlan(MatchPlan(PathMatch(PathKind.EXACT, "/x")), _to(("two", 1)), "first")
    taken = RoutePlan(
        MatchPlan(), _to(("one", 1), ("two", 3), timeout=500, prefix_rewrite="/n"), "second", origin=_RULE
    )
    decision = _ask(_plans(missed, taken), "/a?b")

    assert (decision.listener, decision.table) == ("door", "table")
    assert (decision.host.name, decision.host.domain, decision.host.reason) == (
        "shop:80",
        "shop",
        "shop is one of its domains",
    )
    assert [(one.name, one.missed) for one in decision.tried] == [("first", "path /a is not /x"), ("second", "")]
    assert decision.route.origin == _RULE
    assert isinstance(decision.action, Forwarded)
    assert [(one.cluster, one.share, one.path) for one in decision.action.destinations] == [
        ("one", 0.25, "/na?b"),
        ("two", 0.75, "/na?b"),
    ]
    assert decision.action.destinations[0].subset == "v1"
    assert [each.share for each in decision.action.destinations[1].pool.endpoints] == [0.5, 0.5]
    assert decision.action.timeout.milliseconds == 500
    assert [(one.share, one.status, one.cluster) for one in decision.verdicts] == [
        (0.75, None, "two"),
        (0.25, None, "one"),
    ]


def test_what_is_missing_is_told_per_share():
    decision = _ask(_plans(RoutePlan(MatchPlan(), _to(("one", 2), ("absent", 1), ("none", 1)))))
    told = [(one.share, one.status, one.flag, one.details) for one in decision.verdicts]
    assert told == [
        (0.5, None, "-", "via_upstream"),
        (0.25, 503, "NC", "cluster_not_found"),
        (0.25, 503, "UH", "no_healthy_upstream"),
    ]
    assert [one.known for one in decision.action.destinations] == [True, False, True]


def test_no_virtual_host_and_no_route_are_404():
    plans = _plans(RoutePlan(MatchPlan(PathMatch(PathKind.EXACT, "/x")), _to(("one", 1))))
    nobody = _ask(plans, authority="other:80")
    assert (nobody.verdict.status, nobody.verdict.flag) == (404, "NR")
    assert "'other:80'" in nobody.host.reason
    nothing = _ask(plans)
    assert (nothing.verdict.status, nothing.verdict.flag, nothing.route) == (404, "NR", None)
    assert [one.missed for one in nothing.tried] == ["path / is not /x"]


def test_faults_divide_the_outcomes():
    fault = FaultPlan(DelayPlan(100, 50), AbortPlan(20, http_status=418))
    decision = _ask(_plans(RoutePlan(MatchPlan(), _to(("one", 1)), fault=fault)))
    told = [(round(one.share, 3), one.status, one.flag, one.delay) for one in decision.verdicts]
    assert sorted(told, key=str) == sorted(
        [(0.4, None, "DI", 100), (0.4, None, "-", 0), (0.1, 418, "DI,FI", 100), (0.1, 418, "FI", 0)], key=str
    )


def test_answers_and_redirects_reach_nobody():
    redirected = _ask(_plans(RoutePlan(MatchPlan(), RedirectPlan(code=302, path="/new"))), "/old")
    assert redirected.action == Redirected(302, "http://shop/new")
    assert redirected.verdict.status == 302
    answered = _ask(_plans(RoutePlan(MatchPlan(), DirectResponsePlan(502, b"no", "unknown host"))))
    assert answered.action == Answered(502, b"no", reason="unknown host")
    assert answered.verdict.why == "unknown host"


def test_grpc_calls_get_grpc_statuses():
    decision = _ask(_plans(RoutePlan(MatchPlan(), _to(("absent", 1)))), headers=(("content-type", "application/grpc"),))
    assert (decision.verdict.status, decision.verdict.grpc_status, decision.verdict.flag) == (200, 14, "NC")


def test_mirrors_are_listed_with_what_they_reach():
    mirrors = (MirrorPlan("two", 10), MirrorPlan("absent"), MirrorPlan("one", 0))
    decision = _ask(_plans(RoutePlan(MatchPlan(), _to(("one", 1), mirrors=mirrors))))
    assert [(one.plan.cluster, one.known, len(one.pool.endpoints)) for one in decision.action.mirrors] == [
        ("two", True, 2),
        ("absent", False, 0),
    ]


@pytest.mark.parametrize(
    ("path", "status", "details"),
    [
        ("/a#b", 400, "path_normalization_failed"),
        ("/%00", 400, "path_normalization_failed"),
        ("*", 404, "absolute_path_rejected"),
        ("/ä", 400, "http1.codec_error"),
        ("/\x01", 400, "http1.invalid_characters"),
    ],
)
def test_paths_that_no_route_sees(path, status, details):
    decision = _ask(_plans(RoutePlan(MatchPlan(), _to(("one", 1)))), path)
    assert (decision.verdict.status, decision.verdict.details, decision.tried) == (status, details, ())


def test_connect_takes_only_routes_of_its_own():
    plain, tunnel = (RoutePlan(MatchPlan(connect=one), _to(("one", 1)), str(one)) for one in (False, True))
    request = Request.from_url("CONNECT", "shop:5432")
    taken = decide(_plans(plain, tunnel, domains=("shop:5432",)), "door", request)
    assert taken.route.name == "True"
    refused = decide(_plans(plain, domains=("shop:5432",)), "door", request)
    assert (refused.verdict.status, refused.verdict.flag) == (404, "NR")


def test_a_tcp_listener_forwards_bytes():
    door = ListenerPlan(
        "door", "127.0.0.1", 80, Direction.INBOUND, one_chain(TcpPlan("door", (WeightedCluster("one", 1),)))
    )
    decision = _ask(_plans(listener=door))
    assert decision.action.destinations[0].cluster == "one"
    assert decision.verdict.cluster == "one"


def test_unknown_listeners_and_tables_are_programming_errors():
    plans = _plans()
    with pytest.raises(LookupError, match="no listener 'x'; there are: door"):
        decide(plans, "x", Request(authority="shop"))
    with pytest.raises(LookupError, match="no route table 'table'"):
        decide(msgspec.structs.replace(plans, tables=()), "door", Request(authority="shop"))


def test_a_decision_is_json():
    decision = _ask(_plans(RoutePlan(MatchPlan(), _to(("one", 1)), origin=_RULE)))
    assert msgspec.json.decode(msgspec.json.encode(decision), type=type(decision)) == decision
