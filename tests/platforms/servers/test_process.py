"""Nothing that a test started outlives the test's process, however that ends."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
HOLDS_ONE = """
import asyncio, pathlib, sys
from tests.platforms.servers.nats import Nats

async def hold():
    async with Nats(pathlib.Path(sys.argv[1])) as server:
        print(server.pid, flush=True)
        await asyncio.Event().wait()

asyncio.run(hold())
"""


@pytest.mark.platform("nats")
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
async def test_a_server_ends_with_a_test_that_was_killed(tmp_path):
    with subprocess.Popen([sys.executable, "-c", HOLDS_ONE, tmp_path], cwd=ROOT, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        server = int(await asyncio.to_thread(holder.stdout.readline))
        os.kill(server, 0)
        ended = os.pidfd_open(server)
        holder.kill()
    waiting = asyncio.Event()
    asyncio.get_running_loop().add_reader(ended, waiting.set)
    await asyncio.wait_for(waiting.wait(), 20)
    asyncio.get_running_loop().remove_reader(ended)
    os.close(ended)
