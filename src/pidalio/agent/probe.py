"""Ask a workload whether it is well, and tell when the answer changes.

Source of the rules: Kubernetes' readiness probes, in the form of Istio's WorkloadGroup probe (reference, section 1.5):
0 means the defaults 0/1/10/1/3; a workload is not ready until it was found well often enough.
Two differences: until the first success the period is at most a second, so that starting is quick; and one that goes
up and down must stay well for longer each time (`damping`).
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import grpc
import httpx
import msgspec

from pidalio.agent.processes import Processes
from pidalio.api.workload_entry import (
    ExecHealthCheckConfig,
    GrpcHealthCheckConfig,
    HTTPHealthCheckConfig,
    ReadinessProbe,
)
from pidalio.model.damping import Damping

_SERVING = b"\x08\x01"  # grpc.health.v1.HealthCheckResponse with status SERVING
_LONGEST_REASON = 200
_MOST_REDIRECTS = 10


class ProbeTarget(msgspec.Struct, frozen=True):
    """What is asked: the application's address, its real ports by declared port, and what exec probes run with.

    `folder` is the application's working directory, None for this process's own.
    """

    address: str
    ports: tuple[tuple[int, int], ...]
    environment: tuple[tuple[str, str], ...] = ()
    log: Path = Path("/dev/null")
    folder: Path | None = None

    def port(self, declared: int) -> int:
        """Return the real port behind a declared one; the first port when none is declared."""
        return dict(self.ports).get(declared, declared) if declared or not self.ports else self.ports[0][1]


class Held(msgspec.Struct, frozen=True):
    """Why an instance that answers is not believed yet: so many falls lately, so many seconds well without a break."""

    falls: int
    seconds: float


class Prober:
    """The probe of one instance; `changed(healthy, reason)` is called at the first verdict and at each change.

    `held` is called when an instance is well and must stay so for a while because it went up and down; `damping` knows
    of its falls, also those of an earlier prober. `now` is a steady clock, in seconds.
    """

    def __init__(
        self,
        probe: ReadinessProbe,
        target: ProbeTarget,
        processes: Processes,
        changed: Callable[[bool, str], Awaitable[None]],
        *,
        held: Callable[[Held], Awaitable[None]] | None = None,
        damping: Damping | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.probe, self.target = probe, target
        self._processes, self._changed, self._sleep, self._now = processes, changed, sleep, now
        self._held, self._damping = held, damping or Damping()
        self._told_hold = False
        self._streak_began = 0.0
        self._healthy: bool | None = None
        self._was_well = False
        self._last: bool | None = None
        self._streak = 0

    async def run(self) -> None:
        """Probe until cancelled."""
        await self._sleep(self.probe.initial_delay_seconds)
        period = self.probe.period_seconds or 10
        while True:
            await self._count(await self.check())
            await self._sleep(period if self._was_well else min(period, 1))

    async def check(self) -> str:
        """Ask once; return why it is not well, or nothing."""
        limit = self.probe.timeout_seconds or 1
        try:
            async with asyncio.timeout(limit):
                return (await self._ask())[:_LONGEST_REASON]
        except TimeoutError:
            return f"no answer within {limit} s"
        except (OSError, httpx.HTTPError) as error:
            return (str(error) or type(error).__name__)[:_LONGEST_REASON]

    async def _count(self, reason: str) -> None:
        well, now = not reason, self._now()
        if well != self._last:
            self._last, self._streak, self._streak_began = well, 0, now
            self._told_hold = False
        self._streak += 1
        needed = (self.probe.success_threshold or 1) if well else (self.probe.failure_threshold or 3)
        if well == self._healthy or self._streak < needed:
            return
        if well and await self._is_held(now):
            return
        if self._healthy:
            self._damping.fell(now)
        self._healthy = well
        self._was_well = self._was_well or well
        await self._changed(well, reason)

    async def _is_held(self, now: float) -> bool:
        """Tell whether it must be well for longer, and say so once."""
        hold = self._damping.hold(now)
        if now - self._streak_began >= hold:
            return False
        if self._held is not None and not self._told_hold:
            self._told_hold = True
            await self._held(Held(self._damping.falls(now), hold))
        return True

    async def _ask(self) -> str:
        probe = self.probe
        if probe.http_get is not None:
            return await _http(probe.http_get, self.target)
        if probe.tcp_socket is not None:
            return await _tcp(probe.tcp_socket.host or self.target.address, self.target.port(probe.tcp_socket.port))
        if probe.grpc is not None:
            return await _grpc(probe.grpc, self.target)
        if probe.exec is not None:
            return await _exec(probe.exec, self.target, self._processes)
        return ""


async def _http(config: HTTPHealthCheckConfig, target: ProbeTarget) -> str:
    """Ask, and follow redirects within the host; one that leads elsewhere counts as well."""
    scheme, host = (config.scheme or "HTTP").lower(), config.host or target.address
    shown = f"[{host}]" if ":" in host else host
    url = httpx.URL(f"{scheme}://{shown}:{target.port(config.port)}/{config.path.removeprefix('/')}")
    headers = [(header.name, header.value) for header in config.http_headers]
    if not any(name.lower() == "user-agent" for name, _ in headers):
        headers.append(("User-Agent", "pidalio-probe"))
    async with httpx.AsyncClient(verify=False, trust_env=False) as client:  # noqa: S501 - as Kubernetes does
        for _ in range(1 + _MOST_REDIRECTS):
            async with client.stream("GET", url, headers=headers) as answer:  # of its body nothing is asked
                status, to = answer.status_code, answer.headers.get("location", "")
            if not (300 <= status < 400 and to) or (target_url := url.join(to)).host != url.host:
                return "" if 200 <= status < 400 else f"GET {url}: status {status}"
            url = target_url
    return f"GET {url}: still redirected after {_MOST_REDIRECTS} redirects"


async def _tcp(host: str, port: int) -> str:
    _, writer = await asyncio.open_connection(host, port)
    writer.close()
    return ""


async def _grpc(config: GrpcHealthCheckConfig, target: ProbeTarget) -> str:
    service = config.service.encode()
    question = b"\x0a" + _varint(len(service)) + service if service else b""
    host = f"[{target.address}]" if ":" in target.address else target.address
    address = f"{host}:{target.port(config.port)}"
    async with grpc.aio.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)]) as channel:
        check: Callable[[bytes], Awaitable[bytes]] = channel.unary_unary("/grpc.health.v1.Health/Check", None, None)
        try:
            answer = await check(question)
        except grpc.aio.AioRpcError as error:
            return f"gRPC health check of {address}: {error.code().name}: {error.details()}"
    return "" if answer == _SERVING else f"gRPC health check of {address}: not serving"


async def _exec(config: ExecHealthCheckConfig, target: ProbeTarget, processes: Processes) -> str:
    environment: Mapping[str, str] | None = dict(target.environment) or None
    process = await processes.start(config.command, log=target.log, env=environment, cwd=target.folder)
    try:
        status = await process.wait()
    finally:
        process.send_signal(9)
    return "" if status == 0 else f"{config.command[0]} exited with {status}"


def _varint(number: int) -> bytes:
    encoded = b""
    while number > 0x7F:
        encoded += bytes((number & 0x7F | 0x80,))
        number >>= 7
    return encoded + bytes((number,))
