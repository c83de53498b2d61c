"""Reports as lines, as they come: each standing one once, again when it had gone, and a word when one has gone."""

from collections import Counter
from collections.abc import Callable, Iterable

from pidalio.model import Report


class Notices:
    """Prints reports through `tell`, which takes one line."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._standing: dict[Report, None] = {}
        self._events: Counter[tuple[object, ...]] = Counter()

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
        now = dict.fromkeys(reports)
        same = {_identity(report) for report in now}
        known = {_identity(report) for report in self._standing}
        for report in now:
            if _identity(report) not in known:
                self._tell(report.line())
        for report in self._standing:
            if _identity(report) not in same:
                self._tell(f"mended: {report.line()}")
        self._standing = now


def _identity(report: Report) -> tuple[object, ...]:
    """Return what makes a report the same one although its line moved."""
    return report.code, report.object, report.path, report.message
