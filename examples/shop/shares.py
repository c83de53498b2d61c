"""Expected and measured shares: exact binomial intervals, so that chance alone fails one run in a million."""

import math
from dataclasses import dataclass

CHANCE = 1e-6


def interval(count: int, probability: float, chance: float = CHANCE) -> tuple[int, int]:
    """Return the smallest and largest number of hits among `count` that chance does not make unlikely.

    Outside lies at most `chance`, half of it on each side. Exact: sums of the binomial distribution itself.
    """
    if probability in (0.0, 1.0):
        return round(count * probability), round(count * probability)
    low = _tail(count, probability, chance / 2)
    high = count - _tail(count, 1 - probability, chance / 2)
    return low, high


def _tail(count: int, probability: float, chance: float) -> int:
    """Return the largest k for which fewer than k hits have at most this chance."""
    below = 0.0
    for hits in range(count + 1):
        below += math.exp(
            math.lgamma(count + 1)
            - math.lgamma(hits + 1)
            - math.lgamma(count - hits + 1)
            + hits * math.log(probability)
            + (count - hits) * math.log1p(-probability)
        )
        if below > chance:
            return hits
    return count


@dataclass(frozen=True)
class Share:
    """What a part of the requests is to be: `probability` of those of one load."""

    name: str
    probability: float


@dataclass(frozen=True)
class Measured:
    """How often it was so."""

    share: Share
    hits: int
    count: int

    @property
    def bounds(self) -> tuple[int, int]:
        """Return the interval around what is expected."""
        return interval(self.count, self.share.probability)

    @property
    def is_kept(self) -> bool:
        """Tell whether the share lies in its interval."""
        low, high = self.bounds
        return self.count > 0 and low <= self.hits <= high
