"""Round robin, random and least request over five instances, one of which is slow."""

from collections import Counter
from textwrap import dedent

from tests.behaviour.claims import Claim, Outcome, Plot, Row, at_most, even, none_lost, share_below
from tests.behaviour.instances import after
from tests.behaviour.load import Answer, Ask
from tests.behaviour.rig import Rig, service

_COUNT, _SLOW = 5, "5"
_FAST_SECONDS, _SLOW_SECONDS = 0.002, 0.04
_CALLERS = 16
_HOSTS = {"round robin": "turns.example", "random": "chance.example", "least request": "least.example"}
_RULE = "---\n".join(
    dedent(f"""\
        apiVersion: networking.istio.io/v1
        kind: DestinationRule
        metadata: {{name: {host.partition(".")[0]}}}
        spec: {{host: {host}, trafficPolicy: {{loadBalancer: {{simple: {name.upper().replace(" ", "_")}}}}}}}
        """)
    for name, host in _HOSTS.items()
)


async def run(scale: int) -> Outcome:
    calls = 1000 * scale
    claims: list[Claim] = []
    everything: list[Answer] = []
    bars: dict[str, dict[str, float]] = {}
    for workers in (1, 2):
        async with Rig(workers=workers) as rig:
            await _start(rig)
            answers = await _asked(rig, _HOSTS["round robin"], calls)
            counts = _counts(answers)
            bars.setdefault("round robin", {name: count / calls for name, count in counts.items()})
            difference = max(counts.values()) - min(counts.values())
            name = f"round robin, {workers} worker{'s'[: workers - 1]}: most calls of an instance minus fewest"
            claims.append(at_most(name, difference, workers))
            everything += answers
            if workers == 1:
                for name in ("random", "least request"):
                    answers = await _asked(rig, _HOSTS[name], calls)
                    counts = _counts(answers)
                    bars[name] = {name: count / calls for name, count in counts.items()}
                    claims.append(_judged(name, counts, calls))
                    everything += answers
    return Outcome(
        (*claims, none_lost(everything)),
        (Plot("unequal-speed", "Share of calls by instance", "instance", "%", bars=_percent(bars)),),
    )


async def _start(rig: Rig) -> None:
    instances = await rig.add(_COUNT, behaviour=after(_FAST_SECONDS))
    instances[-1].answer = after(_SLOW_SECONDS)
    await rig.start(_RULE, *(service(host, instances) for host in _HOSTS.values()))


async def _asked(rig: Rig, host: str, calls: int) -> list[Answer]:
    return await rig.load.at_once([Ask(host)] * calls, _CALLERS)


def _counts(answers: list[Answer]) -> dict[str, int]:
    return dict(sorted(Counter(answer.instance for answer in answers).items()))


def _judged(name: str, counts: dict[str, int], calls: int) -> Claim:
    if name == "random":
        return even("random: all instances alike", list(counts.values()))
    return share_below("least request: calls that the slow instance gets", counts[_SLOW], calls, 1 / _COUNT)


def _percent(bars: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    named = {number: f"{number} (slow)" if number == _SLOW else number for number in "12345"}
    return {name: {named[one]: 100 * part for one, part in parts.items()} for name, parts in bars.items()}


ROW = Row(
    "unequal-speed",
    "Round robin, random, least request",
    done=f"""
Five instances, four answer after 2 ms and the fifth after 40 ms; {_CALLERS} callers ask without a pause.
Round robin is asked of an Envoy with one worker thread and of one with two.
""",
    rule=_RULE,
    why="""
Every worker thread of Envoy takes its own turns, so that counts differ by at most one for each worker, however slow an instance is.
Random is judged by a chi-square test: speed changes nothing.
Least request draws two instances and takes the one with fewer calls under way, so that the slow one gets less than its fifth.
""",
    run=run,
)
