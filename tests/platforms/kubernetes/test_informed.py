"""Rules in a real cluster get a status from a whole control plane; of two that run, a kill -9 leaves the other."""

import asyncio
import base64
import contextlib
from pathlib import Path

import msgspec
import pytest
from tests.e2e.commands import pidalio
from tests.platforms.kubernetes.test_status import allow, conditions, ref, rule
from tests.platforms.servers.kube_api import path_of_object

from pidalio.platforms.installed import Configured
from pidalio.platforms.kubernetes import KIND
from pidalio.platforms.kubernetes.settings import KubernetesSettings
from pidalio.server.serve import Server
from pidalio.settings import ServerSettings

pytestmark = [pytest.mark.platform("etcd", "kubernetes", "istio"), pytest.mark.asyncio(loop_scope="session")]
HTTP = {"name": "http", "port": 80, "targetPort": 8080}


@contextlib.asynccontextmanager
async def serving(cluster, folder: Path, namespace: str, user: str = "admin", **more):
    """Run a control plane that follows one namespace of the cluster."""
    kubeconfig = str(cluster.kubeconfig_for(user))
    settings = KubernetesSettings(kubeconfig=kubeconfig, namespaces=namespace, lease_namespace=namespace, **more)
    folder.mkdir(exist_ok=True)
    async with Server(ServerSettings(folder=folder), platforms=[Configured(KIND, settings)]) as server:
        yield server


def reason(found, type_: str) -> str:
    return next(one["reason"] for one in found["status"]["conditions"] if one["type"] == type_)


def lines(server) -> list[str]:
    return [one.line for view in server.platform_views() for one in view.reports]


async def until(holds) -> None:
    async with asyncio.timeout(60):
        while not holds():
            await asyncio.sleep(0.05)


async def test_the_status_of_a_rule_follows_what_becomes_of_it(kube_cluster, tmp_path):
    api, shop = kube_cluster.api, await kube_cluster.namespace()
    await kube_cluster.service(shop, "web", HTTP, selector={"app": "web"})
    made = await api.create(rule(shop))
    path = path_of_object(made)
    async with serving(kube_cluster, tmp_path / "plane", shop) as server:
        first = await api.until(lambda found: conditions(found).get("Compiled") == "True", path)
        revision = server.control.revision
        assert first["metadata"]["generation"] == first["status"]["observedGeneration"] == 1

        # Istio's own checks let this pass; ours do not, and the former version stays live.
        wrong = {"match": [{"uri": {"regex": "("}}], **made["spec"]["http"][0]}
        await api.apply({**rule(shop), "spec": {**made["spec"], "http": [wrong]}})
        second = await api.until(lambda found: conditions(found)["Compiled"] == "False", path)
        assert second["status"]["observedGeneration"] == 2
        (message,) = (one["message"] for one in second["status"]["conditions"] if one["type"] == "Compiled")
        assert message.startswith("spec.http[0].match[0].uri.regex")
        assert conditions(second)["Effective"] == "Unknown"

        # What we wrote ourselves is no change for us, and nothing is written again.
        assert server.control.revision == revision
        for number in range(3):
            mark = await api.create(rule(shop, f"mark-{number}"))
            await api.until(lambda found: conditions(found).get("Compiled"), path_of_object(mark))
        again = await api.call("GET", path)
        assert again["metadata"]["resourceVersion"] == second["metadata"]["resourceVersion"]

        await api.apply(rule(shop))
        third = await api.until(lambda found: conditions(found)["Compiled"] == "True", path)
        assert third["status"]["observedGeneration"] == 3
        assert lines(server) == []


async def test_rules_that_compete_or_do_nothing_say_so(kube_cluster, tmp_path):
    api, shop = kube_cluster.api, await kube_cluster.namespace()
    await kube_cluster.service(shop, "web", HTTP, selector={"app": "web"})
    twice = rule(shop)
    twice["spec"]["http"] *= 2
    made = await api.create(twice)
    nothing = await api.create(
        {
            "apiVersion": "networking.istio.io/v1",
            "kind": "DestinationRule",
            "metadata": {"name": "nobody", "namespace": shop},
            "spec": {"host": "nobody"},
        }
    )
    async with serving(kube_cluster, tmp_path / "plane", shop):
        found = await api.until(conditions, path_of_object(made))
        assert found["status"]["validationMessages"] == [{"level": "WARNING", "type": {"name": "ineffective"}}]
        found = await api.until(conditions, path_of_object(nothing))
        assert conditions(found)["Effective"] == "False"
        assert reason(found, "Effective") == "UnreferencedHost"


async def test_an_account_that_may_only_read_says_what_is_missing(kube_cluster, tmp_path):
    api, shop = kube_cluster.api, await kube_cluster.namespace()
    made = await api.create(rule(shop))
    await kube_cluster.let_read("reader", "", "discovery.k8s.io", "networking.k8s.io", "networking.istio.io")
    async with serving(kube_cluster, tmp_path / "plane", shop, "reader") as server:
        await until(lambda: any("no status is written" in line for line in lines(server)))
        await until(lambda: server.control.catalog.get(ref(made)))
        (line,) = [line for line in lines(server) if "no status" in line]
        assert "leases" in line
        assert conditions(await api.call("GET", path_of_object(made))) == {}
    async with serving(kube_cluster, tmp_path / "quiet", shop, "reader", status=False) as server:
        await until(lambda: server.control.catalog.get(ref(made)))
        assert not [line for line in lines(server) if "status" in line]


