"""A whole mesh in one process: what is written in a folder becomes processes, proxies and live rules.

Start:  Envoy is there → server: the folder is ours (lock), history, files, xDS, API → the ports of gateways are free →
        workloads, their Envoys and gateways, all at the same time.
While it runs, every change of the inputs wakes `_follow`, which brings processes in line with objects.
Stop:   gateways drain → workloads and their Envoys → every process left, by the guard → server.

Invariant: nothing is started before everything that one line could refuse has been checked.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from pidalio.agent.addresses import AddressPool, lowest_port
from pidalio.agent.envoy_process import EnvoyFiles, EnvoyOptions
from pidalio.agent.fleet import Fleet, Places
from pidalio.agent.gateway import GatewayAgent
from pidalio.agent.processes import Processes
from pidalio.agent.run_directory import RunDirectory
from pidalio.agent.sidecar import ControlPlane as AgentsView
from pidalio.errors import InvalidInput
from pidalio.http.wire import PlatformView
from pidalio.ir import ProcessPlan
from pidalio.model import ObjectRef, Proxy, Report, Sight, Tally, Workload
from pidalio.platforms.local.workloads import LocalInstance
from pidalio.rules.gateway_ports import gateways
from pidalio.rules.health_checks import TIMEOUT
from pidalio.rules.process import process_plan
from pidalio.server.control_plane import Applied, ControlPlane
from pidalio.server.serve import Server
from pidalio.settings import ServerSettings
from pidalio.store import tables
from pidalio.up.bootstraps import bootstraps
from pidalio.up.folder import MeshFolder
from pidalio.up.gateways import GatewayAddress, Gateways, addresses, moved_port, port_in_use
from pidalio.up.notices import Notices
from pidalio.up.options import MeshOptions, require_files, usable_envoy
from pidalio.up.workloads import with_working_directories
from pidalio.xds import Events

_LOOK_EVERY_SECONDS = 0.05
_LIVE_WITHIN_SECONDS = 5
_FILES = "files"
_SOURCE, _KIND = "local", "LocalWorkload"
_CHECKS_AT_MOST = 5.0
"""How many seconds a former instance stays for checks of its successor."""


class Mesh:
    """One embedded mesh, running inside its `async with` block; lines for people go to `tell`.

    Entering raises `UsageError`, `InvalidInput`, `PortInUse`, `EnvoyError` or `HistoryUnavailable`, one line each.
    """

    fleet: Fleet
    gateways: Gateways

    def __init__(self, options: MeshOptions, tell: Callable[[str], None], events: Sequence[Events] = ()) -> None:
        self.options = options
        self.folder = MeshFolder(options.folder.resolve())
        settings = ServerSettings(
            folder=self.folder.root,
            files=options.paths,
            namespace=options.namespace,
            minimum_healthy=options.minimum_healthy,
            start_timeout=options.start_timeout,
        )
        self.server = Server(settings, platforms=options.platforms, events=events, changed=self._files_changed)
        self._notices = Notices(tell, time.monotonic)
        self._stack = contextlib.AsyncExitStack()
        self._processes = Processes()
        self._addresses: tuple[GatewayAddress, ...] = ()
        self._deliveries = 0
        self._seen: tuple[object, ...] = ()

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    @property
    def control(self) -> ControlPlane:
        """Return the control plane."""
        return self.server.control

    async def ready(self) -> None:
        """Wait until every workload is registered, every gateway serves, and every proxy knows of all that."""
        await self.fleet.all_registered()
        await self.gateways.ready()
        await self.control.live(self.control.world.generation, _LIVE_WITHIN_SECONDS)

    def waiting_for(self) -> tuple[str, ...]:
        """Return what does not serve yet, by name."""
        members = [each.sidecar.instance.name for each in self.fleet.members if not each.sidecar.registered.is_set()]
        return (*dict.fromkeys(members), *self.gateways.waiting_for())

    def summary(self) -> str:
        """Return one line: what runs, and where callers reach it."""
        workloads, gateways = len(self.fleet.members), len(self.gateways)
        found = ", ".join(one.url for one in self.gateway_addresses()) or "no gateway"
        return f"ready: {workloads} workloads, {workloads + gateways} proxies; gateway: {found}"

    def gateway_addresses(self) -> tuple[GatewayAddress, ...]:
        """Return where gateways listen."""
        return addresses(self.control.world, lowest_port())

    async def _start(self) -> None:
        if self.options.paths or not self.options.platforms:
            require_files(self.options.paths)
        envoy = await asyncio.to_thread(usable_envoy, self.options)
        await self._stack.enter_async_context(self.server)
        self.folder.make()
        self._require_free_ports()
        run = self._stack.enter_context(RunDirectory(self.server.run_directory))
        self._stack.callback(_remove_files, run.path)
        self._stack.push_async_callback(self._processes.close)
        self.fleet, self.gateways = self._agents(run, envoy)
        await self._stack.enter_async_context(self.fleet)
        await self._stack.enter_async_context(self.gateways)
        self.server.platforms.append(self._view)
        self.server.tellers.append(self._problems)
        self.server.agents.append(self.fleet.word)
        self._reconcile()
        await self._stack.enter_async_context(_background(self._follow(), "follow"))

    def _agents(self, run: RunDirectory, envoy: Path) -> tuple[Fleet, Gateways]:
        pool = AddressPool(self.folder.root)
        self._stack.callback(pool.close)
        bootstrap = bootstraps(self.folder, "unix://" + self.server.xds_address.removeprefix("unix:"))
        options = EnvoyOptions(envoy)
        agents = AgentsView(
            self._register, self._deregister, self._happened, self._saw, self._counted, self._keep, self._leave
        )
        places = Places(run, self.folder.logs, self.folder.root)
        fleet = Fleet(pool, places, self._processes, agents, bootstrap, options, process=self._process_of)

        def gateway(proxy: Proxy) -> GatewayAgent:
            name = f"{proxy.name}.{proxy.namespace}"
            files = EnvoyFiles(run.file(f"{name}.json"), run.socket(name), self.folder.logs / f"{name}.envoy.log")
            return GatewayAgent(
                name,
                lambda plan: bootstrap(proxy, files.admin, plan),
                options=options,
                files=files,
                processes=self._processes,
                report=self._happened,
                process=lambda: process_plan(self.control.world, proxy.namespace, proxy.labels),
                seen=lambda sights: self._saw(proxy.id, sights),
                counted=lambda tallies: self._counted(proxy.id, tallies),
            )

        return fleet, Gateways(gateway, lowest_port(), drain_seconds=self.options.drain)

    def _process_of(self, proxy: Proxy, instance: LocalInstance) -> ProcessPlan:
        return process_plan(self.control.world, proxy.namespace, proxy.labels, instance.proxy_config)

    # What instances tell

    async def _register(self, row: Workload) -> None:
        self.control.feed(_SOURCE, {tables.WORKLOADS: {(row.namespace, row.name, _KIND): row}})

    async def _deregister(self, row: Workload) -> None:
        self.control.feed(_SOURCE, {tables.WORKLOADS: {(row.namespace, row.name, _KIND): None}})

    async def _keep(self, row: Workload) -> None:
        """Keep a former instance where proxies check: they use its successor only when that has answered."""
        if self.control.objects("HealthCheck"):
            self.control.feed(_SOURCE, {tables.WORKLOADS: {_former(row): row}})

    async def _leave(self, row: Workload) -> None:
        """Take a former instance away when every proxy knows its successor and had the time to check it."""
        timeouts = [one.spec.timeout or TIMEOUT for one in self.control.objects("HealthCheck")]
        try:
            if timeouts:
                await self.control.live(self.control.world.generation, _CHECKS_AT_MOST)
                await asyncio.sleep(min(max(timeouts) / 1000, _CHECKS_AT_MOST))
        finally:
            self.control.feed(_SOURCE, {tables.WORKLOADS: {_former(row): None}})

    async def _saw(self, proxy: str, sights: tuple[Sight, ...]) -> None:
        self.server.served.observations.tell(proxy, sights)

    async def _counted(self, proxy: str, tallies: tuple[Tally, ...]) -> None:
        self.server.served.campaigns.counted(proxy, tallies)

    def _happened(self, report: Report) -> None:
        self._notices.event(self.control.catalog.locate((report,))[0])

    def _problems(self) -> tuple[Report, ...]:
        return self.control.catalog.locate((*self.fleet.problems(), *self.gateways.problems()))

    # What follows from objects

    def _files_changed(self, _: Applied) -> None:
        """Take note of a change of files: a mistake in one changes what stands, and no object."""
        self._deliveries += 1

    async def _follow(self) -> None:
        """Bring processes in line whenever objects changed, whoever changed them, and tell what stands."""
        while True:
            await asyncio.sleep(_LOOK_EVERY_SECONDS)
            seen = self._sight()
            if seen == self._seen:
                self._notices.look_again()
                continue
            self._seen = seen
            self._notices.standing((*self.control.reports(), *self.server.reports()))
            self._reconcile()

    def _sight(self) -> tuple[object, ...]:
        """Return what differs whenever objects or reports do."""
        rejections = tuple(stream.rejections for stream in self.control.ads.streams())
        inputs = (self._deliveries, self.control.revision, self.control.world.generation)
        return inputs, rejections, tuple(self.server.reports())

    def _reconcile(self) -> None:
        objects = self.control.objects("LocalWorkload")
        self.fleet.reconcile(with_working_directories(objects, self._file_of, self.folder.root))
        self._announce_ports()
        self.gateways.reconcile(gateways(self.control.world))

    def _file_of(self, ref: ObjectRef) -> str:
        """Return the file that owns an object; an applied one has none, wherever it was applied from."""
        owner = self.control.catalog.owner(ref)
        return owner.unit if owner is not None and owner.source == _FILES else ""

    def _view(self) -> PlatformView:
        registered = sum(member.sidecar.registered.is_set() for member in self.fleet.members)
        objects = len(self.control.objects(_KIND))
        detail = f"{registered} of {len(self.fleet.members)} instances serve, {len(self.gateways)} gateways"
        return PlatformView(_SOURCE, objects, registered, detail)

    def _require_free_ports(self) -> None:
        reports = [port_in_use(one) for one in self.gateway_addresses() if not one.is_free()]
        if reports:
            raise InvalidInput("ports of gateways are in use", self.control.catalog.locate(reports))

    def _announce_ports(self) -> None:
        """Tell of new ports that are moved; one that is taken is Envoy's to refuse, and a report then."""
        now = self.gateway_addresses()
        for one in now:
            if one not in self._addresses and (report := moved_port(one)) is not None:
                self._happened(report)
        self._addresses = now


def _former(row: Workload) -> tuple[str, str, str]:
    """Return the key under which an instance stands beside its successor, which has its name."""
    return row.namespace, row.name, f"{_KIND} at {row.address} {row.moved_ports}"


def _remove_files(folder: Path) -> None:
    """Remove bootstraps and ejections, those of a run that was killed too."""
    for path in (*folder.glob("*.json"), *folder.glob("*.ejections")):
        path.unlink(missing_ok=True)


@contextlib.asynccontextmanager
async def _background(work: Coroutine[None, None, None], name: str) -> AsyncIterator[None]:
    """Run `work` beside the block; what stops it unasked stops the block too."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(work, name=name)
        try:
            yield
        finally:
            task.cancel()
