"""The share of a new instance while it warms up."""

from tests.behaviour.claims import Claim, Outcome, Plot, Row, none_lost
from tests.behaviour.load import Answer, Ask
from tests.behaviour.rig import Rig, service
from tests.traffic.observe import plausible

_OLD, _RATE, _BUCKETS = 2, 300, 6
_WINDOW, _MINIMUM, _AGGRESSION = 3.0, 0.1, 1.0
_RULE = f"""\
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: warming}}
spec:
  host: warming.example
  trafficPolicy:
    loadBalancer: {{simple: ROUND_ROBIN, warmup: {{duration: {_WINDOW:g}s, minimumPercent: 10, aggression: 1}}}}
"""


async def run(scale: int) -> Outcome:
    ask, rate = Ask("warming.example"), _RATE * min(scale, 3)
    async with Rig() as rig:
        instances = await rig.add(_OLD + 1)
        await rig.start(_RULE, service(ask.host, instances[:_OLD]))
        await rig.load.paced(ask, rate, _WINDOW)  # those of the start warm up too
        earliest = rig.now()
        await rig.apply(service(ask.host, instances))
        latest = rig.now()
        answers = await rig.load.paced(ask, rate, _WINDOW * 4 / 3)
    claims, points = _compared(answers, instances[-1].name, earliest, latest)
    foretold = [(_WINDOW * step / 50, 100 * _share(_WINDOW * step / 50)) for step in range(67)]
    plot = Plot(
        "slow-start", "Share of the new instance", "seconds", "%", lines={"formula": foretold, "measured": points}
    )
    return Outcome((*claims, none_lost(answers)), (plot,))


def _share(seconds: float) -> float:
    """Return Envoy's share of an instance of that age beside the old ones."""
    weight = 1.0 if seconds >= _WINDOW else max(_MINIMUM, (seconds / _WINDOW) ** (1 / _AGGRESSION))
    return weight / (weight + _OLD)


def _compared(
    answers: list[Answer], new: str, earliest: float, latest: float
) -> tuple[list[Claim], list[tuple[float, float]]]:
    """Compare each part of the window with the mean of the formula, by the answers' own times.

    When exactly Envoy took the instance in is known within an interval: anything between both curves is as told.
    """
    claims, points = [], []
    for number in range(_BUCKETS + 2):
        begin, end = (latest + _WINDOW * one / _BUCKETS for one in (number, number + 1))
        part = [answer for answer in answers if begin <= answer.begun < end]
        reached, asked = sum(answer.instance == new for answer in part), max(1, len(part))
        most, least = (sum(_share(answer.begun - since) for answer in part) / asked for since in (earliest, latest))
        real = reached / asked
        holds = least <= real <= most or plausible(real, most, asked) or plausible(real, least, asked)
        what = f"from {_WINDOW * number / _BUCKETS:g} s to {_WINDOW * (number + 1) / _BUCKETS:g} s"
        claims.append(Claim(what, f"{least:.1%}", f"{real:.1%} ({reached} of {asked})", holds or not part))
        points.append((_WINDOW * (number + 0.5) / _BUCKETS, 100 * real))
    return claims, points


ROW = Row(
    "slow-start",
    "Slow start",
    done=f"""
Two instances get {_RATE} calls a second or more, whatever they answer, and a third comes; its share is counted in parts of its warm-up.
""",
    rule=_RULE,
    why="""
The weight of an instance of age t is max(`minimumPercent`, (t / `duration`)^(1 / `aggression`)), so that its share beside two others is w / (w + 2).
Instances that come together warm up together, and their shares are even: the mesh's start needs no patience.
""",
    run=run,
)
