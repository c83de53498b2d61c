"""How long an instance that goes up and down must be well before it is believed.

A probe's thresholds bound how fast one verdict follows another, and not how often: an instance that fails for a minute
of every two would be let in each time, and fail its callers each time. So each fall is remembered for ten minutes; the
first two cost nothing, and from the third on the instance must be well without a break for 10 s, 20 s, 40 s … at most
five minutes, before it is told to be well again. An instance that stays well for ten minutes has nothing to wait for.
Pure: it is told the time, in seconds of any steady clock.
Others: Kubernetes, Consul and HAProxy have thresholds only; Envoy multiplies its ejection time by the number of
ejections; RFC 2439 damps routes by a penalty that decays. Design record 0016 says why this one.
"""

from collections import deque
from typing import Final

FREE: Final = 2
"""How many falls within the window cost nothing."""
FIRST: Final = 10.0
MOST: Final = 300.0
"""The first and the longest hold, in seconds."""
WINDOW: Final = 600.0
"""For how long a fall counts, in seconds."""


class Damping:
    """The falls of one instance: from well to not well."""

    def __init__(self) -> None:
        self._falls: deque[float] = deque(maxlen=FREE + 8)  # more would not hold longer

    def fell(self, now: float) -> None:
        """Note that it is not well any more."""
        self._falls.append(now)

    def falls(self, now: float) -> int:
        """Return how many falls count."""
        while self._falls and now - self._falls[0] >= WINDOW:
            self._falls.popleft()
        return len(self._falls)

    def hold(self, now: float) -> float:
        """Return for how many seconds it must be well without a break."""
        beyond = self.falls(now) - FREE
        return min(FIRST * 2 ** (beyond - 1), MOST) if beyond > 0 else 0.0
