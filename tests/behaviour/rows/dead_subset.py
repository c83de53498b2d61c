"""A subset without a living instance: its calls fail with their flag, and no other subset sees them."""

from collections.abc import Sequence

from tests.behaviour.claims import Outcome, Plot, Row, exactly, figure, none_lost
from tests.behaviour.load import Answer, Ask
from tests.behaviour.rig import Logged, Rig, cluster, service

_HOST, _CALLERS = "versions.example", 8
_RULE = """\
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: versions}
spec:
  host: versions.example
  subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: versions}
spec:
  hosts: [versions.example]
  http:
  - match: [{headers: {x-version: {exact: v2}}}]
    route: [{destination: {host: versions.example, subset: v2}}]
  - route: [{destination: {host: versions.example, subset: v1}}]
"""
_V1, _V2 = Ask(_HOST), Ask(_HOST, headers=(("x-version", "v2"),))


async def run(scale: int) -> Outcome:
    """Kill the instances of one subset, and then take them from the service too."""
    calls = 100 * scale
    async with Rig() as rig:
        living = await rig.add(2, named="v1-", version="v1")
        dying = await rig.add(2, named="v2-", version="v2")
        await rig.start(_RULE, service(_HOST, living + dying))
        before = await rig.load.at_once([_V1, _V2] * calls, _CALLERS)
        for one in dying:
            one.die()
        await rig.until(lambda: _is_noticed(rig))
        dead = await rig.load.at_once([_V1, _V2] * calls, _CALLERS)
        begun = rig.now()
        await rig.apply(service(_HOST, living))
        waited = await _until_gone(rig)
        seconds = waited[-1].begun + waited[-1].seconds - begun
        gone = await rig.load.at_once([_V1, _V2] * calls, _CALLERS)
        refused, absent = _of(dead, _V2), _of(gone, _V2)
        flags = [_flags(await rig.logged(some)) for some in (refused, absent)]
        astray = [one for one in living if any("x-version" in arrival.headers for arrival in one.arrivals)]
    rest = [*before, *_of(dead, _V1), *_of(gone, _V1)]
    claims = (
        exactly("dead: statuses of calls to v2", _statuses(refused), "503"),
        exactly("dead: their flags", flags[0], "URX,UF"),
        figure("dead: half of them fail within, all within", _times(refused)),
        exactly("taken from the service: statuses of calls to v2", _statuses(absent), "503"),
        exactly("taken from the service: their flag", flags[1], "UH"),
        figure("taken from the service: half fail within, all within", _times(absent)),
        figure("from the change to the first such answer", f"{seconds * 1000:.0f} ms"),
        exactly("instances of v1 that saw a call to v2", len(astray), 0),
        none_lost(rest),
    )
    bars = {
        "v1": {"alive": _median(_of(before, _V1)), "dead": _median(_of(dead, _V1)), "gone": _median(_of(gone, _V1))},
        "v2": {"alive": _median(_of(before, _V2)), "dead": _median(refused), "gone": _median(absent)},
    }
    return Outcome(claims, (Plot("dead-subset", "Half of the calls are answered within", "", "ms", bars=bars),))


async def _is_noticed(rig: Rig) -> bool:
    """Tell whether Envoy has dropped its kept connections: from then on it meets refused ones."""
    return await rig.stat(cluster(_HOST, "v2"), "upstream_cx_active") == 0


async def _until_gone(rig: Rig) -> list[Answer]:
    """Call v2 until Envoy knows that it has no instance."""
    answers: list[Answer] = []

    async def is_gone() -> bool:
        answers.append(await rig.load.ask(_V2))
        return (await rig.logged(answers[-1:]))[0].flags == "UH"

    await rig.until(is_gone)
    return answers


def _of(answers: Sequence[Answer], ask: Ask) -> list[Answer]:
    return [answer for answer in answers if answer.ask == ask]


def _statuses(answers: Sequence[Answer]) -> str:
    return " and ".join(sorted({f"{answer.status}" for answer in answers}))


def _flags(entries: Sequence[Logged]) -> str:
    return " and ".join(sorted({entry.flags for entry in entries}))


def _median(answers: Sequence[Answer]) -> float:
    return sorted(answer.seconds * 1000 for answer in answers)[len(answers) // 2]


def _times(answers: Sequence[Answer]) -> str:
    return f"{_median(answers):.1f} ms, {max(answer.seconds for answer in answers) * 1000:.1f} ms"


ROW = Row(
    "dead-subset",
    "All instances of a subset are dead",
    done=f"""
A service has two instances of v1 and two of v2; {_CALLERS} callers ask for both versions in turn.
The instances of v2 are killed; later they are taken from the service as well.
""",
    rule=_RULE,
    why="""
A subset is a pool of its own: what it cannot answer is never answered by another.
While the instances are listed, a call is refused by one, repeated twice by Istio's default retries (pauses of 25 ms and more, drawn), and fails with `UF` (connection failure) and `URX` (no retry left).
Once they are not, it fails at once with `UH` (no healthy upstream).
""",
    run=run,
)
