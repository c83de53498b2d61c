"""Three services that call each other through real Envoy while the last one fails: attempts are what is predicted."""

import asyncio
import json
import socket
import time
from collections import Counter
from contextlib import suppress
from math import inf
from typing import Self

import pytest
from tests.traffic.backend import CALL_ID, Backend
from tests.traffic.case import Case
from tests.traffic.client import Sent, fetch
from tests.traffic.envoy import RunningEnvoy, own_address
from tests.traffic.run import compiled

from pidalio.effectiveness.resilience import Failure, attempts
from pidalio.ir import ForwardPlan, ProxyPlans

pytestmark = pytest.mark.envoy

HOSTS = ("first", "second", "third")


class Services:
    """Two services that hand requests on to the next, by the proxy at `proxy`, and answer what they are answered."""

    def __init__(self) -> None:
        self.address = own_address()
        self.proxy = ("", 0)
        self.ports: list[int] = []
        self.arrived: Counter[str] = Counter()
        self._servers: list[asyncio.Server] = []

    async def __aenter__(self) -> Self:
        self._servers = [await self._start(host) for host in HOSTS[:-1]]
        self.ports = [server.sockets[0].getsockname()[1] for server in self._servers]
        return self

    async def __aexit__(self, *_: object) -> None:
        for server in self._servers:
            server.close()

    async def _start(self, host: str) -> asyncio.Server:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                while True:
                    head = await reader.readuntil(b"\r\n\r\n")
                    self.arrived[host] += 1
                    writer.write(await self._handed_on(head, reader, HOSTS[HOSTS.index(host) + 1]))
            writer.close()

        return await asyncio.start_server(serve, self.address, 0)

    async def _handed_on(self, head: bytes, caller: asyncio.StreamReader, following: str) -> bytes:
        """Return the status of the next service; when the caller gives up, the call of it is given up too."""
        told = [line for line in head.split(b"\r\n")[1:-2] if line.lower().startswith(b"x-echo-")]
        answer = asyncio.create_task(self._asked(told, following))
        gone = asyncio.create_task(caller.read(1))
        await asyncio.wait((answer, gone), return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            answer.cancel()
            raise ConnectionError("the caller has given up")
        gone.cancel()
        with suppress(asyncio.CancelledError):
            await gone
        return b"HTTP/1.1 %d Handed On\r\ncontent-length: 0\r\n\r\n" % await answer

    async def _asked(self, told: list[bytes], host: str) -> int:
        reader, writer = await asyncio.open_connection(*self.proxy)
        try:
            lines = (f"GET http://{host}/ HTTP/1.1".encode(), b"host: " + host.encode(), *told, b"", b"")
            writer.write(b"\r\n".join(lines))
            return int((await reader.readuntil(b"\r\n")).split()[1])
        finally:
            writer.close()


def world(services: Services, last: int, rules: tuple[str, ...]) -> str:
    """Return the three services and their rules; the last one is at port `last`."""
    texts = []
    for host, port, rule in zip(HOSTS, (*services.ports, last), rules, strict=True):
        texts.append(
            "---\napiVersion: networking.istio.io/v1\nkind: ServiceEntry\n"
            f"metadata: {{name: {host}}}\nspec:\n  hosts: [{host}.default.svc.cluster.local]\n  resolution: STATIC\n"
            f"  ports: [{{number: 80, name: http, protocol: HTTP}}]\n"
            f"  endpoints: [{{address: {services.address}, ports: {{http: {port}}}}}]\n"
        )
        texts.append(
            "---\napiVersion: networking.istio.io/v1\nkind: VirtualService\n"
            f"metadata: {{name: {host}}}\nspec:\n  hosts: [{host}]\n"
            f"  http: [{{route: [{{destination: {{host: {host}}}}}]{rule and f', {rule}'}}}]\n"
        )
    return "".join(texts)


def actions(plans: ProxyPlans) -> list[ForwardPlan]:
    """Return the action of the only route to each of the services."""
    by_host = {host.name: host for table in plans.tables for host in table.virtual_hosts}
    found = [by_host[f"{host}.default.svc.cluster.local:80"].routes[0].action for host in HOSTS]
    assert all(isinstance(action, ForwardPlan) for action in found)
    return found


def retries(attempts: int, on: str = "5xx", more: str = "") -> str:
    return f"retries: {{attempts: {attempts}, retryOn: '{on}', backoff: 1ms{more}}}"


@pytest.mark.parametrize(
    ("rules", "failure", "told", "expected"),
    [
        pytest.param((retries(2),) * 3, Failure(503), {"x-echo-status": "503"}, (3, 9, 27), id="all repeat"),
        pytest.param(
            (retries(3), retries(2, "gateway-error"), retries(1)),
            Failure(500),
            {"x-echo-status": "500"},
            (4, 4, 8),
            id="the middle repeats other failures",
        ),
        pytest.param(("", "", ""), Failure(503), {"x-echo-status": "503"}, (1, 1, 1), id="defaults"),
        pytest.param(
            (retries(1, "418"), "retries: {attempts: 0}", retries(2, "418")),
            Failure(418),
            {"x-echo-status": "418"},
            (2, 2, 6),
            id="one is off",
        ),
        pytest.param((retries(2), "", ""), Failure(refused=True), {}, (3, 3, 9), id="the last refuses connections"),
        pytest.param(
            ("timeout: 3500ms", retries(2), retries(9, more=", perTryTimeout: 1s")),
            Failure(takes=inf),
            {"x-echo-delay": "60000"},
            (1, 1, 4),
            id="the first timeout cuts the last one's tries",
        ),
    ],
)
async def test_attempts_are_what_is_predicted(backend: Backend, rules, failure, told, expected):
    async with Services() as services:
        with socket.socket() as nobody:
            nobody.bind((services.address, 0))  # bound and not listening: connections are refused
            last = nobody.getsockname()[1] if failure.refused else backend.port
            plans = compiled(Case(id="chain", intent="", config=world(services, last, rules), calls=()), backend.port)
            assert attempts(actions(plans), failure) == expected
            call, sent = await asyncio.to_thread(carried_out, plans, services, told, 1 + sum(expected[:-1]))
    assert sent == expected
    assert tuple(services.arrived[host] for host in HOSTS[:-1]) == expected[:-1]
    if not failure.refused:
        assert len(backend.seen(call)) == expected[-1]


def carried_out(plans: ProxyPlans, services: Services, told: dict[str, str], calls: int) -> tuple[str, tuple[int, ...]]:
    """Call the first service once; return the call's name, and how often Envoy sent a request to each service."""
    envoy = RunningEnvoy(plans).start()
    try:
        services.proxy = next((each.address, each.port) for each in envoy.plans.listeners if each.explicit_proxy)
        headers = ((CALL_ID, envoy.folder.name), *told.items())
        fetch([Sent(services.proxy, "GET", "http://first/", "first", headers)])
        return envoy.folder.name, tried(envoy, calls)
    finally:
        envoy.stop()


def tried(envoy: RunningEnvoy, calls: int) -> tuple[int, ...]:
    """Return how often Envoy sent a request to each service, once so many calls have ended."""
    until = time.monotonic() + 30
    while len(lines := (envoy.folder / "access.log").read_text().splitlines()) < calls and time.monotonic() < until:
        time.sleep(0.01)  # the log is written by another process
    assert len(lines) == calls
    sent: Counter[str] = Counter()
    for line in lines:
        entry = json.loads(line)
        sent[entry["cluster"].split("|")[3].partition(".")[0]] += int(entry["attempts"])
    return tuple(sent[host] for host in HOSTS)
