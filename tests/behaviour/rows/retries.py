"""Retries: success and attempts as computed, and a budget that holds them back."""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.behaviour.claims import Claim, Outcome, Plot, Row, at_most, exactly, figure, none_lost, share
from tests.behaviour.instances import Arrival, Instance, Reply
from tests.behaviour.load import Answer, Ask
from tests.behaviour.rig import Rig, cluster, service

_ATTEMPTS, _REFUSES, _HANGS = 3, 0.2, 0.1
_FAILS = _REFUSES + _HANGS
_CALLERS, _TIMEOUT, _GRACE = 10, 1.0, 0.1
_RULE = f"""\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: flaky}}
spec:
  hosts: [flaky.example]
  http:
  - route: [{{destination: {{host: flaky.example}}}}]
    timeout: {_TIMEOUT:g}s
    retries: {{attempts: {_ATTEMPTS}, perTryTimeout: 200ms, retryOn: 5xx}}
"""


def _flaky(refuses: float, hangs: float, delay: float) -> Callable[[Arrival], Reply]:
    def answer(_: Arrival) -> Reply:
        drawn = random.random()
        return (
            Reply(503, delay) if drawn < refuses else Reply(held=True) if drawn < refuses + hangs else Reply(200, delay)
        )

    return answer


async def computed(scale: int) -> Outcome:
    """Count successes and attempts of calls to instances that fail three times in ten."""
    calls, ask = 1000 * scale, Ask("flaky.example")
    async with Rig() as rig:
        instances = await rig.add(3, behaviour=_flaky(_REFUSES, _HANGS, 0.002))
        await rig.start(_RULE, service(ask.host, instances))
        answers = await rig.load.at_once([ask] * calls, _CALLERS)
    attempts = _attempts(answers, instances)
    success = sum(answer.status == 200 for answer in answers)
    expected = sum(_FAILS**number for number in range(_ATTEMPTS + 1))
    claims = [
        share("calls that succeed", success, calls, 1 - _FAILS ** (_ATTEMPTS + 1)),
        *(
            share(f"calls that need attempt {number + 1}", _at_least(attempts, number + 1), calls, _FAILS**number)
            for number in range(1, _ATTEMPTS + 1)
        ),
        exactly(f"calls with more than {_ATTEMPTS + 1} attempts", _at_least(attempts, _ATTEMPTS + 2), 0),
        figure(f"attempts for each call (computed {expected:.3f})", f"{sum(attempts) / calls:.3f}"),
        at_most("longest call", max(one.seconds for one in answers), _TIMEOUT + _GRACE, " s", timed=True),
        none_lost(answers, 503, 504),
    ]
    bars = {
        "computed": {f"{number + 1}": 100 * _FAILS**number for number in range(_ATTEMPTS + 1)},
        "measured": {f"{number}": 100 * _at_least(attempts, number) / calls for number in range(1, _ATTEMPTS + 2)},
    }
    return Outcome(tuple(claims), (Plot("retries", "Calls that need so many attempts", "attempt", "%", bars=bars),))


def _attempts(answers: Sequence[Answer], instances: Sequence[Instance]) -> list[int]:
    came = Counter(arrival.number for one in instances for arrival in one.arrivals)
    return [came[answer.number] for answer in answers]


def _at_least(attempts: Sequence[int], number: int) -> int:
    return sum(each >= number for each in attempts)


_PERCENT, _MINIMUM, _MANY, _FEW, _LASTS = 20, 3, 50, 8, 0.02
_BUDGET = f"""\
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: frugal}}
spec:
  host: frugal.example
  trafficPolicy:
    retryBudget: {{percent: {_PERCENT}, minRetryConcurrency: {_MINIMUM}}}
"""
_REPEATED = "---\n".join(
    f"""\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: {name}}}
spec:
  hosts: [{name}.example]
  http:
  - route: [{{destination: {{host: {name}.example}}}}]
    retries: {{attempts: {_ATTEMPTS}, retryOn: 5xx}}
"""
    for name in ("frugal", "lavish")
)


