"""One shape for what happened to a call, whether the simulator foresaw it or a real Envoy did it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf, log

from tests.traffic.case import Call
from tests.traffic.fleet import instance_at

from pidalio.simulate import Answered, Decision, Forwarded, Redirected, edited, repeats_status

FALSE_ALARM = 1e-6
_TIMER_PRECISION = 0.98
_SIMULATOR_ONLY = ("timeout", "virtual_host")
_COMPARED = (
    *("status", "path", "host", "location", "body", "flag", "details", "route", "cluster", "tries", "through"),
    *_SIMULATOR_ONLY,
)
_REPEATS_RESET = frozenset({"5xx", "gateway-error", "reset"})
"""Conditions that hold where no answer came in time, or at all."""


@dataclass
class Outcome:
    """`reached` maps instances to shares; what a real Envoy cannot tell (`timeout`, `virtual_host`) is None there."""

    status: int
    reached: dict[str, float] = field(default_factory=dict)
    path: str | None = None
    host: str | None = None
    request_headers: Mapping[str, str] = field(default_factory=dict)
    response_headers: Mapping[str, str] = field(default_factory=dict)
    location: str | None = None
    body: str | None = None
    flag: str | None = None
    details: str | None = None
    route: str | None = None
    cluster: str | None = None
    virtual_host: str | None = None
    tries: int = 1
    timeout: int | None = None
    slow: float = 0
    mirrors: frozenset[str] = frozenset()
    through: str = ""


def foreseen(decision: Decision, call: Call) -> Outcome:
    """Return what the simulator expects, given how the echo server was told to behave."""
    verdict, action = decision.verdict, decision.action
    outcome = Outcome(
        status=verdict.status or 200,
        flag=verdict.flag,
        details=verdict.details,
        route=decision.route.name if decision.route else "",
        cluster=verdict.cluster,
        virtual_host=decision.host.name if decision.host else "",
        slow=verdict.delay,
    )
    if isinstance(action, Redirected | Answered):
        outcome.location = action.location
        outcome.response_headers = dict(edited((), action.response_edits))
        outcome.body = action.body.decode() if isinstance(action, Answered) else ""
    if verdict.details == "cors_response":
        outcome.response_headers = dict(decision.cors.set)
    if isinstance(action, Forwarded):
        outcome.timeout = action.timeout.milliseconds
        outcome.mirrors = frozenset(
            instance_at(reach.address).rpartition(" ")[0]
            for mirror in action.mirrors
            for reach in mirror.pool.endpoints
            if reach.share
        )
        _foresee_upstream(outcome, decision, action, call)
    return outcome


def _foresee_upstream(outcome: Outcome, decision: Decision, action: Forwarded, call: Call) -> None:
    for verdict in decision.verdicts:
        for to in action.destinations:
            if verdict.status is None and to.cluster == verdict.cluster:
                for reach in to.pool.endpoints:
                    name = instance_at(reach.address)
                    if reach.share:
                        outcome.reached[name] = outcome.reached.get(name, 0.0) + verdict.share * reach.share
    if decision.verdict.status is not None:
        outcome.tries = 0
        return
    to = next(each for each in action.destinations if each.cluster == decision.verdict.cluster)
    outcome.path, outcome.host = to.path, to.authority
    outcome.through = str(to.tunnel or "")
    outcome.request_headers = dict(edited(decision.request.headers, to.request_edits))
    edits = (*to.response_edits, decision.cors)
    outcome.response_headers = dict(edited((("x-drop-me", "1"), ("server", "echo")), edits))
    _foresee_tries(outcome, action, call)


def _foresee_tries(outcome: Outcome, action: Forwarded, call: Call) -> None:
    headers = dict(call.pairs)
    told = int(headers.get("x-echo-status", "200"))
    fails = int(headers.get("x-echo-fails", "1000000"))
    delay = int(headers.get("x-echo-delay", "0"))
    drops = int(headers.get("x-echo-drops", "0"))
    retry, limit = action.retry, action.timeout.milliseconds or inf
    each = (retry.per_try_timeout if retry else None) or inf
    if delay > min(each, limit):
        repeated = retry is not None and each < limit and bool(_REPEATS_RESET & set(retry.retry_on))
        outcome.tries = 1 + retry.attempts if retry and repeated else 1
        outcome.status = 504
        return
    if drops:
        outcome.tries = min(drops + 1, 1 + retry.attempts) if retry and _REPEATS_RESET & set(retry.retry_on) else 1
        outcome.status = 503 if outcome.tries <= drops else 200
        return
    grpc = int(headers["x-echo-grpc"]) if "x-echo-grpc" in headers else None
    if retry is not None and repeats_status(retry, told, grpc):
        outcome.tries = min(fails + 1, 1 + retry.attempts)
    outcome.status = told if outcome.tries <= fails else 200


def broken_expectations(call: Call, outcome: Outcome) -> list[str]:
    """Return every way in which `outcome` is not what the table says."""
    found = []
    for name in _COMPARED:
        wanted = getattr(call, name)
        cannot_tell = name in _SIMULATOR_ONLY and getattr(outcome, name) is None
        if wanted is not None and not cannot_tell and getattr(outcome, name) != wanted:
            found.append(f"{name}: {getattr(outcome, name)!r}, expected {wanted!r}")
    for name, wanted in call.sees.items():
        if outcome.request_headers.get(name) != wanted:
            found.append(f"request header {name}: {outcome.request_headers.get(name)!r}, expected {wanted!r}")
    for name, wanted in call.gets.items():
        if outcome.response_headers.get(name) != wanted:
            found.append(f"response header {name}: {outcome.response_headers.get(name)!r}, expected {wanted!r}")
    if call.slow is not None and outcome.slow < call.slow * _TIMER_PRECISION:
        found.append(f"delay: {outcome.slow} ms, expected {call.slow}")
    if call.mirrors is not None and outcome.mirrors != call.mirrors:
        found.append(f"mirrored to {sorted(outcome.mirrors)}, expected {sorted(call.mirrors)}")
    if call.to is not None:
        found += _shares(call, outcome.reached)
    return found


def _shares(call: Call, reached: Mapping[str, float]) -> list[str]:
    wanted = {call.to: 1.0} if isinstance(call.to, str) else dict(call.to or {})
    found = []
    for name, share in wanted.items():
        real = sum(part for each, part in reached.items() if each == name or each.startswith(f"{name} "))
        if not plausible(real, share, call.times):
            found.append(f"share of {name}: {real:.4f}, expected {share}")
    strange = [each for each in reached if not any(each == one or each.startswith(f"{one} ") for one in wanted)]
    return found + ([f"reached {strange}, expected only {sorted(wanted)}"] if strange else [])


def plausible(real: float, share: float, times: int) -> bool:
    """Tell whether a share measured over `times` calls can be chance (Chernoff's bound, false alarm at most 1e-6)."""
    if times == 1 or share in (0.0, 1.0):
        return abs(real - share) < 1e-9
    divergence = sum(
        part * log(part / expected) for part, expected in ((real, share), (1 - real, 1 - share)) if part > 0
    )
    return times * divergence <= log(2 / FALSE_ALARM)
