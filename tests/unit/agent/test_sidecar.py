"""One instance, real application and real Envoy: it is known when it serves, and gone before callers notice."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import httpx
import pytest
from tests.ports import free_port

from pidalio.agent.addresses import AddressPool
from pidalio.agent.envoy_process import EnvoyFiles, EnvoyOptions, EnvoyProcess
from pidalio.agent.sidecar import ControlPlane, Patience, Sidecar, SidecarFiles
from pidalio.agent.workload import WorkloadProcess, contract_of
from pidalio.api.local_workload import WorkloadPort
from pidalio.api.workload_entry import HTTPHealthCheckConfig, ReadinessProbe
from pidalio.ir import ProcessPlan
from pidalio.model import Health, ObjectRef
from pidalio.platforms.local.workloads import LocalInstance

from .conftest import cluster_to, connects, listener, static_bootstrap, until

pytestmark = pytest.mark.envoy

SERVER = """
import http.server, os, pathlib, signal, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        well = self.path != "/health" or not pathlib.Path(sys.argv[1]).exists()
        body = f"pid {os.getpid()}".encode()
        self.send_response(200 if well else 500)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args): pass
http.server.ThreadingHTTPServer((os.environ["HOST"], int(os.environ.get("BAD_PORT") or os.environ["PORT"])), Handler).serve_forever()
"""


class Recorded:
    """The control plane as a list of what it was told."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Health | None]] = []
        self.reports: list = []

    async def register(self, row) -> None:
        self.events.append((row.name, row.health))

    async def deregister(self, row) -> None:
        self.events.append((row.name, None))

    @property
    def last(self):
        return self.events[-1] if self.events else None

    def codes(self) -> list[str]:
        return [report.code for report in self.reports]


@pytest.fixture
def pool(tmp_path):
    pool = AddressPool(tmp_path)
    yield pool
    pool.close()


@pytest.fixture
async def make(processes, run_folder, envoy_executable, pool, tmp_path):
    """Start sidecars; what is left at the end is cancelled."""
    running: list[asyncio.Task] = []

    async def start(process=ProcessPlan, **changes) -> tuple[Sidecar, Recorded]:
        given = {
            "object": ObjectRef("LocalWorkload", "default", "reviews"),
            "index": 0,
            "command": (sys.executable, "-c", SERVER, str(tmp_path / "sick")),
            "ports": (WorkloadPort(name="http", port=free_port()),),
        }
        instance = LocalInstance(**(given | changes))
        where = pool.lease(instance.id, instance.port_numbers)
        app_ports = {port: pool.app_port(instance.id, port) for port in instance.port_numbers}
        envoy = EnvoyFiles(run_folder / "e.json", run_folder / "e.sock", run_folder / "e.log")
        port = instance.port_numbers[0]
        to_app = {"route": {"cluster": "app"}}
        bootstrap = static_bootstrap(
            envoy.admin,
            [listener("in", where.address, where.bound(port), route=to_app)],
            [cluster_to("app", "127.0.0.1", app_ports[port])],
        )
        control = Recorded()
        sidecar = Sidecar(
            instance,
            where,
            contract_of(instance, where, app_ports),
            lambda _: bootstrap,
            options=EnvoyOptions(envoy_executable, drain_seconds=1),
            files=SidecarFiles(envoy, run_folder / "app.log", tmp_path),
            processes=processes,
            control=ControlPlane(control.register, control.deregister, control.reports.append),
            process=process,
            patience=Patience(drain=5, stop=5, misplaced=0.2, listening=1.5),
        )
        running.append(asyncio.create_task(sidecar.run()))
        return sidecar, control

    yield start
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


def address_of(sidecar: Sidecar) -> tuple[str, int]:
    return sidecar.where.address, sidecar.where.bound(sidecar.instance.port_numbers[0])


async def ask(sidecar: Sidecar) -> str:
    address, port = address_of(sidecar)
    async with httpx.AsyncClient(trust_env=False) as client:
        return (await client.get(f"http://{address}:{port}/")).text


async def pid_of(sidecar: Sidecar) -> int:
    return int((await ask(sidecar)).removeprefix("pid "))


async def registered(sidecar: Sidecar) -> None:
    async with asyncio.timeout(30):
        await sidecar.registered.wait()


async def test_is_registered_once_it_serves(make):
    sidecar, control = await make()
    await registered(sidecar)
    assert control.events == [("reviews-0", Health.HEALTHY)]
    assert (await ask(sidecar)).startswith("pid ")


async def test_one_whose_ports_are_its_own_is_announced_before_callers_come(make):
    """Its Envoy learns from the row where to listen."""
    sidecar, control = await make(stated_ports=(("http", 9080),))
    await registered(sidecar)
    assert control.events == [("reviews-0", Health.UNHEALTHY), ("reviews-0", Health.HEALTHY)]


