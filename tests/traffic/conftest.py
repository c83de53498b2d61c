import pytest
from tests.traffic.backend import Backend


@pytest.fixture(scope="session")
def backend():
    running = Backend().start()
    yield running
    running.stop()
