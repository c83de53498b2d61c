"""The manifests of `examples/kubernetes` on a real API server: our kinds are kept, and the rights are enough."""

from pathlib import Path

import pytest
import yaml
from tests.platforms.kubernetes.test_status import Plane, conditions, ref, rule
from tests.platforms.servers.kube_api import Refused, path_of_object

from pidalio.model import ObjectRef
from pidalio.platforms.informing import ObjectStatus
from pidalio.platforms.kubernetes.connecting import connection

pytestmark = [pytest.mark.platform("etcd", "kubernetes", "istio"), pytest.mark.asyncio(loop_scope="session")]
EXAMPLES = Path(__file__).parents[3] / "examples" / "kubernetes"
CHECK = {
    "apiVersion": "pidalio.dev/v1",
    "kind": "HealthCheck",
    "metadata": {"name": "web"},
    "spec": {"host": "web", "http": {"path": "/up", "expected": ["200-299", 304]}, "interval": "2s"},
}


async def installed(cluster, name: str) -> None:
    await cluster.install([one for one in yaml.safe_load_all((EXAMPLES / name).read_text()) if one])


def in_namespace(given: dict, namespace: str) -> dict:
    return {**given, "metadata": {**given["metadata"], "namespace": namespace}}


async def test_our_kinds_are_kept_and_checked(kube_cluster):
    await installed(kube_cluster, "crds.yaml")
    api, shop = kube_cluster.api, await kube_cluster.namespace()
    path = f"/apis/pidalio.dev/v1/namespaces/{shop}/healthchecks"
    made = await api.call("POST", path, in_namespace(CHECK, shop))
    assert made["spec"] == CHECK["spec"]
    wrong = in_namespace({**CHECK, "metadata": {"name": "wrong"}, "spec": {"host": "web", "intervall": "2s"}}, shop)
    with pytest.raises(Refused, match="unknown field"):
        await api.call("POST", path, wrong, fieldValidation="Strict")
    with pytest.raises(Refused, match="422"):
        await api.call("POST", path, {**wrong, "spec": {"host": 7}})
    mesh = {"apiVersion": "pidalio.dev/v1", "kind": "MeshConfig", "metadata": {"name": "mesh"}, "spec": {}}
    await api.call("POST", "/apis/pidalio.dev/v1/meshconfigs", mesh)
    await api.call("DELETE", "/apis/pidalio.dev/v1/meshconfigs/mesh")


async def test_the_rights_are_enough_to_read_and_to_write_status_and_for_nothing_else(kube_cluster):
    await installed(kube_cluster, "crds.yaml")
    await installed(kube_cluster, "rbac.yaml")
    api, shop = kube_cluster.api, await kube_cluster.namespace()
    vs = await api.create(rule(shop))
    check = await api.call("POST", f"/apis/pidalio.dev/v1/namespaces/{shop}/healthchecks", in_namespace(CHECK, shop))
    account = kube_cluster.kubeconfig_for("system:serviceaccount:pidalio:pidalio", certificate=True)
    async with Plane(account, "pidalio") as plane:
        await plane.leads()
        known = ObjectStatus(1, True, 1, 1)
        plane.writer.inform({ref(vs): known, ObjectRef("HealthCheck", shop, "web"): known})
        for one in (vs, check):
            path = f"/apis/{one['apiVersion']}/namespaces/{shop}/{one['kind'].lower()}s/web"
            found = await api.until(lambda found: conditions(found).get("Effective") == "True", path)
            assert found["spec"] == one["spec"]
        assert plane.told.lines() == []
        session, headers = await plane.way.session(), await plane.way.headers()
        base = plane.way.base_url
        for path in ("/api/v1/pods", "/apis/discovery.k8s.io/v1/endpointslices", "/apis/pidalio.dev/v1/meshconfigs"):
            async with session.get(base + path, headers=headers) as answer:
                assert answer.status == 200, path
        for path in ("/api/v1/secrets", "/api/v1/configmaps", "/apis/apps/v1/deployments"):
            async with session.get(base + path, headers=headers) as answer:
                assert answer.status == 403, path
        async with session.delete(base + path_of_object(vs), headers=headers) as answer:
            assert answer.status == 403


async def test_a_pod_connects_by_its_own_account(kube_cluster, tmp_path):
    """With a token that the server itself gave for the account, and the folder as a kubelet mounts it."""
    await installed(kube_cluster, "crds.yaml")
    await installed(kube_cluster, "rbac.yaml")
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 600}}
    path = "/api/v1/namespaces/pidalio/serviceaccounts/pidalio/token"
    given = await kube_cluster.api.call("POST", path, request)
    (tmp_path / "token").write_text(given["status"]["token"])
    (tmp_path / "ca.crt").write_bytes(kube_cluster.server.authority.certificate.read_bytes())
    (tmp_path / "namespace").write_text("pidalio")
    environment = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(kube_cluster.port)}
    way = connection(environment=environment, mounted=tmp_path)
    try:
        assert way.namespace == "pidalio"
        session = await way.session()
        async with session.get(f"{way.base_url}/api/v1/services", headers=await way.headers()) as answer:
            assert answer.status == 200
        async with session.get(f"{way.base_url}/api/v1/secrets", headers=await way.headers()) as answer:
            assert answer.status == 403
            assert "system:serviceaccount:pidalio:pidalio" in await answer.text()
    finally:
        await way.close()
