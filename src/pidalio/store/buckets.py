"""Ranges of buckets: which version owns which users, and how that changes when weights do.

A user has one of 10,000 buckets for good; versions own ranges of them. `relayout` leads from one layout to the next.
Invariants: the ranges are disjoint, in order, and cover every bucket; a bucket changes its owner only when that owner's
share fell; only the ratios of weights matter, and never their order. All pure: the layout before is an argument.
"""

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from typing import TypeAlias

import msgspec

from pidalio.ir.sticky import BUCKETS


class Range(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The buckets from `start` up to, and without, `end`, and the version that owns them."""

    owner: str
    start: int
    end: int


Layout: TypeAlias = tuple[Range, ...]
"""All buckets in order; neighbours have different owners."""


class _Run(msgspec.Struct):
    """Some neighbouring buckets of one owner, while a layout is being changed."""

    owner: str
    length: int


def shares(weights: Mapping[str, int]) -> dict[str, int]:
    """Return how many buckets each owner has, which are `BUCKETS` in all; raise `ValueError` when all weights are zero.

    Rounded by Webster's method: unlike with the largest remainder, an owner whose weight grows never loses a bucket
    by it, and no other gains one.
    """
    total = sum(weights.values())
    if total <= 0:
        raise ValueError("no version has a weight above zero")
    found = {name: (2 * BUCKETS * weight + total) // (2 * total) for name, weight in sorted(weights.items())}
    while (excess := sum(found.values()) - BUCKETS) != 0:
        if excess < 0:
            chosen = max(found, key=lambda name: Fraction(weights[name], 2 * found[name] + 1))
            found[chosen] += 1
        else:
            holders = [name for name in reversed(found) if found[name]]
            chosen = min(holders, key=lambda name: Fraction(weights[name], 2 * found[name] - 1))
            found[chosen] -= 1
    return found


def relayout(previous: Layout, weights: Mapping[str, int]) -> Layout:
    """Return the layout for `weights` that moves the fewest buckets of `previous`, which may be empty.

    Raise `ValueError` when all weights are zero.
    """
    wanted = shares(weights)
    if not previous:
        return _laid(_Run(owner, count) for owner, count in wanted.items())
    runs = [_Run(one.owner, one.end - one.start) for one in previous]
    due = dict(wanted)
    for run in runs:
        due[run.owner] = due.get(run.owner, 0) - run.length
    while any(due.values()):
        if not _shift(runs, due):
            _graft(runs, due)
        runs = _tidied(runs)
    return _laid(runs)


def _shift(runs: list[_Run], due: dict[str, int]) -> bool:
    """Move one border between an owner that must give and one that is to take, if there is such a border.

    The buckets are a circle, so that of three versions each borders on both others; its seam is moved last.
    """
    for border in (*range(1, len(runs)), 0):
        left, right = runs[border - 1], runs[border]
        for giver, taker in ((left, right), (right, left)):
            moved = min(-due[giver.owner], due[taker.owner], giver.length)
            if moved > 0:
                at = len(runs) if border == 0 and giver is left else border
                _move(runs, due, giver, taker.owner, moved, at)
                return True
    return False


def _graft(runs: list[_Run], due: dict[str, int]) -> None:
    """Give buckets of some owner to one that has no border with it: a whole run where one fits."""
    taker = min(name for name, count in due.items() if count > 0)
    giver = min(name for name, count in due.items() if count < 0)
    moved = min(-due[giver], due[taker])
    held = [position for position, run in enumerate(runs) if run.owner == giver]
    fitting = [position for position in held if runs[position].length <= moved]
    at = max(fitting or held, key=lambda position: runs[position].length)
    _move(runs, due, runs[at], taker, min(moved, runs[at].length), at + 1)


def _move(runs: list[_Run], due: dict[str, int], giver: _Run, taker: str, moved: int, at: int) -> None:
    giver.length -= moved
    due[giver.owner] += moved
    due[taker] -= moved
    runs.insert(at, _Run(taker, moved))


def _tidied(runs: Iterable[_Run]) -> list[_Run]:
    kept: list[_Run] = []
    for run in runs:
        if run.length and kept and kept[-1].owner == run.owner:
            kept[-1].length += run.length
        elif run.length:
            kept.append(run)
    return kept


def _laid(runs: Iterable[_Run]) -> Layout:
    return tuple(_ranges(runs))


def _ranges(runs: Iterable[_Run]) -> Iterator[Range]:
    start = 0
    for run in runs:
        if run.length:
            yield Range(run.owner, start, start + run.length)
            start += run.length
