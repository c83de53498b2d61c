"""Faults: shares of aborts and delays, and that no delayed call is quick."""

import sys
import time
from collections.abc import Sequence

from tests.behaviour.claims import Outcome, Plot, Row, at_least, exactly, figure, none_lost, share
from tests.behaviour.load import Answer, Ask
from tests.behaviour.rig import Logged, Rig, service

_CALLERS = 50
_ABORTED, _DELAYED, _DELAY = 0.5, 10, 300
_COARSE = 6
"""Linux's CLOCK_MONOTONIC_COARSE, by which the timers of Envoy's event loop run."""
_STANDS = 6
"""Ticks after which Linux lets another processor move a clock that stands still, on a machine whose host is busy."""
_RULE = f"""\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: faulty}}
spec:
  hosts: [faulty.example]
  http:
  - route: [{{destination: {{host: faulty.example}}}}]
    fault:
      abort: {{percentage: {{value: {_ABORTED}}}, httpStatus: 418}}
      delay: {{percentage: {{value: {_DELAYED}}}, fixedDelay: {_DELAY}ms}}
"""


async def run(scale: int) -> Outcome:
    """Count by the flags of the access log."""
    calls, ask = 4000 * scale, Ask("faulty.example")
    async with Rig() as rig:
        await rig.start(_RULE, service(ask.host, await rig.add(2)))
        answers = await rig.load.at_once([ask] * calls, _CALLERS)
        logged = await rig.logged(answers)
    delayed, aborted = (_flagged(answers, logged, flag) for flag in ("DI", "FI"))
    quickest = min((one.seconds for one in delayed), default=0.0) * 1000
    tick = _tick()
    short = sum(one.seconds * 1000 < _DELAY - _STANDS * tick for one in delayed)
    claims = (
        share("calls aborted (418, flag `FI`)", len(aborted), calls, _ABORTED / 100),
        share("calls delayed (flag `DI`)", len(delayed), calls, _DELAYED / 100),
        at_least(f"the quickest delayed call, with a tick of {tick:g} ms", quickest, _DELAY - tick, " ms", timed=True),
        exactly(f"delayed calls shorter by more than {_STANDS} ticks", short, 0),
        figure("half of the other calls take less than", f"{_median(answers, delayed) * 1000:.1f} ms"),
        none_lost(answers, 418),
    )
    lines = {"calls": _distribution(answers)}
    plot = Plot("faults", "Calls that take no longer", "ms", "%", lines=lines)
    return Outcome(claims, (plot,))


def _flagged(answers: Sequence[Answer], logged: Sequence[Logged], flag: str) -> list[Answer]:
    return [answer for answer, entry in zip(answers, logged, strict=True) if flag in entry.flags.split(",")]


def _tick() -> float:
    """Return the grain, in milliseconds, of the clock that Envoy's timers run by."""
    return time.clock_getres(_COARSE) * 1000 if sys.platform == "linux" else 1.0


def _median(answers: Sequence[Answer], without: Sequence[Answer]) -> float:
    left_out = {one.number for one in without}
    rest = sorted(one.seconds for one in answers if one.number not in left_out)
    return rest[len(rest) // 2]


def _distribution(answers: Sequence[Answer]) -> list[tuple[float, float]]:
    times = sorted(one.seconds * 1000 for one in answers)
    return [(times[part * (len(times) - 1) // 200], part / 2) for part in range(201)]


ROW = Row(
    "faults",
    "Faults: 0.5 % aborted, 10 % delayed by 300 ms",
    done=f"""
{_CALLERS} callers ask without a pause; what was done to each call is read from Envoy's access log.
""",
    rule=_RULE,
    why="""
Abort and delay are drawn apart, so that a delayed call may be aborted after its delay.
Envoy's timers run by the kernel's coarse clock, which moves once in a tick (4 ms at 250 Hz): a delay of 300 ms may be 296 ms to a caller that looks closely.
Where not a millisecond may be missing, ask for a tick more.
""",
    run=run,
)
