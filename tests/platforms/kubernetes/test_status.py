"""Status written to a real API server with Istio's kinds: it follows, one writes, and nothing is written twice."""

import asyncio
import contextlib
from typing import Self

import pytest
from tests.platforms.servers.kube_api import path_of_object
from tests.platforms.servers.partition import Partition

from pidalio.model import ObjectRef, Report, Severity
from pidalio.platforms.informing import ObjectStatus
from pidalio.platforms.kubernetes.connecting import connection
from pidalio.platforms.kubernetes.informing import Election, StatusWriter

pytestmark = [pytest.mark.platform("etcd", "kubernetes", "istio"), pytest.mark.asyncio(loop_scope="session")]
DEAD = Report(Severity.WARNING, "unreferenced-host", "no service is called that")


class Told:
    """The part of a feed that a writer uses."""

    def __init__(self) -> None:
        self.topics: dict[str, tuple[Report, ...]] = {}
        self.changed = asyncio.Event()

    def tell(self, topic: str, *reports: Report) -> None:
        self.topics[topic] = reports
        self.changed.set()

    def lines(self) -> list[str]:
        return [one.message for reports in self.topics.values() for one in reports]

    async def until(self, part: str) -> str:
        while not (found := [line for line in self.lines() if part in line]):
            self.changed.clear()
            async with asyncio.timeout(60):
                await self.changed.wait()
        return found[0]


class Plane:
    """One control plane, as far as it writes statuses."""

    def __init__(self, kubeconfig, namespace: str, **more) -> None:
        self.way = connection(str(kubeconfig))
        self.election = Election("status", namespace, duration=3)
        self.handed: dict[ObjectRef, int] = {}
        self.writer = StatusWriter(self.election, self.handed, between=0, **more)
        self.told = Told()
        self.task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self.task = asyncio.create_task(self.writer.run(self.way, self.told))
        return self

    async def __aexit__(self, *_: object) -> None:
        if self.task:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)
        await self.way.close()

    async def leads(self) -> None:
        async with asyncio.timeout(60):
            while not self.election.is_leading():
                await asyncio.sleep(0.05)

    def inform(self, **statuses: ObjectStatus) -> None:
        self.writer.inform({ObjectRef("VirtualService", *name.split("__")): one for name, one in statuses.items()})


def rule(namespace: str, name: str = "web", kind: str = "VirtualService") -> dict:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"hosts": [name], "http": [{"route": [{"destination": {"host": name}}]}]},
    }


def conditions(found) -> dict[str, str]:
    return {one["type"]: one["status"] for one in found.get("status", {}).get("conditions", ())}


def ref(given: dict) -> ObjectRef:
    return ObjectRef(given["kind"], given["metadata"]["namespace"], given["metadata"]["name"])


async def test_a_status_appears_and_follows_and_is_written_once(kube_cluster):
    api, shop = kube_cluster.api, await kube_cluster.namespace()
    made = await api.create(rule(shop))
    path = path_of_object(made)
    async with Plane(kube_cluster.kubeconfig, shop) as plane:
        assert plane.writer.versions() is None
        await plane.leads()
        plane.handed |= {ref(made): 1, ObjectRef("Ingress", shop, "web"): 1}
        assert plane.writer.versions() == {ref(made): 1}

        plane.writer.inform({ref(made): ObjectStatus(1, True, 1, 1)})
        first = await api.until(lambda found: conditions(found).get("Effective") == "True", path)
        assert first["spec"] == made["spec"]
        assert first["metadata"]["generation"] == first["status"]["observedGeneration"] == 1

        plane.writer.inform({ref(made): ObjectStatus(1, True, 0, 1, ineffective=(DEAD,))})
        second = await api.until(lambda found: conditions(found)["Effective"] == "False", path)
        assert second["status"]["validationMessages"] == [{"level": "WARNING", "type": {"name": "unreferenced-host"}}]
        assert second["metadata"]["generation"] == 1

        # The same again, many times: the object stays as it is, to its resourceVersion.
        other = await api.create(rule(shop, "mark"))
        for number in range(20):
            plane.writer.inform(
                {
                    ref(made): ObjectStatus(1, True, 0, 1 + number, ineffective=(DEAD,)),
                    ref(other): ObjectStatus(1, True, number % 2, 1),
                }
            )
            wanted = "True" if number % 2 else "False"
            await api.until(
                lambda found, wanted=wanted: conditions(found).get("Effective") == wanted, path_of_object(other)
            )
        again = await api.call("GET", path)
        assert again["metadata"]["resourceVersion"] == second["metadata"]["resourceVersion"]
        assert plane.told.lines() == []


async def test_a_status_is_about_the_version_that_is_there(kube_cluster):
    """What is known of an older version is not written over a newer one."""
    api, shop = kube_cluster.api, await kube_cluster.namespace()
    made = await api.create(rule(shop))
    changed = await api.call("PUT", path_of_object(made), {**made, "spec": {**made["spec"], "hosts": ["other"]}})
    assert changed["metadata"]["generation"] == 2
    mark = await api.create(rule(shop, "mark"))
    async with Plane(kube_cluster.kubeconfig, shop) as plane:
        await plane.leads()
        plane.writer.inform({ref(made): ObjectStatus(1, True, 1, 1), ref(mark): ObjectStatus(1, True, 1, 1)})
        await api.until(conditions, path_of_object(mark))
        assert conditions(await api.call("GET", path_of_object(made))) == {}
        plane.writer.inform({ref(made): ObjectStatus(2, True, 1, 1)})
        found = await api.until(conditions, path_of_object(made))
        assert found["status"]["observedGeneration"] == 2


