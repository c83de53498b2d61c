"""The common suite on a real ZooKeeper, with Curator's layout."""

import asyncio
from typing import ClassVar

import pytest
from tests.platforms.conformance import Conformance
from tests.platforms.servers.zookeeper import ZooKeeper
from tests.platforms.subject import Instance, Subject
from tests.platforms.zookeeper.tree import BASE, Registrar, curator

from pidalio.platforms.installed import Configured
from pidalio.platforms.zookeeper import KIND, ZooKeeperSettings

pytestmark = pytest.mark.platform("zookeeper")


class ZooKeeperSubject(Subject):
    lacks: ClassVar = {"health": "a node is there or not: Curator's instances have no word for being unwell"}

    def __init__(self, folder) -> None:
        super().__init__(folder)
        self.server = ZooKeeper(folder)

    @property
    def port(self) -> int:
        return self.server.port

    async def start(self) -> None:
        await self.server.start()
        self.registrar = await Registrar(self.server.hosts).__aenter__()

    async def stop(self) -> None:
        await self.registrar.__aexit__()
        await self.server.stop()

    def configured(self, port: int) -> Configured:
        return Configured(KIND, ZooKeeperSettings(hosts=f"127.0.0.1:{port}{BASE}", session=4.0))

    def hostname(self, service: str) -> str:
        return f"{service}.zookeeper"

    def tree(self, service: str, one: Instance, *, enabled: bool = True) -> dict:
        zone = f"region/{one.zone}"
        return {**curator(service, one.address, one.port, version=one.version, zone=zone), "enabled": enabled}

    async def put(self, service: str, name: str, instance: Instance) -> None:
        self.last = {**getattr(self, "last", {}), (service, name): instance}
        await self.registrar.put(service, name, self.tree(service, instance), ephemeral=False)

    async def drop(self, service: str, name: str) -> None:
        await self.registrar.drop(f"{service}/{name}")

    async def drain(self, service: str, name: str) -> None:
        tree = self.tree(service, self.last[service, name], enabled=False)
        await self.registrar.put(service, name, tree, ephemeral=False)

    async def restart_server(self, *, keeps: bool) -> None:
        if not keeps:
            await self.registrar.drop("")
        await self.server.kill()
        await self.server.restart()

    async def flood(self, orders) -> None:
        await asyncio.gather(
            *(self._in_order([one for one in orders if hash(one[:2]) % 8 == lane]) for lane in range(8))
        )

    async def _in_order(self, orders) -> None:
        for order in orders:
            await self.put(*order)

    async def malformed(self) -> None:
        await self.registrar.put("broken", "b1", {**curator("broken", "10.77.9.9", 1), "port": "http"})


class TestZooKeeper(Conformance):
    def make(self, folder) -> Subject:
        return ZooKeeperSubject(folder)
