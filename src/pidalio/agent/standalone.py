"""One agent as a process of its own: `pidalio agent` beside one workload, or one gateway, on any machine.

It puts together what `up` has in one process with the control plane: relay to the control plane, registration over
HTTP, and the sidecar or gateway itself.
Invariant: the control plane may be away at any time but the first; what serves goes on serving.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

import msgspec

from pidalio.agent.envoy_process import EnvoyFiles, EnvoyOptions
from pidalio.agent.gateway import GatewayAgent
from pidalio.agent.logs import keep_bounded
from pidalio.agent.processes import Processes
from pidalio.agent.registration import Registrar
from pidalio.agent.relay import Upstream, XdsRelay
from pidalio.agent.run_directory import RunDirectory
from pidalio.agent.sidecar import Patience, Sidecar, SidecarFiles
from pidalio.agent.sights import SightTeller
from pidalio.agent.workload import contract_of
from pidalio.http.client import Client
from pidalio.ir import ProcessPlan
from pidalio.model import Proxy, Report, Severity
from pidalio.platforms.local.addresses import Placement
from pidalio.platforms.local.workloads import LocalInstance

AgentBootstrap = Callable[[Proxy, str, Path, ProcessPlan], str | Mapping[str, Any]]
"""Makes Envoy's configuration from its proxy, the address of its xDS server, its admin socket and its settings."""


class AgentPlaces(msgspec.Struct, frozen=True):
    """Where one agent keeps sockets and logs, and what its workload's working directory is relative to."""

    run: RunDirectory
    logs: Path
    root: Path


class StandaloneAgent:
    """One agent; `run` is its life, `stop` its orderly end."""

    def __init__(
        self,
        proxy: Proxy,
        upstream: Upstream,
        bootstrap: AgentBootstrap,
        *,
        places: AgentPlaces,
        options: EnvoyOptions,
        tell: Callable[[Report], None],
        plan: ProcessPlan = ProcessPlan(),  # noqa: B008 - frozen
        patience: Patience | None = None,
    ) -> None:
        self.proxy, self.places, self.options = proxy, places, options
        self._name = f"{proxy.name}.{proxy.namespace}"
        self._tell, self._patience = tell, patience or Patience()
        self._processes = Processes()
        run = places.run
        self.files = EnvoyFiles(
            run.file(f"{self._name}.json"), run.socket(f"{self._name}.admin"), places.logs / f"{self._name}.envoy.log"
        )
        self.relay = XdsRelay(
            upstream,
            socket=run.socket(f"{self._name}.xds"),
            kept_socket=run.socket(f"{self._name}.kept"),
            noticed=lambda reachable: self._notice(reachable, upstream.address),
        )
        self._bootstrap = lambda plan: bootstrap(proxy, self.relay.address, self.files.admin, plan)
        self._plan = plan
        self._stop: Callable[[], Any] | None = None
        self.serving = asyncio.Event()

    async def run_sidecar(
        self, instance: LocalInstance, where: Placement, app_ports: Mapping[int, int], client: Client
    ) -> None:
        """Run a sidecar until `stop`: with its application when the instance has a command, else beside it."""
        registrar, teller = Registrar(client, self._tell), SightTeller(client, self.proxy.id)
        told = registrar.control_plane
        sidecar = Sidecar(
            instance,
            where,
            contract_of(instance, where, app_ports),
            self._bootstrap,
            options=self.options,
            files=SidecarFiles(self.files, self.places.logs / f"{self._name}.log", self.places.root),
            processes=self._processes,
            control=msgspec.structs.replace(
                told,
                seen=lambda _, sights: teller.seen(sights),
                counted=lambda _, tallies: client.tallies(self.proxy.id, tallies),
            ),
            process=lambda: self._plan,
            patience=self._patience,
        )
        registrar.word = lambda: sidecar.word
        self._stop = sidecar.stop
        await self._run(sidecar.run(), sidecar.registered, registrar.run(), teller.run())

    async def run_gateway(self, client: Client | None = None) -> None:
        """Run a gateway until `stop`; without a client nobody is told what its Envoy sees."""
        teller = SightTeller(client, self.proxy.id) if client else None
        gateway = GatewayAgent(
            self._name,
            self._bootstrap,
            options=self.options,
            files=self.files,
            processes=self._processes,
            report=self._tell,
            process=lambda: self._plan,
            seen=teller.seen if teller else None,
            counted=(lambda tallies: client.tallies(self.proxy.id, tallies)) if client else None,
        )
        self._stop = gateway.stop
        await self._run(gateway.run(), gateway.supervisor.ready, *([teller.run()] if teller else []))

    async def stop(self) -> None:
        """Let callers finish, then end what was started."""
        if self._stop is not None:
            await self._stop()

    async def _run(self, life: Any, ready: asyncio.Event, *telling: Coroutine[Any, Any, None]) -> None:
        async with contextlib.AsyncExitStack() as ending:  # each part ends, also when this is cancelled while one does
            ending.push_async_callback(self._processes.close)
            await self.relay.start()
            ending.push_async_callback(self.relay.stop)
            logs = [
                self.files.log,
                self.places.logs / f"{self._name}.log",
                *map(Path, filter(None, [self.proxy.access_log])),
            ]
            beside = [asyncio.create_task(keep_bounded(lambda: logs)), asyncio.create_task(self._announce(ready))]
            beside += [asyncio.create_task(each) for each in telling]
            try:
                await life
            finally:
                for task in beside:
                    task.cancel()
                await asyncio.gather(*beside, return_exceptions=True)

    async def _announce(self, ready: asyncio.Event) -> None:
        await ready.wait()
        self.serving.set()

    def _notice(self, reachable: bool, address: str) -> None:
        if reachable:
            self._tell(Report(Severity.INFO, "control-plane-connected", f"connected to the control plane at {address}"))
        else:
            message = f"the control plane at {address} does not answer; what was last accepted stays in force"
            self._tell(Report(Severity.WARNING, "control-plane-away", message))
