"""One service moves from a real Consul to a real Kubernetes under load, and no request is lost."""

import pytest
from tests.e2e.embedded import Folder
from tests.platforms.consul.catalog import Catalog
from tests.platforms.kubernetes.subject import Kubernetes
from tests.platforms.servers.consul import ConsulAgent
from tests.platforms.steering import Steering, own_address
from tests.platforms.subject import Instance
from tests.ports import free_port

pytestmark = [pytest.mark.platform("etcd", "kubernetes", "istio", "consul"), pytest.mark.envoy, pytest.mark.slow]


@pytest.fixture
def folder(tmp_path) -> Folder:
    return Folder(tmp_path)


@pytest.fixture
async def kubernetes(kube_cluster, tmp_path):
    made = Kubernetes(tmp_path, kube_cluster)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def consul(tmp_path):
    async with ConsulAgent(tmp_path) as agent:
        yield agent


async def test_a_service_moves_under_load(folder, kubernetes, consul):
    address = own_address()
    if not address:
        pytest.skip("this machine has no address besides loopback, which Kubernetes takes for no pod's")
    host = kubernetes.hostname("web")
    kubeconfig = kubernetes.cluster.kubeconfig_for("admin", url=f"https://127.0.0.1:{kubernetes.port}")
    platforms = (
        f"kubernetes={kubeconfig}?namespaces={kubernetes.namespace}",
        f"consul={consul.url}?hostname={{name}}.{kubernetes.namespace}.svc.cluster.local&port=80",
    )
    catalog = Catalog(consul)
    async with Steering(folder, *platforms) as mesh:
        old = [await mesh.instance("v1"), await mesh.instance("v1")]
        for number, one in enumerate(old):
            await catalog.put("web", f"web-{number}", one.address, one.port, Meta={"version": "v1"})
        await mesh.until_served(host, "v1", port=80)
        async with mesh.load(host, port=80) as load:
            await load.more(100)
            new = [await mesh.instance("v2", address=address, port=free_port()) for _ in range(2)]
            for number, one in enumerate(new):
                await kubernetes.put("web", f"web-{number}", Instance(one.address, one.port, "v2"))
            await mesh.until_served(host, "v1", "v2", port=80)
            await mesh.weights(host, port=80, v1=100, v2=0)
            await mesh.weights(host, port=80, v1=50, v2=50)
            await mesh.weights(host, port=80, v1=0, v2=100)
            for number in range(len(old)):
                await catalog.drop(f"web-{number}")
            await mesh.until_served(host, "v2", port=80)
            for one in old:
                await one.stop()
            await consul.kill()
            await load.more(200)
            shown = await mesh.ask("platforms")
            assert " stale " in shown
            assert "claimed-twice" not in shown
        assert load.failed == {}
        assert all(one.served for one in (*old, *new))
