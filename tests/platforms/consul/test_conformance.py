"""The common suite on a real Consul."""

import shutil

import pytest
from tests.platforms.conformance import Conformance
from tests.platforms.consul.catalog import Catalog
from tests.platforms.servers.consul import ConsulAgent
from tests.platforms.subject import Instance, Subject

from pidalio.platforms.consul import KIND, ConsulSettings
from pidalio.platforms.installed import Configured

pytestmark = pytest.mark.platform("consul")


class ConsulSubject(Subject):
    flood_of = 800

    def __init__(self, folder) -> None:
        super().__init__(folder)
        self.server = ConsulAgent(folder)
        self.catalog = Catalog(self.server)

    @property
    def port(self) -> int:
        return self.server.port

    async def start(self) -> None:
        await self.server.start()

    async def stop(self) -> None:
        await self.server.kill()

    def configured(self, port: int) -> Configured:
        return Configured(KIND, ConsulSettings(address=f"http://127.0.0.1:{port}", settle=2))

    def hostname(self, service: str) -> str:
        return f"{service}.service.consul"

    async def put(self, service: str, name: str, instance: Instance) -> None:
        meta = {"version": instance.version, "zone": instance.zone}
        await self.catalog.put(service, name, instance.address, instance.port, Meta=meta)

    async def drop(self, service: str, name: str) -> None:
        await self.catalog.drop(name)

    async def fail(self, service: str, name: str) -> None:
        await self.catalog.check(service, name, "critical")

    async def heal(self, service: str, name: str) -> None:
        await self.catalog.check(service, name, "passing")

    async def drain(self, service: str, name: str) -> None:
        await self.catalog.check(service, name, "critical", f"_service_maintenance:{name}")

    async def rename(self, service: str, name: str, instances) -> None:
        for each, instance in instances.items():
            await self.put(name, each, instance)  # an id is unique at its node: it belongs to the new name now

    async def restart_server(self, *, keeps: bool) -> None:
        await self.server.kill()
        if not keeps:
            shutil.rmtree(self.server.folder / "data")
        await self.server.start()

    async def malformed(self) -> None:
        await self.catalog.put("broken", "b1", "10.77.9.9", 0)  # Consul itself takes nothing but numbers


class TestConsul(Conformance):
    def make(self, folder) -> Subject:
        return ConsulSubject(folder)