async def test_a_cluster_that_cannot_be_reached_is_one_line_and_the_rest_goes_on(kube_cluster, tmp_path):
    shop = await kube_cluster.namespace()
    await kube_cluster.service(shop, "web", HTTP, selector={"app": "web"})
    bad = Configured(KIND, KubernetesSettings(name="gone", kubeconfig=str(tmp_path / "none")))
    unknown = kube_cluster.kubeconfig_for("admin")
    unknown.write_text(unknown.read_text().replace("admin-token", "expired"))
    refused = Configured(KIND, KubernetesSettings(name="refused", kubeconfig=str(unknown)))
    over = kube_cluster.kubeconfig_for("admin")
    claims = [{"alg": "RS256"}, {"exp": 1_700_000_000}, {}]
    token = ".".join(base64.urlsafe_b64encode(msgspec.json.encode(one)).decode().rstrip("=") for one in claims)
    over.write_text(over.read_text().replace("admin-token", token))
    expired = Configured(KIND, KubernetesSettings(name="expired", kubeconfig=str(over)))
    good = Configured(KIND, KubernetesSettings(kubeconfig=str(kube_cluster.kubeconfig), namespaces=shop, status=False))
    settings = ServerSettings(folder=tmp_path, start_timeout=30)
    async with Server(settings, platforms=[bad, refused, expired, good]) as server:
        views = {view.name: view for view in server.platform_views()}
        assert views["kubernetes"].state == "synced"
        assert views["kubernetes"].services == 1
        assert views["gone"].error == f"kubeconfig {tmp_path}/none cannot be read: No such file or directory"
        assert views["refused"].error == (
            f"kubeconfig {unknown}: context test: the server does not accept the token or password (401): renew it"
        )
        assert views["expired"].error == (
            f"kubeconfig {over}: context test: the token expired 2023-11-14 22:13:20Z: renew it"
        )


@pytest.mark.slow
async def test_when_the_one_that_writes_is_killed_the_other_goes_on(kube_cluster, tmp_path):
    api, shop = kube_cluster.api, await kube_cluster.namespace()
    await kube_cluster.service(shop, "web", HTTP, selector={"app": "web"})
    made = await api.create(rule(shop))
    platform = f"kubernetes={kube_cluster.kubeconfig}?namespaces={shop}&leaseNamespace={shop}&lease=pidalio"
    lease = f"/apis/coordination.k8s.io/v1/namespaces/{shop}/leases/pidalio"
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    async with (
        pidalio("serve", "--platform", platform, folder=tmp_path / "one") as one,
        contextlib.AsyncExitStack() as stack,
    ):
        await api.until(conditions, path_of_object(made))
        holder = (await api.call("GET", lease))["spec"]["holderIdentity"]
        await stack.enter_async_context(pidalio("serve", "--platform", platform, folder=tmp_path / "two"))
        second = await api.create(rule(shop, "second"))
        await api.until(conditions, path_of_object(second))
        assert (await api.call("GET", lease))["spec"]["holderIdentity"] == holder
        before = await api.call("GET", path_of_object(made))

        one.process.kill()
        await one.ends()
        third = await api.create(rule(shop, "third"))
        await api.until(conditions, path_of_object(third))
        taken = (await api.call("GET", lease))["spec"]
        assert taken["holderIdentity"] != holder
        assert taken["leaseTransitions"] == 1
        # The new one writes only what differs: what the former one wrote is as it was.
        after = await api.call("GET", path_of_object(made))
        assert after["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]


async def test_an_ingress_shows_its_gateway_and_another_controllers_is_left_alone(kube_cluster, tmp_path):
    api, shop = kube_cluster.api, await kube_cluster.namespace()
    await kube_cluster.service(shop, "web", HTTP, selector={"app": "web"})
    base = f"/apis/networking.k8s.io/v1/namespaces/{shop}/ingresses"
    for name, kind in (("ours", "istio"), ("theirs", "nginx")):
        backend = {"service": {"name": "web", "port": {"number": 80}}}
        about = {"name": name, "namespace": shop, "annotations": {"kubernetes.io/ingress.class": kind}}
        given = {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": about}
        await api.call("POST", base, {**given, "spec": {"defaultBackend": backend}})
    mark = await api.create(rule(shop))
    async with serving(kube_cluster, tmp_path / "plane", shop, gateway_addresses="192.0.2.7, gw.example"):
        found = await api.until(lambda found: found["status"]["loadBalancer"], f"{base}/ours")
        assert found["status"]["loadBalancer"]["ingress"] == [{"ip": "192.0.2.7"}, {"hostname": "gw.example"}]
        await api.until(conditions, path_of_object(mark))
        assert (await api.call("GET", f"{base}/theirs"))["status"]["loadBalancer"] == {}


async def test_a_kind_whose_status_is_denied_is_told_by_name(kube_cluster, tmp_path):
    api, shop = kube_cluster.api, await kube_cluster.namespace()
    made = await api.create(rule(shop))
    await kube_cluster.let_read("reader", "", "discovery.k8s.io", "networking.k8s.io", "networking.istio.io")
    await allow(kube_cluster, shop, "reader", "coordination.k8s.io", ["leases"], ["get", "create", "update"])
    async with serving(kube_cluster, tmp_path / "plane", shop, "reader") as server:
        await until(lambda: any("virtualservices/status" in line for line in lines(server)))
        await until(lambda: server.control.catalog.get(ref(made)))
        (line,) = [line for line in lines(server) if "virtualservices/status" in line]
        assert "no permission to update virtualservices/status" in line
