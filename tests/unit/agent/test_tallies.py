"""What an Envoy counts is told while a fault campaign concerns it, and the minute before with it."""

from pidalio.agent.tallies import TallyKeeper
from pidalio.errors import EnvoyUnresponsive, ServerUnreachable
from pidalio.model import Tally


class Event:
    def __init__(self) -> None:
        self.set = True

    def is_set(self) -> bool:
        return self.set


class Envoy:
    """An Envoy that counts a request at each look; what it is lent is up to the test."""

    def __init__(self) -> None:
        self.admin = self
        self.envoy, self.ready = self, Event()
        self.requests, self.lent, self.answers = 0, False, True

    async def tally(self) -> Tally:
        if not self.answers:
            raise EnvoyUnresponsive("no")
        self.requests += 1
        return Tally(requests=self.requests)

    async def is_lent_faults(self) -> bool:
        return self.lent


class Control:
    def __init__(self) -> None:
        self.told: list[list[tuple[float, int]]] = []
        self.is_away = False

    async def __call__(self, tallies: tuple[Tally, ...]) -> None:
        if self.is_away:
            raise ServerUnreachable("away")
        self.told.append([(one.age, one.requests) for one in tallies])


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def keeper() -> tuple[TallyKeeper, Envoy, Control, Clock]:
    envoy, control, clock = Envoy(), Control(), Clock()
    return TallyKeeper(envoy, control, now=clock), envoy, control, clock


async def look(kept: TallyKeeper, clock: Clock, times: int = 1) -> None:
    for _ in range(times):
        clock.now += 5
        await kept.look()


async def test_nothing_is_told_while_nothing_is_lent():
    kept, _, control, clock = keeper()
    await look(kept, clock, 20)
    assert control.told == []


async def test_the_minute_before_is_told_first_and_then_what_is_new():
    kept, envoy, control, clock = keeper()
    await look(kept, clock, 20)
    envoy.lent = True
    await look(kept, clock, 2)
    assert control.told == [[(60.0 - 5 * number, 9 + number) for number in range(13)], [(0.0, 22)]]


async def test_twice_more_when_it_ended():
    kept, envoy, control, clock = keeper()
    envoy.lent = True
    await look(kept, clock)
    envoy.lent = False
    await look(kept, clock, 4)
    assert control.told == [[(0.0, 1)], [(0.0, 2)], [(0.0, 3)]]


async def test_a_control_plane_that_is_away_is_told_later():
    kept, envoy, control, clock = keeper()
    envoy.lent = control.is_away = True
    await look(kept, clock, 2)
    control.is_away = False
    await look(kept, clock)
    assert control.told == [[(10.0, 1), (5.0, 2), (0.0, 3)]]


async def test_a_new_envoy_has_no_minute_before():
    kept, envoy, control, clock = keeper()
    await look(kept, clock, 5)
    envoy.ready.set = False
    await look(kept, clock)
    envoy.ready.set = envoy.lent = True
    envoy.answers = False
    await look(kept, clock)
    envoy.answers = True
    await look(kept, clock)
    assert control.told == [[(0.0, 6)]]
