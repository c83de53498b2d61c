"""Where the real servers lie that `make test-platforms` builds, and what a test is told when one is not there.

Tests of real servers run where `PIDALIO_PLATFORMS` is set, as that entry does; elsewhere they skip, so that
`make test` is the same on each machine.
"""

import os
from pathlib import Path

import pytest

SWITCH = "PIDALIO_PLATFORMS"


def cache() -> Path:
    """Return the folder of the servers; `scripts/platform_servers.py` has the same rule."""
    chosen = os.environ.get("PIDALIO_SERVERS")
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pidalio" / "servers"


def wanted() -> bool:
    return bool(os.environ.get(SWITCH))


def is_installed(name: str) -> bool:
    return (cache() / name / "stamp").is_file()


def missing(name: str) -> str:
    """Say why the server cannot be had now, in one line, or nothing where it can."""
    if not wanted():
        return f"a real server ({name}): `make test-platforms` runs it"
    if not is_installed(name):
        return f"no real {name} here: `make test-platforms` builds one"
    return ""


def require(name: str) -> Path:
    """Return the folder of an installed server, or skip the test."""
    reason = missing(name)
    if reason:
        pytest.skip(reason)
    return cache() / name
