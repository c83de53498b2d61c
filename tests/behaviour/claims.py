"""What a measurement finds: claims that hold or not, figures, and plots.

A claim by chance fails at most once in a million runs in which it is true. A claim that holds on a machine with time to
spare (`timed`: most upper bounds of times) is shown and never asserted by a test.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import exp

from tests.behaviour.load import Answer
from tests.traffic.observe import FALSE_ALARM, plausible


@dataclass(frozen=True)
class Claim:
    """One line of a row's table; a figure that nothing is expected of has no `expected`."""

    what: str
    expected: str
    measured: str
    holds: bool = True
    timed: bool = False


@dataclass(frozen=True)
class Plot:
    """`bars` over names (`x` of words), or `lines` of points."""

    name: str
    title: str
    x: str
    y: str
    bars: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    lines: Mapping[str, Sequence[tuple[float, float]]] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    claims: tuple[Claim, ...]
    plots: tuple[Plot, ...] = ()


@dataclass(frozen=True)
class Row:
    """One measurement: `done` and `why` are sentences of the page, one a line; `rule` is what the run applies.

    `run` takes a scale: 1 for a test, more for the page.
    """

    name: str
    title: str
    done: str
    rule: str
    why: str
    run: Callable[[int], Awaitable[Outcome]]


def figure(what: str, measured: str) -> Claim:
    return Claim(what, "", measured)


def exactly(what: str, measured: object, expected: object) -> Claim:
    return Claim(what, f"{expected}", f"{measured}", measured == expected)


def yes(what: str, measured: bool) -> Claim:
    return Claim(what, "yes", "yes" if measured else "no", measured)


def at_most(what: str, measured: float, bound: float, unit: str = "", *, timed: bool = False) -> Claim:
    return Claim(what, f"≤ {_shown(bound)}{unit}", f"{_shown(measured)}{unit}", measured <= bound, timed)


def at_least(what: str, measured: float, bound: float, unit: str = "", *, timed: bool = False) -> Claim:
    return Claim(what, f"≥ {_shown(bound)}{unit}", f"{_shown(measured)}{unit}", measured >= bound, timed)


def share(what: str, count: int, of: int, expected: float) -> Claim:
    """Claim that each of `of` events was drawn with this probability (Chernoff's bound)."""
    real = count / of
    return Claim(what, _percent(expected), f"{_percent(real)} ({count} of {of})", plausible(real, expected, of))


def share_below(what: str, count: int, of: int, bound: float) -> Claim:
    """Claim a probability below `bound`, so clearly that chance does not show it."""
    real = count / of
    holds = real < bound and not plausible(real, bound, of)
    return Claim(what, f"less than {_percent(bound)}", f"{_percent(real)} ({count} of {of})", holds)


def share_at_most(what: str, count: int, of: int, bound: float, shown: str, measured: str) -> Claim:
    """Claim a probability that is not above `bound`, beyond what chance shows."""
    return Claim(what, shown, measured, count / of <= bound or plausible(count / of, bound, of))


def even(what: str, counts: Sequence[int]) -> Claim:
    """Claim that all are drawn alike: Pearson's chi-square; for an odd number of counts its tail is a short sum."""
    assert len(counts) % 2 == 1
    mean = sum(counts) / len(counts)
    chi = sum((each - mean) ** 2 / mean for each in counts)
    term, total = 1.0, 0.0
    for number in range((len(counts) - 1) // 2):
        total += term
        term *= chi / 2 / (number + 1)
    chance = exp(-chi / 2) * total
    return Claim(what, f"p ≥ {FALSE_ALARM:.0e}", f"χ² = {chi:.2f}, p = {chance:.2g}", chance >= FALSE_ALARM)


def none_lost(answers: Sequence[Answer], *allowed: int) -> Claim:
    """Claim that every call got an answer that the rules ask for: 200, or one of `allowed`."""
    wrong = [answer.status for answer in answers if answer.status not in (200, *allowed)]
    told = f"{len(wrong)} of {len(answers)}"
    return Claim("requests lost that the rules did not ask to lose", "0", told, not wrong)


def _percent(part: float) -> str:
    return f"{part:.2%}" if part < 0.02 else f"{part:.1%}"


def _shown(value: float) -> str:
    return f"{value}" if isinstance(value, int) else f"{value:.3g}"
