"""A control plane that follows platforms, a caller's sidecar, and instances: what end-to-end tests of platforms need.

    async with Steering(folder, "consul=http://127.0.0.1:8500") as mesh:
        one = await mesh.instance("v1")
        ... register one.address and one.port as an instance of `web` that is v1 ...
        await mesh.until_served("web.service.consul", "v1")
        async with mesh.load("web.service.consul") as load:
            ... kill the platform ...
            await mesh.weights("web.service.consul", v1=0, v2=100)
            await load.more(200)
        assert load.failed == {}

Control plane and sidecar are processes, as users start them (`pidalio serve`, `pidalio agent`); `folder` is the
fixture of `tests/e2e/conftest.py`. Instances answer with their version; they live in the test's process.
"""

import asyncio
import contextlib
import os
import signal
import socket
from collections import Counter
from typing import Self

import httpx
from aiohttp import web
from tests.e2e.commands import Command, pidalio
from tests.e2e.embedded import PATIENCE, Folder, item, until
from tests.ports import free_port


def own_address() -> str:
    """Return an address of this machine that is not loopback, "" where it has none (Kubernetes takes no loopback)."""
    for elsewhere in ("198.51.100.1", "192.0.2.1", "10.255.255.1"):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
            probe.connect((elsewhere, 9))  # nothing is sent: the system says which address it would come from
            return str(probe.getsockname()[0])
    return ""


