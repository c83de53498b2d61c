"""The common suite where we are the registry: the control plane's own API, and agents' own registrars as instances.

A cut link is between the agents and the control plane; what other platforms call stale is here that all are silent.
"""

import asyncio
import contextlib
from collections.abc import Iterable, Mapping

from tests.platforms.conformance import A1, W1, W2, Conformance, _order
from tests.platforms.following_mesh import FollowingMesh, _Watched
from tests.platforms.subject import Instance, Put, Subject
from tests.ports import free_ports

from pidalio.agent.registration import Registrar
from pidalio.api.load import load
from pidalio.history import SqliteHistory
from pidalio.http.app import app
from pidalio.http.client import Client, Target
from pidalio.http.listening import Door, tcp_socket
from pidalio.http.reading import platforms
from pidalio.http.served import Served
from pidalio.model import Health, Locality, Source, Workload, labels_of
from pidalio.platforms.following import Standing
from pidalio.platforms.vm import FileStore, Registrations, Times
from pidalio.server.explaining import decide_for

import pytest  # isort: skip

LEASE = 8.0
SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: %s}
spec: {selector: {app: %s}, ports: [{name: http, port: 80}]}
"""
SERVICES = ("web", "api", "shop", "store", *(f"flood-{number}" for number in range(10)))


class Agent:
    """One instance's agent: tells by a link that may be broken, and goes on trying."""

    def __init__(self, client: Client) -> None:
        self.registrar = Registrar(client, lambda _: None, lease_seconds=LEASE)
        self.running = asyncio.create_task(self.registrar.run())
        self.telling: asyncio.Task[None] | None = None
        self.row: Workload

    async def tell(self, row: Workload | None) -> None:
        if row is not None:
            self.row = row
        say = self.registrar.register(row) if row is not None else self.registrar.deregister(self.row)
        former, self.telling = self.telling, asyncio.create_task(say)
        with contextlib.suppress(TimeoutError):  # it goes on trying
            await asyncio.wait_for(asyncio.shield(self.telling), 1)
        if former is not None and former.done():
            former.result()

    async def stop(self) -> None:
        tasks = [self.running, *([self.telling] if self.telling else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class VmSubject(Subject):
    lacks: Mapping[str, str] = {
        "keeping": "the server is the control plane itself, whose restart is a scenario of its own",
        "emptying": "no answer could be empty: each instance speaks for itself",
        "asking twice": "no answer could be empty: each instance speaks for itself",
        "malformed": "who says it is answered with one line at once, and nobody else is told",
        "duplicates": "of two at one address the newer has it, which has tests of its own",
    }

    flood_of = 200

    def __init__(self, folder) -> None:
        super().__init__(folder)
        (self.port,) = free_ports(1)
        self.client: Client | None = None
        self.agents: dict[tuple[str, str], Agent] = {}

    async def start(self) -> None:
        """There is nothing to start: instances come by themselves."""

    async def stop(self) -> None:
        agents, self.agents = self.agents, {}
        for agent in agents.values():
            await agent.stop()
        client, self.client = self.client, None
        if client is not None:
            await client.__aexit__(None, None, None)

    def reach(self, port: int) -> None:
        """Say by which port of 127.0.0.1 all agents reach the control plane."""
        if self.client is None:
            self.client = Client(Target.named(f"127.0.0.1:{port}"))

    def configured(self, port: int):
        raise NotImplementedError

    def hostname(self, service: str) -> str:
        return f"{service}.default.svc.cluster.local"

    def row(self, service: str, name: str, instance: Instance) -> Workload:
        return Workload(
            name=f"{service}-{name}",
            namespace="default",
            address=instance.address,
            labels=labels_of({"app": service, "version": instance.version}),
            ports=(("http", instance.port),),
            locality=Locality("", instance.zone),
            source=Source.AGENT,
        )

    async def put(self, service: str, name: str, instance: Instance) -> None:
        if (service, name) not in self.agents:
            self.agents[service, name] = Agent(self.client)
        await self.agents[service, name].tell(self.row(service, name, instance))

    async def drop(self, service: str, name: str) -> None:
        await self.agents[service, name].tell(None)

    async def become(self, service: str, name: str, health: Health) -> None:
        agent = self.agents[service, name]
        await agent.tell(
            Workload(**{**{f: getattr(agent.row, f) for f in Workload.__struct_fields__}, "health": health})
        )

    async def fail(self, service: str, name: str) -> None:
        await self.become(service, name, Health.UNHEALTHY)

    async def heal(self, service: str, name: str) -> None:
        await self.become(service, name, Health.HEALTHY)

    async def drain(self, service: str, name: str) -> None:
        await self.become(service, name, Health.DRAINING)

    async def flood(self, orders: Iterable[Put]) -> None:
        by_agent: dict[tuple[str, str], list[Put]] = {}
        for order in orders:
            by_agent.setdefault((order.service, order.name), []).append(order)

        async def all_of(some: list[Put]) -> None:
            for order in some:
                await self.put(*order)

        await asyncio.gather(*map(all_of, by_agent.values()))


class _Shown:
    """The platforms view of the API, as a follower would be asked."""

    def __init__(self, served: Served) -> None:
        self._served = served

    def reports(self):
        return iter(self._served.registrations.standing())

    def standing(self) -> Standing:
        known = self._served.registrations
        state = "stale" if known.silent else "synced"
        return Standing("agents", "vm", state, instances=len(known), reports=tuple(known.standing()))


class VmMesh(FollowingMesh):
    """The mesh that instances register with."""

    async def __aexit__(self, *_: object) -> None:
        await self.subject.stop()  # the callers first: connections end in order
        await super().__aexit__()

    async def begin(self) -> None:
        self.subject.reach(self.link.port)
        self._history, before = await SqliteHistory.open(self._folder / "history.db"), list(self.seen)
        self.control = _Watched(self._history, self)
        texts = {f"{name}.yaml": load(SERVICE % (name, name), f"{name}.yaml") for name in SERVICES}
        await self.control.replace_units("files", texts, author="test")
        self.known = Registrations(
            self.control,
            FileStore(self._folder / "registrations.json"),
            times=Times(shortest=0.1, grace=1, window=1),
            believed=self.control.guard.is_believed,
        )
        await self.known.start(20)
        self.seen = [*before, self.picture()]  # no proxy is served before
        self.served = Served(self.control, decide_for, registrations=self.known)
        self.follower = _Shown(self.served)
        self.door = Door(app(self.served), tcp_socket(f"127.0.0.1:{self.subject.port}"))
        await self.door.open()
        self._tasks = [asyncio.create_task(self._watch_state())]

    async def end(self) -> None:
        await self.door.close()
        await self.known.close()
        await super().end()


class TestVm(Conformance):
    @pytest.fixture
    async def mesh(self, request, tmp_path):
        subject = VmSubject(tmp_path)
        for mark in request.node.iter_markers("needs"):
            for what in mark.args:
                if why := subject.lacks.get(what):
                    pytest.skip(f"VmSubject: {what}: {why}")
        async with VmMesh(subject, tmp_path) as mesh:
            await mesh.put("web", "w1", "10.77.0.1")
            await mesh.put("web", "w2", "10.77.0.2", version="v2")
            await mesh.put("api", "a1", "10.77.1.1", 9000)
            await mesh.settled()
            mesh.mark()
            yield mesh

    async def test_a_flood(self, mesh):
        """Each registration is answered with the generation that holds it: they are not gathered."""
        orders = [_order(number) for number in range(mesh.subject.flood_of)]
        await mesh.subject.flood(orders)
        for order in orders:
            mesh.expect(*order)
        await mesh.settled()
        assert mesh.always_had("web", W1, W2)

    async def test_how_it_is_shown(self, mesh):
        (view,) = (await platforms(mesh.served, None)).platforms
        assert (view.name, view.kind, view.state, view.instances) == ("agents", "vm", "synced", 3)
        await mesh.link.cut()
        await mesh.in_state("stale")
        (told,) = await mesh.told()
        assert told.code == "kept-last-known"
        (view,) = (await platforms(mesh.served, None)).platforms
        assert (view.state, view.instances) == ("held", 3)
        assert "silent" in view.detail
        await mesh.link.restore()
        await mesh.in_state("synced")
        assert mesh.seen == [mesh.picture()]
        assert mesh.always_had("api", A1)
