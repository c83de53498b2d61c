"""`up` starts Envoys as ProxyConfig says, and leaves running ones as they are."""

import os
import signal
import sys
from pathlib import Path

import pytest
from tests.e2e.embedded import gateway, item, running, service, until, workload
from tests.ports import free_port

pytestmark = [pytest.mark.envoy, pytest.mark.slow]


def proxy_config(**spec) -> dict:
    return item("ProxyConfig", "front", spec) | {"apiVersion": "networking.istio.io/v1beta1"}


def workers(supervisor) -> str:
    command = Path(f"/proc/{supervisor.envoy._process.pid}/cmdline").read_text().split("\0")
    return command[command.index("--concurrency") + 1]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_settings_count_from_the_next_start_of_an_envoy(folder):
    folder.write("gateway.yaml", *gateway(free_port(), "front"))
    folder.write("front.yaml", service("front"), workload("front"))
    selected = {"selector": {"matchLabels": {"app": "front"}}}
    folder.write("settings.yaml", proxy_config(**selected, concurrency=2))
    async with running(folder) as mesh:
        (member,) = mesh.mesh.fleet.members
        (way_in,) = mesh.mesh.gateways._agents.values()
        assert workers(member.sidecar.supervisor) == "2"
        assert workers(way_in.supervisor) == "1"

        await mesh.edit("settings.yaml", proxy_config(**selected, concurrency=3))
        assert workers(member.sidecar.supervisor) == "2"
        before = member.sidecar.supervisor.envoy
        os.kill(before._process.pid, signal.SIGKILL)
        supervisor = member.sidecar.supervisor
        await until(lambda: supervisor.ready.is_set() and supervisor.envoy is not before)
        assert workers(supervisor) == "3"
