"""`pidalio up` as users start and end it: nothing is left behind, whatever ends it."""

import asyncio
import os
import shutil
import signal
import sys
from pathlib import Path

import pytest
from tests.e2e.commands import COMMAND, pidalio, processes_in, started
from tests.e2e.embedded import ask, gateway, service, until, workload
from tests.ports import free_port

from pidalio.http import discovery

pytestmark = [pytest.mark.envoy, pytest.mark.slow]
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.fixture
def port(folder) -> int:
    """Write a mesh of one workload behind a gateway, and return its port."""
    number = free_port()
    folder.write("mesh.yaml", *gateway(number, "front"), service("front"), workload("front"))
    yield number
    folder.forget_sockets()


async def connects(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True


@on_linux
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_signal_ends_everything_in_order(folder, port, number):
    async with pidalio("up", folder=folder.path) as up:
        await up.prints("ready: 1 workloads, 2 proxies; gateway: ")
        assert (await ask(port))[0] == 200
        up.signal(number)
        assert await up.ends() == 0
    assert "Traceback" not in up.output
    assert processes_in(folder.path) == {}
    assert not await connects(port)


@on_linux
async def test_kill_leaves_nothing(folder, port):
    async with pidalio("up", folder=folder.path) as up:
        await up.prints("ready: ")
        assert len(processes_in(folder.path)) >= 3
        up.signal(signal.SIGKILL)
        await up.ends()
    await until(lambda: processes_in(folder.path) == {})
    assert not await connects(port)


async def test_after_a_kill_it_starts_again(folder, port):
    async with pidalio("up", folder=folder.path) as up:
        await up.prints("ready: ")
        up.signal(signal.SIGKILL)
        await up.ends()
    async with pidalio("up", folder=folder.path) as up:
        await up.prints("ready: ")
        assert (await ask(port))[0] == 200


async def test_second_mesh_in_a_folder_is_refused_and_the_first_goes_on(folder, port):
    async with pidalio("up", folder=folder.path) as first:
        await first.prints("ready: ")
        async with pidalio("up", folder=folder.path) as second:
            assert await second.ends() == 1
        assert one_line(second.output).endswith(f"(process {first.pid}): stop it first")
        assert (await ask(port))[0] == 200


async def test_two_meshes_run_beside_each_other(folder, port, tmp_path_factory):
    from tests.e2e.embedded import Folder

    other, number = Folder(tmp_path_factory.mktemp("other")), free_port()
    other.write("mesh.yaml", *gateway(number, "front"), service("front"), workload("front", "v2"))
    try:
        async with pidalio("up", folder=folder.path) as one, pidalio("up", folder=other.path) as two:
            await one.prints("ready: ")
            await two.prints("ready: ")
            assert (await ask(port))[1]["version"] == "v1"
            assert (await ask(number))[1]["version"] == "v2"
    finally:
        other.forget_sockets()


async def test_taken_port_is_one_line(folder, port):
    async def nobody(reader, writer) -> None:
        writer.close()

    async with await asyncio.start_server(nobody, "127.0.0.1", port), pidalio("up", folder=folder.path) as up:
        assert await up.ends() == 1
    line = one_line(up.output)
    assert "mesh.yaml:" in line
    assert f"another process listens on 127.0.0.1:{port}" in line
    assert processes_in(folder.path) == {} or sys.platform != "linux"


def without_low_ports() -> list[str]:
    """Return what a command line begins with so that ports below 1024 are out of reach; skip where that cannot be."""
    if int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text()) < 1024:
        pytest.skip("this system gives low ports to everyone: sysctl net.ipv4.ip_unprivileged_port_start=1024")
    if os.geteuid():
        return []
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        pytest.skip("root needs setpriv to give its rights away: apt-get install util-linux")
    return [setpriv, "--bounding-set", "-net_bind_service"]


@on_linux
async def test_without_the_right_to_a_low_port_the_gateway_listens_elsewhere_and_says_so(folder):
    start = without_low_ports()
    low = 700  # another test of the same suite takes from 100 on
    while await connects(low + 8000):
        low += 1
    folder.write("mesh.yaml", *gateway(low, "front"), service("front"), workload("front"))
    try:
        async with started(*start, *COMMAND, "up", folder=folder.path) as up:
            await up.prints(f"ready: 1 workloads, 2 proxies; gateway: http://127.0.0.1:{low + 8000}")
            assert (await ask(low + 8000))[0] == 200
            assert f"port-moved: Gateway default/way-in: port {low} listens on {low + 8000}" in up.output
    finally:
        folder.forget_sockets()


@pytest.mark.parametrize(
    ("options", "environment", "said"),
    [
        pytest.param(["--envoy", "/no/such/envoy"], {}, "--envoy names /no/such/envoy", id="no-envoy"),
        pytest.param(
            [], {"PIDALIO_ENVOY": "/no/such/envoy"}, "PIDALIO_ENVOY names /no/such/envoy", id="no-envoy-in-environment"
        ),
        pytest.param(
            ["--envoy", "./other-envoy"], {}, "is Envoy 1.31.2, Pidalio compiles for 1.40", id="other-version"
        ),
        pytest.param(["--envoy", sys.executable], {}, "is not Envoy", id="not-envoy"),
    ],
)
async def test_envoy_that_cannot_be_used_is_one_line(folder, port, options, environment, said):
    other = folder.path / "other-envoy"
    other.write_text("#!/bin/sh\necho 'envoy  version: abc/1.31.2/Clean/RELEASE/BoringSSL'\n")
    other.chmod(0o755)
    async with pidalio("up", *options, folder=folder.path, environment=environment) as up:
        assert await up.ends() == 1
    assert said in one_line(up.output)
    assert not (folder.path / ".pidalio" / discovery.POINTER).exists()


async def test_folder_without_a_mesh_is_one_line(tmp_path):
    async with pidalio("up", folder=tmp_path) as up:
        assert await up.ends() == 2
    assert "make a first mesh with `pidalio init`" in one_line(up.output)


async def test_first_folder_of_init_runs(tmp_path):
    async with pidalio("init", "first", folder=tmp_path) as init:
        assert await init.ends() == 0
    first, number = tmp_path / "first", free_port()
    path = first / "mesh" / "gateway.yaml"
    path.write_text(path.read_text().replace("number: 8080", f"number: {number}"))
    async with pidalio("up", "mesh", folder=first) as up:
        await up.prints("ready: ")
        status, answer = await ask(number)
        assert status == 200, answer
        up.signal(signal.SIGINT)
        assert await up.ends() == 0


async def test_init_overwrites_nothing(tmp_path):
    (tmp_path / "first").mkdir()
    (tmp_path / "first" / "app.py").write_text("mine")
    async with pidalio("init", "first", folder=tmp_path) as init:
        assert await init.ends() == 1
    assert "app.py is there already" in one_line(init.output)
    assert [path.name for path in (tmp_path / "first").iterdir()] == ["app.py"]


def one_line(output: str) -> str:
    """Return what was printed, which must be one line."""
    lines = output.strip().splitlines()
    assert len(lines) == 1, output
    return lines[0]
