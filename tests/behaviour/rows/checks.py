"""Active checks: an instance that hangs, and one that answers 503 to its check."""

import asyncio
from collections.abc import Sequence

from tests.behaviour.claims import Claim, Outcome, Plot, Row, at_least, at_most, figure, none_lost, yes
from tests.behaviour.instances import Arrival, Instance, Reply
from tests.behaviour.load import Answer, Ask
from tests.behaviour.rig import PATIENCE, Rig, cluster, service

_INTERVAL, _TIMEOUT, _JITTER = 0.3, 0.6, 0.1
_OUT_AFTER, _BACK_AFTER, _CALLERS = 3, 2, 4
_PATH, _ASK = "/healthz", Ask("checked.example")
_RULE = f"""\
apiVersion: pidalio.dev/v1
kind: HealthCheck
metadata: {{name: checked}}
spec:
  host: checked.example
  http: {{path: {_PATH}}}
  interval: {_INTERVAL * 1000:g}ms
  timeout: {_TIMEOUT * 1000:g}ms
  jitter: {_JITTER * 1000:g}ms
  unhealthyThreshold: {_OUT_AFTER}
  healthyThreshold: {_BACK_AFTER}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: checked}}
spec:
  hosts: [checked.example]
  http:
  - route: [{{destination: {{host: checked.example}}}}]
    retries: {{attempts: 2, perTryTimeout: 1s, retryOn: 5xx}}
"""
_HANGS, _SHEDS, _WELL = Reply(held=True), Reply(503), Reply()


async def run(_: int) -> Outcome:
    """Ask without a pause while one of three instances fails so many checks and no more."""
    async with Rig() as rig:
        instances = await rig.add(3)
        await rig.start(_RULE, service(_ASK.host, instances))
        await rig.reached(_ASK, {one.name for one in instances})
        patient = _Patient(rig, instances[-1])
        asking = asyncio.create_task(rig.load.as_long_as(lambda: not patient.is_cured, _ASK, _CALLERS))
        spared = await patient.undisturbed([_HANGS] * (_OUT_AFTER - 1), whole=False)
        hung = await patient.until_out([_HANGS] * _OUT_AFTER, whole=True)
        shed = await patient.until_out([_SHEDS], whole=False)
        answers = await patient.cured(asking)
    return _told(spared, hung, shed, answers)


class _Stay:
    """One illness: the checks it failed, when it was seen out and back, and how long we ourselves stood still."""

    def __init__(self) -> None:
        self.failed: list[Arrival] = []
        self.begun = self.out = self.back = self.stood_still = 0.0
        self.good_before_back = 0

    @property
    def was_out(self) -> bool:
        return self.out > 0


class _Patient:
    """The instance that is looked at."""

    def __init__(self, rig: Rig, instance: Instance) -> None:
        self._rig, self._instance = rig, instance
        self._planned: list[Reply] = []
        self._checks: list[Arrival] = []
        self._hangs = self.is_cured = False
        instance.answer = self._answer

    def _answer(self, arrival: Arrival) -> Reply:
        if arrival.path != _PATH:
            return _HANGS if self._hangs else _WELL
        self._checks.append(arrival)
        return self._planned.pop(0) if self._planned else _WELL

    async def falls_ill(self, replies: Sequence[Reply], *, whole: bool) -> _Stay:
        """Fail so many checks, and watch until as many good ones followed as bring it back; `whole`: calls hang too."""
        stay, pool = _Stay(), cluster(_ASK.host)
        stay.begun, first = self._rig.now(), len(self._checks)
        self._planned, self._hangs = list(replies), whole
        async with asyncio.timeout(PATIENCE):
            while len(self._checks) - first < len(replies) + _BACK_AFTER or stay.out > stay.back:
                looked = self._rig.now()
                is_out = bool(await self._rig.checked_out(pool))
                if is_out and not stay.was_out:
                    stay.out = self._rig.now()
                    self._hangs = False
                if stay.was_out and not is_out and not stay.back:
                    stay.back = self._rig.now()
                    stay.good_before_back = len(self._checks) - first - len(replies)
                self._hangs = self._hangs and bool(self._planned)
                await asyncio.sleep(0.002)
                stay.stood_still = max(stay.stood_still, self._rig.now() - looked)
        stay.failed = self._checks[first : first + len(replies)]
        return stay

    async def undisturbed(self, replies: Sequence[Reply], *, whole: bool) -> _Stay:
        """Fall ill while this process never stands still for as long as a check may take: else good checks hang too."""
        while (stay := await self.falls_ill(replies, whole=whole)).stood_still > _TIMEOUT / 2:
            pass
        return stay

    async def until_out(self, replies: Sequence[Reply], *, whole: bool) -> _Stay:
        """Fall ill until the proxy is seen to have noticed: on a machine that stands still for seconds it may be missed."""
        while not (stay := await self.falls_ill(replies, whole=whole)).was_out:
            pass
        return stay

    async def cured(self, asking: "asyncio.Task[list[Answer]]") -> list[Answer]:
        self.is_cured = True
        return await asking


def _told(spared: _Stay, hung: _Stay, shed: _Stay, answers: Sequence[Answer]) -> Outcome:
    latest = _OUT_AFTER * (_INTERVAL + _TIMEOUT) + _JITTER
    claims: list[Claim] = [
        yes(f"hangs for {_OUT_AFTER - 1} checks: stays in", not spared.was_out),
        yes(f"hangs for {_OUT_AFTER} checks: is out", hung.was_out),
        at_most("hangs: out after", hung.out - hung.begun, latest, " s", timed=True),
        at_least("hangs: good checks until it is back", hung.good_before_back, _BACK_AFTER),
        yes("answers 503 to one check: is out", shed.was_out),
        figure("answers 503: out after", f"{(shed.out - shed.failed[0].at) * 1000:.0f} ms"),
        at_least("answers 503: good checks until it is back", shed.good_before_back, _BACK_AFTER),
        none_lost(answers),
    ]
    bars = {
        "bound": {"hangs": latest, "answers 503": 0.0},
        "measured": {"hangs": hung.out - hung.begun, "answers 503": shed.out - shed.failed[0].at},
    }
    return Outcome(tuple(claims), (Plot("checks", "From the illness to out of the pool", "", "seconds", bars=bars),))


ROW = Row(
    "checks",
    "Active checks: an instance hangs, or answers 503",
    done=f"""
One of three instances lets {_OUT_AFTER - 1} checks hang, later {_OUT_AFTER} checks and its calls too, and later answers one check with 503.
Four callers ask without a pause; Envoy is asked who is out.
""",
    rule=_RULE,
    why=f"""
Checks without an answer count towards `unhealthyThreshold`: the instance is out within threshold × (interval + timeout) + one jitter = {_OUT_AFTER} × ({_INTERVAL:g} s + {_TIMEOUT:g} s) + {_JITTER:g} s.
A 503 counts at once, which is how a service sheds load, unless the rule calls it `retriable`.
It is back after `healthyThreshold` good answers in a row.
Meanwhile calls that hang are cut off by `perTryTimeout` and repeated elsewhere, so that none is lost.
""",
    run=run,
)
