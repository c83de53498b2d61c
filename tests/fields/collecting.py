"""A plugin of pytest that says which collected tests are run on every machine: `runs: <node id>`, one per line."""

import sys

import pytest


def pytest_collection_finish(session: pytest.Session) -> None:
    for item in session.items:
        if not any(item.get_closest_marker(name) for name in ("skip", "skipif", "xfail")):
            sys.stdout.write(f"runs: {item.nodeid}\n")