async def test_what_is_gone_or_changed_by_another_meanwhile(kube_cluster):
    api, shop = kube_cluster.api, await kube_cluster.namespace()
    gone = await api.create(rule(shop, "gone"))
    await api.delete(gone)
    made = await api.create(rule(shop))
    await api.set_status(made, {"conditions": [{"type": "Reconciled", "status": "True"}]})
    async with Plane(kube_cluster.kubeconfig, shop) as plane:
        await plane.leads()
        plane.writer.inform({ref(gone): ObjectStatus(1, True, 1, 1), ref(made): ObjectStatus(1, True, 1, 1)})
        found = await api.until(lambda found: len(conditions(found)) == 4, path_of_object(made))
        assert conditions(found)["Reconciled"] == "True"
        assert plane.told.lines() == []


async def test_of_two_exactly_one_writes_and_the_other_takes_over(kube_cluster):
    api, shop = kube_cluster.api, await kube_cluster.namespace()
    made = await api.create(rule(shop))
    lease = f"/apis/coordination.k8s.io/v1/namespaces/{shop}/leases/status"
    async with Partition("127.0.0.1", kube_cluster.port) as link, contextlib.AsyncExitStack() as stack:
        behind = kube_cluster.kubeconfig_for("admin", url=f"https://127.0.0.1:{link.port}")
        first = await stack.enter_async_context(Plane(behind, shop))
        await first.leads()
        second = await stack.enter_async_context(Plane(kube_cluster.kubeconfig, shop))
        for effective in (1, 0, 1):
            for plane in (first, second):
                assert plane is first or plane.writer.versions() is None
                plane.writer.inform({ref(made): ObjectStatus(1, True, effective, 1)})
            wanted = "True" if effective else "False"
            await api.until(
                lambda found, wanted=wanted: conditions(found).get("Effective") == wanted, path_of_object(made)
            )
        assert (await api.call("GET", lease))["spec"]["holderIdentity"] == first.election.who

        await link.cut()  # the leader is cut off, as when it dies: nobody says that it is over
        await second.leads()
        assert not first.election.is_leading()
        second.writer.inform({ref(made): ObjectStatus(1, True, 0, 1)})
        await api.until(lambda found: conditions(found)["Effective"] == "False", path_of_object(made))
        held = (await api.call("GET", lease))["spec"]
        assert (held["holderIdentity"], held["leaseTransitions"]) == (second.election.who, 1)
        assert first.told.lines() == []  # who reads the cluster says that it is away

        await link.restore()
        await second.__aexit__()  # gives it up: the other need not wait for its end
        await first.leads()
        assert (await api.call("GET", lease))["spec"]["holderIdentity"] == first.election.who


async def test_who_may_not_write_says_so_once_and_leaves_it(kube_cluster):
    api, shop = kube_cluster.api, await kube_cluster.namespace()
    made = await api.create(rule(shop))
    async with Plane(kube_cluster.kubeconfig_for("stranger"), shop) as plane:
        line = await plane.told.until("no status is written")
        assert "cannot get resource" in line
        assert "leases" in line
    await allow(kube_cluster, shop, "stranger", "coordination.k8s.io", ["leases"], ["get", "create", "update"])
    await allow(kube_cluster, shop, "stranger", "networking.istio.io", ["virtualservices"], ["get", "list"])
    async with Plane(kube_cluster.kubeconfig_for("stranger"), shop) as plane:
        await plane.leads()
        plane.writer.inform({ref(made): ObjectStatus(1, True, 1, 1)})
        line = await plane.told.until("virtualservices/status")
        assert "no permission to update virtualservices/status" in line
        assert "\n" not in line


async def allow(cluster, namespace: str, user: str, group: str, resources: list[str], verbs: list[str]) -> None:
    rbac, name = "rbac.authorization.k8s.io", f"{user}-{resources[0]}"
    about = {"apiVersion": f"{rbac}/v1", "metadata": {"name": name, "namespace": namespace}}
    base = f"/apis/{rbac}/v1/namespaces/{namespace}"
    rules = [{"apiGroups": [group], "resources": resources, "verbs": verbs}]
    await cluster.api.call("POST", f"{base}/roles", {**about, "kind": "Role", "rules": rules})
    to = {"apiGroup": rbac, "kind": "Role", "name": name}
    subject = {"apiGroup": rbac, "kind": "User", "name": user}
    body = {**about, "kind": "RoleBinding", "roleRef": to, "subjects": [subject]}
    await cluster.api.call("POST", f"{base}/rolebindings", body)


async def test_an_ingress_has_the_address_of_its_gateway(kube_cluster):
    api, shop = kube_cluster.api, await kube_cluster.namespace()
    ingress = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "web", "namespace": shop},
        "spec": {"defaultBackend": {"service": {"name": "web", "port": {"number": 80}}}},
    }
    made = await api.call("POST", f"/apis/networking.k8s.io/v1/namespaces/{shop}/ingresses", ingress)
    path = f"/apis/networking.k8s.io/v1/namespaces/{shop}/ingresses/web"
    async with Plane(kube_cluster.kubeconfig, shop, addresses=["192.0.2.7"]) as plane:
        await plane.leads()
        plane.handed[ref(made)] = 1
        assert plane.writer.versions() == {ref(made): 1}
        plane.writer.inform({ref(made): ObjectStatus(1, True, 1, 1)})
        found = await api.until(lambda found: found["status"]["loadBalancer"], path)
        assert found["status"]["loadBalancer"]["ingress"] == [{"ip": "192.0.2.7"}]
        assert found["spec"] == made["spec"]
