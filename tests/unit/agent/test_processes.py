"""Processes end when they should, and never outlive the agent."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from pidalio.agent.processes import LOST, Processes

SLEEP = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"]


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


async def until(claim, *, seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while not claim():
            await asyncio.sleep(0.01)


@pytest.fixture
async def processes():
    started = Processes()
    yield started
    await started.close()


async def test_status_and_output_are_kept(processes, tmp_path):
    log = tmp_path / "log"
    process = await processes.start(["sh", "-c", "echo out; echo err >&2; exit 3"], log=log)
    assert await process.wait() == 3
    assert process.status == 3
    assert log.read_text() == "out\nerr\n"


async def test_environment_and_folder_are_the_given_ones(processes, tmp_path):
    log = tmp_path / "log"
    env = {"PATH": os.environ["PATH"], "PORT": "1234"}
    process = await processes.start(["sh", "-c", "echo $PORT; pwd"], log=log, env=env, cwd=tmp_path)
    await process.wait()
    assert log.read_text().split() == ["1234", str(tmp_path)]


async def test_unknown_command_is_an_error_that_names_it(processes, tmp_path):
    with pytest.raises(FileNotFoundError, match="no-such-command"):
        await processes.start(["no-such-command"], log=tmp_path / "log")
    after = await processes.start(["true"], log=tmp_path / "log")
    assert await after.wait() == 0


async def test_stop_asks_first(processes, tmp_path):
    script = (
        "import signal, sys, time; signal.signal(15, lambda *_: sys.exit(7)); print('up', flush=True); time.sleep(600)"
    )
    log = tmp_path / "log"
    process = await processes.start([sys.executable, "-c", script], log=log)
    await until(lambda: "up" in log.read_text())
    assert await process.stop(grace_seconds=10) == 7


async def test_stop_kills_who_does_not_listen(processes, tmp_path):
    log = tmp_path / "log"
    process = await processes.start(["sh", "-c", "trap '' TERM; echo up; sleep 600; sleep 600"], log=log)
    await until(lambda: "up" in log.read_text())
    assert await process.stop(grace_seconds=0.1) == -signal.SIGKILL


async def test_children_of_an_ended_process_end_with_it(processes, tmp_path):
    log = tmp_path / "log"
    process = await processes.start(["sh", "-c", "sleep 600 & echo $!"], log=log)
    await process.wait()
    child = int(log.read_text())
    await until(lambda: not alive(child))


async def test_interrupt_of_the_terminal_does_not_reach_them(processes, tmp_path):
    log = tmp_path / "log"
    process = await processes.start(SLEEP, log=log)
    assert os.getpgid(process.pid) == process.pid
    assert os.getsid(process.pid) != os.getsid(0)


async def test_close_ends_everything(tmp_path):
    processes = Processes()
    first = await processes.start(SLEEP, log=tmp_path / "1")
    second = await processes.start(SLEEP, log=tmp_path / "2")
    await processes.close()
    assert not alive(first.pid)
    assert not alive(second.pid)
    assert await first.wait() == -signal.SIGKILL


@pytest.mark.parametrize("moment", range(8))
async def test_a_start_that_is_given_up_leaves_nothing(tmp_path, moment):
    """`moment` is how often other tasks ran since: before the guard runs, and after it."""
    processes = Processes()
    start = asyncio.create_task(processes.start(SLEEP, log=tmp_path / "log"))
    for _ in range(moment):
        await asyncio.sleep(0)
    start.cancel()
    await asyncio.gather(start, return_exceptions=True)
    after = await processes.start(["true"], log=tmp_path / "log")
    assert await after.wait() == 0
    await processes.close()


@pytest.mark.parametrize("moment", range(8))
async def test_a_start_beside_the_end_is_ended_too_and_later_ones_are_refused(tmp_path, moment):
    processes = Processes()
    start = asyncio.create_task(processes.start(SLEEP, log=tmp_path / "log"))
    for _ in range(moment):
        await asyncio.sleep(0)
    await processes.close()
    (outcome,) = await asyncio.gather(start, return_exceptions=True)
    assert isinstance(outcome, OSError) or not alive(outcome.pid)
    with pytest.raises(ConnectionResetError, match="nothing is started any more"):
        await processes.start(["true"], log=tmp_path / "log")


async def test_lost_guard_is_noticed_and_replaced(processes, tmp_path):
    process = await processes.start(SLEEP, log=tmp_path / "1")
    os.kill(processes._guard.pid, signal.SIGKILL)
    assert await process.wait() == LOST
    if sys.platform == "linux":
        await until(lambda: not alive(process.pid))
    again = await processes.start(["true"], log=tmp_path / "2")
    assert await again.wait() == 0


PARENT = """
import asyncio, sys
from pathlib import Path
from pidalio.agent.processes import Processes

async def main():
    processes = Processes()
    log = Path(sys.argv[1])
    script = "setsid sleep 600 & sleep 600 & echo $$; exec sleep 600"
    process = await processes.start(["sh", "-c", script], log=log)
    print(processes._guard.pid, process.pid, flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_kill_nine_leaves_nothing(tmp_path):
    log = tmp_path / "log"
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, str(log), stdout=asyncio.subprocess.PIPE
    )
    guard, child = (int(word) for word in (await parent.stdout.readline()).split())
    await until(lambda: log.read_text().strip() == str(child))

    def family() -> set[int]:
        found = {guard}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and (Path("/proc/self") != entry):
                try:
                    parent_of = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
                except (FileNotFoundError, ProcessLookupError):
                    continue
                if parent_of in {guard, child}:
                    found.add(int(entry.name))
        return found

    await until(lambda: len(family()) == 4)  # the guard, the command, and its two children
    everyone = family()
    parent.kill()
    await parent.wait()
    await until(lambda: not any(alive(pid) for pid in everyone))