async def test_ended_application_is_refused_reported_gone_and_comes_back(make):
    sidecar, control = await make()
    await registered(sidecar)
    before = await pid_of(sidecar)
    refused: list[bool] = []
    tell = sidecar.control.deregister

    async def deregister(row) -> None:
        refused.append(not await connects(*address_of(sidecar)))
        await tell(row)

    sidecar.control = ControlPlane(sidecar.control.register, deregister, sidecar.control.report)
    os.kill(before, signal.SIGKILL)
    await until(lambda: control.last == ("reviews-0", None))
    assert refused == [True]
    await registered(sidecar)
    assert control.last == ("reviews-0", Health.HEALTHY)
    assert await pid_of(sidecar) != before
    assert "workload-ended" in control.codes()
    assert "was ended by signal 9" in control.reports[0].message


async def test_ended_envoy_is_unhealthy_and_comes_back(make):
    sidecar, control = await make()
    await registered(sidecar)
    os.kill(sidecar.supervisor.envoy._process.pid, signal.SIGKILL)
    await until(lambda: control.events[-2:] == [("reviews-0", Health.UNHEALTHY), ("reviews-0", Health.HEALTHY)])
    assert (await ask(sidecar)).startswith("pid ")
    assert control.codes() == ["envoy-ended"]


async def test_failing_probe_is_reported_and_recovers(make, tmp_path):
    probe = ReadinessProbe(period_seconds=1, failure_threshold=1, http_get=HTTPHealthCheckConfig(path="/health"))
    sidecar, control = await make(probe=probe)
    await registered(sidecar)
    (tmp_path / "sick").touch()
    await until(lambda: control.last == ("reviews-0", Health.UNHEALTHY))
    assert control.reports[-1].code == "workload-unhealthy"
    assert "status 500" in control.reports[-1].message
    (tmp_path / "sick").unlink()
    await until(lambda: control.last == ("reviews-0", Health.HEALTHY))


async def test_one_that_flaps_is_held_back_and_says_so(make, tmp_path, monkeypatch):
    monkeypatch.setattr("pidalio.model.damping.FREE", 0)
    monkeypatch.setattr("pidalio.model.damping.FIRST", 1.5)
    probe = ReadinessProbe(period_seconds=1, failure_threshold=1, http_get=HTTPHealthCheckConfig(path="/health"))
    sidecar, control = await make(probe=probe)
    await registered(sidecar)
    (tmp_path / "sick").touch()
    await until(lambda: control.last == ("reviews-0", Health.UNHEALTHY))
    (tmp_path / "sick").unlink()
    await until(lambda: control.reports[-1].code == "workload-flapping")
    assert control.last == ("reviews-0", Health.UNHEALTHY)
    assert "failed it 1 times within 10 minutes: it takes no traffic until it was well for 1.5 s" in (
        control.reports[-1].message
    )
    assert sidecar.word.health is Health.UNHEALTHY
    assert "answers again" in sidecar.word.reason
    assert sidecar.problem is control.reports[-1]
    await registered(sidecar)
    assert (sidecar.word.health, sidecar.word.reason, sidecar.problem) == (Health.HEALTHY, "", None)


async def test_stop_leaves_the_mesh_first_and_frees_every_port(make):
    sidecar, control = await make()
    await registered(sidecar)
    serving: list[bool] = []
    tell = sidecar.control.deregister

    async def deregister(row) -> None:
        serving.append(await connects(*address_of(sidecar)))
        await tell(row)

    sidecar.control = ControlPlane(sidecar.control.register, deregister, sidecar.control.report)
    await sidecar.stop()
    assert serving == [True]
    assert control.last == ("reviews-0", None)
    assert not await connects(*address_of(sidecar))
    assert not await connects("127.0.0.1", sidecar.contract.ports[0][1])


async def test_workload_that_ignores_port_is_found(make):
    elsewhere = free_port()
    sidecar, control = await make(environment=(("BAD_PORT", str(elsewhere)),))
    await until(lambda: control.reports)
    (report,) = control.reports
    assert report.code == "workload-ignores-port"
    told = sidecar.contract.ports[0][1]
    assert f"listens on 127.0.0.1:{elsewhere} and not on 127.0.0.1:{told}" in report.message
    assert "\n" not in report.message
    assert control.events == []


