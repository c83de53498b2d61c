"""The control plane is killed and started again: traffic goes on, and nothing is sent that did not change."""

import contextlib
import os
import signal
import sys
from pathlib import Path

import pytest
from tests.e2e.commands import pidalio, processes_in, started
from tests.e2e.embedded import ROOT, gateway, load, routes, serves, service, subsets, to, until
from tests.ports import free_port

from pidalio.http import discovery

pytestmark = [
    pytest.mark.envoy,
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="needs an address for each agent"),
]
NAMES = ("ingressgateway.default", "front-v1-0.default", "reviews-v1-0.default", "reviews-v2-0.default")


def control_plane(folder):
    script = ROOT / "tests/e2e/control_plane.py"
    return started(sys.executable, script, folder.path, folder.path / "mesh", folder=folder.path)


def workload(folder, name: str, version: str, address: str, **environment: str):
    said = ["--labels", f"app={name},version={version}", "--port", "http=9080", "--address", address]
    command = ["--outbound", f"{address}:15001", "--", sys.executable, "app.py"]
    environment |= {"SERVICE": name, "VERSION": version}
    return pidalio(
        "agent", "--workload", f"{name}-{version}-0", *said, *command, folder=folder.path, environment=environment
    )


@pytest.fixture
def port(folder):
    (folder.path / "mesh").mkdir()
    number = free_port()
    folder.write("mesh/gateway.yaml", *gateway(number, "front"))
    folder.write("mesh/services.yaml", service("front"), service("reviews"), subsets("reviews", "v1", "v2"))
    folder.write("mesh/routes.yaml", routes("reviews", {"route": [to("reviews", "v1")]}))
    yield number
    folder.forget_sockets(*NAMES)


@contextlib.asynccontextmanager
async def agents(folder):
    """Run a gateway and three workloads, each with an agent of its own; yield a subnet's worth of nothing shared."""
    subnet = f"127.{os.getpid() % 200 + 20}.{free_port() % 250}"
    calls = {"CALLS": "reviews=http://reviews:9080"}
    async with (
        pidalio("agent", "--gateway", "istio=ingressgateway", folder=folder.path) as edge,
        workload(folder, "front", "v1", f"{subnet}.1", **calls) as front,
        workload(folder, "reviews", "v1", f"{subnet}.2") as first,
        workload(folder, "reviews", "v2", f"{subnet}.3") as second,
    ):
        for agent in (edge, front, first, second):
            await agent.prints("ready: ")
        yield


async def test_traffic_goes_on_and_nothing_is_resent(folder, port):
    async with control_plane(folder) as control:
        await control.prints("serving")
        async with agents(folder), load(port) as made:
            await made.from_now_on()
            control.signal(signal.SIGKILL)
            await control.ends()
            await made.more(200)
            async with control_plane(folder) as back:
                for name in NAMES:
                    await back.prints(f"connected {name}")
                await made.more(200)
                assert set(made.outcomes) == {"200 reviews v1"}
                assert "sent " not in back.output

                folder.write("mesh/routes.yaml", routes("reviews", {"route": [to("reviews", "v2")]}))
                await back.prints("sent front-v1-0.default VirtualHost")
                await until(lambda: made.outcomes["200 reviews v2"])
                assert made.failed == {}
                sent = {line.split()[2] for line in back.output.splitlines() if line.startswith("sent ")}
                assert sent == {"VirtualHost"}


async def test_envoy_that_dies_meanwhile_comes_back_with_its_last_configuration(folder, port):
    async with control_plane(folder) as control:
        await control.prints("serving")
        async with agents(folder):
            await serves(port)
            control.signal(signal.SIGKILL)
            await control.ends()

            (envoy,) = envoys(folder.path, "ingressgateway")
            os.kill(envoy, signal.SIGKILL)
            await until(lambda: [pid for pid in envoys(folder.path, "ingressgateway") if pid != envoy])
            await serves(port)


def envoys(folder: Path, name: str) -> list[int]:
    """Return the Envoys of one agent, by the folder of its bootstrap."""
    run = discovery.run_directory(folder / f"{name}.default")
    return [pid for pid, line in processes_in(run).items() if "--disable-hot-restart" in line]
