from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.unit.http.embedded import SERVICES, Embedded

from pidalio.history import SqliteHistory


@pytest.fixture
async def empty(tmp_path: Path) -> AsyncIterator[Embedded]:
    """A control plane that knows nothing."""
    history = await SqliteHistory.open(tmp_path / "history.db")
    made = Embedded(history, tmp_path)
    yield made
    await made.http.aclose()
    await made.served.registrations.close()
    made.served.campaigns.close()
    await history.close()


@pytest.fixture
async def mesh(empty: Embedded) -> Embedded:
    """A control plane with two services, applied by the API."""
    await empty.apply(SERVICES, "services.yaml", author="ada", message="two services")
    return empty
