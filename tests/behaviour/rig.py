"""One caller's mesh for a measurement: a control plane in this process, a real Envoy, instances and a load.

The rules are applied as users apply them; nothing is set behind the control plane's back.
"""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any, Self

import httpx
from tests.behaviour.instances import Behaviour, Instance, Prefix, after
from tests.behaviour.load import Answer, Ask, Load
from tests.traffic.envoy import own_address
from tests.xds.steered import PATIENCE, Steered

from pidalio.envoy.bootstrap import ads_bootstrap, node
from pidalio.envoy.executable import find_envoy
from pidalio.envoy.protos import to_json
from pidalio.ir import ProcessPlan, StatsPlan
from pidalio.model import Locality, Proxy
from pidalio.server.proxies import metadata_of

_STATS = StatsPlan(suffixes=(".upstream_rq_pending_active", ".upstream_rq_retry_overflow", ".ejections_enforced_total"))
_LOG = {
    "number": "%REQ(X-NUMBER)%",
    "flags": "%RESPONSE_FLAGS%",
    "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
    "status": "%RESPONSE_CODE%",
}


@dataclass(frozen=True)
class Logged:
    """What the proxy's access log says of one call."""

    flags: str
    attempts: int


class Rig:
    """An asynchronous context manager; `start` with the first rules, `apply` further ones."""

    def __init__(self, *, workers: int = 1, locality: str = "") -> None:
        self._workers, self._locality = workers, locality
        self.address = own_address()
        self._prefix = Prefix(self.address)
        self.instances: list[Instance] = []
        self._read, self._entries = 0, {}
        self._envoy: subprocess.Popen[bytes] | None = None

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            self.folder = Path(tempfile.mkdtemp(prefix="pdb", dir="/tmp"))
            stack.callback(shutil.rmtree, self.folder)
            self._steered = await stack.enter_async_context(Steered(self.folder))
            transport = httpx.AsyncHTTPTransport(uds=f"{self.folder}/admin")
            self._admin = await stack.enter_async_context(httpx.AsyncClient(transport=transport, timeout=PATIENCE))
            self.load = Load((self.address, 15001))
            stack.callback(self.load.close)
            stack.callback(self._end)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def add(
        self, count: int, *, named: str = "", behaviour: Behaviour | None = None, **told: str
    ) -> list[Instance]:
        """Start instances; their names go on from `named`, `told` is their version and locality."""
        behaviour = behaviour or after(0.0)
        made = []
        for number in range(1, count + 1):
            instance = Instance(f"{named}{number}", self._prefix.next(), answer=behaviour, **told)
            await instance.serve()
            made.append(instance)
        self.instances += made
        return made

    async def start(self, *texts: str, mesh: str = "") -> None:
        """Apply the first rules, and start the caller's Envoy on them; `mesh` are annotations of the MeshConfig."""
        settings = json.dumps(
            {
                "accessLogFile": f"{self.folder}/access.log",
                "accessLogEncoding": "JSON",
                "accessLogFormat": json.dumps(_LOG),
            }
        )
        head = f"apiVersion: pidalio.dev/v1\nkind: MeshConfig\nmetadata: {{name: mesh, annotations: {{{mesh}}}}}"
        await self._steered.apply("---\n".join((f"{head}\nspec: {settings}\n", *texts)))
        self._start_envoy()
        await self._steered.connected()
        async with asyncio.timeout(PATIENCE):
            while not await self._listens():
                await asyncio.sleep(0.01)

    async def apply(self, *texts: str) -> None:
        """Apply further rules; the proxy has acknowledged them at the end, and uses them a moment later."""
        await self._steered.apply("---\n".join(texts))

    @staticmethod
    def now() -> float:
        """Return the time by the clock of arrivals and answers."""
        return asyncio.get_running_loop().time()

    async def until(self, claim: Callable[[], Any]) -> None:
        """Wait until an awaitable claim holds: for what tells no event."""
        async with asyncio.timeout(PATIENCE):
            while not await claim():
                await asyncio.sleep(0.002)

    async def reached(self, ask: Ask, wanted: set[str], *, at_once: int = 1) -> list[Answer]:
        """Call until a batch reaches exactly these instances: the proxy uses a change from then on."""
        answers: list[Answer] = []
        found: set[str] = set()
        async with asyncio.timeout(PATIENCE):
            while found != wanted:
                batch = await self.load.at_once([ask] * (4 * len(wanted)), at_once)
                found = {answer.instance for answer in batch}
                answers += batch
        return answers

    async def ejected(self, cluster: str) -> set[str]:
        """Return the instances that outlier detection holds out of a cluster now."""
        return await self._flagged(cluster, "failed_outlier_check")

    async def checked_out(self, cluster: str) -> set[str]:
        """Return the instances that failed their active health check."""
        return await self._flagged(cluster, "failed_active_health_check")

    async def _flagged(self, cluster: str, flag: str) -> set[str]:
        names = {(one.address, one.port): one.name for one in self.instances}
        found = (await self._admin.get("http://admin/clusters?format=json")).json()
        statuses = [one for one in found["cluster_statuses"] if one["name"] == cluster]
        addresses = [
            host["address"]["socket_address"]
            for one in statuses
            for host in one.get("host_statuses", ())
            if host["health_status"].get(flag)
        ]
        return {names[one["address"], one["port_value"]] for one in addresses}

    async def stat(self, cluster: str, name: str) -> int:
        """Return a statistic of a cluster; 0 while nothing was counted."""
        found = (await self._admin.get("http://admin/stats", params={"filter": f"\\.{name}$"})).text
        lines = dict(line.rsplit(": ", 1) for line in found.splitlines())
        return sum(int(value) for key, value in lines.items() if cluster in key)

    async def logged(self, answers: Sequence[Answer]) -> list[Logged]:
        """Return what the access log says of each of these calls."""
        async with asyncio.timeout(PATIENCE):
            while any(answer.number not in self._entries for answer in answers):
                self._read_log()
                await asyncio.sleep(0.005)
        return [self._entries[answer.number] for answer in answers]

    def hold(self, *, still: bool) -> None:
        """Stop the proxy's process, or let it go on: what comes meanwhile is there all at once."""
        assert self._envoy is not None
        os.kill(self._envoy.pid, signal.SIGSTOP if still else signal.SIGCONT)

    def _read_log(self) -> None:
        with (self.folder / "access.log").open("rb") as file:
            file.seek(self._read)
            whole, end, _ = file.read().rpartition(b"\n")
        self._read += len(whole + end)
        for line in whole.splitlines():
            entry = json.loads(line)
            self._entries[int(entry["number"])] = Logged(entry["flags"], int(entry["attempts"] or 0))

    def _start_envoy(self) -> None:
        proxy = Proxy.from_id(f"sidecar~{self.address}~caller-0.default~default.svc.cluster.local")
        place = Locality(*self._locality.split("/")) if self._locality else None
        metadata = metadata_of(proxy) | {"LABELS": {"app": "caller"}, "PIDALIO": {"outbound": f"{self.address}:15001"}}
        bootstrap = ads_bootstrap(
            node=node(proxy.id, "caller", metadata=metadata, locality=place),
            xds_address=f"unix://{self.folder}/xds",
            admin_path=f"{self.folder}/admin",
            process=ProcessPlan(stats=_STATS),
        )
        config = self.folder / "envoy.json"
        config.write_text(to_json(bootstrap))
        flags = ["--disable-hot-restart", "--concurrency", f"{self._workers}", "--file-flush-interval-msec", "5"]
        with (self.folder / "log").open("wb") as log:
            self._envoy = subprocess.Popen(
                [find_envoy(), "-c", config, "-l", "warning", *flags], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    async def _listens(self) -> bool:
        try:
            _, writer = await asyncio.open_connection(self.address, 15001)
        except ConnectionRefusedError:
            return False
        writer.close()
        return True

    def _end(self) -> None:
        for instance in self.instances:
            instance.die()
        if self._envoy is not None:
            self._envoy.kill()
            self._envoy.wait()


def service(host: str, instances: Sequence[Instance], **annotations: str) -> str:
    """Return the ServiceEntry of a host on port 80 with these instances; `annotations` are those of `pidalio.dev`."""
    ends = [
        {
            "address": one.address,
            "ports": {"http": one.port},
            "labels": {"version": one.version},
            **({"locality": one.locality} if one.locality else {}),
        }
        for one in instances
    ]
    stated = {f"pidalio.dev/{name}": value for name, value in annotations.items() if value}
    head = dedent(f"""\
        apiVersion: networking.istio.io/v1
        kind: ServiceEntry
        metadata: {{name: {host.partition(".")[0]}, annotations: {json.dumps(stated)}}}
        spec:
          hosts: [{host}]
          location: MESH_INTERNAL
          resolution: STATIC
          ports: [{{number: 80, name: http, protocol: HTTP}}]
        """)
    return f"{head}  endpoints: {json.dumps(ends)}\n"


def cluster(host: str, subset: str = "") -> str:
    """Return the name of a host's cluster."""
    return f"outbound|80|{subset}|{host}"
