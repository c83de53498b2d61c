"""The common suite on the registry of the tests."""

from typing import ClassVar

from tests.platforms.conformance import Conformance
from tests.platforms.eureka.registry import Eureka, instance
from tests.platforms.subject import Instance, Subject

from pidalio.platforms.eureka import KIND, EurekaSettings
from pidalio.platforms.installed import Configured


class EurekaSubject(Subject):
    lacks: ClassVar = {}

    def __init__(self, folder) -> None:
        super().__init__(folder)
        self.eureka = Eureka()

    @property
    def port(self) -> int:
        return self.eureka.port

    async def start(self) -> None:
        await self.eureka.__aenter__()

    async def stop(self) -> None:
        await self.eureka.__aexit__()

    def configured(self, port: int) -> Configured:
        settings = EurekaSettings(address=f"http://127.0.0.1:{port}/eureka", interval=0.2, settle=0.5, silence=1)
        return Configured(KIND, settings)

    def hostname(self, service: str) -> str:
        return f"{service}.eureka"

    async def put(self, service: str, name: str, one: Instance) -> None:
        self.eureka.put(
            instance(
                service.upper(),
                0,
                instanceId=f"{service}:{name}",
                ipAddr=one.address,
                port={"$": one.port, "@enabled": "true"},
                metadata={"version": one.version, "zone": one.zone},
                vipAddress=service,
            )
        )

    async def drop(self, service: str, name: str) -> None:
        self.eureka.drop({"instanceId": f"{service}:{name}"})

    async def _become(self, service: str, name: str, status: str) -> None:
        self.eureka.put({**self.eureka.instances[f"{service}:{name}"], "status": status})

    async def fail(self, service: str, name: str) -> None:
        await self._become(service, name, "DOWN")

    async def heal(self, service: str, name: str) -> None:
        await self._become(service, name, "UP")

    async def drain(self, service: str, name: str) -> None:
        await self._become(service, name, "OUT_OF_SERVICE")

    async def restart_server(self, *, keeps: bool) -> None:
        await self.eureka.__aexit__()
        if not keeps:
            self.eureka.instances.clear()
        self.eureka.changes.clear()
        await self.eureka.__aenter__()

    async def malformed(self) -> None:
        self.eureka.put(instance("BROKEN", 9, port={"$": "http", "@enabled": "true"}))


class TestEureka(Conformance):
    def make(self, folder) -> Subject:
        return EurekaSubject(folder)
