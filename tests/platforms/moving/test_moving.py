"""A service moves from one platform to another under load, by nothing but weights: no request is lost."""

import pytest
from tests.e2e.embedded import Folder
from tests.platforms.consul.catalog import Catalog
from tests.platforms.servers.consul import ConsulAgent
from tests.platforms.steering import Steering, own_address

pytestmark = [pytest.mark.envoy, pytest.mark.slow, pytest.mark.platform("consul", "etcd", "kubernetes", "istio")]


@pytest.fixture
def folder(tmp_path) -> Folder:
    return Folder(tmp_path)


@pytest.mark.parametrize("first", ["consul", "kubernetes"])
@pytest.mark.asyncio(loop_scope="session")
async def test_a_service_moves_from_consul_to_kubernetes(folder, tmp_path, kube_cluster, first):
    address = own_address()  # Kubernetes takes no loopback
    if not address:
        pytest.skip("this machine has no address but loopback: give it a network")
    namespace = await kube_cluster.namespace()
    host = f"web.{namespace}.svc.cluster.local"
    async with ConsulAgent(tmp_path) as server:
        form = f"{{name}}.{namespace}.svc.cluster.local"
        platforms = [
            f"consul={server.url}?hostname={form}&port=80",
            f"kubernetes={kube_cluster.kubeconfig}?namespaces={namespace}",
        ]
        async with Steering(folder, *(platforms if first == "consul" else reversed(platforms))) as mesh:
            olds = [await mesh.instance("v1") for _ in range(2)]
            for number, one in enumerate(olds):
                meta = {"version": "v1", "protocol": "http"}
                await Catalog(server).put("web", f"w{number}", one.address, one.port, Meta=meta)
            await mesh.until_served(host, "v1", port=80)
            await mesh.weights(host, port=80, v1=100, v2=0)
            async with mesh.load(host, port=80) as load:
                await load.more(100)
                new = await mesh.instance("v2", address=address)
                await in_kubernetes(kube_cluster, namespace, new)
                await mesh.knows(address)
                await load.more(100)
                await mesh.weights(host, port=80, v1=50, v2=50)
                await load.more(100)
                await mesh.weights(host, port=80, v1=0, v2=100)
                for number in range(2):
                    await Catalog(server).drop(f"w{number}")
                for one in olds:
                    await load.more(50)
                    await one.stop()
                await load.more(100)
                await server.kill()  # nobody needs it any more
                await load.more(200)
            assert load.failed == {}
            assert set(await mesh.send(host, port=80)) == {"200 v2"}


async def in_kubernetes(cluster, namespace, one) -> None:
    """Make an instance be a pod of the service `web`, ready."""
    await cluster.node(f"node-{namespace}", region="here", zone="east")
    labels = {"app": "web", "version": one.version}
    await cluster.pod(namespace, "web-1", one.address, node=f"node-{namespace}", labels=labels)
    port = {"name": "http", "port": 80, "targetPort": one.port}
    await cluster.service(namespace, "web", port, selector={"app": "web"})
