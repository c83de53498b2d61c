"""A folder with a small mesh, the mesh that runs from it, and callers who never stop asking."""

import asyncio
import contextlib
import json
import shutil
import sys
from collections import Counter
from pathlib import Path

import yaml

from pidalio.http import discovery
from pidalio.up import Mesh, MeshOptions
from pidalio.xds import State

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 60


def item(kind: str, name: str, spec: dict) -> dict:
    versions = {
        "Service": "v1",
        "LocalWorkload": "pidalio.dev/v1",
        "HealthCheck": "pidalio.dev/v1",
    }
    return {
        "apiVersion": versions.get(kind, "networking.istio.io/v1"),
        "kind": kind,
        "metadata": {"name": name},
        "spec": spec,
    }


def service(name: str) -> dict:
    return item("Service", name, {"selector": {"app": name}, "ports": [{"name": "http", "port": 9080}]})


def workload(app: str, version: str = "v1", **changes) -> dict:
    environment = {"SERVICE": app, "VERSION": version} | changes.pop("environment", {})
    spec = {
        "labels": {"app": app, "version": version},
        "command": [sys.executable, "app.py"],
        "environment": environment,
        "ports": [{"name": "http", "port": 9080}],
    }
    return item("LocalWorkload", f"{app}-{version}", spec | changes)


def gateway(port: int, to: str, name: str = "way-in") -> list[dict]:
    server = {"port": {"number": port, "name": "http", "protocol": "HTTP"}, "hosts": ["*"]}
    rule = {"hosts": ["*"], "gateways": [name], "http": [{"route": [{"destination": {"host": to}}]}]}
    return [
        item("Gateway", name, {"selector": {"istio": "ingressgateway"}, "servers": [server]}),
        item("VirtualService", name, rule),
    ]


def subsets(host: str, *versions: str) -> dict:
    found = [{"name": version, "labels": {"version": version}} for version in versions]
    return item("DestinationRule", host, {"host": host, "subsets": found})


def to(host: str, subset: str = "", weight: int | None = None) -> dict:
    destination = {"host": host} | ({"subset": subset} if subset else {})
    return {"destination": destination} | ({"weight": weight} if weight is not None else {})


def routes(host: str, *http: dict) -> dict:
    return item("VirtualService", host, {"hosts": [host], "http": list(http)})


class Folder:
    """A folder of a mesh: the program, and files that are written in one step."""

    def __init__(self, path: Path) -> None:
        self.path = path
        shutil.copy(ROOT / "examples/shop/app.py", path)

    def write(self, name: str, *items: dict) -> None:
        self.write_text(name, yaml.safe_dump_all(items))

    def write_text(self, name: str, text: str) -> None:
        draft = self.path / f"{name}.new"
        draft.write_text(text)
        draft.replace(self.path / name)

    def forget_sockets(self, *agents: str) -> None:
        """Remove the run directories of the mesh and of agents that ran by themselves."""
        for path in (self.path, *(self.path / agent for agent in agents)):
            shutil.rmtree(discovery.run_directory(path), ignore_errors=True)


class Running:
    """An embedded mesh, and the lines it told."""

    def __init__(self, folder: Folder, mesh: Mesh, lines: list[str]) -> None:
        self.folder, self.mesh, self.lines = folder, mesh, lines

    @property
    def control(self):
        return self.mesh.control

    @property
    def port(self) -> int:
        return self.mesh.gateway_addresses()[0].port

    async def edit(self, name: str, *items: dict) -> None:
        """Save a file, and return when every proxy runs what it says."""
        before = self.control.revision
        self.folder.write(name, *items)
        await until(lambda: self.control.revision != before)
        await self.live()

    async def live(self) -> None:
        verdicts = await self.control.live(self.control.world.generation, PATIENCE)
        assert {verdict.state for verdict in verdicts} <= {State.LIVE}, verdicts

    def names(self) -> list[str]:
        """Return the instances that run, each generation of it."""
        return sorted(member.proxy.name for member in self.mesh.fleet.members)

    async def instances(self, *names: str) -> None:
        """Wait until exactly these instances run and serve."""
        await until(lambda: self.names() == sorted(names))
        async with asyncio.timeout(PATIENCE):
            await self.mesh.ready()
        await self.live()


