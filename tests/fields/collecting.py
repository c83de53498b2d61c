"""Which tests exist and are run here: a plugin of pytest that prints `runs: <node id>`, and the one who asks it."""

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest


def pytest_collection_finish(session: pytest.Session) -> None:
    for item in session.items:
        skipped = any(condition for mark in item.iter_markers("skipif") for condition in mark.args)
        elsewhere = item.get_closest_marker("platform")  # where it is skipped, `make test-platforms` runs it
        if elsewhere or not (skipped or any(item.get_closest_marker(name) for name in ("skip", "xfail"))):
            sys.stdout.write(f"runs: {item.nodeid}\n")


def running(tests: Iterable[str], root: Path) -> set[str]:
    """Return those of `tests` (node ids) that exist and are not skipped here; raise `AssertionError` with the reason."""
    wanted = sorted(set(tests))
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "tests.fields.collecting", *wanted]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return {line.removeprefix("runs: ") for line in done.stdout.splitlines() if line.startswith("runs: ")}
