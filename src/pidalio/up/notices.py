"""Reports as lines, as they come: each standing one once, again when it had gone, and a word when one has gone.

What is no error is told only when it still stands a moment later: many a warning ends with the step that follows it.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import TypeAlias

from pidalio.model import Report, Severity

Identity: TypeAlias = tuple[object, ...]
PATIENCE_SECONDS = 1.0


class Notices:
    """Prints reports through `tell`, which takes one line; `now` is a steady clock, in seconds."""

    def __init__(self, tell: Callable[[str], None], now: Callable[[], float]) -> None:
        self._tell, self._now = tell, now
        self._standing: dict[Identity, Report] = {}
        self._since: dict[Identity, float] = {}
        self._told: dict[Identity, Report] = {}
        self._events: Counter[Identity] = Counter()

    def event(self, report: Report) -> None:
        """Tell what happened at this moment; what happens over and over is told the 1st, 10th, 100th … time."""
        self._events[_identity(report)] += 1
        times = self._events[_identity(report)]
        if times == 1:
            self._tell(report.line())
        elif str(times).strip("0") == "1":
            self._tell(f"{report.line()} ({times} times by now)")

    def standing(self, reports: Iterable[Report]) -> None:
        """Take over everything that stands now; tell what is new, and what no longer stands."""
        self._standing = {_identity(report): report for report in reports}
        self._since = {identity: self._since.get(identity, self._now()) for identity in self._standing}
        self.look_again()
        for identity in [one for one in self._told if one not in self._standing]:
            self._tell(f"mended: {self._told.pop(identity).line()}")

    def look_again(self) -> None:
        """Tell what has stood for long enough meanwhile."""
        for identity, report in self._standing.items():
            if identity in self._told or self._events[identity] > 1:
                continue
            if self._events[identity]:  # it was told when it happened
                self._told[identity] = report
            elif self._is_due(identity, report):
                self._told[identity] = report
                self._tell(report.line())

    def _is_due(self, identity: Identity, report: Report) -> bool:
        return report.severity is Severity.ERROR or self._now() - self._since[identity] >= PATIENCE_SECONDS


def _identity(report: Report) -> Identity:
    """Return what makes a report the same one although its line moved."""
    return report.code, report.object, report.path, report.message
