"""Reports become lines once, at the right moment."""

import pytest

from pidalio.model import ObjectRef, Place, Report, Severity
from pidalio.up.notices import PATIENCE_SECONDS, Notices

BROKEN = Report(Severity.ERROR, "syntax", "it is broken", place=Place("a.yaml", 1))
EMPTY = Report(Severity.WARNING, "empty-subset", "none yet", ObjectRef("DestinationRule", "default", "a"))


class Told:
    def __init__(self) -> None:
        self.lines: list[str] = []
        self.seconds = 0.0
        self.notices = Notices(self.lines.append, lambda: self.seconds)

    def standing(self, *reports: Report) -> list[str]:
        """Return the lines that are new."""
        before = len(self.lines)
        self.notices.standing(reports)
        return self.lines[before:]


@pytest.fixture
def told() -> Told:
    return Told()


def test_error_is_told_at_once_and_once(told):
    assert told.standing(BROKEN) == ["a.yaml:1: syntax: it is broken"]
    assert told.standing(BROKEN) == []


def test_error_that_moved_to_another_line_is_not_told_again(told):
    told.standing(BROKEN)
    moved = Report(BROKEN.severity, BROKEN.code, BROKEN.message, place=Place("a.yaml", 7))
    assert told.standing(moved) == []


def test_what_is_mended_is_told_and_told_anew_when_it_returns(told):
    told.standing(BROKEN)
    assert told.standing() == ["mended: a.yaml:1: syntax: it is broken"]
    assert told.standing(BROKEN) == ["a.yaml:1: syntax: it is broken"]


def test_warning_that_ends_by_itself_is_not_told(told):
    assert told.standing(EMPTY) == []
    told.seconds += PATIENCE_SECONDS / 2
    assert told.standing() == []
    told.seconds += PATIENCE_SECONDS
    assert told.standing(EMPTY) == []


def test_warning_that_stands_is_told(told):
    told.standing(EMPTY)
    told.seconds += PATIENCE_SECONDS
    assert told.standing(EMPTY) == ["empty-subset: DestinationRule default/a: none yet"]


def test_warning_that_stands_is_told_although_nothing_changes(told):
    told.standing(EMPTY)
    told.notices.look_again()
    assert told.lines == []
    told.seconds += PATIENCE_SECONDS
    told.notices.look_again()
    told.notices.look_again()
    assert len(told.lines) == 1


def test_event_that_repeats_is_told_ever_more_rarely(told):
    for _ in range(100):
        told.notices.event(BROKEN)
    line = BROKEN.line()
    assert told.lines == [line, f"{line} (10 times by now)", f"{line} (100 times by now)"]


def test_what_happened_and_stands_is_told_once_and_when_it_is_mended(told):
    told.notices.event(EMPTY)
    told.seconds += PATIENCE_SECONDS
    assert told.standing(EMPTY) == []
    assert told.standing() == [f"mended: {EMPTY.line()}"]


def test_what_happens_over_and_over_is_not_told_to_be_mended_each_time(told):
    told.notices.event(EMPTY)
    told.standing(EMPTY)
    told.standing()
    told.notices.event(EMPTY)
    assert told.standing(EMPTY) == []
    assert told.standing() == []
