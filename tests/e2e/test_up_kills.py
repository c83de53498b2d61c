"""Whatever is killed under a running mesh comes back by itself, and what was killed for good leaves nothing."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.e2e.commands import pidalio, processes_in
from tests.e2e.embedded import ask, gateway, load, service, until, workload
from tests.ports import free_port

pytestmark = [
    pytest.mark.envoy,
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="finds processes in /proc"),
]

Victims = Callable[[dict[int, str]], list[int]]


def named(*words: str) -> Victims:
    """Return what finds the processes whose command line holds every word."""
    return lambda found: [pid for pid, line in found.items() if all(word in line for word in words)]


def children_of(found: dict[int, str]) -> set[int]:
    """Return every process but `up` and what started it."""
    return {pid for pid, line in found.items() if "envoy" in line or "app.py" in line or "guard.py" in line}


@pytest.fixture
def port(folder) -> int:
    """Write a mesh of two instances behind a gateway, and return its port."""
    number = free_port()
    folder.write("mesh.yaml", *gateway(number, "front"), service("front"), workload("front", replicas=2))
    yield number
    folder.forget_sockets()


@pytest.mark.parametrize(
    ("victims", "told"),
    [
        pytest.param(named("app.py"), "workload-ended", id="every application"),
        pytest.param(named("envoy", "front-v1-0"), "envoy-ended", id="an Envoy beside an application"),
        pytest.param(named("envoy", "ingressgateway"), "envoy-ended", id="the Envoy of the gateway"),
        pytest.param(named("guard.py"), "envoy-ended", id="the guard that holds every process"),
    ],
)
async def test_what_is_killed_comes_back(folder, port, victims, told):
    async with pidalio("up", folder=folder.path) as up:
        await up.prints("ready: 2 workloads, 3 proxies")
        before = children_of(processes_in(folder.path) | guard_of(up.pid))
        killed = victims(processes_in(folder.path) | guard_of(up.pid))
        assert killed
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        await up.prints(f" {told}: ")
        await until(lambda: len(children_of(processes_in(folder.path) | guard_of(up.pid))) == len(before))
        await answers_again(port)
        async with load(port) as made:
            await made.more(100)
        assert made.failed == {}
        assert "Traceback" not in up.output
        up.signal(signal.SIGKILL)
        await up.ends()
    await until(lambda: processes_in(folder.path) == {})
    assert not guard_of(up.pid)


async def test_instances_that_are_left_take_over_from_one_that_is_killed(folder, port):
    """Requests in flight may be lost; from when its end is told, none is."""
    async with pidalio("up", folder=folder.path) as up:
        await up.prints("ready: 2 workloads")
        async with load(port) as made:
            await made.more()
            (victim, *_) = named("app.py")(processes_in(folder.path))
            os.kill(victim, signal.SIGKILL)
            await up.prints("workload-ended")
            await made.from_now_on()
            await made.more(200)
        assert made.failed == {}


def guard_of(pid: int) -> dict[int, str]:
    """Return the guard, which bears no trace of the folder: a child of `up`."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        found = {int(child): Path(f"/proc/{child}/cmdline").read_bytes().decode() for child in children}
    except FileNotFoundError:
        return {}
    return {number: line for number, line in found.items() if "guard.py" in line}


async def answers_again(port: int) -> None:
    """Wait until twenty callers in a row are answered."""
    row = 0
    async with asyncio.timeout(60):
        while row < 20:
            try:
                row = row + 1 if (await ask(port))[0] == 200 else 0
            except (OSError, asyncio.IncompleteReadError):
                row = 0
            await asyncio.sleep(0.02)
