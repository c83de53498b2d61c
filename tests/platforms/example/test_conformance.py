"""The common suite proves itself on a small registry that can do everything."""

from tests.platforms.conformance import Conformance
from tests.platforms.example.adapter import KIND, ExampleSettings
from tests.platforms.example.registry import Registry
from tests.platforms.subject import Instance, Subject

from pidalio.platforms.installed import Configured


class ExampleSubject(Subject):
    def __init__(self, folder) -> None:
        super().__init__(folder)
        self.registry = Registry()

    @property
    def port(self) -> int:
        return self.registry.port

    async def start(self) -> None:
        await self.registry.start()

    async def stop(self) -> None:
        await self.registry.stop()

    def configured(self, port: int) -> Configured:
        return Configured(KIND, ExampleSettings(address=f"http://127.0.0.1:{port}"))

    def hostname(self, service: str) -> str:
        return f"{service}.example"

    async def put(self, service: str, name: str, instance: Instance) -> None:
        await self.registry.put(service, name, **instance._asdict(), health="HEALTHY")

    async def drop(self, service: str, name: str) -> None:
        await self.registry.drop(service, name)

    async def fail(self, service: str, name: str) -> None:
        await self.registry.put(service, name, health="UNHEALTHY")

    async def heal(self, service: str, name: str) -> None:
        await self.registry.put(service, name, health="HEALTHY")

    async def drain(self, service: str, name: str) -> None:
        await self.registry.put(service, name, health="DRAINING")

    async def restart_server(self, *, keeps: bool) -> None:
        await self.registry.stop()
        if not keeps:
            await self.registry.clear()
        await self.registry.start()

    async def malformed(self) -> None:
        fields = Instance("10.77.9.9", 0)._asdict() | {"port": "http"}
        await self.registry.put("broken", "b1", **fields)


class TestExample(Conformance):
    def make(self, folder) -> Subject:
        return ExampleSubject(folder)
