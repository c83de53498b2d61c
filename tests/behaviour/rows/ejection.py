"""Outlier detection: out at the fifth error, back after its time, and never more than the share allows."""

from collections.abc import Sequence

from tests.behaviour.claims import Claim, Outcome, Plot, Row, at_least, at_most, exactly, none_lost
from tests.behaviour.instances import Instance, after
from tests.behaviour.load import Answer, Ask
from tests.behaviour.rig import Rig, cluster, service

_ERRORS, _BASE, _INTERVAL, _GRACE = 5, 1.0, 2.0, 0.25
_SHARE, _SIZES = 30, (9, 10)
_WATCHED = 2.5
_ASK, _POOL = Ask("errors.example"), cluster("errors.example")
_EJECTIONS = "ejections_enforced_total"
_RULE = f"""\
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: errors}}
spec:
  host: errors.example
  trafficPolicy:
    loadBalancer: {{simple: ROUND_ROBIN}}
    outlierDetection:
      consecutive5xxErrors: {_ERRORS}
      interval: {_INTERVAL:g}s
      baseEjectionTime: {_BASE:g}s
      maxEjectionPercent: 20
"""
_LIMITED = f"""\
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: limited}}
spec:
  host: "*.limited.example"
  trafficPolicy:
    outlierDetection: {{consecutive5xxErrors: {_ERRORS}, interval: 500ms, baseEjectionTime: 300s, maxEjectionPercent: {_SHARE}}}
"""


async def run(_: int) -> Outcome:
    """Let one of five fail twice."""
    answers: list[Answer] = []
    claims: list[Claim] = []
    lasted: dict[str, float] = {}
    async with Rig() as rig:
        instances = await rig.add(5)
        await rig.start(_RULE, service(_ASK.host, instances))
        last_out = 0.0
        for times, word in ((1, "first"), (2, "second")):
            claims += await _fail(rig, instances[-1], answers, word)
            out = instances[-1].arrivals[_ERRORS - 1].at
            # A sweep that finds an instance well forgets one of its ejections; the one that ended the first came later
            # than the instance was last seen out.
            doubled = times if times == 1 or out - last_out < _INTERVAL else 1
            claims.append(await _stays_out(rig, instances, answers, word))
            last_out, back = await _mended(rig, instances[-1])
            lasted[word] = back - out
            latest = _BASE * times + _INTERVAL + _GRACE
            claims.append(at_least(f"{word} time: out for", back - out, _BASE * doubled, " s"))
            claims.append(at_most(f"{word} time: back at the first sweep after", back - out, latest, " s", timed=True))
            answers += await rig.reached(_ASK, {one.name for one in instances})
    bars = {"ejection time": {"first": _BASE, "second": 2 * _BASE}, "measured": lasted}
    plot = Plot("ejection", "How long the failing instance is out", "ejection", "seconds", bars=bars)
    return Outcome((*claims, none_lost(answers, 500)), (plot,))


async def _fail(rig: Rig, failing: Instance, answers: list[Answer], word: str) -> list[Claim]:
    """Call until the instance is out: one error less than the rule says must not do it."""
    failing.answer = after(0.0, 500)
    failing.arrivals.clear()
    while len(failing.arrivals) < _ERRORS - 1:
        answers.append(await rig.load.ask(_ASK))
    early = await rig.ejected(_POOL)
    while len(failing.arrivals) < _ERRORS:
        answers.append(await rig.load.ask(_ASK))

    async def is_out() -> bool:
        return await rig.ejected(_POOL) == {failing.name}

    await rig.until(is_out)
    return [
        exactly(f"{word} time: instances out after {_ERRORS - 1} errors", len(early), 0),
        exactly(f"{word} time: errors until it is out", len(failing.arrivals), _ERRORS),
    ]


async def _stays_out(rig: Rig, instances: Sequence[Instance], answers: list[Answer], word: str) -> Claim:
    """Call a hundred times; again when the instance was back meanwhile, on a machine that stood still."""
    await rig.reached(_ASK, {one.name for one in instances[:-1]})
    while True:
        times = await rig.stat(_POOL, _EJECTIONS)
        rest = await rig.load.one_by_one(_ASK, 100)
        if await rig.ejected(_POOL) and await rig.stat(_POOL, _EJECTIONS) == times:
            break
    answers += rest
    reached = sum(answer.instance == instances[-1].name for answer in rest)
    return exactly(f"{word} time: calls that reach it while it is out", reached, 0)


async def _mended(rig: Rig, failing: Instance) -> tuple[float, float]:
    """Return when the instance, well again, was last seen out, and when it is seen back."""
    failing.answer = after(0.0)
    last_out = failing.arrivals[-1].at  # what came last put it out

    async def is_back() -> bool:
        nonlocal last_out
        asked = rig.now()
        if is_out := bool(await rig.ejected(_POOL)):
            last_out = asked
        return not is_out

    await rig.until(is_back)
    return last_out, rig.now()


async def limit(scale: int) -> Outcome:
    """Let all instances fail, and watch how many are out."""
    claims: list[Claim] = []
    answers: list[Answer] = []
    bars: dict[str, dict[str, float]] = {"allowed": {}, "measured": {}}
    async with Rig() as rig:
        hosts = {size: f"of-{size}.limited.example" for size in _SIZES}
        pools = {size: await rig.add(size, named=f"{size}-", behaviour=after(0.0, 500)) for size in _SIZES}
        await rig.start(_LIMITED, *(service(hosts[size], pools[size]) for size in _SIZES))
        for size in _SIZES:
            most, got = await _most_ejected(rig, hosts[size], size * _SHARE // 100, _WATCHED * min(scale, 2))
            answers += got
            bars["allowed"][f"{size}"], bars["measured"][f"{size}"] = size * _SHARE // 100, most
            claims.append(exactly(f"{size} instances: most that are out at once", most, size * _SHARE // 100))
    plot = Plot("ejection-limit", f"Instances out at once, maxEjectionPercent {_SHARE}", "instances", "out", bars=bars)
    return Outcome((*claims, none_lost(answers, 500)), (plot,))


async def _most_ejected(rig: Rig, host: str, allowed: int, seconds: float) -> tuple[int, list[Answer]]:
    """Ask on after as many are out as may be."""
    most = 0

    async def all_allowed() -> bool:
        nonlocal most
        most = max(most, len(await rig.ejected(cluster(host))))
        answers.extend(await rig.load.at_once([Ask(host)] * 50, 5))
        return most >= allowed

    answers: list[Answer] = []
    await rig.until(all_allowed)
    until = rig.now() + seconds
    while rig.now() < until:
        await all_allowed()
    return most, answers


ROWS = (
    Row(
        "ejection",
        "Five consecutive errors",
        done="""
One of five instances answers 500; calls go one after the other, and Envoy is asked who is out.
Once it is out it is mended, and when it is back it fails again.
""",
        rule=_RULE,
        why=f"""
The fifth error in a row ejects at once.
The instance is back at the first sweep (every {_INTERVAL:g} s) after its ejection time, which is `baseEjectionTime` times the number of ejections.
Each sweep that finds an instance well takes one off that number, so that only an instance which fails soon again stays away longer.
""",
        run=run,
    ),
    Row(
        "ejection-limit",
        "Never more out than `maxEjectionPercent`",
        done="""
All instances of two services, of nine and of ten, answer 500; who is out is looked at while calls go on.
""",
        rule=_LIMITED,
        why=f"""
Envoy rounds down: {_SHARE} % of nine instances are two, of ten three.
With Istio's default of 10 % a service of fewer than ten instances loses none, and `validate` says so.
""",
        run=limit,
    ),
)
