"""One agent that joins a control plane elsewhere: what `pidalio agent` runs, from what its user said.

Invariant: what is not said is found out, or refused with one line that says which option to give.
"""

import asyncio
import os
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from pidalio.agent.addresses import lowest_port
from pidalio.agent.envoy_process import EnvoyOptions
from pidalio.agent.fleet import sidecar_proxy
from pidalio.agent.relay import Upstream
from pidalio.agent.run_directory import RunDirectory
from pidalio.agent.standalone import AgentPlaces, StandaloneAgent
from pidalio.agent.workload import APP_ADDRESS
from pidalio.api.convert import convert
from pidalio.api.findings import Findings
from pidalio.api.local_workload import WorkloadPort
from pidalio.api.workload_entry import WorkloadGroup
from pidalio.envoy.executable import check_version, find_envoy
from pidalio.errors import Refused, Unavailable, UsageError
from pidalio.http import discovery
from pidalio.http.client import Client, Target
from pidalio.http.tls import client_context
from pidalio.ir import ProcessPlan
from pidalio.model import Labels, ObjectRef, Proxy, Report, Severity
from pidalio.platforms.local.addresses import Placement
from pidalio.platforms.local.groups import described, member_name
from pidalio.platforms.local.workloads import LocalInstance
from pidalio.settings import TlsPaths, is_loopback, split_address
from pidalio.up.bootstraps import bootstrap_of
from pidalio.up.folder import MeshFolder
from pidalio.up.gateways import gateway_proxy


class ServerPlace(msgspec.Struct, frozen=True):
    """Where the control plane is: its xDS (`host:port` or `unix:/path`), its API as `Target.named` takes it."""

    xds: str
    api: str = ""
    token: str = ""
    tls: TlsPaths | None = None

    @classmethod
    def of(cls, xds: str, api: str, token: str, tls: TlsPaths | None, folder: Path) -> "ServerPlace":
        """Return the place that was named, else that of the mesh of `folder`; refuse what is open to others."""
        if not xds:
            found = discovery.find(folder)
            return cls(found.xds, api or found.api, token, tls)
        if not is_loopback(xds) and tls is None:
            raise UsageError(f"--server {xds} is not on this machine: say --tls-cert, --tls-key and --tls-ca")
        return cls(xds, api, token, tls)

    def local_address(self) -> str:
        """Return the address of this machine from which the control plane is reached."""
        if self.xds.startswith("unix:"):
            return APP_ADDRESS
        host, port = split_address(self.xds)
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect((host, port))
            except OSError as error:
                raise UsageError(f"--server {self.xds}: {error.strerror}: say --address") from error
            address: str = probe.getsockname()[0]
            return address


_REDIRECTED_TO = 15006


class AgentOptions(msgspec.Struct, frozen=True):
    """What one agent runs: a workload called `name` or described by `group`, else a gateway; `labels` of either.

    `ports` are the instance's, with the application's own port behind each (0: any free one); `command` is empty when
    the application runs already. `address` is where callers reach it, `outbound` where the application sends its own.
    With `transparent` the system redirects both: the application listens on its declared ports and knows of no proxy.
    """

    server: ServerPlace
    folder: Path
    name: str = ""
    namespace: str = "default"
    group: str = ""
    labels: Labels = ()
    ports: tuple[tuple[WorkloadPort, int], ...] = ()
    command: tuple[str, ...] = ()
    address: str = ""
    outbound: str = f"{APP_ADDRESS}:15001"
    transparent: bool = False
    envoy: str = ""
    any_version: bool = False
    drain: float = 10.0


