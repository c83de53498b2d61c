"""Connection pool limits: calls that come one after another, and a burst on a cold pool."""

import asyncio
from collections import Counter

from tests.behaviour.claims import Outcome, Plot, Row, at_least, at_most, exactly, figure, none_lost
from tests.behaviour.instances import Instance, Reply, after
from tests.behaviour.load import Answer, Ask
from tests.behaviour.rig import Rig, cluster, service

_CONNECTIONS, _PENDING, _BURST = 10, 5, 25
_RULE = f"""\
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: bounded}}
spec:
  host: bounded.example
  trafficPolicy:
    connectionPool: {{tcp: {{maxConnections: {_CONNECTIONS}}}, http: {{http1MaxPendingRequests: {_PENDING}}}}}
"""
_ASK = Ask("bounded.example")


async def run(_: int) -> Outcome:
    """Fill the pool call by call; then a fresh one by a burst."""
    passed, refused, flags = await _one_after_another()
    burst, burst_flags = await _cold_burst()
    got = Counter(answer.status for answer in burst)
    room = _CONNECTIONS + _PENDING
    claims = (
        exactly("one after another: calls that pass", sum(answer.status == 200 for answer in passed), room),
        exactly(f"one after another: status of call {room + 1}", refused.status, 503),
        exactly("its flag", flags, "UO"),
        figure("it is answered after", f"{refused.seconds * 1000:.1f} ms"),
        at_most(f"burst of {_BURST} on a cold pool: calls that pass", got[200], room - 1),
        at_least(f"burst of {_BURST} on a cold pool: calls that pass", got[200], _PENDING),
        exactly("flag of the others", burst_flags, "UO"),
        none_lost([*passed, *burst], 503),
    )
    bars = {
        "pass": {"one after another": room, "burst": got[200]},
        "fail fast": {"one after another": 1, "burst": got[503]},
    }
    return Outcome(claims, (Plot("pool", "Calls that pass and fail", "", "calls", bars=bars),))


async def _one_after_another() -> tuple[list[Answer], Answer, str]:
    async with Rig() as rig:
        (instance,) = await _start(rig)
        tasks = []
        for number in range(1, _CONNECTIONS + _PENDING + 1):
            tasks.append(asyncio.create_task(rig.load.ask(_ASK)))
            if number <= _CONNECTIONS:
                await instance.came(number)
                continue

            async def waits(number: int = number) -> bool:
                return await rig.stat(cluster(_ASK.host), "upstream_rq_pending_active") == number - _CONNECTIONS

            await rig.until(waits)
        refused = await rig.load.ask(_ASK)
        instance.answer = after(0.0)
        instance.let_go()
        passed = list(await asyncio.gather(*tasks))
        return passed, refused, (await rig.logged([refused]))[0].flags


async def _cold_burst() -> tuple[list[Answer], str]:
    """Let all calls lie before the proxy when it looks."""
    async with Rig() as rig:
        (instance,) = await _start(rig)
        instance.answer = after(0.05)
        await rig.load.prepare(_BURST)
        rig.hold(still=True)
        tasks = [asyncio.create_task(rig.load.ask(_ASK)) for _ in range(_BURST)]
        await asyncio.sleep(0)  # each task writes its call
        rig.hold(still=False)
        answers = list(await asyncio.gather(*tasks))
        failed = await rig.logged([answer for answer in answers if answer.status == 503])
        return answers, " and ".join(sorted({one.flags for one in failed}))


async def _start(rig: Rig) -> list[Instance]:
    instances = await rig.add(1, behaviour=lambda _: Reply(held=True))
    await rig.start(_RULE, service(_ASK.host, instances))
    return instances


ROW = Row(
    "pool",
    "Pool limits: 10 connections, 5 pending",
    done=f"""
Calls that the instance does not answer come one after another, each when the one before has reached the instance or waits in Envoy's queue.
Then {_BURST} calls come to a fresh Envoy in one moment (its process is stopped while they are sent).
""",
    rule=_RULE,
    why="""
Ten calls have a connection each, five wait, and the next fails fast with the flag `UO` (overflow) and the header `x-envoy-overloaded`.
On a cold pool every call waits for its connection first, and so counts as pending: the sixth of a burst finds the queue full although no connection is busy.
Choose `http1MaxPendingRequests` for the burst that an empty pool must take, not for the queue behind a full one.
""",
    run=run,
)
