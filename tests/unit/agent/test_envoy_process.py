"""One real Envoy: ready when it serves, refuses when told, drains, stops, and tells why it failed."""

import asyncio
import stat

import httpx
import pytest
from tests.ports import free_port

from pidalio.agent.envoy_process import EnvoyFiles, EnvoyOptions, EnvoyProcess
from pidalio.errors import EnvoyError, EnvoyExited, EnvoyUnresponsive

from .conftest import connects, listener, static_bootstrap

pytestmark = pytest.mark.envoy


@pytest.fixture
async def envoy(processes, run_folder, envoy_executable):
    files = EnvoyFiles(run_folder / "e.json", run_folder / "e.sock", run_folder / "e.log")
    process = EnvoyProcess("reviews-0", EnvoyOptions(envoy_executable, drain_seconds=1), files, processes)
    yield process
    await process.stop()


async def test_serves_once_ready(envoy):
    port = free_port()
    await envoy.start(static_bootstrap(envoy.files.admin, [listener("in", "127.0.0.1", port)]))
    async with asyncio.timeout(20):
        await envoy.ready()
    assert await envoy.admin.listeners() == {"in": ("127.0.0.1", port)}
    async with httpx.AsyncClient(trust_env=False) as client:
        assert (await client.get(f"http://127.0.0.1:{port}/")).text == "<in>"


async def test_admin_is_a_private_socket(envoy):
    await envoy.start(static_bootstrap(envoy.files.admin, []))
    await envoy.ready()
    assert stat.S_IMODE(envoy.files.admin.stat().st_mode) == 0o600
    assert stat.S_IMODE(envoy.files.bootstrap.stat().st_mode) == 0o600


async def test_closed_inbound_refuses_and_outbound_goes_on(envoy):
    inbound, outbound = free_port(), free_port()
    listeners = [listener("in", "127.0.0.1", inbound), listener("out", "127.0.0.1", outbound, "OUTBOUND")]
    await envoy.start(static_bootstrap(envoy.files.admin, listeners))
    await envoy.ready()
    assert await connects("127.0.0.1", inbound)
    assert await envoy.close_inbound([("127.0.0.1", inbound)])
    assert not await connects("127.0.0.1", inbound)
    assert await connects("127.0.0.1", outbound)


async def test_connections_in_use_survive_the_closing(envoy):
    """A connection in use when the listener closes serves its next request too."""
    port = free_port()
    await envoy.start(static_bootstrap(envoy.files.admin, [listener("in", "127.0.0.1", port)]))
    await envoy.ready()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
    assert (await reader.readuntil(b"<in>")).startswith(b"HTTP/1.1 200")
    await envoy.close_inbound([("127.0.0.1", port)])
    writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
    assert (await reader.readuntil(b"<in>")).lstrip().startswith(b"HTTP/1.1 200")
    writer.close()


async def test_drain_waits_for_callers_and_not_for_calls_of_the_workload(envoy):
    inbound, outbound = free_port(), free_port()
    listeners = [listener("in", "127.0.0.1", inbound), listener("out", "127.0.0.1", outbound, "OUTBOUND")]
    await envoy.start(static_bootstrap(envoy.files.admin, listeners))
    await envoy.ready()
    writers = []
    for port, text in ((inbound, b"<in>"), (outbound, b"<out>")):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        await reader.readuntil(text)
        writers.append(writer)
    callers = [("127.0.0.1", inbound)]
    assert not await envoy.drain(callers, at_most_seconds=0.1)
    writers[0].close()
    assert await envoy.drain(callers, at_most_seconds=20)
    assert not await envoy.drain(at_most_seconds=0.1)
    writers[1].close()


async def test_refused_bootstrap_is_quoted(envoy):
    await envoy.start({"node": {"id": "x"}, "no_such_field": 1})
    with pytest.raises(EnvoyExited, match=r"Envoy of reviews-0 exited with 1: .*no_such_field"):
        await envoy.ready()


async def test_missing_executable_is_named(processes, run_folder):
    files = EnvoyFiles(run_folder / "e.json", run_folder / "e.sock", run_folder / "e.log")
    process = EnvoyProcess("reviews-0", EnvoyOptions(run_folder / "no-envoy"), files, processes)
    with pytest.raises(EnvoyError, match="no-envoy: No such file"):
        await process.start({})
    await process.stop()


async def test_dynamic_is_not_ready_before_an_answer(envoy):
    """Static listeners alone do not count when the configuration is to come from a control plane."""
    await envoy.start(static_bootstrap(envoy.files.admin, []))
    await envoy.ready()
    assert not await envoy.admin.has_applied(dynamic=True)


async def test_gone_envoy_gives_no_answer(envoy):
    await envoy.start(static_bootstrap(envoy.files.admin, []))
    await envoy.ready()
    await envoy.stop()
    assert not await envoy.close_inbound([])
    with pytest.raises(EnvoyUnresponsive):
        await envoy.admin.is_live()
