"""What the profile `safe` makes of requests that are answered 503, beside Istio's."""

from tests.behaviour.claims import Claim, Outcome, Plot, Row, exactly, none_lost
from tests.behaviour.instances import Instance, after
from tests.behaviour.load import Answer, Ask
from tests.behaviour.rig import Rig, service

_MESH, _ATTEMPTS = "pidalio.dev/resilience: safe", 3
_HOSTS = {"safe": "orders.example", "istio": "legacy.example"}
_RULES = "---\n".join(
    f"""\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: {host.partition(".")[0]}}}
spec:
  hosts: [{host}]
  http:
  - route: [{{destination: {{host: {host}}}}}]
    retries: {{attempts: {_ATTEMPTS}, retryOn: 5xx, backoff: 1ms}}
"""
    for host in _HOSTS.values()
)
_PLAIN = "plain.example"


async def run(scale: int) -> Outcome:
    """Count what reaches the instances for one call, by profile and method."""
    calls = 20 * scale
    claims: list[Claim] = []
    answers: list[Answer] = []
    bars: dict[str, dict[str, float]] = {}
    async with Rig() as rig:
        pools = {host: await rig.add(3, behaviour=after(0.0, 503)) for host in (*_HOSTS.values(), _PLAIN)}
        await rig.start(
            _RULES,
            service(_HOSTS["safe"], pools[_HOSTS["safe"]]),
            service(_HOSTS["istio"], pools[_HOSTS["istio"]], resilience="istio"),
            service(_PLAIN, pools[_PLAIN]),
            mesh=_MESH,
        )
        for words, host, method, expected in (
            ("`safe`, no rule", _PLAIN, "POST", 1),
            ("`safe`, no rule", _PLAIN, "GET", 1),
            ("`safe`, the rule asks for retries", _HOSTS["safe"], "POST", 1),
            ("`safe`, the rule asks for retries", _HOSTS["safe"], "GET", 1 + _ATTEMPTS),
            ("`istio`, the same rule", _HOSTS["istio"], "POST", 1 + _ATTEMPTS),
        ):
            got = await rig.load.one_by_one(Ask(host, method), calls)
            came = _taken(pools[host])
            answers += got
            claims.append(
                exactly(f"{words}: requests upstream for {calls} {method}s answered 503", came, expected * calls)
            )
            bars.setdefault(words.replace("`", ""), {})[method] = came / calls
    plot = Plot("safe", "Requests upstream for one that is answered 503", "", "requests", bars=bars)
    return Outcome((*claims, none_lost(answers, 503)), (plot,))


def _taken(pool: list[Instance]) -> int:
    """Return how many requests came since the last look."""
    came = sum(len(one.arrivals) for one in pool)
    for one in pool:
        one.arrivals.clear()
    return came


ROW = Row(
    "safe",
    "The profile `safe`: a POST that is answered 503",
    done="""
The mesh has the profile `safe`; all instances answer 503, and what reaches them is counted.
One service has no rule, two have a rule that asks for retries; of these one keeps the profile `istio` by the annotation `pidalio.dev/resilience` of its ServiceEntry.
""",
    rule=f"""\
apiVersion: pidalio.dev/v1
kind: MeshConfig
metadata: {{name: mesh, annotations: {{{_MESH}}}}}
---
{_RULES}""",
    why="""
A 503 does not tell whether the request was acted upon, so that `safe` repeats no status by itself.
A rule may ask for it, but not for methods that are not idempotent: a POST is never sent twice to those who may have seen it.
""",
    run=run,
)
