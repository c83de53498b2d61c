"""How soon a blocking query is asked again.

An index may move without a change of what was asked for, as often as anything in Consul changes: the first two times
cost nothing, then ever longer is waited. What really changes is asked for again at once, but not in a storm.
Pure. Source: Consul's documentation of blocking queries ("rate limit", a bucket of two), and its issue 3890.
"""

from typing import Final

FREE: Final = 2
"""Wake-ups without a change that cost nothing."""
CHANGED: Final = 0.05
LEADERLESS: Final = 2.0
FIRST: Final = 0.25
MOST_FOR_NAMES: Final = 15.0
MOST_FOR_ONE: Final = 2.0
"""Seconds: between two changes; between two questions without a leader; the first and the longest wait after wake-ups
without a change (about all names; about one service)."""


class Pacing:
    """The pace of one query; waits at most `most` seconds."""

    def __init__(self, most: float) -> None:
        self._most = most
        self._idle = 0

    def after(self, *, moved: bool, changed: bool) -> float:
        """Return the seconds to wait after an answer: whether its index `moved`, and what it says `changed`."""
        if changed:
            self._idle = 0
            return CHANGED
        if not moved:
            self._idle = 0
            return 0.0
        self._idle += 1
        beyond = self._idle - FREE
        return min(self._most, FIRST * 2.0 ** min(beyond - 1, 30)) if beyond > 0 else 0.0
