"""Every check of the API has a negative case: some row of the tables makes it speak, through every way that leads to it.

The checks are read off the sources; what the tables reach is seen from the stack at each finding.
"""

import ast
import sys
from pathlib import Path

import pytest
from tests.unit.api.mistakes import TABLES
from tests.unit.api.mistakes.kubernetes import KUBERNETES, PORTS, WORDS, manifest

import pidalio.api
from pidalio.api import load
from pidalio.api.findings import Findings

from . import test_parse
from .objects import text_of

API = Path(pidalio.api.__file__).parent
CHECKS = ("check", "refuse", "bad", "wrong", "unknown")


def texts():
    """Every text of the tables."""
    for kind, table in TABLES.items():
        yield from (text_of(kind, spec) for spec, *_ in table.values())
    yield from (manifest(*row[:3]) for row in (*KUBERNETES.values(), *PORTS.values()))
    yield from (manifest("v1", "Service", f"spec: {{{line}}}") for line, _ in WORDS.values())
    yield text_of("Gateway", TABLES["Gateway"]["no-selector"][0], name="a.b")
    yield from (text_of("VirtualService", spec) for spec, *_ in test_parse.TYPES.values())
    yield from (text_of(kind, spec) for kind, spec, _ in test_parse.HINTS.values())
    yield from (text for text, *_ in test_parse.OBJECTS.values())
    yield from (text for text, _ in test_parse.MISPLACED.values())
    yield test_parse.UNKNOWN_ANNOTATION


def checks():
    """Every place that tells a mistake or calls another that does: file, its lines, the source."""
    for path in (*API.glob("validate/*.py"), API / "convert.py", API / "metadata.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and tells(node.func):
                yield path.name, range(node.lineno, (node.end_lineno or node.lineno) + 1), ast.unparse(node)


def tells(function):
    if isinstance(function, ast.Name):
        return function.id.lstrip("_").startswith(CHECKS)
    return isinstance(function, ast.Attribute) and function.attr in ("error", "warning")


@pytest.fixture
def spoke(monkeypatch):
    """The lines (file, number) of all frames in which a finding was noted."""
    found = set()
    add = Findings._add

    def noting(self, severity, code, path, message):
        frame = sys._getframe(2)
        while frame is not None:
            found.add((Path(frame.f_code.co_filename).name, frame.f_lineno))
            frame = frame.f_back
        add(self, severity, code, path, message)

    monkeypatch.setattr(Findings, "_add", noting)
    return found


def test_every_check_has_a_negative_case(spoke):
    for text in texts():
        load(text, "f.yaml")
    silent = [
        f"{name}:{lines[0]} {source}" for name, lines, source in checks() if not any((name, n) in spoke for n in lines)
    ]
    assert not silent, "no row of tests/unit/api/mistakes makes these speak:\n" + "\n".join(silent)


def test_checks_are_found():
    assert len(list(checks())) > 300
