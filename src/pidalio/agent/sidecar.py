"""One instance of a local workload with its Envoy: the order in which things start, fail and end.

Start:  application and Envoy side by side → both ready → registered (first then do callers come).
        Settings may hold the application until its Envoy serves.
The application ends:  inbound listener closed (a refused connection is retried elsewhere) → reported gone → Envoy
        replaced, application started again with back-off.
Envoy ends:  reported unhealthy → started again with back-off → reported healthy.
Stop:  reported gone → callers leave (drain) → application → Envoy.

Invariant: the control plane knows of the instance only while its application accepts connections and once its Envoy
has served; it is healthy there only while both do.
What is told goes through `ControlPlane`, so that the store may be in this process or behind HTTP.
"""

import asyncio
import contextlib
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import msgspec

from pidalio.agent.backoff import Backoff
from pidalio.agent.ejections import Lookout
from pidalio.agent.envoy_process import Bootstrap, EnvoyFiles, EnvoyOptions
from pidalio.agent.envoy_supervisor import EnvoySupervisor
from pidalio.agent.logs import last_lines, size_of
from pidalio.agent.probe import Held, Prober, ProbeTarget
from pidalio.agent.processes import Processes
from pidalio.agent.tallies import TallyKeeper
from pidalio.agent.workload import APP_ADDRESS, AppContract, WorkloadProcess
from pidalio.api.workload_entry import ReadinessProbe, TCPHealthCheckConfig
from pidalio.errors import EnvoyError
from pidalio.ir import ProcessPlan
from pidalio.model import Health, Report, Severity, Sight, Tally, Word, Workload
from pidalio.model.damping import Damping
from pidalio.platforms.local.addresses import Placement
from pidalio.platforms.local.workloads import LocalInstance, workload_row


async def _uncounted(_proxy: str, _tallies: tuple[Tally, ...]) -> None:
    """Tell nobody."""


async def _unseen(_proxy: str, _sights: tuple[Sight, ...]) -> None:
    """Take no notice."""


async def _unkept(_row: Workload) -> None:
    """Where nobody keeps rows of former instances."""


class ControlPlane(msgspec.Struct, frozen=True):
    """What an agent tells: `register` a row (again when its health changed), `deregister` it, `report` to people."""

    register: Callable[[Workload], Awaitable[None]]
    deregister: Callable[[Workload], Awaitable[None]]
    report: Callable[[Report], None]
    seen: Callable[[str, tuple[Sight, ...]], Awaitable[None]] = _unseen
    counted: Callable[[str, tuple[Tally, ...]], Awaitable[None]] = _uncounted
    """Takes what the Envoy of a proxy (by its id) took out of its own pools."""
    keep: Callable[[Workload], Awaitable[None]] = _unkept
    """Keeps the row of an instance beside that of its successor, for callers who have yet to check that one."""
    leave: Callable[[Workload], Awaitable[None]] = _unkept
    """Takes such a row away, and returns, once callers had the time for it."""


class SidecarFiles(msgspec.Struct, frozen=True):
    """Where one instance's files are; `root` is the folder that working directories are relative to."""

    envoy: EnvoyFiles
    workload_log: Path
    root: Path


class Patience(msgspec.Struct, frozen=True):
    """How long to wait, in seconds: for callers to leave, and for an application to end when asked.

    One that listens elsewhere is told of after `misplaced`, one that listens nowhere after `listening`.
    """

    drain: float = 10
    stop: float = 5
    misplaced: float = 3
    listening: float = 10