@contextlib.asynccontextmanager
async def running(folder: Folder, **options):
    """Run the mesh of a folder; it is ready inside the block."""
    lines: list[str] = []
    try:
        async with Mesh(MeshOptions((str(folder.path),), folder.path, **options), lines.append) as mesh:
            async with asyncio.timeout(PATIENCE):
                await mesh.ready()
            found = Running(folder, mesh, lines)
            await found.live()
            yield found
    finally:
        folder.forget_sockets()


async def until(claim, seconds: float = PATIENCE) -> None:
    """Wait until `claim` holds: for what tells no event."""
    async with asyncio.timeout(seconds):
        while not claim():
            await asyncio.sleep(0.01)


class Caller:
    """Asks over one kept connection; a connection that its other side closed between requests is made anew."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, path: str = "/", headers: dict[str, str] | None = None) -> tuple[int, dict]:
        if self._streams is None or self._streams[0].at_eof():
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        lines = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
        writer.write(f"GET {path} HTTP/1.1\r\nhost: shop.example\r\n{lines}\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower().split("\r\n")
        length = next((int(line.split(":")[1]) for line in head if line.startswith("content-length:")), 0)
        body = await reader.readexactly(length)
        if "connection: close" in head:
            writer.close()
            self._streams = None
        return int(head[0].split()[1]), json.loads(body) if body.startswith(b"{") else {"text": body.decode()}

    async def closed(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            with contextlib.suppress(OSError):
                await self._streams[1].wait_closed()


async def ask(port: int, path: str = "/", headers: dict[str, str] | None = None) -> tuple[int, dict]:
    """Ask once."""
    caller = Caller(port)
    try:
        return await caller.ask(path, headers)
    finally:
        await caller.closed()


async def serves(port: int) -> None:
    """Wait until callers get answers."""
    async with asyncio.timeout(PATIENCE):
        while True:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                if (await ask(port))[0] == 200:
                    return
            await asyncio.sleep(0.01)


class Load:
    """What callers got who asked without a pause."""

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()

    @property
    def failed(self) -> dict[str, int]:
        return {key: count for key, count in self.outcomes.items() if not key.startswith("200 ")}

    @property
    def answered(self) -> int:
        return self.outcomes.total()

    async def more(self, count: int = 50) -> None:
        """Wait until so many more requests are answered."""
        wanted = self.answered + count
        await until(lambda: self.answered >= wanted)

    async def from_now_on(self) -> None:
        """Forget what was, those under way included, and wait for more: an ACK comes before Envoy's workers change."""
        await self.more(20)
        self.outcomes.clear()
        await self.more()

    async def ask_on(self, port: int, path: str, headers: dict[str, str]) -> None:
        caller = Caller(port)
        try:
            while True:
                try:
                    status, answer = await caller.ask(path, headers)
                    self.outcomes[f"{status} {who(answer)}"] += 1
                except (OSError, asyncio.IncompleteReadError) as error:
                    self.outcomes[f"lost: {error!r}"] += 1
                    await caller.closed()
                    caller = Caller(port)
                await asyncio.sleep(0)
        finally:
            await caller.closed()


@contextlib.asynccontextmanager
async def load(port: int, path: str = "/", headers: dict[str, str] | None = None, callers: int = 3):
    """Ask without a pause inside the block."""
    made = Load()
    tasks = [asyncio.create_task(made.ask_on(port, path, headers or {})) for _ in range(callers)]
    try:
        yield made
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def who(answer: dict) -> str:
    """Return the version that answered in the end: of the service that was asked, or of the one it asked."""
    called = (answer.get("calls") or [answer])[0]
    return f"{called.get('service', '')} {called.get('version', '')}".strip() or json.dumps(answer)[:100]
