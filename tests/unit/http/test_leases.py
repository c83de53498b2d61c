"""Instances that register themselves: for as long as their lease runs, and across a restart."""

import asyncio
from pathlib import Path

import pytest
from tests.unit.http.embedded import Embedded, warning

from pidalio.api.convert import convert
from pidalio.api.findings import Findings
from pidalio.api.load import load
from pidalio.api.workload_entry import WorkloadGroup
from pidalio.errors import Conflict, NotFound, UsageError
from pidalio.http.leases import Leases
from pidalio.http.wire import Registration, ReportView, WorkloadView
from pidalio.ir import ProcessPlan
from pidalio.model import Health
from pidalio.store import tables
from pidalio.store.guarding import Guard

KEY = ("default", "reviews-0", "Agent")
ROW = WorkloadView("reviews-0", "default", "10.0.0.5", {"app": "reviews"}, {"http": 9080}, moved_ports={80: 8080})


class Feed:
    """The part of a mesh that leases use; `fed` tells when rows came."""

    def __init__(self) -> None:
        self.rows: dict = {}
        self.count = 0
        self.fed = asyncio.Event()
        self.world = self
        self.generation = 0

    def feed(self, source, rows, *, complete=False):
        assert source == "agents"
        self.count += 1
        for key, row in rows[tables.WORKLOADS].items():
            self.rows[key] = row
        self.fed.set()
        return self.count


async def test_an_instance_is_an_endpoint_until_it_leaves(mesh: Embedded) -> None:
    mesh.connect().start()
    answer = await mesh.client.register(Registration(ROW, lease=30))
    assert (answer.id, answer.lease) == ("reviews-0.default", 30)
    row = tables.WORKLOADS.get(mesh.control.world, KEY)
    assert (row.address, row.labels, row.ports, row.moved_ports) == (
        "10.0.0.5",
        (("app", "reviews"),),
        (("http", 9080),),
        ((80, 8080),),
    )
    await mesh.client.deregister("reviews-0", "default")
    assert tables.WORKLOADS.get(mesh.control.world, KEY) is None
    with pytest.raises(NotFound):
        await mesh.client.deregister("reviews-0", "default")


async def test_renewal_changes_nothing_and_a_change_does(mesh: Embedded) -> None:
    first = await mesh.client.register(Registration(ROW))
    assert (await mesh.client.register(Registration(ROW))).generation == first.generation
    ill = WorkloadView("reviews-0", "default", "10.0.0.5", {"app": "reviews"}, health=Health.UNHEALTHY)
    assert (await mesh.client.register(Registration(ill))).generation > first.generation


async def test_an_instance_whose_agent_is_silent_is_gone_when_its_lease_ends() -> None:
    feed = Feed()
    leases = Leases(feed, shortest=0.01)
    leases.register("reviews-0.default", Registration(ROW, lease=0.02))
    assert feed.rows[KEY] is not None
    feed.fed.clear()
    await feed.fed.wait()
    assert (feed.rows[KEY], len(leases)) == (None, 0)


async def test_a_renewed_lease_runs_anew() -> None:
    leases = Leases(Feed(), shortest=0.01)
    leases.register("reviews-0.default", Registration(ROW, lease=0.02))
    first = leases._ends["reviews-0.default"]
    leases.register("reviews-0.default", Registration(ROW, lease=60))
    assert first.cancelled()
    assert leases._ends["reviews-0.default"].when() > first.when() + 50
    leases.close()


async def test_a_restart_takes_nobody_out_of_a_pool(tmp_path: Path) -> None:
    file = tmp_path / "agents.json"
    before = Leases(Feed(), file)
    before.register("reviews-0.default", Registration(ROW, lease=60))
    before.close()
    feed = Feed()
    after = Leases(feed, file)
    after.restore()
    assert feed.rows[KEY] == ROW.row()
    assert file.stat().st_mode & 0o777 == 0o600
    after.deregister("reviews-0.default")
    again = Leases(Feed(), file)
    again.restore()
    assert len(again) == 0