class Instance:
    """A program of a service: answers every request with its version."""

    def __init__(self, address: str, port: int, version: str) -> None:
        self.address, self.port, self.version = address, port, version
        self.served = 0
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(application, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, self.address, self.port).start()

    async def stop(self) -> None:
        """End it; requests under way are answered."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _answer(self, _: web.Request) -> web.Response:
        self.served += 1
        return web.Response(text=self.version)


class Load:
    """What callers got who asked without a pause: `200 v1`, another status, or the error."""

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()

    @property
    def failed(self) -> dict[str, int]:
        """Return what was not answered with 200."""
        return {key: count for key, count in self.outcomes.items() if not key.startswith("200 ")}

    async def more(self, count: int = 100) -> None:
        """Wait until so many more requests have ended."""
        wanted = self.outcomes.total() + count
        async with asyncio.timeout(PATIENCE):
            while self.outcomes.total() < wanted:
                await asyncio.sleep(0.01)


class Steering:
    """The mesh of `folder`, which follows these platforms (as `--platform` says them); `serve` are further options."""

    def __init__(
        self, folder: Folder, *platforms: str, serve: tuple[str, ...] = (), environment: dict[str, str] | None = None
    ) -> None:
        self.folder, self._environment = folder, environment
        self._arguments = ["mesh", *(word for each in platforms for word in ("--platform", each)), *serve]
        self.subnet = f"127.{os.getpid() % 200 + 20}.{free_port() % 250}"
        self.port = free_port()
        """The port of all instances: registries know services by those of their instances."""
        self.outbound = f"{self.subnet}.1:15001"
        self.control: Command
        self._instances: list[Instance] = []
        self._stack, self._control_stack = contextlib.AsyncExitStack(), contextlib.AsyncExitStack()
        self._client: httpx.AsyncClient

    async def __aenter__(self) -> Self:
        (self.folder.path / "mesh").mkdir(exist_ok=True)
        async with contextlib.AsyncExitStack() as stack:
            stack.callback(self.folder.forget_sockets, "caller-0.default")
            stack.push_async_callback(self._stop_instances)
            stack.push_async_callback(self._control_stack.aclose)
            await self.start_control()
            said = ["--workload", "caller-0", "--labels", "app=caller", "--address", f"{self.subnet}.1"]
            agent = pidalio("agent", *said, "--outbound", self.outbound, "--", "sleep", "3600", folder=self.folder.path)
            await (await stack.enter_async_context(agent)).prints("ready: ")
            limits = httpx.Limits(max_keepalive_connections=8)
            client = httpx.AsyncClient(proxy=f"http://{self.outbound}", limits=limits, timeout=20)
            self._client = await stack.enter_async_context(client)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    # The control plane.

    async def start_control(self) -> None:
        """Start the control plane, and wait until it serves."""
        command = pidalio("serve", *self._arguments, folder=self.folder.path, environment=self._environment)
        self.control = await self._control_stack.enter_async_context(command)
        await self.control.prints("ready: ")

    async def kill_control(self) -> None:
        """Kill the control plane."""
        self.control.signal(signal.SIGKILL)
        await self._control_stack.aclose()

    async def keeps(self, platform: str, text: str) -> None:
        """Wait until what is kept on disk of a platform has `text` (an address): a kill before would lose it."""
        file = self.folder.path / ".pidalio" / "platforms" / f"{platform}.jsonl"
        await until(lambda: file.exists() and text in file.read_text())

    async def knows(self, *addresses: str) -> None:
        """Wait until the mesh has instances at these addresses."""
        missing = set(addresses)
        async with asyncio.timeout(PATIENCE):
            while missing:
                shown = await self.ask("status", "--endpoints")
                missing = {address for address in missing if address not in shown}

    async def ask(self, *arguments: str) -> str:
        """Return what a command prints (`platforms`, `status --endpoints`)."""
        async with pidalio(*arguments, folder=self.folder.path) as command:
            await command.ends()
            return command.output

    async def weights(self, host: str, *, port: int = 0, **shares: int) -> None:
        """Route a host by weights to its versions, and wait until callers get those that have any."""
        subsets = [{"name": version, "labels": {"version": version}} for version in shares]
        route = [
            {"destination": {"host": host, "subset": version}, "weight": share} for version, share in shares.items()
        ]
        name = host.partition(".")[0]
        self.folder.write(
            "mesh/weights.yaml",
            item("DestinationRule", name, {"host": host, "subsets": subsets}),
            item("VirtualService", name, {"hosts": [host], "http": [{"route": route}]}),
        )
        await self.until_served(host, *(version for version, share in shares.items() if share), port=port)

    # Instances and callers.

    async def instance(self, version: str, *, address: str = "", port: int = 0) -> Instance:
        """Start an instance, on an address of its own and the port of all where none is stated."""
        address = address or f"{self.subnet}.{len(self._instances) + 2}"
        one = Instance(address, port or self.port, version)
        await one.start()
        self._instances.append(one)
        return one

    async def send(self, host: str, count: int = 40, *, port: int = 0) -> Counter[str]:
        """Send requests through the caller's sidecar, one after another; return how often each outcome came."""
        outcomes: Counter[str] = Counter()
        for _ in range(count):
            outcomes[await self._outcome(host, port)] += 1
        return outcomes

    async def until_served(self, host: str, *versions: str, port: int = 0) -> None:
        """Wait until callers get these versions and nothing else."""
        wanted, got = {f"200 {version}" for version in versions}, set[str]()
        try:
            async with asyncio.timeout(PATIENCE):
                while (got := set(await self.send(host, 40 * len(wanted), port=port))) != wanted:
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"{host} is served by {got}, not {wanted}:\n{self.control.output}") from None

    @contextlib.asynccontextmanager
    async def load(self, host: str, *, port: int = 0, callers: int = 3):
        """Ask without a pause inside the block."""
        made = Load()

        async def ask_on() -> None:
            while True:
                made.outcomes[await self._outcome(host, port)] += 1

        tasks = [asyncio.create_task(ask_on()) for _ in range(callers)]
        try:
            yield made
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _outcome(self, host: str, port: int) -> str:
        try:
            answer = await self._client.get(f"http://{host}:{port or self.port}/")
        except httpx.HTTPError as error:
            return f"lost: {error!r}"
        return f"{answer.status_code} {answer.text}"

    async def _stop_instances(self) -> None:
        for one in self._instances:
            await one.stop()
