"""How many keys change their instance when one is added: ring hash and Maglev."""

import asyncio
from textwrap import dedent

from tests.behaviour.claims import Claim, Outcome, Plot, Row, none_lost, share_at_most
from tests.behaviour.instances import Instance
from tests.behaviour.load import Answer, Ask
from tests.behaviour.rig import PATIENCE, Rig, service

_SETS, _KEYS, _CALLERS = 5, 400, 16
_SIZES = (9, 10, 11)
_ALLOWED = {"ringHash": 2.0, "maglev": 1.2}
_NAMES = {"ringHash": "ring hash", "maglev": "Maglev"}


def _rule(kind: str, number: int) -> str:
    detail = "{}" if kind == "maglev" else "{minimumRingSize: 1024}"
    return dedent(f"""\
        apiVersion: networking.istio.io/v1
        kind: DestinationRule
        metadata: {{name: {kind.lower()}{number}}}
        spec:
          host: {kind.lower()}{number}.example
          trafficPolicy: {{loadBalancer: {{consistentHash: {{httpHeaderName: x-user, {kind}: {detail}}}}}}}
        """)


async def run(scale: int) -> Outcome:
    keys = [f"user-{number}" for number in range(_KEYS * scale)]
    moved = {(kind, size): 0 for kind in _ALLOWED for size in _SIZES[1:]}
    answers: list[Answer] = []
    async with Rig() as rig:
        sets = [await rig.add(max(_SIZES)) for _ in range(_SETS)]
        hosts = [(kind, number) for kind in _ALLOWED for number in range(_SETS)]
        await rig.start(*(text for host in hosts for text in _world(host, sets, _SIZES[0])))
        for host in hosts:
            before = await _where(rig, host, keys, answers)
            for size in _SIZES[1:]:
                await _grow(rig, host, sets, size)
                after = await _where(rig, host, keys, answers)
                moved[host[0], size] += sum(one != other for one, other in zip(before, after, strict=True))
                before = after
    asked = len(keys) * _SETS
    claims = [_claim(kind, size, count, asked) for (kind, size), count in moved.items()]
    return Outcome((*claims, none_lost(answers)), (_plot(moved, asked),))


def _world(host: tuple[str, int], sets: list[list[Instance]], size: int) -> tuple[str, str]:
    kind, number = host
    return service(f"{kind.lower()}{number}.example", sets[number][:size]), _rule(kind, number)


async def _grow(rig: Rig, host: tuple[str, int], sets: list[list[Instance]], size: int) -> None:
    """Add an instance, and wait until it is used: some hundred keys reach it surely."""
    new = sets[host[1]][size - 1]
    await rig.apply(_world(host, sets, size)[0])
    async with asyncio.timeout(PATIENCE):
        while not new.arrivals:
            await rig.load.at_once([_ask(host, f"probe-{one}") for one in range(100)], _CALLERS)
    new.arrivals.clear()


def _ask(host: tuple[str, int], key: str) -> Ask:
    return Ask(f"{host[0].lower()}{host[1]}.example", headers=(("x-user", key),))


async def _where(rig: Rig, host: tuple[str, int], keys: list[str], answers: list[Answer]) -> list[str]:
    got = await rig.load.at_once([_ask(host, key) for key in keys], _CALLERS)
    answers += got
    return [answer.instance for answer in got]


def _claim(kind: str, size: int, count: int, asked: int) -> Claim:
    what = f"{_NAMES[kind]}, from {size - 1} to {size} instances: keys that move, in ideal shares"
    bound = _ALLOWED[kind]
    real = count / asked * size
    measured = f"{real:.2f} ({count / asked:.1%} of {asked} keys; ideal {1 / size:.1%})"
    return share_at_most(what, count, asked, bound / size, f"≤ {bound}", measured)


def _plot(moved: dict[tuple[str, int], int], asked: int) -> Plot:
    bars = {
        _NAMES[kind]: {f"{size - 1} to {size}": moved[kind, size] / asked * size for size in _SIZES[1:]}
        for kind in _ALLOWED
    }
    return Plot("hashing", "Keys that change their instance when one is added", "instances", "ideal shares", bars=bars)


ROW = Row(
    "hashing",
    "Ring hash and Maglev, one instance added",
    done="""
Five services with ring hash and five with Maglev (addresses differ, and so do their rings) have nine instances each, get a tenth, and then an eleventh; every key is asked for before and after.
The ideal is that only those keys move that the new instance takes: one in ten when the tenth comes.
""",
    rule=_rule("ringHash", 0) + "---\n" + _rule("maglev", 0),
    why="""
Envoy's ring has as many points as make each instance's number of them whole: 114 for each of nine instances, 103 for each of ten, 94 for each of eleven.
So the others lose points when one comes, and keys move that need not: about 1.7 ideal shares, whatever `minimumRingSize` says.
Maglev fills a table of 65,537 places in turns, and moves hardly more than what the new instance takes.
Choose `maglev` where a moved key costs something (a cache, a session); ring hash, Istio's default, where instances come and go seldom.
""",
    run=run,
)