async def test_a_damaged_file_is_no_reason_not_to_start(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "agents.json"
    file.write_text("{")
    leases = Leases(Feed(), file)
    leases.restore()
    assert len(leases) == 0
    assert "not restored" in caplog.text


async def test_a_full_disk_does_not_refuse_an_instance(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    feed = Feed()
    leases = Leases(feed, tmp_path / "missing" / "agents.json")
    leases.register("reviews-0.default", Registration(ROW, lease=60))
    assert feed.rows[KEY] == ROW.row()
    assert "not kept" in caplog.text
    leases.close()


async def test_an_identity_keeps_what_it_registered() -> None:
    leases = Leases(Feed())
    leases.register("reviews-0.default", Registration(ROW, lease=60), "spiffe://a")
    for attempt in (
        lambda: leases.register("reviews-0.default", Registration(ROW), "spiffe://b"),
        lambda: leases.deregister("reviews-0.default", "spiffe://b"),
    ):
        with pytest.raises(Conflict, match="spiffe://a"):
            attempt()
    leases.close()


@pytest.mark.parametrize(("identity", "lease"), [("other.default", 30.0), ("reviews-0.default", 0.0)])
async def test_what_makes_no_sense_is_refused(identity: str, lease: float) -> None:
    with pytest.raises(UsageError):
        Leases(Feed()).register(identity, Registration(ROW, lease=lease))


async def test_what_an_agent_tells_stands_in_status(mesh: Embedded) -> None:
    told = ReportView.of(warning("reviews-0 listens on 127.0.0.1:8081"))
    await mesh.client.register(Registration(ROW, reports=(told,)))
    status = await mesh.client.status()
    assert told in status.reports
    assert [(one.name, one.instances) for one in status.platforms] == [("files", 0), ("agents", 1)]


async def test_a_body_of_another_form_is_a_bad_request(mesh: Embedded) -> None:
    answer = await mesh.http.put("/v1/workloads/x.default", content=b'{"workload": 1}')
    assert answer.status_code == 400
    assert "workload" in answer.json()["message"]


async def test_an_agent_learns_how_its_envoy_is_to_be_started(mesh: Embedded) -> None:
    config = (
        "apiVersion: networking.istio.io/v1beta1\nkind: ProxyConfig\nmetadata: {name: reviews}\n"
        "spec: {selector: {matchLabels: {app: reviews}}, concurrency: 2, environmentVariables: {A: b}}\n"
    )
    await mesh.apply(config)
    assert await mesh.client.process("default", (("app", "reviews"), ("version", "v1"))) == ProcessPlan(
        concurrency=2, environment=(("A", "b"),)
    )
    assert await mesh.client.process("default", (("app", "other"),)) == ProcessPlan()
    assert await mesh.client.process("elsewhere", (("app", "reviews"),)) == ProcessPlan()


GROUP = """
apiVersion: networking.istio.io/v1
kind: WorkloadGroup
metadata: {name: reviews}
spec:
  metadata: {annotations: {proxy.istio.io/config: "concurrency: 5"}}
  template: {labels: {app: reviews}, ports: {http: 9080}}
  probe: {httpGet: {path: /health, port: 9080}}
"""


async def test_an_agent_learns_what_its_group_says(mesh: Embedded) -> None:
    await mesh.apply(GROUP)
    tree = await mesh.client.group("default", "reviews")
    (written,) = load(GROUP, "group.yaml").parsed
    assert written.object is not None
    assert convert(WorkloadGroup, tree["spec"], None, Findings()) == written.object.spec
    assert (await mesh.client.process("default", (), "reviews")).concurrency == 5
    with pytest.raises(NotFound, match="no WorkloadGroup other in namespace default"):
        await mesh.client.group("default", "other")


class Several:
    """Leases of some agents under a clock that is set; `renew` is a call of an agent, `end` the end of its lease."""

    def __init__(self, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.time = 1000.0
        monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: self.time)
        self.feed = Feed()
        self.leases = Leases(self.feed, believed=Guard().is_believed)
        for n in range(count):
            self.renew(n)

    def renew(self, n: int) -> None:
        self.leases.register(f"w{n}.default", Registration(WorkloadView(f"w{n}", "default", f"10.0.0.{n}"), lease=30))

    def end(self, *numbers: int) -> None:
        for n in numbers:
            self.leases._ends.pop(f"w{n}.default").cancel()
            self.leases._expire(f"w{n}.default")

    def known(self) -> list[str]:
        return sorted(key[1] for key, row in self.feed.rows.items() if row is not None)

    def told(self) -> list[str]:
        return [report.message for report in self.leases.reports()]


async def test_when_nearly_all_agents_fall_silent_their_instances_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    several = Several(5, monkeypatch)
    several.time += 30
    several.end(0, 1, 2, 3, 4)
    assert several.known() == ["w0", "w1", "w2", "w3", "w4"]
    assert several.told() == [
        (
            "5 of 5 registered instances fell silent at once: what was known last stays in force; if it is meant, "
            "say `pidalio release agents`"
        )
    ]
    several.leases.release()
    assert (several.known(), several.told(), len(several.leases)) == ([], [], 0)
    with pytest.raises(NotFound):
        several.leases.release()


async def test_those_who_stay_silent_when_the_others_are_back_are_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    several = Several(5, monkeypatch)
    several.time += 30
    several.end(0, 1, 2)
    several.renew(1)
    assert several.told() == []  # two of five were heard: the silent have one lease more
    several.time += 10
    several.renew(3)
    several.renew(4)
    several.time += 12
    several.end(0, 2)
    assert several.known() == ["w1", "w3", "w4"]
    several.leases.close()


async def test_agents_that_die_among_others_are_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    several = Several(3, monkeypatch)
    several.time += 20
    several.renew(0)
    several.time += 10
    several.end(1, 2)
    assert several.known() == ["w0"]
    several.leases.close()


async def test_an_agent_that_says_goodbye_is_believed_whoever_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    several = Several(3, monkeypatch)
    several.time += 30
    several.end(0, 1, 2)
    several.leases.deregister("w1.default")
    assert several.known() == ["w0", "w2"]
    several.leases.close()


async def test_what_is_held_back_is_released_over_the_api(mesh: Embedded) -> None:
    with pytest.raises(NotFound, match="no instance is kept"):
        await mesh.client.release("agents")
    with pytest.raises(NotFound, match="nothing of 'cloud'"):
        await mesh.client.release("cloud")
    row = WorkloadView("a", "default", "10.0.0.1").row()
    rows = {("default", name, "Machine"): row for name in ("a", "b")}
    mesh.control.feed("cloud", {tables.WORKLOADS: rows}, complete=True)
    mesh.control.feed("cloud", {}, complete=True)
    assert "kept-last-known" in [one.code for one in (await mesh.client.status()).reports]
    answer = await mesh.client.release("cloud", author="ada")
    assert (answer.source, answer.generation) == ("cloud", mesh.control.world.generation)
    assert tables.WORKLOADS.get(mesh.control.world, ("default", "a", "Machine")) is None
