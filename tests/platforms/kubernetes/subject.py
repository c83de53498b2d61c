"""A Kubernetes cluster as the common suite knows platforms: services, pods, and the controllers' own slices."""

import asyncio
import contextlib
from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

from tests.platforms.servers.kube import KubeCluster
from tests.platforms.servers.kube_api import Object, Refused, path_of
from tests.platforms.subject import Instance, Put, Subject

from pidalio.platforms.installed import Configured
from pidalio.platforms.kubernetes import KIND
from pidalio.platforms.kubernetes.settings import KubernetesSettings

NODE = "node-east"


class Kubernetes(Subject):
    """A namespace of a cluster that others share, or of one of its own, which can be restarted."""

    lacks: ClassVar = {
        "asking twice": "a watch goes on where it was, and says each removal in order",
        "duplicates": "an address is one pod's own until that is gone",
    }
    flood_of = 200

    def __init__(self, folder: Path, shared: KubeCluster | None = None) -> None:
        super().__init__(folder)
        self.cluster = shared or KubeCluster(folder)
        self.is_own = shared is None
        self.namespace = ""
        self.services: set[str] = set()
        self.pods: dict[tuple[str, str], Object] = {}

    @property
    def port(self) -> int:
        return self.cluster.port

    async def start(self) -> None:
        if self.is_own:
            await self.cluster.__aenter__()
        self.namespace = await self.cluster.namespace()
        with contextlib.suppress(Refused):  # another test has made it
            await self.cluster.node(NODE, region="here", zone="east")

    async def stop(self) -> None:
        if self.is_own:
            await self.cluster.end()

    def configured(self, port: int) -> Configured:
        kubeconfig = self.cluster.kubeconfig_for("admin", url=f"https://127.0.0.1:{port}")
        return Configured(KIND, KubernetesSettings(kubeconfig=str(kubeconfig), namespaces=self.namespace))

    def hostname(self, service: str) -> str:
        return f"{service}.{self.namespace}.svc.cluster.local"

    async def put(self, service: str, name: str, instance: Instance) -> None:
        if service not in self.services:
            self.services.add(service)
            port = {"name": "http", "port": 80, "targetPort": "http"}
            await self.cluster.service(self.namespace, service, port, selector={"app": service})
        ports = [{"name": "http", "containerPort": instance.port}]
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": f"{service}-{name}",
                "namespace": self.namespace,
                "labels": {"app": service, "version": instance.version},
            },
            "spec": {"nodeName": NODE, "containers": [{"name": "app", "image": "none.invalid/app", "ports": ports}]},
        }
        await self.cluster.api.apply(pod)
        self.pods[service, name] = {**pod, "address": instance.address}
        await self.cluster.report(pod, instance.address)

    async def drop(self, service: str, name: str) -> None:
        await self.cluster.api.delete(self.pods.pop((service, name)), gracePeriodSeconds=0)

    async def fail(self, service: str, name: str) -> None:
        pod = self.pods[service, name]
        await self.cluster.report(pod, pod["address"], ready=False)

    async def heal(self, service: str, name: str) -> None:
        pod = self.pods[service, name]
        await self.cluster.report(pod, pod["address"])

    async def drain(self, service: str, name: str) -> None:
        await self.cluster.api.delete(self.pods[service, name])  # and nobody ends it: there is no kubelet

    async def restart_server(self, *, keeps: bool) -> None:
        assert keeps
        await self.cluster.server.kill()
        await self.cluster.server.start()

    async def empty(self) -> None:
        for kind in ("Service", "Pod"):
            found = await self.cluster.api.get("v1", kind, self.namespace)
            for each in found["items"]:
                await self.cluster.api.delete({"apiVersion": "v1", "kind": kind, **each}, gracePeriodSeconds=0)
        self.services.clear()
        self.pods.clear()

    async def flood(self, orders: Iterable[Put]) -> None:
        every = list(orders)
        for service in sorted({one.service for one in every}):
            first = next(one for one in every if one.service == service)
            await self.put(*first)
        at_once = asyncio.Semaphore(8)

        async def one(order: Put) -> None:
            async with at_once:
                await self.put(*order)

        by_name = {(order.service, order.name): order for order in every}
        await asyncio.gather(*(one(order) for order in by_name.values()))

    async def malformed(self) -> None:
        slice_ = {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "name": "web-names",
                "namespace": self.namespace,
                "labels": {"kubernetes.io/service-name": "web"},
            },
            "addressType": "FQDN",
            "ports": [{"name": "http", "port": 80}],
            "endpoints": [{"addresses": ["web.example.com"]}],
        }
        await self.cluster.api.create(slice_)
        await self.cluster.api.call("GET", path_of("discovery.k8s.io/v1", "EndpointSlice", self.namespace))
