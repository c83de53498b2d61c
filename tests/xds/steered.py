"""A whole control plane that serves xDS on a UNIX socket, and what it told of its streams."""

import asyncio
from pathlib import Path
from typing import Self

from tests.xds.world import Log

from pidalio.api.load import load
from pidalio.history import SqliteHistory
from pidalio.server.control_plane import Applied, ControlPlane
from pidalio.xds import AdsServer, State, TlsFiles

PATIENCE = 30


class Steered:
    """An asynchronous context manager; `control` outlives `stop` and `serve` of its server."""

    def __init__(self, folder: Path, tls: TlsFiles | None = None) -> None:
        self.folder, self.tls = folder, tls
        self.log = Log()

    async def __aenter__(self) -> Self:
        self._history = await SqliteHistory.open(self.folder / "history.db")
        self.control = ControlPlane(self._history, events=self.log)
        await self.serve()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()
        await self._history.close()

    async def serve(self) -> None:
        address = "127.0.0.1:0" if self.tls else f"unix:{self.folder}/xds"
        self.server = AdsServer(self.control.ads, address, tls=self.tls, prepare=self.control.prepare)
        await self.server.start()

    async def stop(self) -> None:
        await self.server.stop()

    async def apply(self, text: str) -> Applied:
        """Apply objects, and return when every proxy runs them."""
        applied = await self.announce(text)
        await self.live()
        return applied

    async def announce(self, text: str) -> Applied:
        applied = await self.control.apply(load(text, "").parsed, author="test", force=True)
        assert not applied.is_refused, applied
        return applied

    async def live(self) -> None:
        verdicts = await self.control.live(self.control.world.generation, PATIENCE)
        assert {verdict.state for verdict in verdicts} <= {State.LIVE}, (verdicts, self.log.lines)

    async def connected(self) -> None:
        """Wait until a proxy is there and holds everything."""
        async with asyncio.timeout(PATIENCE):
            while not self.control.ads.streams():
                await asyncio.sleep(0.01)
        await self.live()

    def pushed(self, since: int = 0) -> list[tuple[str, ...]]:
        """Return what was sent: type and names, removed ones with a minus; empty responses are left out."""
        return [line[2:] for line in self.log.lines[since:] if line[0] == "pushed" and len(line) > 3]


def entry(host: str, port: int, *instances: tuple[str, int], protocol: str = "HTTP") -> str:
    """Return a ServiceEntry; `instances` are versions with the port on 127.0.0.1 that each listens on."""
    endpoints = "".join(
        f"\n  - {{address: 127.0.0.1, ports: {{main: {number}}}, labels: {{version: {version}}}}}"
        for version, number in instances
    )
    return f"""
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: {host.partition(".")[0]}}}
spec:
  hosts: [{host}]
  ports: [{{number: {port}, name: main, protocol: {protocol}}}]
  resolution: STATIC
  location: MESH_INTERNAL
  endpoints:{endpoints or " []"}
---
"""


def subsets(host: str, *versions: str, policy: str = "") -> str:
    """Return a DestinationRule with a subset for each version."""
    found = "".join(f"\n  - {{name: {version}, labels: {{version: {version}}}}}" for version in versions)
    return f"""
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: {host.partition(".")[0]}}}
spec:
  host: {host}
  {f"trafficPolicy: {policy}" if policy else ""}
  subsets:{found or " []"}
---
"""


def rule(host: str, http: str) -> str:
    """Return a VirtualService with these `http` routes (YAML in flow style)."""
    return f"""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: {host.partition(".")[0]}}}
spec: {{hosts: [{host}], http: {http}}}
---
"""


def split(host: str, **weights: int) -> str:
    """Return a rule that splits by version."""
    parts = ", ".join(
        f"{{destination: {{host: {host}, subset: {version}}}, weight: {weight}}}" for version, weight in weights.items()
    )
    return rule(host, f"[{{route: [{parts}]}}]")
