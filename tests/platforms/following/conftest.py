"""A control plane without anything in it."""

import pytest

from pidalio.history import SqliteHistory
from pidalio.server.control_plane import ControlPlane


@pytest.fixture
async def control(tmp_path):
    history = await SqliteHistory.open(tmp_path / "history.db")
    yield ControlPlane(history)
    await history.close()
