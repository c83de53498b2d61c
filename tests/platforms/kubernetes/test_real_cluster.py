"""What a real API server says, and what the mesh has of it: kinds of services, permissions, kinds that come and go."""

import asyncio
import contextlib

import pytest
import yaml

from pidalio.history import SqliteHistory
from pidalio.model import Protocol
from pidalio.platforms.following import Follower
from pidalio.platforms.following.follower import Pace
from pidalio.platforms.kubernetes import KIND
from pidalio.platforms.kubernetes.reading import reflector
from pidalio.platforms.kubernetes.settings import KubernetesSettings
from pidalio.rules import services
from pidalio.server.control_plane import ControlPlane
from pidalio.server.platforms import Taking
from pidalio.store import tables

from .fake_api import slice_
from .subject import Kubernetes

pytestmark = pytest.mark.platform("etcd", "kubernetes", "istio")
RULE = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "VirtualService",
    "spec": {"hosts": ["web"], "http": [{"route": [{"destination": {"host": "web"}}]}]},
}


@contextlib.asynccontextmanager
async def following(kubeconfig, folder, **settings):
    history = await SqliteHistory.open(folder / "history.db")
    control = ControlPlane(history)
    adapter = KIND.build(KubernetesSettings(kubeconfig=str(kubeconfig), status=False, **settings))
    follower = Follower("kubernetes", "kubernetes", adapter, Taking(control, lambda _: None), pace=Pace(gather=0))
    task = asyncio.create_task(follower.run())
    try:
        async with asyncio.timeout(60):
            await follower.wait_ready()
        yield control, follower
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await history.close()


async def until(holds) -> None:
    async with asyncio.timeout(60):
        while not holds():
            await asyncio.sleep(0.05)


async def test_services_of_every_kind(kube_cluster, tmp_path):
    space = await kube_cluster.namespace()
    grpc = {"name": "calls", "port": 9000, "appProtocol": "kubernetes.io/h2c"}
    await kube_cluster.service(space, "web", {"name": "http", "port": 80}, grpc, selector={"app": "web"})
    await kube_cluster.service(space, "db", {"name": "tcp", "port": 5432}, selector={"app": "db"}, clusterIP="None")
    alias = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "old", "namespace": space}}
    await kube_cluster.api.create({**alias, "spec": {"type": "ExternalName", "externalName": "web.example.com"}})
    bare = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "bare", "namespace": space}}
    await kube_cluster.api.create({**bare, "spec": {"ports": [{"name": "http", "port": 80}]}})
    by_hand = slice_("bare-1", {"addresses": ["192.0.2.7"]}, of="bare", namespace=space)
    await kube_cluster.api.create({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", **by_hand})

    async with following(kube_cluster.kubeconfig, tmp_path, namespaces=space) as (control, follower):
        ends = f".{space}.svc.cluster.local"
        web = services.service(control.world, (f"web{ends}", space))
        assert [(one.number, one.protocol) for one in web.ports] == [(80, Protocol.HTTP), (9000, Protocol.HTTP2)]
        assert web.addresses[0].startswith("10.96.")
        assert services.service(control.world, (f"db{ends}", space)).headless
        (key,) = tables.ALIASES_BY_HOST.keys(control.world, f"old{ends}")
        assert tables.ALIASES.get(control.world, key).target == "web.example.com"
        (one,) = services.endpoints(control.world, (f"bare{ends}", space))
        assert (one.address, one.port, one.service_port) == ("192.0.2.7", 8080, 80)
        assert list(follower.reports()) == []


async def test_kinds_that_may_not_be_read_are_told_one_by_one(kube_cluster, tmp_path):
    space = await kube_cluster.namespace()
    reader = f"{space}-reader"  # one of its own: what others of this cluster may do, stays
    await kube_cluster.let_read(reader, "", "discovery.k8s.io", "networking.k8s.io")
    await kube_cluster.service(space, "web", {"name": "http", "port": 80}, selector={"app": "web"})
    kubeconfig = kube_cluster.kubeconfig_for(reader, certificate=True)
    async with following(kubeconfig, tmp_path, namespaces=space) as (control, follower):
        assert services.service(control.world, (f"web.{space}.svc.cluster.local", space))
        assert follower.standing().state == "synced"
        told = {one.message for one in follower.reports() if one.code == "kubernetes-forbidden"}
        (rules,) = (one for one in told if one.startswith("virtualservices.networking.istio.io"))
        assert f'User "{reader}" cannot list resource "virtualservices"' in rules
        assert 'allow get, list and watch on virtualservices of apiGroups ["networking.istio.io"] in a Role' in rules
        assert all("\n" not in one for one in told)


async def test_kinds_are_installed_and_removed_while_it_is_followed(own_cluster, tmp_path, monkeypatch):
    monkeypatch.setattr(reflector, "_ABSENT", 0.5)
    async with own_cluster as cluster:
        space = await cluster.namespace()
        async with following(cluster.kubeconfig, tmp_path) as (control, follower):
            assert follower.standing().state == "synced"
            assert list(follower.reports()) == []
            await cluster.install_kinds()
            await cluster.api.create({**RULE, "metadata": {"name": "web", "namespace": space}})
            await until(lambda: [str(one.ref) for one in control.objects()] == [f"VirtualService {space}/web"])
            await cluster.server.kill()
            await until(lambda: follower.standing().state == "stale")
            await cluster.server.start()
            await until(lambda: follower.standing().state == "synced")
            assert len(control.objects()) == 1  # a server that just started may not know its own kinds yet
            for each in yaml.safe_load_all(cluster.kinds.read_text()):
                if each and each["spec"]["names"]["plural"] == "virtualservices":
                    await cluster.api.delete(each)
            await until(lambda: control.objects() == ())


async def test_pods_of_a_cluster_are_followed_without_a_namespace_being_named(kube_cluster, tmp_path):
    subject = Kubernetes(tmp_path, kube_cluster)
    await subject.start()
    node = f"node-{subject.namespace}"
    await kube_cluster.node(node, region="eu", zone="eu-1", subzone="rack-7")
    about = {"node": node, "labels": {"app": "web", "version": "v2"}, "account": "shop"}
    await kube_cluster.service(
        subject.namespace, "web", {"name": "http", "port": 80, "targetPort": 8080}, selector={"app": "web"}
    )
    await kube_cluster.pod(subject.namespace, "web-1", "10.9.0.1", **about)
    async with following(kube_cluster.kubeconfig, tmp_path) as (control, _):
        identity = subject.hostname("web"), subject.namespace
        await until(lambda: len(services.endpoints(control.world, identity)) == 1)
        (one,) = services.endpoints(control.world, identity)
        assert str(one.locality) == "eu/eu-1/rack-7"
        assert one.identity == f"spiffe://cluster.local/ns/{subject.namespace}/sa/shop"
        assert dict(one.labels)["version"] == "v2"
