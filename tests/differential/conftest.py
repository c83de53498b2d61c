"""`PIDALIO_DIFFERENTIAL_SEED` repeats a run, `PIDALIO_DIFFERENTIAL_SETS` says how many rule sets there are.

Without a seed every run draws another, but for those of CI, which must not fail by what a change did not touch.
"""

import os
import random

import pytest
from tests.traffic.backend import Backend

SETS = int(os.environ.get("PIDALIO_DIFFERENTIAL_SETS", "200"))
SETS_PER_BATCH = 25


def pytest_generate_tests(metafunc):
    if "batch" in metafunc.fixturenames:
        metafunc.parametrize("batch", range(SETS // SETS_PER_BATCH))


@pytest.fixture(scope="session")
def seed():
    """One seed for the whole run; every failure states it, so that it can be repeated."""
    return os.environ.get("PIDALIO_DIFFERENTIAL_SEED") or ("ci" if "CI" in os.environ else str(random.randrange(10**9)))


def pytest_report_header():
    named = os.environ.get("PIDALIO_DIFFERENTIAL_SEED", "random, told on failure")
    return f"differential: {SETS} rule sets, seed {named}"


@pytest.fixture(scope="session")
def backend():
    running = Backend().start()
    yield running
    running.stop()
