"""Real Envoys started by hand, as `examples/vm` has them, under two control planes that share an etcd, with traffic."""

import asyncio
import contextlib
import shutil
import signal
from pathlib import Path

import pytest
import yaml
from tests.e2e.commands import pidalio, started
from tests.e2e.embedded import Folder
from tests.platforms.servers.etcd import Etcd
from tests.platforms.steering import Steering
from tests.ports import free_ports

from pidalio.api.load import load
from pidalio.envoy.executable import find_envoy

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "vm"


class Machine:
    """A VM: a program, and the example's Envoy beside it with what its README says to change."""

    def __init__(self, folder: Path, name: str, address: str, planes: tuple[int, ...], app: int, version: str) -> None:
        self.folder, self.name, self.address = folder, name, address
        tree = yaml.safe_load((EXAMPLE / "envoy.yaml").read_text())
        tree["node"]["id"] = f"sidecar~{address}~{name}.default~default.svc.cluster.local"
        tree["node"]["metadata"]["LABELS"]["version"] = version
        tree["node"]["metadata"]["PIDALIO"] = {"outbound": f"{address}:15001", "app_ports": {"9080": app}}
        tree["admin"]["address"]["pipe"]["path"] = str(folder / f"{name}.sock")
        (cluster,) = tree["static_resources"]["clusters"]
        for one, port in zip(cluster["load_assignment"]["endpoints"][0]["lb_endpoints"], planes, strict=True):
            one["endpoint"]["address"]["socket_address"] = {"address": "127.0.0.1", "port_value": port}
        self.file = folder / f"{name}.yaml"
        self.file.write_text(yaml.safe_dump(tree))
        self.stack = contextlib.AsyncExitStack()

    async def start(self) -> None:
        command = (find_envoy(), "-c", self.file, "--disable-hot-restart", "--concurrency", "1", "-l", "warning")
        self.process = await self.stack.enter_async_context(started(*command, folder=self.folder))

    async def kill(self) -> None:
        self.process.signal(signal.SIGKILL)
        await self.stack.aclose()


@pytest.mark.envoy
@pytest.mark.platform("etcd")
async def test_machines_come_move_and_go_under_traffic(tmp_path):
    """No request is lost while control planes are killed one after the other; a machine that ends leaves the pool."""
    ports, folder = tuple(free_ports(2)), Folder(tmp_path)
    shutil.copytree(EXAMPLE / "rules", folder.path / "mesh")
    async with Etcd(tmp_path) as etcd, contextlib.AsyncExitStack() as stack:
        shared = ("--registrations", f"etcd={etcd.url}", "--registration-grace", "2")
        other = tmp_path / "other"
        shutil.copytree(EXAMPLE / "rules", other / "mesh")
        serve = ("--xds-address", f"127.0.0.1:{ports[0]}", *shared)

        async def second():
            command = pidalio("serve", "mesh", "--xds-address", f"127.0.0.1:{ports[1]}", *shared, folder=other)
            return await stack.enter_async_context(command)

        mesh = await stack.enter_async_context(Steering(folder, serve=serve))
        plane = await second()
        await plane.prints("ready: ")
        machines = []
        for number, version in ((11, "v1"), (12, "v1"), (13, "v2")):
            app = await mesh.instance(version, address="127.0.0.1", port=free_ports(1)[0])
            address = f"{mesh.subnet}.{number}"
            machine = Machine(tmp_path, f"vm-{number}", address, ports, app.port, version)
            stack.push_async_callback(machine.stack.aclose)
            await machine.start()
            machines.append(machine)
        await mesh.knows(*(machine.address for machine in machines))
        await mesh.until_served("reviews", "v1", "v2", port=9080)
        shown = await mesh.ask("platforms")
        assert "by their streams" in shown
        async with mesh.load("reviews", port=9080) as load_:
            await load_.more(100)
            plane.signal(signal.SIGKILL)  # what it heard comes to the other one
            await asyncio.sleep(6)
            await load_.more(100)
            plane = await second()
            await plane.prints("ready: ")
            await mesh.kill_control()  # and now the other way round
            await asyncio.sleep(6)
            await load_.more(100)
            await mesh.start_control()
            await asyncio.sleep(3)
            await mesh.knows(*(machine.address for machine in machines))
            for rules in (folder.path, other):
                written = rules / "mesh" / "reviews.yaml"
                text = written.read_text().replace("weight: 90", "weight: 0").replace("weight: 10", "weight: 100")
                written.write_text(text)
            await mesh.until_served("reviews", "v2", port=9080)
            await load_.more(100)
            assert load_.failed == {}
        await machines[0].kill()
        async with asyncio.timeout(60):
            while machines[0].address in await mesh.ask("status", "--endpoints"):
                await asyncio.sleep(0.2)


def test_the_rules_of_the_example_are_valid():
    found = load((EXAMPLE / "rules" / "reviews.yaml").read_text(), "reviews.yaml")
    assert [report.code for report in found.reports] == []
    assert [one.object.ref.kind for one in found.parsed if one.object] == [
        "Service",
        "WorkloadGroup",
        "DestinationRule",
        "VirtualService",
    ]
