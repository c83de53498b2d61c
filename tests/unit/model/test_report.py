"""A report is one line of printable text, whatever users wrote."""

import pytest

from pidalio.model import ObjectRef, Place, Report, Severity


def test_line_says_where_what_and_why():
    ref = ObjectRef("VirtualService", "default", "greeter")
    report = Report(Severity.ERROR, "wrong-type", "text", ref, "spec.hosts", Place("mesh/a.yaml", 3))
    assert report.line() == "mesh/a.yaml:3: wrong-type: VirtualService default/greeter: spec.hosts: text"


def test_parts_that_are_not_there_leave_no_trace():
    assert Report(Severity.INFO, "port-moved", "elsewhere").line() == "port-moved: elsewhere"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        pytest.param("a\nb", r"a\nb", id="newline"),
        pytest.param("\x1b[31mred", r"\x1b[31mred", id="escape sequence"),
        pytest.param("a\u202eb", r"a\u202eb", id="text turned around"),
        pytest.param("a\udcffb", r"a\udcffb", id="bytes of a file's name that are no text"),
        pytest.param("größe 大", "größe 大", id="letters of any script"),
    ],
)
def test_what_a_terminal_would_obey_is_shown_escaped(name, shown):
    report = Report(Severity.ERROR, "bad-name", "no", ObjectRef("Service", "default", name), place=Place(name, 1))
    assert report.line() == f"{shown}:1: bad-name: Service default/{shown}: no"


def test_long_names_and_values_are_cut_in_the_middle():
    report = Report(Severity.ERROR, "bad-name", "m" * 9999 + "!", ObjectRef("Service", "", "x" * 1_000_000))
    assert len(report.line()) < 2100
    assert report.line().startswith("bad-name: Service xxx")
    assert report.line().endswith("mm!")
