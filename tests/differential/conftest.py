import os
import random

import pytest
from tests.traffic.backend import Backend


@pytest.fixture(scope="session")
def seed():
    """One seed for the whole run, printed whatever happens, so that any failure can be repeated."""
    return os.environ.get("PIDALIO_DIFFERENTIAL_SEED") or str(random.randrange(10**9))


@pytest.fixture(scope="session")
def backend():
    running = Backend().start()
    yield running
    running.stop()
