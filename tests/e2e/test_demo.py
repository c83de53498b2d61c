"""The demo: every share as expected; whatever ends it, nothing is left behind."""

import signal
import sys

import pytest
from tests.e2e.commands import processes_in, started
from tests.e2e.embedded import ROOT, until

pytestmark = [pytest.mark.envoy, pytest.mark.slow]
DEMO = [sys.executable, ROOT / "examples/shop/demo.py", "--port", "0"]


@pytest.fixture
def environment(tmp_path) -> dict[str, str]:
    return {"TMPDIR": str(tmp_path)}


async def test_every_share_is_kept(tmp_path, environment):
    async with started(*DEMO, folder=tmp_path, environment=environment) as demo:
        status = await demo.ends()
    assert status == 0, demo.output
    assert "verdict: every share as expected, no request lost" in demo.output
    for number in range(1, 8):
        assert f"\n{number}  " in demo.output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
async def test_nothing_is_left_whatever_ends_it(tmp_path, environment, number):
    async with started(*DEMO, folder=tmp_path, environment=environment) as demo:
        await demo.prints("1  everyone gets version 1")
        assert len(processes_in(tmp_path)) >= 19
        demo.signal(number)
        assert await demo.ends() != 0
    await until(lambda: processes_in(tmp_path) == {})
    assert "Traceback" not in demo.output
