"""Agents under a real control plane: instances come, go, change and die under load, and no request is lost.

The mesh is a caller and a service in replicas, each with its own Envoy; the load goes through the caller's proxy.
"""

import asyncio
import shutil
import tempfile
from collections import Counter
from pathlib import Path

import httpx
import msgspec
import pytest

from pidalio.agent.addresses import AddressPool
from pidalio.agent.envoy_process import EnvoyOptions
from pidalio.agent.fleet import Fleet, Places
from pidalio.agent.processes import Processes
from pidalio.agent.run_directory import RunDirectory
from pidalio.agent.sidecar import ControlPlane as Told
from pidalio.api.load import load
from pidalio.envoy.bootstrap import ads_bootstrap, node
from pidalio.envoy.executable import find_envoy
from pidalio.envoy.protos import to_json
from pidalio.history.sqlite import SqliteHistory
from pidalio.platforms.local.workloads import instances
from pidalio.server.control_plane import ControlPlane
from pidalio.server.proxies import metadata_of
from pidalio.store import tables
from pidalio.xds.server import AdsServer

pytestmark = pytest.mark.envoy

SERVER = """
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        body = os.environ.get("SAY", "").encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args): pass
http.server.ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Handler).serve_forever()
"""

MESH = """
apiVersion: v1
kind: Service
metadata: {name: reviews}
spec:
  selector: {app: reviews}
  ports: [{name: http, port: 9080}]
---
apiVersion: pidalio.dev/v1
kind: LocalWorkload
metadata: {name: reviews}
spec:
  labels: {app: reviews}
  replicas: 3
  command: [python, server.py]
  environment: {SAY: old}
  ports: [{name: http, port: 9080}]
---
apiVersion: pidalio.dev/v1
kind: LocalWorkload
metadata: {name: caller}
spec:
  labels: {app: caller}
  command: [sleep, "600"]
"""


@pytest.fixture
def folder():
    made = Path(tempfile.mkdtemp(prefix="pd", dir="/tmp"))
    (made / "server.py").write_text(SERVER)
    yield made
    shutil.rmtree(made)


@pytest.fixture
async def mesh(folder):
    """A control plane with the fleet of its local workloads."""
    history = await SqliteHistory.open(folder / "history.db")
    control = ControlPlane(history)
    await control.replace_units("files", {"mesh.yaml": load(MESH, "mesh.yaml")}, author="test")
    server = AdsServer(control.ads, f"unix:{folder}/xds.sock")
    await server.start()
    processes, pool = Processes(), AddressPool(folder)

    async def register(row) -> None:
        control.feed("local", {tables.WORKLOADS: {(row.namespace, row.name, "LocalWorkload"): row}})

    async def deregister(row) -> None:
        control.feed("local", {tables.WORKLOADS: {(row.namespace, row.name, "LocalWorkload"): None}})

    def bootstrap(proxy, admin, _) -> str:
        who = node(proxy.id, proxy.name, metadata=metadata_of(proxy))
        return to_json(ads_bootstrap(node=who, xds_address=f"unix://{folder}/xds.sock", admin_path=str(admin)))

    with RunDirectory(folder / "run") as run:
        told = Told(register, deregister, lambda report: None)
        places = Places(run, folder, folder)
        async with Fleet(pool, places, processes, told, bootstrap, EnvoyOptions(find_envoy())) as fleet:
            fleet.objects = list(control.objects("LocalWorkload"))
            fleet.reconcile(fleet.objects)
            async with asyncio.timeout(60):
                await fleet.all_registered()
            yield fleet
    await server.stop()
    await processes.close()
    pool.close()
    await history.close()


async def change(fleet: Fleet, **fields) -> None:
    """Edit the service's workload, and wait until what runs is what is written."""
    edited = [one for one in fleet.objects if one.meta.name == "reviews"]
    others = [one for one in fleet.objects if one.meta.name != "reviews"]
    fleet.objects = [msgspec.structs.replace(one, spec=msgspec.structs.replace(one.spec, **fields)) for one in edited]
    fleet.objects += others
    fleet.reconcile(fleet.objects)
    wanted = {one.id: one for one in instances(fleet.objects)}
    async with asyncio.timeout(60):
        while {each.sidecar.instance for each in fleet.members} != set(wanted.values()):
            await asyncio.sleep(0.02)
        await fleet.all_registered()


class Load:
    """Callers that ask the service through the caller's proxy, and count what they get."""

    def __init__(self, fleet: Fleet) -> None:
        (caller,) = (each for each in fleet.members if each.proxy.name == "caller-0")
        self.proxy = f"http://{caller.proxy.outbound}"
        self.seen: Counter[str] = Counter()

    async def __aenter__(self):
        self.tasks = [asyncio.create_task(self.ask_on()) for _ in range(4)]
        await self.more(50)
        return self

    async def __aexit__(self, *_) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def ask_on(self) -> None:
        async with httpx.AsyncClient(trust_env=False, proxy=self.proxy) as client:
            while True:
                answer = await client.get("http://reviews:9080/")
                self.seen[f"{answer.status_code} {answer.text}"] += 1

    async def more(self, count: int) -> None:
        """Wait until so many more requests were answered."""
        goal = self.seen.total() + count
        async with asyncio.timeout(60):
            while self.seen.total() < goal:
                for task in self.tasks:
                    if task.done():
                        task.result()
                await asyncio.sleep(0.01)


async def test_no_request_is_lost_when_instances_change(mesh):
    async with Load(mesh) as load:
        await change(mesh, replicas=1)
        await load.more(50)
        await change(mesh, replicas=4)
        await load.more(50)
        await change(mesh, environment=(("SAY", "new"),))
        assert set(load.seen) == {"200 old", "200 new"}
        load.seen.clear()
        await load.more(100)
        assert set(load.seen) == {"200 new"}


async def test_dead_instance_costs_at_most_what_it_had_in_hand(mesh):
    """Its callers' requests in flight fail; all later ones are answered by others."""
    async with Load(mesh) as load:
        victim = next(each for each in mesh.members if each.proxy.name == "reviews-0")
        victim.sidecar._app._process.send_signal(9)
        async with asyncio.timeout(30):
            while victim.sidecar.registered.is_set():
                await asyncio.sleep(0)
        await load.more(8)  # what was on its way
        failed = load.seen.total() - load.seen["200 old"]
        await load.more(200)
        assert load.seen.total() - load.seen["200 old"] == failed
        assert failed <= 4 * 4
        async with asyncio.timeout(30):
            await victim.sidecar.registered.wait()
