"""Every local instance of one mesh: brought in line with the `LocalWorkload` objects whenever they change.

A new instance is started, one that is no longer wanted is stopped, a changed one is replaced: its successor starts on
an address of its own, and only when it is registered does the old one leave. So a command that does not work leaves
the old process serving.
Invariant: of the generations of one instance the newest that ever served is the one that the mesh knows.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from pidalio.agent.addresses import AddressPool
from pidalio.agent.envoy_process import EnvoyFiles, EnvoyOptions
from pidalio.agent.logs import keep_bounded
from pidalio.agent.processes import Processes
from pidalio.agent.run_directory import RunDirectory
from pidalio.agent.sidecar import ControlPlane, Patience, Sidecar, SidecarFiles
from pidalio.agent.workload import APP_ADDRESS, contract_of
from pidalio.api.local_workload import LocalWorkload
from pidalio.api.object import Object
from pidalio.errors import UsageError
from pidalio.ir import ProcessPlan
from pidalio.model import Health, Interception, Proxy, ProxyType, Report, Severity, Word, Workload
from pidalio.platforms.local.addresses import Placement
from pidalio.platforms.local.workloads import LocalInstance, instances

ProxyBootstrap = Callable[[Proxy, Path, ProcessPlan], str | Mapping[str, Any]]
ProxyProcess = Callable[[Proxy, LocalInstance], ProcessPlan]
"""Says how the Envoy beside an instance is to be started."""


class Places(msgspec.Struct, frozen=True):
    """Where things are kept: sockets, log files, and what working directories are relative to."""

    run: RunDirectory
    logs: Path
    root: Path


class Member(msgspec.Struct, eq=False):
    """One generation of an instance, and the task that is its life.

    `row` is what the mesh was told of it last, `former` the row of the generation whose place it took.
    """

    generation: int
    key: str
    proxy: Proxy
    sidecar: Sidecar
    row: Workload | None = None
    former: Workload | None = None


class Fleet:
    """The local instances of a mesh; an async context manager that leaves none behind.

    `bootstrap` makes Envoy's configuration from the proxy and the path of its admin socket.
    """

    def __init__(
        self,
        pool: AddressPool,
        places: Places,
        processes: Processes,
        control: ControlPlane,
        bootstrap: ProxyBootstrap,
        options: EnvoyOptions,
        *,
        process: ProxyProcess = lambda _proxy, _instance: ProcessPlan(),
        patience: Patience | None = None,
    ) -> None:
        self.pool, self.places, self.options = pool, places, options
        self._processes, self._control, self._bootstrap = processes, control, bootstrap
        self._patience, self._process = patience or Patience(), process
        self._tasks = asyncio.TaskGroup()
        self._generation = 0
        self._wanted: dict[str, LocalInstance] = {}
        self._members: dict[str, list[Member]] = {}
        self._known: dict[str, Member] = {}

    @property
    def members(self) -> tuple[Member, ...]:
        """Return every generation that runs, oldest first for each instance."""
        return tuple(member for generations in self._members.values() for member in generations)

    def problems(self) -> tuple[Report, ...]:
        """Return what keeps instances from serving, the newest of each."""
        return tuple(member.sidecar.problem for member in self.members if member.sidecar.problem is not None)

    def word(self, name: str) -> Word | None:
        """Return what is said of the instance that the mesh knows as `name` (`<name>.<namespace>`)."""
        member = self._known.get(name)
        return member.sidecar.word if member else None

    def reconcile(self, objects: Iterable[Object[LocalWorkload]]) -> None:
        """Bring what runs in line with the objects; returns at once, the changes go on by themselves."""
        wanted = {instance.id: instance for instance in instances(objects)}
        for name in [name for name in self._wanted if name not in wanted]:
            del self._wanted[name]
            for member in list(self._members.get(name, [])):
                self._tasks.create_task(self._end(name, member), name=f"end of {member.key}")
        for name, instance in wanted.items():
            if self._wanted.get(name) != instance:
                self._wanted[name] = instance
                self._start(name, instance)

    async def all_registered(self) -> None:
        """Wait until the newest generation of every instance serves."""
        for generations in list(self._members.values()):
            await generations[-1].sidecar.registered.wait()

    async def stop(self, *, drain: bool = False) -> None:
        """End every instance, all at the same time."""
        self._wanted.clear()
        async with asyncio.TaskGroup() as group:
            for name, generations in list(self._members.items()):
                for member in list(generations):
                    group.create_task(self._end(name, member, drain=drain))

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        self._logs = self._tasks.create_task(keep_bounded(self._log_files), name="bounds of logs")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._logs.cancel()
        if kind is None:
            await self.stop()
        await self._tasks.__aexit__(kind, error, trace)

    def _start(self, name: str, instance: LocalInstance) -> None:
        self._generation += 1
        key = name if name not in self._members else f"{name}-{self._generation}"
        try:
            where = self.pool.lease(key, instance.port_numbers)
        except UsageError as error:
            self._control.report(Report(Severity.ERROR, "too-many-instances", str(error), instance.object))
            return
        member = self._member(key, instance, where)
        elder = list(self._members.setdefault(name, []))
        self._members[name].append(member)
        for each in elder:
            if not each.sidecar.registered.is_set():
                self._tasks.create_task(self._end(name, each, drain=False), name=f"end of {each.key}")
        self._tasks.create_task(self._live(name, member, elder), name=key)

    def _member(self, key: str, instance: LocalInstance, where: Placement) -> Member:
        app_ports = {port: self.pool.app_port(key, port) for port in instance.port_numbers}
        envoy = EnvoyFiles(
            self.places.run.file(f"{key}.json"), self.places.run.socket(key), self.places.logs / f"{key}.envoy.log"
        )
        proxy = sidecar_proxy(instance, where, app_ports, access_log=self.places.logs / f"{instance.id}.access.log")
        sidecar = Sidecar(
            instance,
            where,
            contract_of(instance, where, app_ports),
            lambda plan: self._bootstrap(proxy, envoy.admin, plan),
            options=self.options,
            files=SidecarFiles(envoy, self.places.logs / f"{instance.id}.log", self.places.root),
            processes=self._processes,
            control=self._control,
            process=lambda: self._process(proxy, instance),
            patience=self._patience,
            proxy=proxy.id,
        )
        member = Member(self._generation, key, proxy, sidecar)
        sidecar.control = self._control_for(instance.id, member)
        return member

    def _control_for(self, name: str, member: Member) -> ControlPlane:
        """Return the control plane as one generation sees it: a newer one that served takes the row over."""

        async def register(row: Workload) -> None:
            known = self._known.get(name, member)
            if known.generation > member.generation:
                return
            if known is not member and row.health is not Health.HEALTHY:
                return
            if known is not member and known.row is not None and known.row.health is Health.HEALTHY:
                member.former = known.row
                await self._control.keep(known.row)
            self._known[name], member.row = member, row
            await self._control.register(row)

        async def deregister(row: Workload) -> None:
            if self._known.get(name) is member:
                del self._known[name]
                await self._control.deregister(row)

        return ControlPlane(register, deregister, self._control.report, self._control.seen, self._control.counted)

    async def _live(self, name: str, member: Member, elder: list[Member]) -> None:
        """Run one generation; once it serves, the older ones leave."""
        succession = asyncio.create_task(self._succeed(name, member, elder))
        try:
            await member.sidecar.run()
        finally:
            succession.cancel()
            self._forget(name, member)

    async def _succeed(self, name: str, member: Member, elder: list[Member]) -> None:
        await member.sidecar.registered.wait()
        if member.former is not None:
            await self._control.leave(member.former)
        for each in elder:
            self._tasks.create_task(self._end(name, each), name=f"end of {each.key}")

    async def _end(self, name: str, member: Member, *, drain: bool = True) -> None:
        if member in self._members.get(name, []):
            await member.sidecar.stop(drain=drain)

    def _forget(self, name: str, member: Member) -> None:
        generations = self._members.get(name, [])
        if member in generations:
            generations.remove(member)
        if not generations:
            self._members.pop(name, None)
        if self._known.get(name) is member:
            del self._known[name]
        self.pool.release(member.key)

    def _log_files(self) -> list[Path]:
        files = [(each.sidecar.files.envoy.log, each.sidecar.files.workload_log) for each in self.members]
        access = [Path(each.proxy.access_log) for each in self.members]
        return [*(path for pair in files for path in pair), *access]


def sidecar_proxy(
    instance: LocalInstance, where: Placement, app_ports: Mapping[int, int], *, access_log: Path | None = None
) -> Proxy:
    """Return the proxy beside an instance, as the compiler knows it."""
    real = {where.bound(declared): port for declared, port in app_ports.items()}
    return Proxy(
        type=ProxyType.SIDECAR,
        address=where.address,
        name=instance.name,
        namespace=instance.namespace,
        labels=instance.labels,
        locality=instance.locality,
        outbound=where.outbound,
        interception=Interception.REDIRECT if where.redirected_to else Interception.NONE,
        app_address=APP_ADDRESS,
        app_ports=tuple(sorted((dict(app_ports) | real).items())),
        access_log=str(access_log or ""),
    )
