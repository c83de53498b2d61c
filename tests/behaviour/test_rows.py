"""Every claim of docs/behaviour.md holds on a real Envoy, but for upper bounds of times: a busy machine is slow."""

import asyncio

import pytest
from tests.behaviour.rows import ROWS

pytestmark = pytest.mark.envoy
_PATIENCE = 120


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_row(row):
    outcome = asyncio.run(asyncio.wait_for(row.run(1), _PATIENCE))
    assert [claim for claim in outcome.claims if not claim.holds and not claim.timed] == []
    assert any(claim.expected for claim in outcome.claims)
