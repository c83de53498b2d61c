"""`kill -9` of the process that runs a mesh's instances leaves no process and no port behind."""

import asyncio
import json
import shutil
import socket
import sys
import tempfile
from pathlib import Path

import pytest
from tests.ports import free_port

pytestmark = [pytest.mark.envoy, pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")]

MESH = """
import asyncio, json, sys
from pathlib import Path

from pidalio.agent.addresses import AddressPool
from pidalio.agent.envoy_process import EnvoyOptions
from pidalio.agent.fleet import Fleet, Places
from pidalio.agent.processes import Processes
from pidalio.agent.run_directory import RunDirectory
from pidalio.agent.sidecar import ControlPlane
from pidalio.api.local_workload import LocalWorkload, WorkloadPort
from pidalio.api.object import Meta, Object
from pidalio.envoy.executable import find_envoy

SERVER = "import os, http.server as h; h.HTTPServer((os.environ['HOST'], int(os.environ['PORT'])), h.BaseHTTPRequestHandler).serve_forever()"
# A shell that stays, with a child in a session of its own: the command line of many a start script.
COMMAND = ("sh", "-c", f'setsid sleep 600 & {sys.executable} -c "$SERVER"; exit 1')

def bootstrap(proxy, admin, _):
    ((port, _),) = proxy.app_ports
    reply = {"@type": "type.googleapis.com/envoy.extensions.filters.network.direct_response.v3.Config"}
    return {
        "admin": {"address": {"pipe": {"path": str(admin), "mode": 384}}},
        "static_resources": {"listeners": [{
            "name": "in",
            "traffic_direction": "INBOUND",
            "address": {"socket_address": {"address": proxy.address, "port_value": port}},
            "filter_chains": [{"filters": [{"name": "reply", "typed_config": reply}]}],
        }]},
    }

async def main():
    folder = Path(sys.argv[1])
    rows = []
    async def register(row): rows.append(row)
    async def deregister(row): pass
    control = ControlPlane(register, deregister, lambda report: print(report.message, file=sys.stderr))
    ports = (WorkloadPort(name="http", port=int(sys.argv[2])),)
    spec = LocalWorkload(replicas=2, command=COMMAND, ports=ports, environment=(("SERVER", SERVER),))
    processes = Processes()
    places = Places(RunDirectory(folder / "run"), folder, folder)
    options = EnvoyOptions(find_envoy())
    async with Fleet(AddressPool(folder), places, processes, control, bootstrap, options) as fleet:
        fleet.reconcile([Object("LocalWorkload", "pidalio.dev/v1", Meta("default", "a"), spec)])
        await fleet.all_registered()
        apps = [port for member in fleet.members for _, port in member.sidecar.contract.ports]
        told = {"rows": [(row.address, dict(row.named_ports)["http"]) for row in rows], "apps": apps}
        print(json.dumps(told), flush=True)
        await asyncio.sleep(600)

asyncio.run(main())
"""


@pytest.fixture
def folder():
    made = Path(tempfile.mkdtemp(prefix="pd", dir="/tmp"))
    yield made
    shutil.rmtree(made)


def descendants(root: int) -> set[int]:
    """Return every process below `root`, found through /proc."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if fields[0] != "Z":
                parents[int(entry.name)] = int(fields[1])
    found, open_pids = set(), {root}
    while open_pids:
        open_pids = {pid for pid, parent in parents.items() if parent in open_pids} - found
        found |= open_pids
    return found


def started_at(pid: int) -> str | None:
    """Return when a living process started: with its number it names it for good."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] == "Z" else fields[19]


def can_bind(address: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
        return True


async def test_kill_nine_leaves_no_process_and_no_port(folder):
    port = free_port()
    mesh = await asyncio.create_subprocess_exec(
        sys.executable, "-c", MESH, str(folder), str(port), stdout=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(60):
        told = json.loads(await mesh.stdout.readline())
    listening = [tuple(each) for each in told["rows"]] + [("127.0.0.1", each) for each in told["apps"]]
    assert len(listening) == 4
    assert not any(can_bind(*each) for each in listening)
    family = {pid: started_at(pid) for pid in descendants(mesh.pid)}
    assert len(family) >= 1 + 2 * 4  # the guard; per instance an Envoy, a shell, its server and what left its group

    mesh.kill()
    await mesh.wait()
    async with asyncio.timeout(20):
        while any(started_at(pid) == begun for pid, begun in family.items()):
            await asyncio.sleep(0.01)
    assert all(can_bind(*each) for each in listening)
