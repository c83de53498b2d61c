"""The share of a new instance while it warms up."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from tests.behaviour.claims import Claim, Outcome, Plot, Row, none_lost
from tests.behaviour.load import Answer, Ask
from tests.behaviour.rig import Rig, service
from tests.traffic.observe import plausible

_OLD, _RATE, _PARTS, _AFTERWARDS, _WINDOW = 2, 250, 6, 2, 3.0


@dataclass(frozen=True)
class _Curve:
    """How a service warms up; `minimum` in percent."""

    name: str
    minimum: int
    aggression: float

    @property
    def ask(self) -> Ask:
        return Ask(f"{self.name}.example")

    @property
    def rule(self) -> str:
        warmup = f"duration: {_WINDOW:g}s, minimumPercent: {self.minimum}, aggression: {self.aggression:g}"
        return f"""\
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: {self.name}}}
spec:
  host: {self.name}.example
  trafficPolicy:
    loadBalancer: {{simple: ROUND_ROBIN, warmup: {{{warmup}}}}}
"""

    def share(self, seconds: float) -> float:
        """Return the share of an instance of that age beside the old ones, by Envoy's formula."""
        part = max(self.minimum / 100, min(1.0, max(0.0, seconds) / _WINDOW) ** (1 / self.aggression))
        return part / (part + _OLD)


_CURVES = (_Curve("even", 10, 1), _Curve("eager", 25, 2))
_RULE = "---\n".join(curve.rule for curve in _CURVES)


async def run(scale: int) -> Outcome:
    """Add an instance to two services at once, and count its share of calls that come at a steady rate."""
    rate = _RATE * min(scale, 3)
    async with Rig() as rig:
        instances = await rig.add(_OLD + 1)
        await rig.start(_RULE, *(service(curve.ask.host, instances[:_OLD]) for curve in _CURVES))
        before = await _paced(rig, rate, 1)  # those of the start warm up too
        earliest = rig.now()
        await rig.apply(*(service(curve.ask.host, instances) for curve in _CURVES))
        latest = rig.now()
        after = await _paced(rig, rate, 1 + _AFTERWARDS / _PARTS)
    claims: list[Claim] = []
    lines: dict[str, Sequence[tuple[float, float]]] = {}
    for curve, answers in zip(_CURVES, after, strict=True):
        told, measured = _compared(curve, answers, instances[-1].name, earliest, latest)
        claims += told
        steps = [_WINDOW * step / 50 for step in range(67)]
        lines |= {
            f"{curve.name}, formula": [(step, 100 * curve.share(step)) for step in steps],
            f"{curve.name}, measured": measured,
        }
    plot = Plot("slow-start", "Share of the new instance", "seconds", "%", lines=lines)
    return Outcome((*claims, none_lost([answer for answers in before + after for answer in answers])), (plot,))


async def _paced(rig: Rig, rate: int, windows: float) -> list[list[Answer]]:
    return list(await asyncio.gather(*(rig.load.paced(curve.ask, rate, _WINDOW * windows) for curve in _CURVES)))


def _compared(
    curve: _Curve, answers: Sequence[Answer], new: str, earliest: float, latest: float
) -> tuple[list[Claim], list[tuple[float, float]]]:
    """Compare each part of the window with the mean of the formula, by the answers' own times.

    When exactly Envoy took the instance in is known within an interval: anything between both curves is as told.
    """
    claims, points = [], []
    for number in range(_PARTS + _AFTERWARDS):
        begin, end = (_WINDOW * one / _PARTS for one in (number, number + 1))
        part = [answer for answer in answers if begin <= answer.begun - latest < end]
        reached, asked = sum(answer.instance == new for answer in part), max(1, len(part))
        most, least = (sum(curve.share(one.begun - since) for one in part) / asked for since in (earliest, latest))
        real = reached / asked
        holds = least <= real <= most or plausible(real, most, asked) or plausible(real, least, asked)
        measured = f"{real:.1%} ({reached} of {asked})"
        claims.append(Claim(f"{curve.name}: {begin:g} s to {end:g} s", f"{least:.1%}", measured, holds or not part))
        points.append(((begin + end) / 2, 100 * real))
    return claims, points


ROW = Row(
    "slow-start",
    "Slow start",
    done=f"""
Two instances of two services get {_RATE} calls a second or more, whatever they answer, and a third comes to each; its share is counted in parts of its warm-up.
""",
    rule=_RULE,
    why="""
The weight of an instance of age t is max(`minimumPercent`, (t / `duration`)^(1 / `aggression`)), so that its share beside two others is w / (w + 2).
Instances that come together warm up together, and their shares are even: a mesh that starts needs no patience.
""",
    run=run,
)
