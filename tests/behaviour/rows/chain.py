"""What retries make of one call in a chain of services that fails at its end, beside what `validate` foretells."""

import re
from collections.abc import Awaitable, Callable, Sequence
from itertools import pairwise

from tests.behaviour.claims import Claim, Outcome, Plot, Row, exactly, none_lost
from tests.behaviour.instances import Arrival, Instance, after
from tests.behaviour.load import Answer, Ask
from tests.behaviour.rig import Rig, service

from pidalio.effectiveness.resilience import Failure, attempts
from pidalio.ir import ForwardPlan
from pidalio.pipeline import plans_for
from pidalio.server.offline import OfflineMesh

_HOPS = {"first": "5xx", "second": "gateway-error", "third": "5xx"}
_HOSTS = tuple(f"{name}.example" for name in _HOPS)
_EACH = 2
_RULE = "---\n".join(
    f"""\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: {name}}}
spec:
  hosts: [{name}.example]
  http:
  - route: [{{destination: {{host: {name}.example}}}}]
    retries: {{attempts: {_EACH}, retryOn: {condition}, backoff: 5ms}}
"""
    for name, condition in _HOPS.items()
)
_FAILURES = {
    "answers 503": Failure(503),
    "answers 500": Failure(500),
    "refuses connections": Failure(refused=True),
}
_SIDECAR = "sidecar~127.0.0.1~caller-0.default~default.svc.cluster.local"


async def run(scale: int) -> Outcome:
    """Let each service call the next, and the last one fail in several ways."""
    calls = 5 * scale
    async with Rig() as rig:
        services = {host: (await rig.add(1, named=host))[0] for host in _HOSTS}
        relayed: list[Answer] = []
        for host, following in pairwise(_HOSTS):
            services[host].calls_on = _calling(rig, following, relayed)
        texts = [_RULE, *_entries(services)]
        await rig.start(*texts)
        claims, bars, answers = [], {}, []
        for words, failure in _FAILURES.items():
            relayed.clear()
            _break(services[_HOSTS[-1]], failure)
            answers += (asked := await rig.load.one_by_one(Ask(_HOSTS[0]), calls))
            sent = await _sent(rig, [*asked, *relayed], calls)
            claims.append(_equal(words, sent, attempts(_chain(texts), failure)))
            bars[words] = dict(zip(_HOPS, sent, strict=True))
        claims.append(_told(texts, bars["answers 503"]["third"]))
    plot = Plot(
        "chain", "What one call becomes at each service, by failure of the third", "service", "calls", bars=bars
    )
    return Outcome((*claims, none_lost(answers, 500, 503)), (plot,))


def _equal(words: str, sent: Sequence[float], foretold: Sequence[int]) -> Claim:
    shown = [", ".join(map(str, counts)) for counts in (sent, foretold)]
    return exactly(f"the third {words}: calls at each service for one", *shown)


def _entries(services: dict[str, Instance]) -> list[str]:
    following = dict(pairwise(_HOSTS))
    return [service(host, [one], calls=following.get(host, "")) for host, one in services.items()]


def _calling(rig: Rig, following: str, relayed: list[Answer]) -> Callable[[Arrival], Awaitable[int]]:
    async def call(_: Arrival) -> int:
        relayed.append(answer := await rig.load.ask(Ask(following)))
        return answer.status

    return call


def _break(last: Instance, failure: Failure) -> None:
    if failure.refused:
        last.die()
    else:
        last.answer = after(0.0, failure.status)


async def _sent(rig: Rig, answers: Sequence[Answer], calls: int) -> tuple[float, ...]:
    """Return how many requests each service was sent for one call, by the attempts that the access log counts."""
    logged = await rig.logged(answers)
    totals = dict.fromkeys(_HOSTS, 0)
    for answer, entry in zip(answers, logged, strict=True):
        totals[answer.ask.host] += entry.attempts
    return tuple(total // calls if total % calls == 0 else total / calls for total in totals.values())


def _chain(texts: Sequence[str]) -> list[ForwardPlan]:
    """Return the route that is taken at each hop, as the lint sees it."""
    mesh = OfflineMesh.from_text("---\n".join(texts))
    plans = plans_for(mesh.world, mesh.proxy(_SIDECAR))
    hosts = [host for table in plans.tables for host in table.virtual_hosts]
    found = [next(one for one in hosts if wanted in one.domains).routes[-1].action for wanted in _HOSTS]
    assert all(isinstance(action, ForwardPlan) for action in found)
    return found


def _told(texts: Sequence[str], measured: float) -> Claim:
    """Claim that `validate` names the figure."""
    mesh = OfflineMesh.from_text("---\n".join(texts))
    told = [one.message for one in mesh.survey().reports(mesh.catalog.place) if one.code == "attempts-multiply"]
    (becomes,) = (int(found[1]) for one in told if (found := re.search(r"becomes up to (\d+) at its end", one)))
    return exactly("the worst that `validate` tells (`attempts-multiply`), and what came", measured, becomes)


ROW = Row(
    "chain",
    "Attempts in a chain of three services",
    done=f"""
The first service calls the second and the second the third, each through Envoy with {_EACH} retries; what the third does fails always.
Calls are counted by the attempts in Envoy's access log, and compared with what the lint behind `validate` computes from the same rules.
""",
    rule=_RULE,
    why=f"""
Each hop repeats everything below it: {1 + _EACH} × {1 + _EACH} × {1 + _EACH} = {(1 + _EACH) ** 3} calls reach the last service for one.
A failure that a hop does not repeat breaks the chain there: 500 is no `gateway-error`.
A refused connection is repeated by `5xx`, and reaches the hop above as a 503.
""",
    run=run,
)