async def test_command_that_is_not_there_is_one_line(make):
    sidecar, control = await make(command=("no-such-command",))
    await until(lambda: control.reports)
    assert control.codes()[0] == "workload-ended"
    assert "cannot be started: no-such-command: No such file" in control.reports[0].message
    assert "correct spec.command" in control.reports[0].message
    assert sidecar.problem == control.reports[-1], "it stands"
    assert sidecar.supervisor.envoy is not None
    await sidecar.stop(drain=False)


async def test_folder_that_is_not_there_names_its_field(make):
    sidecar, control = await make(working_directory="/no/such/folder")
    await until(lambda: control.reports)
    assert "/no/such/folder: No such file or directory: correct spec.workingDirectory" in control.reports[0].message
    await sidecar.stop(drain=False)


async def test_application_that_listens_nowhere_is_told_until_it_does(make, tmp_path):
    late = f"import os, time\nwhile not os.path.exists({str(tmp_path / 'go')!r}): time.sleep(0.05)\n{SERVER}"
    sidecar, control = await make(command=(sys.executable, "-c", late, str(tmp_path / "sick")))
    await until(lambda: control.reports)
    assert control.codes() == ["workload-not-listening"]
    assert sidecar.problem == control.reports[0]
    (tmp_path / "go").touch()
    await registered(sidecar)
    assert sidecar.problem is None
    await sidecar.stop(drain=False)


async def test_application_of_somebody_else_is_attended(make):
    """No command: the proxy stands beside what runs already, and follows whether it accepts connections."""
    sidecar, control = await make(command=())
    await until(lambda: control.reports)
    assert ("reviews-0", Health.HEALTHY) not in control.events

    async def serve(reader, writer) -> None:
        writer.write(b"HTTP/1.0 200 OK\r\ncontent-length: 4\r\n\r\nmine")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", sidecar.contract.ports[0][1])
    await registered(sidecar)
    assert await ask(sidecar) == "mine"
    server.close()
    await server.wait_closed()
    await until(lambda: control.last == ("reviews-0", Health.UNHEALTHY))
    await sidecar.stop(drain=False)


def started_with(sidecar: Sidecar) -> tuple[list[str], dict[str, str]]:
    """The command and the environment of the Envoy, as the system has them."""
    process = Path(f"/proc/{sidecar.supervisor.envoy._process.pid}")
    command = process.joinpath("cmdline").read_text().split("\0")
    environment = process.joinpath("environ").read_text().split("\0")
    return command, dict(line.split("=", 1) for line in environment if "=" in line)


def option(command: list[str], name: str) -> str:
    return command[command.index(name) + 1]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_settings_of_the_process_count_from_its_next_start(make):
    plans = [ProcessPlan(concurrency=2, environment=(("OWN", "a"),), drain=3000, flush=700, flush_kilobytes=9)]
    sidecar, control = await make(process=lambda: plans[-1])
    await registered(sidecar)
    command, environment = started_with(sidecar)
    assert option(command, "--concurrency") == "2"
    assert option(command, "--drain-time-s") == "3"
    assert option(command, "--file-flush-interval-msec") == "700"
    assert option(command, "--file-flush-min-size-kb") == "9"
    assert environment["OWN"] == "a"
    assert environment["PATH"] == os.environ["PATH"]

    plans.append(ProcessPlan(concurrency=0))
    assert started_with(sidecar) == (command, environment)
    os.kill(sidecar.supervisor.envoy._process.pid, signal.SIGKILL)
    await until(lambda: control.events[-2:] == [("reviews-0", Health.UNHEALTHY), ("reviews-0", Health.HEALTHY)])
    command, environment = started_with(sidecar)
    assert option(command, "--concurrency") == str(os.cpu_count())
    assert "OWN" not in environment


async def test_application_may_be_held_until_its_envoy_serves(make, monkeypatch):
    order = []
    ready = EnvoyProcess.ready
    begin = WorkloadProcess.start

    async def envoy_ready(self) -> None:
        await ready(self)
        order.append("Envoy serves")

    async def application_starts(self) -> None:
        order.append("application starts")
        await begin(self)

    monkeypatch.setattr(EnvoyProcess, "ready", envoy_ready)
    monkeypatch.setattr(WorkloadProcess, "start", application_starts)
    sidecar, _ = await make(process=lambda: ProcessPlan(holds=True))
    await registered(sidecar)
    assert order == ["Envoy serves", "application starts"]


async def test_settings_say_how_long_callers_have_to_leave(make, monkeypatch):
    asked = []

    async def drain(self, inbound=(), *, at_most_seconds) -> bool:
        asked.append(at_most_seconds)
        return True

    monkeypatch.setattr(EnvoyProcess, "drain", drain)
    sidecar, _ = await make(process=lambda: ProcessPlan(termination=1500))
    await registered(sidecar)
    await sidecar.stop()
    assert asked == [1.5]
