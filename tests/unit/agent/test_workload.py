"""What an application is told, and whether it did as told."""

import asyncio
import sys

import pytest
from tests.ports import free_port

from pidalio.agent.workload import AppContract, WorkloadProcess, expanded
from pidalio.api.local_workload import WorkloadPort
from pidalio.model import ObjectRef
from pidalio.platforms.local.workloads import LocalInstance

CONTRACT = AppContract(((9080, 20001), (9090, 20002)), "127.9.9.1:15001")


def instance(**changes) -> LocalInstance:
    ports = (WorkloadPort(name="http", port=9080), WorkloadPort(name="grpc-admin", port=9090))
    return LocalInstance(ObjectRef("LocalWorkload", "default", "reviews"), 0, **({"ports": ports} | changes))


def test_application_is_told_where_to_listen_and_how_to_call():
    told = CONTRACT.environment(instance(), {"PATH": "/bin", "http_proxy": "http://other:1", "PORT": "1"})
    assert told["PATH"] == "/bin"
    assert (told["HOST"], told["PORT"]) == ("127.0.0.1", "20001")
    assert (told["PORT_HTTP"], told["PORT_GRPC_ADMIN"]) == ("20001", "20002")
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY"):
        assert told[name] == "http://127.9.9.1:15001"
    assert told["no_proxy"] == told["NO_PROXY"] == "localhost,127.0.0.1,::1"


def test_own_environment_wins_and_may_refer_to_ours():
    told = CONTRACT.environment(instance(environment=(("URL", "http://$(HOST):$(PORT)/"), ("no_proxy", "*"))), {})
    assert told["URL"] == "http://127.0.0.1:20001/"
    assert told["no_proxy"] == "*"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("--port=$(PORT)", "--port=20001"),
        ("$(PORT)$(PORT)", "2000120001"),
        ("$(UNKNOWN)", "$(UNKNOWN)"),
        ("$$(PORT)", "$(PORT)"),
        ("$PORT ${PORT}", "$PORT ${PORT}"),
    ],
)
def test_expansion(text, value):
    assert expanded(text, {"PORT": "20001"}) == value


@pytest.fixture
async def start(processes, tmp_path):
    async def run(script: str, port: int) -> WorkloadProcess:
        one = instance(command=(sys.executable, "-c", script, "$(PORT)"), ports=(WorkloadPort(name="http", port=9080),))
        contract = AppContract(((9080, port),), "")
        process = WorkloadProcess(one, contract, processes, log=tmp_path / "log", root=tmp_path)
        await process.start()
        return process

    return run


LISTEN = (
    "import socket, sys, time; s = socket.create_server(('{host}', {port})); print('up', flush=True); time.sleep(600)"
)


async def test_listening_is_noticed(start):
    process = await start(LISTEN.format(host="127.0.0.1", port="int(sys.argv[1])"), free_port())
    async with asyncio.timeout(10):
        await process.listening()
    assert process.is_running


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/net/tcp")
@pytest.mark.parametrize(("host", "shown"), [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "0.0.0.0")])
async def test_other_port_is_found_and_named(start, host, shown):
    elsewhere, told = free_port(), free_port()
    process = await start(LISTEN.format(host=host, port=elsewhere), told)
    async with asyncio.timeout(10):
        report = await process.misplaced(after_seconds=0.05)
    assert report.message.startswith(f"reviews-0 listens on {shown}:{elsewhere} and not on 127.0.0.1:{told}")
    assert report.object == process.instance.object


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/net/tcp")
async def test_right_port_on_another_address_is_found(start):
    told = free_port()
    process = await start(LISTEN.format(host="127.0.0.2", port="int(sys.argv[1])"), told)
    async with asyncio.timeout(10):
        report = await process.misplaced(after_seconds=0.05)
    assert f"127.0.0.2:{told}" in report.message


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/net/tcp")
async def test_all_addresses_are_fine(start):
    process = await start(LISTEN.format(host="0.0.0.0", port="int(sys.argv[1])"), free_port())
    await process.listening()
    async with asyncio.timeout(10):
        assert await process.misplaced(after_seconds=0) is None