class JoinedAgent:
    """One agent with everything around it; `run` is its life, `stop` its orderly end."""

    def __init__(self, options: AgentOptions, tell: Callable[[str], None]) -> None:
        self.options, self._tell = options, tell
        self._folder = MeshFolder(options.folder.resolve())
        self._agent: StandaloneAgent | None = None

    @property
    def is_stoppable(self) -> bool:
        """Tell whether there is something to stop in order."""
        return self._agent is not None

    async def run(self) -> None:
        """Join, and serve until `stop`; raise with one line when it cannot begin."""
        options = self.options
        executable = (await asyncio.to_thread(find_envoy, options.envoy)).absolute()
        if not options.any_version:
            await asyncio.to_thread(check_version, executable)
        self._folder.make()
        if options.name or options.group:
            await self._run_sidecar(executable)
        else:
            await self._run_gateway(executable)

    async def stop(self) -> None:
        """Let callers finish, then end what was started."""
        if self._agent is not None:
            await self._agent.stop()

    async def _run_sidecar(self, executable: Path) -> None:
        options = self.options
        if not options.server.api:
            raise UsageError("--api says where the workload is registered: the API of the control plane, as HOST:PORT")
        address = options.address or options.server.local_address()
        tls = client_context(options.server.tls) if options.server.tls else None
        target = Target.named(options.server.api, token=options.server.token, tls=tls)
        async with Client(target) as client:
            instance = await self._described(client, _instance(options, address))
            where, app_ports = self._place(instance, address)
            proxy = sidecar_proxy(instance, where, app_ports)
            with RunDirectory(self._run_directory(proxy)) as run:
                agent = self._make(proxy, run, executable, await self._settings(client, proxy))
                await self._announced(agent, agent.run_sidecar(instance, where, app_ports, client))

    async def _described(self, client: Client, instance: LocalInstance) -> LocalInstance:
        """Return the instance as its WorkloadGroup has it; without a group as it is."""
        if not self.options.group:
            return instance
        tree = await client.group(self.options.namespace, self.options.group)
        return described(instance, convert(WorkloadGroup, tree["spec"], None, Findings()))

    def _place(self, instance: LocalInstance, address: str) -> tuple[Placement, dict[int, int]]:
        """Return where callers reach the instance, and the application's own port behind each of its ports."""
        options, own = self.options, {port.port: real for port, real in self.options.ports}
        pairs = tuple((port, port) for port in instance.port_numbers)
        if options.transparent:
            apart = {port: own.get(port) or port for port in instance.port_numbers}
            return Placement(address, "", pairs, redirected_to=_REDIRECTED_TO), apart
        real = {port: own.get(port, 0 if options.command else port) for port in instance.port_numbers}
        return Placement(address, options.outbound, pairs), {port: one or _free_port() for port, one in real.items()}

    async def _run_gateway(self, executable: Path) -> None:
        proxy = gateway_proxy(self.options.labels, lowest_port())
        address = self.options.address or self.options.server.local_address()
        proxy = msgspec.structs.replace(
            proxy, address=address, gateway_address=address, namespace=self.options.namespace
        )
        server = self.options.server
        with RunDirectory(self._run_directory(proxy)) as run:
            if not server.api:
                agent = self._make(proxy, run, executable, ProcessPlan())
                await self._announced(agent, agent.run_gateway())
                return
            tls = client_context(server.tls) if server.tls else None
            async with Client(Target.named(server.api, token=server.token, tls=tls)) as client:
                agent = self._make(proxy, run, executable, await self._settings(client, proxy))
                await self._announced(agent, agent.run_gateway(client))

    async def _settings(self, client: Client, proxy: Proxy) -> ProcessPlan:
        """Ask once how Envoy is to be started; an API that does not answer keeps no proxy from serving."""
        try:
            return await client.process(proxy.namespace, proxy.labels, self.options.group)
        except (Unavailable, Refused) as error:
            message = f"settings of the proxy are not known, it starts with the usual ones: {error}"
            self._report(Report(Severity.WARNING, "settings-unknown", message))
            return ProcessPlan()

    def _make(self, proxy: Proxy, run: RunDirectory, executable: Path, plan: ProcessPlan) -> StandaloneAgent:
        logged = msgspec.structs.replace(proxy, access_log=str(self._folder.access_log(proxy)))
        self._agent = StandaloneAgent(
            logged,
            Upstream(self.options.server.xds, self.options.server.tls),
            _bootstrap,
            places=AgentPlaces(run, self._folder.logs, self._folder.root),
            options=EnvoyOptions(executable),
            tell=self._report,
            plan=plan,
        )
        return self._agent

    async def _announced(self, agent: StandaloneAgent, life: Any) -> None:
        async def announce() -> None:
            await agent.serving.wait()
            self._tell(f"ready: {agent.proxy.id}")

        announcing = asyncio.create_task(announce())
        try:
            await life
        finally:
            announcing.cancel()

    def _report(self, report: Report) -> None:
        self._tell(report.line())

    def _run_directory(self, proxy: Proxy) -> Path:
        """Return a folder of its own: several agents may run in one folder."""
        return discovery.run_directory(self._folder.root / f"{proxy.name}.{proxy.namespace}")


def _instance(options: AgentOptions, address: str) -> LocalInstance:
    """Return the workload as `up` would know it; its name ends with its index."""
    name, dash, index = (options.name or member_name(options.group, address)).rpartition("-")
    if not dash or not index.isdigit():
        raise UsageError(f"--workload {options.name}: a workload is called NAME-NUMBER, e.g. reviews-v1-0")
    return LocalInstance(
        object=ObjectRef("LocalWorkload", options.namespace, name),
        index=int(index),
        labels=options.labels,
        command=options.command,
        ports=tuple(port for port, _ in options.ports),
        working_directory=os.fspath(options.folder),
    )


def _bootstrap(proxy: Proxy, xds: str, admin: Path, process: ProcessPlan) -> Mapping[str, Any]:
    return bootstrap_of(proxy, xds, admin, process)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((APP_ADDRESS, 0))
        port: int = probe.getsockname()[1]
        return port
