"""Pods come and go, rules are written into the cluster, its API server dies and comes back: traffic follows or goes on."""

import pytest
from tests.e2e.embedded import Folder
from tests.platforms.kubernetes.subject import Kubernetes
from tests.platforms.steering import Steering, own_address
from tests.platforms.subject import Instance
from tests.ports import free_port

pytestmark = [pytest.mark.platform("etcd", "kubernetes", "istio"), pytest.mark.envoy, pytest.mark.slow]


@pytest.fixture
def folder(tmp_path) -> Folder:
    return Folder(tmp_path)


@pytest.fixture
async def kubernetes(tmp_path):
    """A cluster of its own, to be broken, with Istio's kinds."""
    made = Kubernetes(tmp_path)
    await made.start()
    try:
        await made.cluster.install_kinds()
        yield made
    finally:
        await made.stop()


@pytest.fixture
def address() -> str:
    found = own_address()
    if not found:
        pytest.skip("this machine has no address besides loopback, which Kubernetes takes for no pod's")
    return found


def rule(namespace: str, host: str, **shares: int) -> list[dict[str, object]]:
    """Return weights by version as a user writes them into the cluster."""
    istio = {"apiVersion": "networking.istio.io/v1", "metadata": {"name": "web", "namespace": namespace}}
    subsets = [{"name": version, "labels": {"version": version}} for version in shares]
    route = [{"destination": {"host": host, "subset": version}, "weight": share} for version, share in shares.items()]
    return [
        {**istio, "kind": "DestinationRule", "spec": {"host": host, "subsets": subsets}},
        {**istio, "kind": "VirtualService", "spec": {"hosts": [host], "http": [{"route": route}]}},
    ]


async def test_traffic_follows_a_cluster_and_survives_it(folder, kubernetes, address):
    host, cluster = kubernetes.hostname("web"), kubernetes.cluster
    kubeconfig = cluster.kubeconfig_for("admin")
    async with Steering(folder, f"kubernetes={kubeconfig}?namespaces={kubernetes.namespace}") as mesh:
        one, two = [await mesh.instance(version, address=address, port=free_port()) for version in ("v1", "v2")]
        await kubernetes.put("web", "web-1", Instance(one.address, one.port, "v1"))
        await mesh.until_served(host, "v1", port=80)
        async with mesh.load(host, port=80) as load:
            await kubernetes.put("web", "web-2", Instance(two.address, two.port, "v2"))
            await mesh.until_served(host, "v1", "v2", port=80)

            for each in rule(kubernetes.namespace, host, v1=100, v2=0):
                await cluster.api.apply(each)
            await mesh.until_served(host, "v1", port=80)

            await cluster.server.kill()
            await load.more(200)
            shown = await mesh.ask("platforms")
            assert " stale " in shown
            await cluster.server.start()

            for each in rule(kubernetes.namespace, host, v1=0, v2=100):
                await cluster.api.apply(each)
            await mesh.until_served(host, "v2", port=80)
            await kubernetes.drop("web", "web-1")
            await load.more(100)
            await one.stop()
            await load.more(100)
        assert load.failed == {}
        assert one.served
        assert two.served


async def test_weights_are_changed_while_the_api_server_is_away(folder, kubernetes, address):
    host, cluster = kubernetes.hostname("web"), kubernetes.cluster
    kubeconfig = cluster.kubeconfig_for("admin")
    async with Steering(folder, f"kubernetes={kubeconfig}?namespaces={kubernetes.namespace}") as mesh:
        for number, version in enumerate(("v1", "v2"), 1):
            one = await mesh.instance(version, address=address, port=free_port())
            await kubernetes.put("web", f"web-{number}", Instance(one.address, one.port, version))
        await mesh.until_served(host, "v1", "v2", port=80)
        async with mesh.load(host, port=80) as load:
            await mesh.keeps("kubernetes", "web-2")
            await cluster.server.kill()
            await mesh.weights(host, port=80, v1=100, v2=0)
            await mesh.kill_control()
            await mesh.start_control()  # knows the cluster from its disk
            await mesh.weights(host, port=80, v1=0, v2=100)
            await cluster.server.start()
            await mesh.weights(host, port=80, v1=50, v2=50)
        assert load.failed == {}
