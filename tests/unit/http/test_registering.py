"""What agents ask of the API: registering, groups, settings of their Envoys, release of what is held back."""

import pytest
from tests.unit.http.embedded import Embedded, warning

from pidalio.api.convert import convert
from pidalio.api.findings import Findings
from pidalio.api.load import load
from pidalio.api.workload_entry import WorkloadGroup
from pidalio.errors import NotFound
from pidalio.http.wire import Registration, ReportView, WorkloadView
from pidalio.ir import ProcessPlan
from pidalio.model import Health
from pidalio.store import tables

KEY = ("default", "reviews-0", "Agent")
ROW = WorkloadView("reviews-0", "default", "10.0.0.5", {"app": "reviews"}, {"http": 9080}, moved_ports={80: 8080})


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
