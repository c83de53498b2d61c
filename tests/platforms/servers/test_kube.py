"""A real Kubernetes control plane: pods become endpoint slices, kinds are served, and everything is there again."""

import base64
import ssl

import httpx
import pytest
import yaml

from .kube import KubeCluster
from .kube_api import Refused, path_of
from .partition import Partition

pytestmark = pytest.mark.platform("etcd", "kubernetes", "istio")

HTTP = {"name": "http", "port": 80, "targetPort": 8080}
SLICES = "discovery.k8s.io/v1"


def addresses(slices, *, ready=True):
    return sorted(
        address
        for each in slices["items"]
        for endpoint in each["endpoints"] or ()
        if endpoint["conditions"]["ready"] is ready
        for address in endpoint["addresses"]
    )


async def test_pods_of_a_service_become_endpoints_with_their_place(kube_cluster):
    api, shop = kube_cluster.api, await kube_cluster.namespace()
    await kube_cluster.node(f"node-{shop}", region="eu", zone="eu-1")
    await kube_cluster.service(shop, "web", HTTP, selector={"app": "web"})
    pods = [
        await kube_cluster.pod(shop, f"web-{n}", f"10.1.0.{n}", node=f"node-{shop}", labels={"app": "web"})
        for n in (1, 2)
    ]
    path = path_of(SLICES, "EndpointSlice", shop)
    slices = await api.until(lambda found: addresses(found) == ["10.1.0.1", "10.1.0.2"], path)
    (told,) = slices["items"]
    assert told["metadata"]["labels"]["kubernetes.io/service-name"] == "web"
    assert [(port["name"], port["port"]) for port in told["ports"]] == [("http", 8080)]
    assert {endpoint["zone"] for endpoint in told["endpoints"]} == {"eu-1"}

    await kube_cluster.report(pods[0], "10.1.0.1", ready=False)
    await api.until(lambda found: addresses(found) == ["10.1.0.2"], path)
    await api.delete(pods[1], gracePeriodSeconds=0)
    await api.until(lambda found: addresses(found) == [], path)


async def test_istios_kinds_are_served_with_their_checks(kube_cluster):
    api, shop = kube_cluster.api, await kube_cluster.namespace()
    rule = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "web", "namespace": shop},
        "spec": {"hosts": ["web"], "http": [{"route": [{"destination": {"host": "web"}}]}]},
    }
    await api.create(rule)
    (found,) = (await api.get("networking.istio.io/v1", "VirtualService", shop))["items"]
    assert found["spec"] == rule["spec"]
    told = await api.set_status(rule, {"conditions": [{"type": "Reconciled", "status": "True"}]})
    assert told["status"]["conditions"][0]["type"] == "Reconciled"
    with pytest.raises(Refused, match="422"):
        await api.create({**rule, "metadata": {"name": "bad", "namespace": shop}, "spec": {"hosts": 7}})


async def test_who_may_not_read_is_told_and_who_is_unknown_too(kube_cluster):
    shop = await kube_cluster.namespace()
    with pytest.raises(Refused, match="403"):
        await kube_cluster.server.api("stranger").get("v1", "Service", shop)
    with pytest.raises(Refused, match="401"):
        await kube_cluster.server.api("nobody").get("v1", "Service", shop)
    await kube_cluster.let_read("reader", "")
    reader = kube_cluster.server.api("reader")
    path = path_of("v1", "Service", shop)
    assert (await reader.until(lambda found: found["kind"] == "ServiceList", path))["items"] == []


async def test_a_server_that_was_killed_has_everything_again(tmp_path):
    async with KubeCluster(tmp_path) as cluster:
        shop = await cluster.namespace("shop")
        await cluster.service(shop, "web", HTTP, selector={"app": "web"})
        port = cluster.port
        await cluster.server.restart()
        await cluster.etcd.restart()
        assert cluster.port == port
        found = await cluster.api.get("v1", "Service", shop, "web")
        assert found["spec"]["clusterIP"].startswith("10.96.")


async def test_a_partition_and_credentials_of_either_kind_work_with_its_certificate(kube_cluster):
    """What adapters connect with is right: the kubeconfigs, and the server's name behind a link."""
    async with Partition("127.0.0.1", kube_cluster.port) as link:
        for certificate in (False, True):
            path = kube_cluster.kubeconfig_for("admin", url=f"https://127.0.0.1:{link.port}", certificate=certificate)
            told = yaml.safe_load(path.read_text())
            user, cluster = told["users"][0]["user"], told["clusters"][0]["cluster"]
            trust = ssl.create_default_context(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
            headers = {"Authorization": f"Bearer {user['token']}"} if "token" in user else {}
            if certificate:
                trust.load_cert_chain(user["client-certificate"], user["client-key"])
            async with httpx.AsyncClient(verify=trust, headers=headers) as http:
                answer = await http.get(f"{cluster['server']}/api/v1/nodes")
            assert answer.status_code == 200
        assert link.accepted == 2