async def budget(scale: int) -> Outcome:
    """Count how many retries are under way at once at instances that fail three times in ten, with a budget and without."""
    async with Rig() as rig:
        names = ("frugal", "lavish")
        pools = {name: await rig.add(3, behaviour=_flaky(_FAILS, 0, _LASTS), named=name) for name in names}
        await rig.start(_BUDGET, _REPEATED, *(service(f"{name}.example", pool) for name, pool in pools.items()))
        few = await _repeated(rig, pools["frugal"], "frugal", 200 * scale, _FEW)
        frugal, lavish = [await _repeated(rig, pools[name], name, 1500 * scale, _MANY) for name in names]
        refused = await rig.stat(cluster("frugal.example"), "upstream_rq_retry_overflow")
    bound = max(_MINIMUM, _MANY * _PERCENT // 100)
    claims = [
        at_most(f"with the budget: retries under way at once, of {_MANY} calls", frugal.most, bound),
        at_most(f"with the budget: retries under way at once, of {_FEW} calls", few.most, _MINIMUM),
        Claim("without: retries under way at once", f"more than {bound}", f"{lavish.most}", lavish.most > bound),
        Claim("retries that the budget refused", "some", f"{refused}", refused > 0),
        figure("retries for each call, with and without", f"{frugal.ratio:.3f} and {lavish.ratio:.3f}"),
        figure("calls that succeed, with and without", f"{frugal.success:.1%} and {lavish.success:.1%}"),
        figure("the price in success rate", f"{lavish.success - frugal.success:.1%} of calls"),
        none_lost([*few.answers, *frugal.answers, *lavish.answers], 503),
    ]
    bars = {
        words: {"retries": 100 * one.ratio, "failed": 100 - 100 * one.success}
        for words, one in (("with the budget", frugal), ("without", lavish))
    }
    return Outcome(tuple(claims), (Plot("retry-budget", "Retries, and calls that fail", "", "% of calls", bars=bars),))


async def _repeated(rig: Rig, pool: Sequence[Instance], name: str, calls: int, callers: int) -> "_Repeated":
    most = 0

    def look() -> None:
        nonlocal most
        most = max(most, sum(arrival.attempt > 1 for one in pool for arrival in one.active))

    for one in pool:
        one.arrivals.clear()
        one.on_arrival = look
    answers = await rig.load.at_once([Ask(f"{name}.example")] * calls, callers)
    retries = sum(arrival.attempt > 1 for one in pool for arrival in one.arrivals)
    return _Repeated(answers, most, retries / calls, sum(answer.status == 200 for answer in answers) / calls)


@dataclass(frozen=True)
class _Repeated:
    """What came of calls: most retries under way at once, retries for each call, and the share that succeeded."""

    answers: list[Answer]
    most: int
    ratio: float
    success: float


ROWS = (
    Row(
        "retries",
        "Retries of an instance that fails three times in ten",
        done=f"""
Three instances answer 503 to two calls in ten and never to one in ten; {_CALLERS} callers ask without a pause.
""",
        rule=_RULE,
        why="""
A call fails when all four attempts fail: 0.3⁴ = 0.81 %, so that 99.19 % succeed; attempt k + 1 is needed by 0.3^k of the calls.
Attempts that hang are cut off after 200 ms; four of them with the pauses between (drawn, up to 25, 75 and 175 ms) may last longer than the timeout of 1 s, which then cuts off a fourth that hangs anyway.
""",
        run=computed,
    ),
    Row(
        "retry-budget",
        "A retry budget",
        done=f"""
{_MANY} callers, and then {_FEW}, ask without a pause for instances that answer 503 to three calls in ten, after 20 ms; one service has a budget, the other none.
What is under way is counted at the instances, by the attempt number that Envoy sends along.
""",
        rule=f"{_BUDGET}---\n{_REPEATED}",
        why=f"""
Envoy begins a retry only while fewer are under way than `percent` of the calls under way, or than `minRetryConcurrency` where that is more: here max({_MINIMUM}, {_PERCENT} % of {_MANY}) = {_MANY * _PERCENT // 100}, and {_MINIMUM} for {_FEW} callers.
A retry counts from its decision on, its pause included, so that fewer reach the instances at once.
What the budget refuses is answered with the failure that it would have repeated: that is its price.
""",
        run=budget,
    ),
)
