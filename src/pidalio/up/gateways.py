"""The gateways that the Gateway objects ask for: one Envoy for each set of labels that a selector names.

Pure part first: which proxies there are to be, and which ports they open. Then the Envoys.
Invariant: a gateway that is no longer wanted leaves only after those that replace it serve.
"""

import asyncio
import socket
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self

import msgspec

from pidalio.agent.gateway import GatewayAgent
from pidalio.api.gateway import Gateway
from pidalio.api.object import Object
from pidalio.derive import Database
from pidalio.model import Labels, ObjectRef, Proxy, ProxyType, Report, Severity
from pidalio.platforms.local.addresses import UNPRIVILEGED_SHIFT, shifted_port
from pidalio.platforms.local.gateways import gateway_name, label_sets
from pidalio.rules.gateway_ports import gateways, opened

ADDRESS = "127.0.0.1"
_NAMESPACE = "default"


class GatewayAddress(msgspec.Struct, frozen=True, order=True):
    """A port that a Gateway opens: `written` in the object, `port` really bound."""

    address: str
    port: int
    written: int
    gateway: ObjectRef
    http: bool = True

    @property
    def url(self) -> str:
        """Return where callers find it."""
        return f"{'http' if self.http else 'tcp'}://{self.address}:{self.port}"

    def is_free(self) -> bool:
        """Tell whether nobody listens there."""
        with socket.socket(socket.AF_INET6 if ":" in self.address else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self.address, self.port))
                probe.listen()
            except OSError:
                return False
        return True


def gateway_proxy(labels: Labels, lowest_port: int) -> Proxy:
    """Return the gateway with these labels; ports below `lowest_port` are bound 8000 higher."""
    moved = tuple((port, port + UNPRIVILEGED_SHIFT) for port in range(1, lowest_port))
    return Proxy(
        ProxyType.ROUTER,
        ADDRESS,
        gateway_name(labels),
        _NAMESPACE,
        labels=labels,
        gateway_address=ADDRESS,
        gateway_ports=moved,
    )


def addresses(world: Database, lowest_port: int) -> tuple[GatewayAddress, ...]:
    """Return where the gateways listen, each address once."""
    found: dict[tuple[str, int], GatewayAddress] = {}
    for labels in label_sets(gateways(world)):
        for one in opened(world, labels).ports:
            address, port = one.bind or ADDRESS, shifted_port(one.target, lowest_port)
            owner = ObjectRef("Gateway", *one.gateways[0])
            found.setdefault((address, port), GatewayAddress(address, port, one.number, owner, one.http))
    return tuple(sorted(found.values()))


def moved_port(one: GatewayAddress) -> Report | None:
    """Return the report that a port listens elsewhere than it says, if so."""
    if one.port == one.written:
        return None
    message = f"port {one.written} listens on {one.port}: a port below 1024 needs root"
    return Report(Severity.INFO, "port-moved", message, one.gateway)


def port_in_use(one: GatewayAddress) -> Report:
    """Return the report that somebody else has the port."""
    message = f"another process listens on {one.address}:{one.port}: stop it, or choose another port"
    return Report(Severity.ERROR, "port-in-use", message, one.gateway)


class Gateways:
    """The running gateways; an async context manager that leaves none behind."""

    def __init__(self, make: Callable[[Proxy], GatewayAgent], lowest_port: int, *, drain_seconds: float) -> None:
        self._make, self._lowest_port, self._drain_seconds = make, lowest_port, drain_seconds
        self._agents: dict[Labels, GatewayAgent] = {}
        self._tasks = asyncio.TaskGroup()

    def __len__(self) -> int:
        return len(self._agents)

    def reconcile(self, objects: Iterable[Object[Gateway]]) -> None:
        """Bring what runs in line with the objects; returns at once, the changes go on by themselves."""
        wanted = label_sets(objects)
        for labels in wanted:
            if labels not in self._agents:
                agent = self._agents[labels] = self._make(gateway_proxy(labels, self._lowest_port))
                self._tasks.create_task(agent.run(), name=f"gateway {agent.supervisor.name}")
        gone = [self._agents.pop(labels) for labels in list(self._agents) if labels not in wanted]
        if gone:
            self._tasks.create_task(self._replace(gone, list(self._agents.values())), name="gateways leave")

    async def ready(self) -> None:
        """Wait until every gateway serves."""
        for agent in list(self._agents.values()):
            await agent.ready()

    def waiting_for(self) -> tuple[str, ...]:
        """Return the names of those that do not serve yet."""
        return tuple(each.supervisor.name for each in self._agents.values() if not each.supervisor.ready.is_set())

    def problems(self) -> tuple[Report, ...]:
        """Return what keeps gateways from serving."""
        return tuple(agent.problem for agent in self._agents.values() if agent.problem is not None)

    async def stop(self) -> None:
        """Let callers finish, then end every gateway."""
        agents = list(self._agents.values())
        self._agents.clear()
        await asyncio.gather(*(agent.stop(drain_seconds=self._drain_seconds) for agent in agents))

    async def _replace(self, gone: Iterable[GatewayAgent], successors: Iterable[GatewayAgent]) -> None:
        for agent in successors:
            await agent.ready()
        for agent in gone:
            await agent.stop(drain_seconds=self._drain_seconds)

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            await self.stop()
        await self._tasks.__aexit__(kind, error, trace)
