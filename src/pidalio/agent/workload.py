"""One run of a local workload's command: its environment, its start, and where it really listens.

Invariant: what the application is told (`PORT`, `HOST`, the proxy) is exactly what the proxy beside it assumes.
It gets the contract of design decision D9 and nothing else from us; its own `environment` wins over it.
"""

import asyncio
import os
import re
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from pidalio.agent.listening import accepts, listening_addresses
from pidalio.agent.processes import Process, Processes
from pidalio.model import Report, Severity
from pidalio.platforms.local.addresses import Placement
from pidalio.platforms.local.workloads import LocalInstance

APP_ADDRESS = "127.0.0.1"
_EVERYWHERE = "0.0.0.0"  # noqa: S104 - redirected calls come to the instance's own address
_REFERENCE = re.compile(r"\$(\$)?\(([A-Za-z_][A-Za-z0-9_.-]*)\)")
_POLL_SECONDS = 0.02
_ANY = frozenset({"0.0.0.0", "::", APP_ADDRESS, "::ffff:127.0.0.1"})  # noqa: S104 - compared with, not bound


class AppContract(msgspec.Struct, frozen=True):
    """Where an application is told to listen, (declared, real) ports with the first one as `PORT`; how it calls."""

    ports: tuple[tuple[int, int], ...]
    outbound: str
    host: str = APP_ADDRESS

    def environment(self, instance: LocalInstance, inherited: Mapping[str, str]) -> dict[str, str]:
        """Return the whole environment: inherited, then ours, then the object's own with `$(NAME)` expanded."""
        proxy = f"http://{self.outbound}"
        direct = f"localhost,{APP_ADDRESS},::1"
        ours = {"HOST": self.host, "PIDALIO_WORKLOAD": instance.id}
        if self.ports:
            ours["PORT"] = str(self.ports[0][1])
        real = dict(self.ports)
        for port in instance.ports:
            if port.name:
                ours["PORT_" + re.sub(r"\W", "_", port.name).upper()] = str(real[port.port])
        if self.outbound:
            for name, value in (("http_proxy", proxy), ("https_proxy", proxy), ("no_proxy", direct)):
                ours[name] = ours[name.upper()] = value
        environment = dict(inherited) | ours
        for name, value in instance.environment:
            environment[name] = expanded(value, environment)
        return environment


def expanded(text: str, environment: Mapping[str, str]) -> str:
    """Replace `$(NAME)` by its value, as Kubernetes does: unknown names stay, `$$(NAME)` becomes `$(NAME)`."""

    def value(reference: re.Match[str]) -> str:
        escaped, name = reference.groups()
        return f"$({name})" if escaped else environment.get(name, reference.group())

    return _REFERENCE.sub(value, text)


class WorkloadProcess:
    """One run of one instance's command."""

    def __init__(
        self, instance: LocalInstance, contract: AppContract, processes: Processes, *, log: Path, root: Path
    ) -> None:
        self.instance, self.contract, self.log, self.root = instance, contract, log, root
        self.environment = contract.environment(instance, os.environ | {"PATH": _path_with_python()})
        self._processes = processes
        self._process: Process | None = None

    @property
    def is_running(self) -> bool:
        """Tell whether the command was started and has not ended."""
        return self._process is not None and self._process.status is None

    @property
    def working_directory(self) -> Path:
        """Return the folder it runs in: the object's, below `root`."""
        return self.root / self.instance.working_directory

    async def start(self) -> None:
        """Start the command in its working directory; raise `OSError` when it cannot be."""
        command = [expanded(part, self.environment) for part in self.instance.command]
        self._process = await self._processes.start(
            command, log=self.log, env=self.environment, cwd=self.working_directory
        )

    async def wait(self) -> int:
        """Wait until it ended, and return its exit status."""
        assert self._process is not None, "start() comes first"  # noqa: S101 - a programmer's mistake
        return await self._process.wait()

    async def stop(self, *, grace_seconds: float = 5) -> None:
        """End it and everything in its process group."""
        if self._process is not None:
            await self._process.stop(grace_seconds=grace_seconds)

    async def listening(self) -> None:
        """Wait until it accepts connections on every port that it was told."""
        for _, port in self.contract.ports:
            while not await accepts(APP_ADDRESS, port):  # noqa: ASYNC110 - another process tells no event
                await asyncio.sleep(_POLL_SECONDS)

    async def misplaced(self, *, after_seconds: float = 3) -> Report | None:
        """Wait until it listens; None where it was told to, else the report that says where it does.

        It is left in peace for a while: many start on one port and then open others. Never returns for one that
        listens nowhere, nor where a process's ports cannot be known.
        """
        begun = time.monotonic()
        while True:
            await asyncio.sleep(max(_POLL_SECONDS, begun + after_seconds - time.monotonic()))
            told = {port for _, port in self.contract.ports}
            if any([await accepts(APP_ADDRESS, port) for port in told]):
                return None
            # The system lists every connection there is, which takes a while where there are many.
            found = await asyncio.to_thread(listening_addresses, self._process.pid if self._process else -1) or []
            if found and not any(port in told and address in _ANY for address, port in found):
                return self._misplaced(found)
            await asyncio.sleep(1)

    def _misplaced(self, found: Sequence[tuple[str, int]]) -> Report:
        told = self.contract.ports[0][1]
        seen = ", ".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in found)
        message = (
            f"{self.instance.name} listens on {seen} and not on {APP_ADDRESS}:{told}: "
            "let it read PORT, or write $(PORT) in its command"
        )
        return Report(Severity.WARNING, "workload-ignores-port", message, self.instance.object, "spec.command")


def contract_of(instance: LocalInstance, where: Placement, app_ports: Mapping[int, int]) -> AppContract:
    """Return what to tell the application of an instance; `app_ports` maps each declared port to the real one."""
    ports = tuple((port, app_ports[port]) for port in instance.port_numbers)
    return AppContract(ports, where.outbound, _EVERYWHERE if where.redirected_to else APP_ADDRESS)


def _path_with_python() -> str:
    """Return the command path, with our own interpreter's folder last: `python` means something on every machine."""
    return os.pathsep.join((os.environ.get("PATH", os.defpath), str(Path(sys.executable).parent)))
