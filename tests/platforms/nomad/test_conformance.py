"""The common suite on the Nomad of the tests."""

from typing import ClassVar

from tests.platforms.conformance import Conformance
from tests.platforms.nomad.server import Nomad, registration
from tests.platforms.subject import Instance, Subject

from pidalio.platforms.installed import Configured
from pidalio.platforms.nomad import KIND, NomadSettings


class NomadSubject(Subject):
    lacks: ClassVar = {
        "drain": "Nomad has no word for it: what is to get nothing new is deregistered",
    }

    def __init__(self, folder) -> None:
        super().__init__(folder)
        self.nomad = Nomad()

    @property
    def port(self) -> int:
        return self.nomad.port

    async def start(self) -> None:
        await self.nomad.__aenter__()

    async def stop(self) -> None:
        await self.nomad.__aexit__()

    def configured(self, port: int) -> Configured:
        settings = NomadSettings(
            address=f"http://127.0.0.1:{port}", checks=True, check_interval=0.2, silence=1, region="test"
        )
        return Configured(KIND, settings)

    def hostname(self, service: str) -> str:
        return f"{service}.default.nomad"

    def tree(self, service: str, name: str, instance: Instance) -> dict:
        return registration(
            service,
            0,
            ID=f"{service}/{name}",
            AllocID=f"alloc-{service}-{name}",
            NodeID="node-0",
            Address=instance.address,
            Port=instance.port,
            Datacenter=instance.zone,
            Tags=[f"version={instance.version}"],
        )

    async def put(self, service: str, name: str, instance: Instance) -> None:
        self.nomad.put(self.tree(service, name, instance))

    async def drop(self, service: str, name: str) -> None:
        self.nomad.drop({"ID": f"{service}/{name}"})

    async def fail(self, service: str, name: str) -> None:
        self.nomad.checks[f"alloc-{service}-{name}"] = {"c": {"ID": "c", "Service": service, "Status": "failure"}}

    async def heal(self, service: str, name: str) -> None:
        self.nomad.checks.clear()

    async def restart_server(self, *, keeps: bool) -> None:
        await self.nomad.__aexit__()
        if not keeps:
            self.nomad.services.clear()
        await self.nomad.__aenter__()

    async def malformed(self) -> None:
        self.nomad.put(registration("broken", 9, Port="http"))


class TestNomad(Conformance):
    def make(self, folder) -> Subject:
        return NomadSubject(folder)
