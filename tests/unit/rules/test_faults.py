"""Faults and cross-origin policies (reference §1.1, §2.10)."""

import msgspec
import pytest
from tests.unit.rules.world import entry, mesh, route, rule

from pidalio.ir import AbortPlan, CorsPlan, DelayPlan, FaultPlan, MatchKind, StringPattern


def compiled(rest: str):
    return route(
        mesh(entry("r", "r.com"), rule("r", "r.com", f"[{{route: [{{destination: {{host: r.com}}}}], {rest}}}]")),
        "r.com:80",
    )


@pytest.mark.parametrize(
    ("stated", "plan"),
    [
        ("{delay: {fixedDelay: 2s, percentage: {value: 25}}}", FaultPlan(DelayPlan(2000, 25.0))),
        ("{delay: {fixedDelay: 2s, percent: 7}}", FaultPlan(DelayPlan(2000, 7.0))),
        ("{delay: {fixedDelay: 2s, percent: 7, percentage: {value: 0}}}", FaultPlan(DelayPlan(2000, 0.0))),
        ("{delay: {fixedDelay: 2s}}", FaultPlan(DelayPlan(2000, 0.0))),
        ("{abort: {httpStatus: 503, percentage: {value: 0.5}}}", FaultPlan(abort=AbortPlan(0.5, http_status=503))),
        ("{abort: {httpStatus: 503}}", FaultPlan(abort=AbortPlan(0.0, http_status=503))),
        ("{abort: {grpcStatus: UNAVAILABLE, percentage: {value: 1}}}", FaultPlan(abort=AbortPlan(1.0, grpc_status=14))),
        ("{abort: {grpcStatus: OK, percentage: {value: 1}}}", FaultPlan(abort=AbortPlan(1.0, grpc_status=0))),
        (
            "{delay: {fixedDelay: 1s, percentage: {value: 1}}, abort: {httpStatus: 400, percentage: {value: 2}}}",
            FaultPlan(DelayPlan(1000, 1.0), AbortPlan(2.0, http_status=400)),
        ),
    ],
)
def test_a_percentage_that_is_not_stated_is_none(stated, plan):
    found = compiled(f"fault: {stated}").fault
    assert found is not None
    assert str(found.origin) == "VirtualService default/r http[0].fault"
    assert msgspec.structs.replace(found, origin=None) == plan


@pytest.mark.parametrize(
    ("stated", "plan"),
    [
        (
            "{allowOrigins: [{exact: a}, {prefix: b}, {regex: c}]}",
            CorsPlan(
                (
                    StringPattern(MatchKind.EXACT, "a"),
                    StringPattern(MatchKind.PREFIX, "b"),
                    StringPattern(MatchKind.REGEX, "c"),
                )
            ),
        ),
        ("{allowOrigin: ['*']}", CorsPlan((StringPattern(MatchKind.EXACT, "*"),))),
        (
            (
                "{allowOrigins: [{exact: a}], allowOrigin: [b], allowMethods: [GET, PUT], allowHeaders: [x, y],"
                " exposeHeaders: [z], maxAge: 24h, allowCredentials: true}"
            ),
            CorsPlan((StringPattern(MatchKind.EXACT, "a"),), "GET,PUT", "x,y", "z", "86400", allow_credentials=True),
        ),
        ("{unmatchedPreflights: IGNORE}", CorsPlan((), forward_unmatched=False)),
        ("{unmatchedPreflights: FORWARD}", CorsPlan(())),
    ],
)
def test_cross_origin_policies(stated, plan):
    assert compiled(f"corsPolicy: {stated}").cors == plan


def test_without_rules_there_is_neither():
    assert compiled("name: x").fault is None
    assert compiled("name: x").cors is None
