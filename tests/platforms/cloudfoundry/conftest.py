"""What tests of the adapter start with: a real server, cells, a control plane, and an authority."""

import pytest
from tests.platforms.cloudfoundry.cells import Cells
from tests.platforms.servers.nats import Nats
from tests.xds.test_tls import Authority, pem

from pidalio.history import SqliteHistory
from pidalio.server.control_plane import ControlPlane


@pytest.fixture
async def server(tmp_path):
    async with Nats(tmp_path) as made:
        yield made


@pytest.fixture
async def cells(server):
    async with Cells(server.url) as made:
        yield made


@pytest.fixture
async def control(tmp_path):
    history = await SqliteHistory.open(tmp_path / "history.db")
    yield ControlPlane(history)
    await history.close()


@pytest.fixture
def authority(tmp_path) -> str:
    file = tmp_path / "ca.pem"
    file.write_bytes(pem(Authority("first").certificate))
    return str(file)
