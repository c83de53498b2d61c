"""Many instances: what runs follows what is written, and what works stays until its successor works."""

import asyncio
import sys

import httpx
import msgspec
import pytest
from tests.ports import free_port

from pidalio.agent.addresses import AddressPool
from pidalio.agent.envoy_process import EnvoyOptions
from pidalio.agent.fleet import Fleet, Places
from pidalio.agent.run_directory import RunDirectory
from pidalio.agent.sidecar import ControlPlane, Patience
from pidalio.api.local_workload import LocalWorkload, WorkloadPort
from pidalio.api.object import Meta, Object
from pidalio.model import Health

from .conftest import cluster_to, connects, listener, static_bootstrap, until

pytestmark = pytest.mark.envoy

SERVER = """
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = os.environ.get("SAY", "").encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args): pass
http.server.ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Handler).serve_forever()
"""


class Rows:
    """The control plane as a table."""

    def __init__(self) -> None:
        self.rows: dict[str, object] = {}
        self.reports: list = []

    async def register(self, row) -> None:
        self.rows[row.name] = row

    async def deregister(self, row) -> None:
        del self.rows[row.name]

    def healthy(self) -> set[str]:
        return {name for name, row in self.rows.items() if row.health is Health.HEALTHY}


@pytest.fixture
async def rows():
    return Rows()


@pytest.fixture
async def fleet(rows, processes, run_folder, envoy_executable, tmp_path):
    pool = AddressPool(tmp_path)

    def bootstrap(proxy, admin, _) -> dict:
        ((port, real),) = proxy.app_ports
        to_app = listener("in", proxy.address, port, route={"route": {"cluster": "app"}})
        return static_bootstrap(admin, [to_app], [cluster_to("app", proxy.app_address, real)])

    control = ControlPlane(rows.register, rows.deregister, rows.reports.append)
    with RunDirectory(run_folder / "run") as run:
        places = Places(run, run_folder, tmp_path)
        options = EnvoyOptions(envoy_executable, drain_seconds=1)
        patience = Patience(drain=5, stop=5, misplaced=5)
        async with Fleet(pool, places, processes, control, bootstrap, options, patience=patience) as fleet:
            yield fleet
    pool.close()


def workload(name: str, **changes) -> Object:
    given = {
        "command": (sys.executable, "-c", SERVER),
        "ports": (WorkloadPort(name="http", port=free_port()),),
        "labels": (("app", name),),
    }
    return Object("LocalWorkload", "pidalio.dev/v1", Meta("default", name), LocalWorkload(**(given | changes)))


def changed(source: Object, **changes) -> Object:
    return msgspec.structs.replace(source, spec=msgspec.structs.replace(source.spec, **changes))


async def answer(row) -> str:
    async with httpx.AsyncClient(trust_env=False) as client:
        return (await client.get(f"http://{row.address}:{dict(row.named_ports)['http']}/")).text


async def registered(fleet) -> None:
    async with asyncio.timeout(30):
        await fleet.all_registered()


async def test_replicas_come_and_go(fleet, rows):
    reviews = workload("reviews", replicas=2)
    fleet.reconcile([reviews])
    await registered(fleet)
    assert rows.healthy() == {"reviews-0", "reviews-1"}
    assert len({row.address for row in rows.rows.values()}) == 2

    fleet.reconcile([changed(reviews, replicas=1)])
    await until(lambda: len(fleet.members) == 1)
    assert set(rows.rows) == {"reviews-0"}


async def test_unchanged_objects_restart_nothing(fleet):
    reviews = workload("reviews")
    fleet.reconcile([reviews])
    await registered(fleet)
    before = fleet.members
    fleet.reconcile([changed(reviews)])
    assert fleet.members == before


async def test_changed_instance_is_replaced_without_a_gap(fleet, rows):
    reviews = workload("reviews", environment=(("SAY", "old"),))
    fleet.reconcile([reviews])
    await registered(fleet)
    answers: list[str] = []
    asking = asyncio.create_task(ask_on(rows, answers))
    fleet.reconcile([changed(reviews, environment=(("SAY", "new"),))])
    await until(lambda: answers and answers[-1] == "new" and len(fleet.members) == 1)
    asking.cancel()
    assert set(answers) == {"old", "new"}


async def test_the_former_generation_serves_until_callers_may_do_without_it(fleet, rows):
    kept, left, may_go = [], [], asyncio.Event()

    async def keep(row) -> None:
        assert rows.rows["reviews-0"] == row  # before its successor takes its place
        kept.append(row)

    async def leave(row) -> None:
        left.append(row)
        await may_go.wait()

    fleet._control = msgspec.structs.replace(fleet._control, keep=keep, leave=leave)
    reviews = workload("reviews", environment=(("SAY", "old"),))
    fleet.reconcile([reviews])
    await registered(fleet)
    assert kept == []
    fleet.reconcile([changed(reviews, environment=(("SAY", "new"),))])
    await until(lambda: left)
    assert kept == left
    assert [await answer(one) for one in (kept[0], rows.rows["reviews-0"])] == ["old", "new"]
    assert len(fleet.members) == 2
    may_go.set()
    await until(lambda: len(fleet.members) == 1)


async def ask_on(rows, answers: list[str]) -> None:
    """Ask whom the mesh knows, again and again; a failure or an absence is an answer of its own."""
    while True:
        row = rows.rows.get("reviews-0")
        answers.append(await answer(row) if row else "absent")
        await asyncio.sleep(0.005)


async def test_command_that_does_not_work_leaves_the_old_one_serving(fleet, rows):
    reviews = workload("reviews", environment=(("SAY", "old"),))
    fleet.reconcile([reviews])
    await registered(fleet)
    fleet.reconcile([changed(reviews, command=("no-such-command",))])
    await until(lambda: rows.reports)
    assert "no-such-command" in rows.reports[0].message
    assert await answer(rows.rows["reviews-0"]) == "old"

    fleet.reconcile([changed(reviews, environment=(("SAY", "new"),))])
    await until(lambda: len(fleet.members) == 1)
    assert await answer(rows.rows["reviews-0"]) == "new"


async def test_stop_leaves_nothing(fleet, rows):
    fleet.reconcile([workload("reviews"), workload("details")])
    await registered(fleet)
    addresses = [(row.address, dict(row.named_ports)["http"]) for row in rows.rows.values()]
    await fleet.stop()
    await until(lambda: not fleet.members)
    assert rows.rows == {}
    for address, port in addresses:
        assert not await connects(address, port)
