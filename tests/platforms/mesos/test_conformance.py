"""The common suite on Mesos with Marathon: on the fake, because no real Mesos can be started."""

from tests.platforms.conformance import Conformance
from tests.platforms.mesos.shop import Shop
from tests.platforms.subject import Instance, Subject

from pidalio.model import Health
from pidalio.platforms.installed import Configured
from pidalio.platforms.mesos import KIND, MesosSettings


class MesosSubject(Subject):
    drained = Health.DRAINING

    def __init__(self, folder) -> None:
        super().__init__(folder)
        self.shop = Shop()

    @property
    def port(self) -> int:
        return self.shop.serving.port

    async def start(self) -> None:
        await self.shop.serving.start()

    async def stop(self) -> None:
        await self.shop.serving.stop()

    def configured(self, port: int) -> Configured:
        url = f"http://127.0.0.1:{port}"
        settings = MesosSettings(master=url, marathon=url, reread=2)
        settings.check()
        return Configured(KIND, settings)

    def hostname(self, service: str) -> str:
        return f"{service}.marathon.mesos"

    async def put(self, service: str, name: str, instance: Instance) -> None:
        self.shop.put(service, name, instance.address, instance.port, instance.version, instance.zone)

    async def drop(self, service: str, name: str) -> None:
        self.shop.drop(service, name)

    async def fail(self, service: str, name: str) -> None:
        self.shop.health(service, name, is_well=False)

    async def heal(self, service: str, name: str) -> None:
        self.shop.health(service, name, is_well=True)

    async def drain(self, service: str, name: str) -> None:
        self.shop.state(service, name, "TASK_KILLING")

    async def restart_server(self, *, keeps: bool) -> None:
        await self.shop.restart(keeps=keeps)

    async def empty(self) -> None:
        for service, name in list(self.shop.running):
            self.shop.drop(service, name)

    async def malformed(self) -> None:
        self.shop.marathon.extra = [{"id": "/broken", "tasks": [{"id": "broken.1", "ports": ["http"]}]}]
        self.shop.marathon.tell("api_post_event")


class TestMesos(Conformance):
    def make(self, folder) -> Subject:
        return MesosSubject(folder)
