"""What proxies counted while fault campaigns concerned them, and what that says of a campaign: before it and during.

Invariant: times are those of this process: a tally is as old as its agent says, whatever the clock over there shows.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Final, TypeAlias

from pidalio.http.fault_bodies import FaultEffect, FaultView, Figures
from pidalio.model import Tally

_MOST: Final = 1_000
"""Tallies kept of one proxy: more than an hour of them."""
_LOOK_BACK: Final = 70.0
_LATE: Final = 8.0
"""Seconds after its end in which what a campaign did may still be counted."""
_TIMES_LATE: Final = 6.0
"""Seconds by which an Envoy's histograms may be behind its counters: they are brought up to date every 5 s."""
_HALF: Final = 0.5
_MOST_OF_ALL: Final = 0.99

Taken: TypeAlias = tuple[float, Tally]


class Tallies:
    """The tallies of every proxy, oldest first; `epoch` is a calendar clock, in seconds."""

    def __init__(self, *, epoch: Callable[[], float] = time.time) -> None:
        self._epoch = epoch
        self._of: dict[str, list[Taken]] = {}

    def tell(self, proxy: str, tallies: Sequence[Tally]) -> None:
        """Take note of what a proxy counted."""
        now = self._epoch()
        found = [*self._of.get(proxy, ()), *((now - one.age, one) for one in tallies)]
        self._of[proxy] = sorted(found, key=lambda taken: taken[0])[-_MOST:]

    def forget(self) -> None:
        """Drop everything that was told so far."""
        self._of.clear()

    def effect(self, view: FaultView) -> FaultEffect | None:
        """Return what is known of a campaign's effect, None where nothing is."""
        told = [self._of[proxy] for proxy in view.proxies if proxy in self._of]
        until = self._epoch() if view.ended is None else view.ended + _LATE
        before = [_between(one, view.started - _LOOK_BACK, view.started) for one in told]
        during = [_between(one, _last(one, view.started), until) for one in told]
        timed = [_between(one, _last(one, view.started), until + _TIMES_LATE) for one in told]
        if not told:
            return None
        return FaultEffect(len(told), _figures(before, before, view.host), _figures(during, timed, view.host))


def _last(taken: Sequence[Taken], moment: float) -> float:
    """Return when the last tally at or before `moment` was taken, `moment` where there is none."""
    return max((at for at, _ in taken if at <= moment), default=moment)


def _between(taken: Sequence[Taken], since: float, until: float) -> list[Taken]:
    return [one for one in taken if since <= one[0] <= until]


def _figures(proxies: Sequence[Sequence[Taken]], timed: Sequence[Sequence[Taken]], host: str) -> Figures:
    """Return what was counted between the first and the last tally of each proxy, all together.

    How long calls took is taken from the tallies `timed`.
    """
    steps = [step for taken in proxies for step in _steps(taken)]
    times = [step for taken in timed for step in _steps(taken)]
    seconds = max((taken[-1][0] - taken[0][0] for taken in proxies if taken), default=0.0)
    return Figures(
        seconds=seconds,
        requests=sum(new.requests - old.requests for old, new in steps),
        errors=sum(new.errors - old.errors for old, new in steps),
        aborts=sum(new.aborts - old.aborts for old, new in steps),
        delays=sum(new.delays - old.delays for old, new in steps),
        half_within=_within(times, _HALF),
        most_within=_within(times, _MOST_OF_ALL),
        host_requests=sum(_of_host(new, host)[0] - _of_host(old, host)[0] for old, new in steps),
        host_errors=sum(_of_host(new, host)[1] - _of_host(old, host)[1] for old, new in steps),
    )


def _steps(taken: Sequence[Taken]) -> Iterator[tuple[Tally, Tally]]:
    """Yield each two that follow; an Envoy that was started again between them counts from 0."""
    for (_, old), (_, new) in pairwise(taken):
        yield (old if new.requests >= old.requests else Tally()), new


def _of_host(tally: Tally, host: str) -> tuple[int, int]:
    return next(((requests, errors) for name, requests, errors in tally.hosts if name == host), (0, 0))


def _within(steps: Sequence[tuple[Tally, Tally]], share: float) -> float | None:
    """Return the bound (ms) within which so large a share of the requests was answered, None for no request."""
    counts: dict[float, int] = {}
    for old, new in steps:
        former = dict(old.times)
        for bound, count in new.times:
            counts[bound] = counts.get(bound, 0) + count - former.get(bound, 0)
    total = max(counts.values(), default=0)
    if not total:
        return None
    return next(bound for bound in sorted(counts) if counts[bound] >= share * total)
