"""What every platform must live through: Cloud Foundry's messages on a real NATS server."""

from typing import ClassVar

import pytest
from tests.platforms.cloudfoundry.cells import INTERVAL, THRESHOLD, Cells, message
from tests.platforms.conformance import Conformance
from tests.platforms.servers.installed import require
from tests.platforms.servers.nats import Nats
from tests.platforms.subject import Instance, Subject

from pidalio.platforms.cloudfoundry import KIND
from pidalio.platforms.cloudfoundry.settings import CloudFoundrySettings
from pidalio.platforms.installed import Configured

pytestmark = [pytest.mark.platform("nats"), pytest.mark.slow]


class CloudFoundrySubject(Subject):
    lacks: ClassVar = {
        "health": "who is unwell is unregistered by its cell",
        "drain": "who drains is unregistered first, and then ended",
        "asking twice": "each instance is forgotten by itself: there is no answer that is whole",
        "duplicates": "an address belongs to the instance that was registered there last",
    }

    def __init__(self, folder) -> None:
        super().__init__(folder)
        self.server = Nats(folder)

    @property
    def port(self) -> int:
        return self.server.port

    async def start(self) -> None:
        await self.server.start()
        self.cells = Cells(self.server.url)
        await self.cells.__aenter__()

    async def stop(self) -> None:
        await self.cells.__aexit__()
        await self.server.stop()

    def configured(self, port: int) -> Configured:
        settings = CloudFoundrySettings(
            nats=f"127.0.0.1:{port}", interval=INTERVAL, threshold=THRESHOLD, settle=2 * INTERVAL
        )
        return Configured(KIND, settings)

    def hostname(self, service: str) -> str:
        return f"{service}.apps.example"

    async def put(self, service: str, name: str, instance: Instance) -> None:
        host, tags = self.hostname(service), {"process_id": instance.version}
        body = message(host, instance.address, instance.port, guid=name, app=service, tags=tags)
        await self.cells.register(f"{service}/{name}", {**body, "availability_zone": instance.zone})

    async def drop(self, service: str, name: str) -> None:
        await self.cells.unregister(f"{service}/{name}")

    async def restart_server(self, *, keeps: bool) -> None:
        await self.server.kill()
        if not keeps:
            self.cells.messages.clear()
        await self.server.start()
        await self.cells.connect()

    async def malformed(self) -> None:
        await self.cells.say("router.register", message("broken.apps.example", "10.77.9.9", "http"))


class TestCloudFoundry(Conformance):
    def make(self, folder) -> Subject:
        require("nats")
        return CloudFoundrySubject(folder)
