"""Localities: a zone that is lost and comes back, and shares by `distribute`."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from tests.behaviour.claims import Outcome, Plot, Row, exactly, figure, none_lost, share
from tests.behaviour.load import Answer, Ask
from tests.behaviour.rig import Rig, cluster, service

_HERE, _THERE = "eu/west", "eu/east"
_CALLERS = 8
_BIN = 0.25
_FAILOVER = """\
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: zones}
spec:
  host: zones.example
  trafficPolicy:
    outlierDetection: {consecutive5xxErrors: 1, interval: 1s, baseEjectionTime: 1s, maxEjectionPercent: 100}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: zones}
spec:
  hosts: [zones.example]
  http:
  - route: [{destination: {host: zones.example}}]
    retries: {attempts: 3, retryOn: 'connect-failure,reset', retryRemoteLocalities: true}
"""
_DISTRIBUTE = """\
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: shares}
spec:
  host: shares.example
  trafficPolicy:
    loadBalancer:
      localityLbSetting:
        distribute: [{from: eu/west/*, to: {'eu/west/*': 70, 'eu/east/*': 30}}]
    outlierDetection: {}
"""


async def failover(scale: int) -> Outcome:
    """Ask without a pause while the near zone dies and comes back."""
    calls, ask = 200 * scale, Ask("zones.example")
    async with Rig(locality=_HERE) as rig:
        near = await rig.add(2, named="west-", locality=_HERE)
        far = await rig.add(2, named="east-", locality=_THERE)
        await rig.start(_FAILOVER, service("zones.example", near + far))
        names, pool = {one.name for one in near}, cluster("zones.example")

        async def is_out() -> bool:
            return await rig.ejected(pool) == names

        async def is_back() -> bool:
            return not await rig.ejected(pool) and all(one.arrivals for one in near)

        before = await rig.load.at_once([ask] * calls, _CALLERS)
        for one in near:
            one.die()
        losing = [*await _meanwhile(rig, ask, is_out), *await rig.reached(ask, {one.name for one in far})]
        without = await rig.load.at_once([ask] * calls, _CALLERS)
        for one in near:
            one.arrivals.clear()
            await one.serve()
        regaining = [*await _meanwhile(rig, ask, is_back), *await rig.reached(ask, names)]
        after = await rig.load.at_once([ask] * calls, _CALLERS)
    everything = [*before, *losing, *without, *regaining, *after]
    return Outcome(
        (
            exactly("before: zones that answer", _zones(before), "west"),
            exactly("with the zone dead: zones that answer", _zones(without), "east"),
            exactly("with the zone back: zones that answer", _zones(after), "west"),
            figure("from the first dead instance to both ejected", f"{_seconds(losing):.2f} s"),
            figure("from their return to the last ejection's end", f"{_seconds(regaining):.2f} s"),
            none_lost(everything),
        ),
        (_plot(everything),),
    )


async def _meanwhile(rig: Rig, ask: Ask, claim: Callable[[], Awaitable[Any]]) -> list[Answer]:
    """Ask until the claim holds."""
    waiting = asyncio.create_task(rig.until(claim))
    answers = await rig.load.as_long_as(lambda: not waiting.done(), ask, _CALLERS)
    await waiting
    return answers


def _zones(answers: list[Answer]) -> str:
    return " and ".join(sorted({answer.instance.partition("-")[0] or f"{answer.status}" for answer in answers}))


def _seconds(answers: list[Answer]) -> float:
    return max(answer.begun for answer in answers) - min(answer.begun for answer in answers)


def _plot(answers: list[Answer]) -> Plot:
    start = min(answer.begun for answer in answers)
    rates = Counter((answer.instance.partition("-")[0], int((answer.begun - start) / _BIN)) for answer in answers)
    last = max(number for _, number in rates)
    totals = [sum(rates[zone, number] for zone in ("west", "east")) for number in range(last + 1)]
    lines = {
        zone: [(number * _BIN, 100 * rates[zone, number] / total) for number, total in enumerate(totals) if total]
        for zone in ("west", "east")
    }
    return Plot("failover", "Share of answers by zone; west dies and comes back", "seconds", "%", lines=lines)


async def distribute(scale: int) -> Outcome:
    """Ask for the shares of two zones, one of which loses an instance's worth of nothing: shares are the rule's."""
    calls = 1500 * scale
    async with Rig(locality=_HERE) as rig:
        near = await rig.add(3, named="west-", locality=_HERE)
        far = await rig.add(1, named="east-", locality=_THERE)
        await rig.start(_DISTRIBUTE, service("shares.example", near + far))
        answers = await rig.load.at_once([Ask("shares.example")] * calls, _CALLERS)
    counts = Counter(answer.instance.partition("-")[0] for answer in answers)
    claims = [share(f"calls to {zone}", counts[zone], calls, part) for zone, part in (("west", 0.7), ("east", 0.3))]
    bars = {
        "measured": {zone: 100 * counts[zone] / calls for zone in ("west", "east")},
        "asked": {"west": 70, "east": 30},
    }
    plot = Plot("distribute", "Share of calls by zone", "zone", "%", bars=bars)
    return Outcome((*claims, none_lost(answers)), (plot,))


ROWS = (
    Row(
        "failover",
        "Locality failover: a zone is lost and regained",
        done=f"""
Two instances in the caller's zone (west) and two in another (east); {_CALLERS} callers ask without a pause.
Both western instances are killed, and started again once both are ejected.
""",
        rule=_FAILOVER,
        why="""
With outlier detection the near zone has the first priority and gets everything while it is healthy.
A refused connection counts as an error and is repeated; `retryRemoteLocalities` sends the repetition to another priority, so that no call is lost before the dead instances are out.
The first ejection is immediate; Envoy takes further ones of a cluster together, after up to a second.
They are back at the first sweep after their ejection time.
""",
        run=failover,
    ),
    Row(
        "distribute",
        "Locality shares: `distribute` 70/30",
        done="""
Three instances in west, one in east; the rule gives 70 % to west and 30 % to east.
""",
        rule=_DISTRIBUTE,
        why="""
The weights of localities are drawn first, an instance in the locality afterwards: how many instances a zone has changes nothing.
""",
        run=distribute,
    ),
)
