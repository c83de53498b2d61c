"""An agent on "another machine": mutual TLS to the control plane, registration over HTTP, and life without either."""

import asyncio
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import httpx
import pytest

from pidalio.agent.addresses import AddressPool
from pidalio.agent.certificates import CertificateFiles, create_authority, issue
from pidalio.agent.envoy_process import EnvoyOptions
from pidalio.agent.fleet import sidecar_proxy
from pidalio.agent.relay import Upstream
from pidalio.agent.run_directory import RunDirectory
from pidalio.agent.standalone import AgentPlaces, StandaloneAgent
from pidalio.api.local_workload import WorkloadPort
from pidalio.envoy.bootstrap import ads_bootstrap, node
from pidalio.envoy.executable import find_envoy
from pidalio.envoy.protos import to_json
from pidalio.http.client import Client, Target
from pidalio.http.tls import client_context
from pidalio.model import ObjectRef
from pidalio.platforms.local.workloads import LocalInstance
from pidalio.server.proxies import metadata_of
from pidalio.server.serve import Server
from pidalio.settings import ServerSettings, TlsPaths

pytestmark = pytest.mark.envoy

APP = "import os, http.server as h; h.ThreadingHTTPServer((os.environ['HOST'], int(os.environ['PORT'])), h.SimpleHTTPRequestHandler).serve_forever()"
MESH = """
apiVersion: v1
kind: Service
metadata: {name: reviews}
spec:
  selector: {app: reviews}
  ports: [{name: http, port: 9080}]
"""


@pytest.fixture
def folder():
    made = Path(tempfile.mkdtemp(prefix="pd", dir="/tmp"))
    (made / "mesh").mkdir()
    (made / "mesh" / "mesh.yaml").write_text(MESH)
    yield made
    shutil.rmtree(made)


class Machines:
    """A control plane that can be stopped and started on the same ports, and one agent elsewhere."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.certificates = folder / "certs"
        server = create_authority(self.certificates, ["localhost", "127.0.0.1"])
        self.agent_files: CertificateFiles = issue(self.certificates, "laptop")
        self.tls = TlsPaths(server.certificate, server.key, server.authority)
        self.xds, self.api = "127.0.0.1:0", "127.0.0.1:0"
        self.server: Server | None = None
        self.told: list = []

    async def start_server(self) -> None:
        self.server = Server(
            ServerSettings(
                folder=self.folder,
                files=(str(self.folder / "mesh"),),
                xds_address=self.xds,
                api_address=self.api,
                tls=self.tls,
                run_directory=self.folder / "control",
            )
        )
        await self.server.start()
        self.xds, self.api = self.server.xds_address, self.server.api_address

    async def stop_server(self) -> None:
        server, self.server = self.server, None
        if server is not None:
            await server.stop()

    def client(self) -> Client:
        files = self.agent_files
        context = client_context(TlsPaths(files.certificate, files.key, files.authority))
        return Client(Target(f"https://{self.api}", tls=context))

    def upstream(self) -> Upstream:
        files = self.agent_files
        tls = TlsPaths(files.certificate, files.key, files.authority)
        return Upstream(self.xds, tls, connect_seconds=1, retry_seconds=0.05)


@pytest.fixture
async def machines(folder):
    made = Machines(folder)
    await made.start_server()
    yield made
    await made.stop_server()


@pytest.fixture
async def agent(machines):
    folder = machines.folder
    pool = AddressPool(folder)
    instance = LocalInstance(
        ObjectRef("LocalWorkload", "default", "reviews"),
        0,
        labels=(("app", "reviews"),),
        command=(sys.executable, "-c", APP),
        ports=(WorkloadPort(name="http", port=9080),),
    )
    where = pool.lease(instance.id, instance.port_numbers)
    app_ports = {9080: pool.app_port(instance.id, 9080)}
    proxy = sidecar_proxy(instance, where, app_ports)

    def bootstrap(proxy, xds_address, admin, _) -> str:
        who = node(proxy.id, proxy.name, metadata=metadata_of(proxy))
        return to_json(ads_bootstrap(node=who, xds_address=xds_address, admin_path=str(admin)))

    with RunDirectory(folder / "run") as run:
        made = StandaloneAgent(
            proxy,
            machines.upstream(),
            bootstrap,
            places=AgentPlaces(run, folder, folder),
            options=EnvoyOptions(find_envoy()),
            tell=machines.told.append,
        )
        async with machines.client() as client:
            life = asyncio.create_task(made.run_sidecar(instance, where, app_ports, client))
            async with asyncio.timeout(60):
                await made.serving.wait()
            made.url = f"http://{where.address}:{where.bound(9080)}/"
            yield made
            await made.stop()
            await life
    pool.close()


async def status(url: str) -> int:
    async with httpx.AsyncClient(trust_env=False) as client:
        try:
            return (await client.get(url)).status_code
        except httpx.TransportError:
            return 0


async def until(claim, *, seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while not await claim():
            await asyncio.sleep(0.02)


def rows(machines) -> list[str]:
    return [entry.workload.name for entry in machines.server.registrations.entries()]


async def test_serves_and_is_registered(machines, agent):
    assert await status(agent.url) == 200
    assert rows(machines) == ["reviews-0"]
    assert [stream.node.id for stream in machines.server.control.ads.status()] == [agent.proxy.id]


async def test_lives_through_a_control_plane_that_goes_and_comes_back(machines, agent):
    """The control plane stops; the Envoy dies and serves again; the control plane returns and knows the instance."""
    await machines.stop_server()
    (pid,) = envoys(machines.folder)
    os.kill(pid, signal.SIGKILL)

    async def another_serves() -> bool:
        return pid not in envoys(machines.folder) and await status(agent.url) == 200

    await until(another_serves)
    assert {"control-plane-connected", "control-plane-away"} <= {report.code for report in machines.told}
    (second,) = envoys(machines.folder)

    await machines.start_server()

    async def connected() -> bool:
        return bool(machines.server.control.ads.status()) and rows(machines) == ["reviews-0"]

    await until(connected)
    assert envoys(machines.folder) == {second}
    assert await status(agent.url) == 200


async def test_stop_takes_it_out_of_the_mesh(machines, agent):
    await agent.stop()

    async def gone() -> bool:
        return rows(machines) == []

    await until(gone)
    assert await status(agent.url) == 0


def envoys(folder: Path) -> set[int]:
    """Return the Envoys that were started from a file in the folder."""
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if str(folder).encode() in command and b"--disable-hot-restart" in command:
                found.add(int(entry.name))
    return found