class Sidecar:
    """One instance; `run` is its life, `stop` its orderly end."""

    def __init__(
        self,
        instance: LocalInstance,
        where: Placement,
        contract: AppContract,
        bootstrap: Bootstrap,
        *,
        options: EnvoyOptions,
        files: SidecarFiles,
        processes: Processes,
        control: ControlPlane,
        process: Callable[[], ProcessPlan] = ProcessPlan,
        patience: Patience | None = None,
        proxy: str = "",
    ) -> None:
        self.instance, self.where, self.contract, self.files = instance, where, contract, files
        self.control, self.patience = control, patience or Patience()
        self.registered = asyncio.Event()
        self.problem: Report | None = None
        """What was told last, as long as the instance does not serve since."""
        self.supervisor = EnvoySupervisor(
            instance.id, bootstrap, options, files.envoy, processes, changed=self._envoy_changed, process=process
        )
        self._lookout = Lookout(self.supervisor, lambda sights: self.control.seen(proxy, sights))
        self._keeper = TallyKeeper(self.supervisor, lambda tallies: self.control.counted(proxy, tallies))
        self._process = process
        self._processes = processes
        self._backoff = Backoff(first_seconds=0.5)
        self._app: WorkloadProcess | None = None
        self._app_health: Health | None = None
        self._reason = ""
        self._damping = Damping()
        self.word = Word(Health.UNKNOWN)
        """What is said of the instance's health, and why."""
        self._row: Workload | None = None
        self._telling = asyncio.Lock()
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Live until `stop`; when cancelled, end at once without draining."""
        async with asyncio.TaskGroup() as group:
            envoy = group.create_task(self.supervisor.run(), name=f"envoy of {self.instance.id}")
            lookout = group.create_task(self._lookout.run(), name=f"lookout of {self.instance.id}")
            keeper = group.create_task(self._keeper.run(), name=f"tallies of {self.instance.id}")
            try:
                await self._tell_control_plane()
                await (self._keep_application() if self.instance.command else self._attend())
            finally:
                self._stopping.set()
                await self._set_health(None)
                if self._app is not None:
                    await self._app.stop(grace_seconds=0)
                envoy.cancel()
                lookout.cancel()
                keeper.cancel()

    async def stop(self, *, drain: bool = True) -> None:
        """Leave the mesh first, let callers finish, then end the application and its Envoy."""
        self._stopping.set()
        await self._set_health(None)
        inbound = self.where.doors
        if drain and inbound:
            await self.supervisor.drain(inbound, at_most_seconds=self.patience.drain)
        if self._app is not None:
            await self._app.stop(grace_seconds=self.patience.stop)
        await self.supervisor.stop()

    async def _attend(self) -> None:
        """Stand beside an application that somebody else runs: only ask how it is."""
        if self.instance.probe is None and not self.contract.ports:
            await self._set_health(Health.HEALTHY)
            await self._stopping.wait()
            return
        accepting = ReadinessProbe(period_seconds=1, failure_threshold=1, tcp_socket=TCPHealthCheckConfig())
        probing = asyncio.create_task(self._prober(self.instance.probe or accepting, dict(os.environ)).run())
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait({probing, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (probing, stopping):
                task.cancel()
            await asyncio.gather(probing, stopping, return_exceptions=True)

    async def _keep_application(self) -> None:
        if self._process().holds:
            await self._first_of(self.supervisor.ready, self._stopping)
        while not self._stopping.is_set():
            begun = time.monotonic()
            reason = await self._run_application()
            if not self._stopping.is_set():
                self._tell("workload-ended", f"{self.instance.name} {reason}")
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._backoff.after(time.monotonic() - begun)):
                        await self._stopping.wait()

    async def _first_of(self, *events: asyncio.Event) -> None:
        waiting = [asyncio.create_task(event.wait()) for event in events]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    async def _run_application(self) -> str:
        """Run the application to its end, registered while it is ready; return how it ended."""
        app = WorkloadProcess(
            self.instance, self.contract, self._processes, log=self.files.workload_log, root=self.files.root
        )
        begins = size_of(self.files.workload_log)
        try:
            await app.start()
        except OSError as error:
            field = "workingDirectory" if error.filename == str(app.working_directory) else "command"
            return f"cannot be started: {error.filename}: {error.strerror}: correct spec.{field}"
        self._app = app
        if self._stopping.is_set():
            await app.stop(grace_seconds=self.patience.stop)
        async with asyncio.TaskGroup() as watchers:
            tasks = [watchers.create_task(self._watch(app)), watchers.create_task(self._find_misplaced(app))]
            status = await app.wait()
            if not self._stopping.is_set():
                await self._close_inbound()
            for task in tasks:
                task.cancel()
        quote = last_lines(self.files.workload_log, 3, since=begins) or "its log is empty"
        how = f"was ended by signal {-status}" if status < 0 else f"exited with {status}"
        return f"{how} and is started again: {quote} (all of it: {self.files.workload_log})"

    async def _close_inbound(self) -> None:
        """Refuse callers, then tell that the instance is gone; a new Envoy, for a closed listener stays closed."""
        envoy = self.supervisor.envoy
        if envoy is not None and self.supervisor.ready.is_set():
            await envoy.close_inbound(self.where.doors)
        await self._set_health(None)
        await self.supervisor.replace()

    async def _watch(self, app: WorkloadProcess) -> None:
        """Follow the application from the moment it accepts connections: well, or as its probe says."""
        try:
            async with asyncio.timeout(self.patience.listening):
                await app.listening()
        except TimeoutError:
            self._tell_of_silence()
            await app.listening()
        if self.instance.probe is None:
            await self._judge(app, well=True)
        else:
            await self._prober(self.instance.probe, app.environment, app).run()

    def _prober(
        self, probe: ReadinessProbe, environment: Mapping[str, str], app: WorkloadProcess | None = None
    ) -> Prober:
        target = ProbeTarget(
            APP_ADDRESS,
            self.contract.ports,
            tuple(environment.items()),
            self.files.workload_log,
            self.files.root / self.instance.working_directory,
        )
        return Prober(
            probe,
            target,
            self._processes,
            lambda well, why: self._judge(app, well=well, reason=why),
            held=lambda held: self._hold(app, held),
            damping=self._damping,
        )

    async def _judge(self, app: WorkloadProcess | None, *, well: bool, reason: str = "") -> None:
        """Take a verdict over, unless its application ended meanwhile."""
        if app is not None and not app.is_running:
            return
        if not well:
            self._tell("workload-unhealthy", f"{self.instance.name} fails its probe: {reason}")
        await self._set_health(Health.HEALTHY if well else Health.UNHEALTHY, reason)

    async def _hold(self, app: WorkloadProcess | None, held: Held) -> None:
        """Tell that it answers and is not believed yet, because it went up and down; unless it ended meanwhile."""
        if app is not None and not app.is_running:
            return
        why = f"{held.falls} times within 10 minutes: it takes no traffic until it was well for {held.seconds:g} s"
        self._tell("workload-flapping", f"{self.instance.name} answers its probe again, and failed it {why}")
        await self._set_health(Health.UNHEALTHY, f"it answers again, and failed {why}")

    async def _find_misplaced(self, app: WorkloadProcess) -> None:
        if self.contract.ports and (report := await app.misplaced(after_seconds=self.patience.misplaced)) is not None:
            self._stands(report)

    def _tell_of_silence(self) -> None:
        """Tell that it listens nowhere, unless it is known by now where it does."""
        if self.problem is None or self.problem.code != "workload-ignores-port":
            told = ", ".join(f"{APP_ADDRESS}:{port}" for _, port in self.contract.ports)
            self._tell("workload-not-listening", f"{self.instance.name} does not listen on {told} (PORT) yet")

    async def _envoy_changed(self, error: EnvoyError | None) -> None:
        if error is not None:
            self._tell("envoy-ended", f"{error}; it is started again")
        await self._tell_control_plane()

    async def _set_health(self, health: Health | None, reason: str = "") -> None:
        """Take note of the application: None means that there is none."""
        self._app_health, self._reason = health, reason
        await self._tell_control_plane()

    async def _tell_control_plane(self) -> None:
        """Bring what the control plane knows in line with what is: gone, well, or not for now."""
        async with self._telling:
            row = self._wanted_row()
            self._take_word(row)
            if row == self._row:
                return
            known, self._row = self._row, row
            if row is None or row.health is not Health.HEALTHY:
                self.registered.clear()
            if row is not None:
                await self.control.register(row)
            elif known is not None:
                await self.control.deregister(known)
            if row is not None and row.health is Health.HEALTHY:
                self.problem = None
                self.registered.set()

    def _take_word(self, row: Workload | None) -> None:
        """Note what is said of the instance, and since when it is."""
        health = row.health if row else Health.UNKNOWN
        if self._app_health is None:
            reason = "its program does not run"
        elif not self.supervisor.ready.is_set():
            reason = "its Envoy does not serve"
        else:
            reason = self._reason
        if (health, reason) != (self.word.health, self.word.reason):
            self.word = Word(health, reason, time.time())

    def _wanted_row(self) -> Workload | None:
        """Return the row to be known, None for none.

        An instance whose ports are others than its services target is announced as unhealthy instead of left out: its
        own proxy learns from the row where to listen, and must know before callers do.
        """
        unhealthy = workload_row(self.instance, self.where, Health.UNHEALTHY)
        if self._stopping.is_set():
            return None
        if self._app_health is None:
            return unhealthy if self.where.is_moved or self.instance.stated_ports else None
        if self.supervisor.ready.is_set():
            return workload_row(self.instance, self.where, self._app_health)
        return unhealthy if self._row is not None else None

    def _tell(self, code: str, message: str) -> None:
        self._stands(Report(Severity.WARNING, code, message, self.instance.object))

    def _stands(self, report: Report) -> None:
        self.problem = report
        self.control.report(report)
