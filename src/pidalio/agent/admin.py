"""Speak with one Envoy's admin interface over its UNIX socket.

Source of paths and answers: Envoy's administration interface. Nothing else in Pidalio reads these answers' shapes.
"""

import re
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import Any

import httpx
import msgspec

from pidalio.errors import EnvoyUnresponsive
from pidalio.ir.campaign import CAMPAIGN_KEYS
from pidalio.model import Tally

_ANSWER_WITHIN_SECONDS = 5.0
_APPLIED = (
    r"^(cluster_manager\.cds\.update_success|listener_manager\."
    r"(lds\.update_success|total_listeners_warming|workers_started))$"
)
_OPEN = r"^listener\..*\.downstream_cx_active$"
_OWN = "listener.admin."
_COUNTED = (
    r"^http\..*\.(fault\.aborts_injected|fault\.delays_injected|downstream_rq_(completed|5xx|time))$"
    r"|^cluster\.outbound\|[^;]*;\.upstream_rq_(completed|5xx)$"
)
_NOT_OUT = ("http.admin.", "http.inbound")


class Host(msgspec.Struct, frozen=True):
    """One host of a cluster; `failed_check` says why it is out by active checks, empty where it is not."""

    cluster: str
    address: str
    failed_check: str = ""
    is_ejected: bool = False


class _Socket(msgspec.Struct, frozen=True):
    address: str = ""
    port_value: int = 0


class _Pipe(msgspec.Struct, frozen=True):
    path: str = ""


class _Address(msgspec.Struct, frozen=True):
    socket_address: _Socket = _Socket()
    pipe: _Pipe = _Pipe()


class _Health(msgspec.Struct, frozen=True):
    failed_active_health_check: bool = False
    failed_outlier_check: bool = False
    pending_active_hc: bool = False
    excluded_via_immediate_hc_fail: bool = False
    active_hc_timeout: bool = False


class _HostStatus(msgspec.Struct, frozen=True):
    address: _Address = _Address()
    health_status: _Health = _Health()


class _ClusterStatus(msgspec.Struct, frozen=True):
    name: str = ""
    host_statuses: tuple[_HostStatus, ...] = ()


class _Clusters(msgspec.Struct, frozen=True):
    cluster_statuses: tuple[_ClusterStatus, ...] = ()


class _Bucket(msgspec.Struct, frozen=True):
    upper_bound: float
    cumulative: int


class _Histogram(msgspec.Struct, frozen=True):
    name: str
    buckets: tuple[_Bucket, ...] = ()


class _Stat(msgspec.Struct, frozen=True):
    """A counter with its name, or all histograms without one."""

    name: str = ""
    value: int = 0
    histograms: tuple[_Histogram, ...] = ()


class _Stats(msgspec.Struct, frozen=True):
    stats: tuple[_Stat, ...] = ()


class _Runtime(msgspec.Struct, frozen=True):
    entries: dict[str, msgspec.Raw] = {}


class Admin:
    """The admin interface of one run of Envoy."""

    def __init__(self, socket: Path) -> None:
        self.socket = socket
        transport = httpx.AsyncHTTPTransport(uds=str(socket), verify=False)
        self._client = httpx.AsyncClient(
            transport=transport, base_url="http://admin", timeout=_ANSWER_WITHIN_SECONDS, trust_env=False
        )
        self._asking = 0
        self._is_closed = False

    async def get(self, path: str) -> httpx.Response:
        """Return the answer to GET `path`; raise `EnvoyUnresponsive` when none comes."""
        return await self._ask("GET", path)

    async def is_live(self) -> bool:
        """Tell whether Envoy has initialised and serves (`/ready`)."""
        return (await self.get("/ready")).status_code == 200

    async def stats(self, pattern: str) -> dict[str, int]:
        """Return the counters and gauges whose names match a regular expression."""
        answer = await self._ask("GET", "/stats", {"format": "json", "filter": pattern})
        return {stat["name"]: int(stat["value"]) for stat in answer.json()["stats"] if "value" in stat}

    async def tally(self) -> Tally:
        """Return what was counted of the calls on their way out, all listeners and all ports of a host together."""
        query = {"format": "json", "filter": _COUNTED, "usedonly": "", "histogram_buckets": "cumulative"}
        found = msgspec.json.decode((await self._ask("GET", "/stats", query)).content, type=_Stats)
        return _tally(found.stats)

    async def is_lent_faults(self) -> bool:
        """Tell whether a fault campaign concerns this Envoy now."""
        found = msgspec.json.decode((await self.get("/runtime")).content, type=_Runtime)
        return any(key.startswith(CAMPAIGN_KEYS) for key in found.entries)

    async def has_applied(self, *, dynamic: bool) -> bool:
        """Tell whether Envoy serves with its configuration: one CDS and one LDS answer taken when it is dynamic."""
        if not await self.is_live():
            return False
        stats = await self.stats(_APPLIED)
        if stats.get("listener_manager.workers_started") != 1:
            return False
        if stats.get("listener_manager.total_listeners_warming", 0):
            return False
        taken = ("cluster_manager.cds.update_success", "listener_manager.lds.update_success")
        return not dynamic or all(stats.get(name, 0) > 0 for name in taken)

    async def listeners(self) -> dict[str, tuple[str, int]]:
        """Return the active listeners' names with the address and port they are bound to."""
        answer = (await self.get("/listeners?format=json")).json()
        found: dict[str, tuple[str, int]] = {}
        for status in answer.get("listener_statuses", []):
            address: dict[str, Any] = status.get("local_address", {}).get("socket_address", {})
            found[status["name"]] = (address.get("address", ""), address.get("port_value", 0))
        return found

    async def hosts(self, clusters: Collection[str] = ()) -> tuple[Host, ...]:
        """Return the hosts of the named clusters, or of all, with what this Envoy found of each."""
        names = "|".join(map(re.escape, sorted(clusters)))
        query = {"format": "json"} | ({"filter": f"^(?:{names})$"} if names else {})
        found = msgspec.json.decode((await self._ask("GET", "/clusters", query)).content, type=_Clusters)
        return tuple(_host(cluster.name, one) for cluster in found.cluster_statuses for one in cluster.host_statuses)

    async def close_inbound(self) -> None:
        """Close the inbound listeners at once: new connections are refused, those in use go on."""
        await self._post("/drain_listeners?inboundonly")

    async def drain(self, *, inbound_only: bool) -> None:
        """Ask callers to leave (`connection: close`, GOAWAY), and close the listeners after the drain time."""
        await self._post("/drain_listeners?graceful" + ("&inboundonly" if inbound_only else ""))

    async def open_connections(self, only: Collection[tuple[str, int]] = ()) -> int:
        """Return how many connections callers hold, at the listeners bound to `only` or at all but the admin's."""
        names = {f"listener.{address}_{port}.downstream_cx_active" for address, port in only}
        stats = await self.stats(_OPEN)
        return sum(
            value
            for name, value in stats.items()
            if (name in names if names else not name.startswith(_OWN) and ".worker_" not in name)
        )

    async def close(self) -> None:
        """Answer no more; the connections are given up, by the last question where some are under way."""
        self._is_closed = True
        if not self._asking:
            await self._client.aclose()

    async def _post(self, path: str) -> None:
        answer = await self._ask("POST", path)
        if answer.status_code != 200:
            raise EnvoyUnresponsive(f"{path}: {answer.status_code} {answer.text.strip()[:200]}")

    async def _ask(self, method: str, path: str, query: dict[str, str] | None = None) -> httpx.Response:
        if self._is_closed:
            raise EnvoyUnresponsive(f"{method} {path}: its Envoy is ending")
        self._asking += 1
        try:
            return await self._client.request(method, path, params=query)
        except httpx.HTTPError as error:
            raise EnvoyUnresponsive(f"{method} {path}: {error!r}") from error
        finally:
            self._asking -= 1
            if self._is_closed and not self._asking:
                await self._client.aclose()


def _host(cluster: str, status: _HostStatus) -> Host:
    where, health = status.address.socket_address, status.health_status
    host = f"[{where.address}]" if ":" in where.address else where.address
    return Host(
        cluster,
        status.address.pipe.path or f"{host}:{where.port_value}",
        _why(health) if health.failed_active_health_check else "",
        health.failed_outlier_check,
    )


def _why(health: _Health) -> str:
    if health.pending_active_hc:
        return "it was not checked yet"
    if health.excluded_via_immediate_hc_fail:
        return "it says itself that it wants no requests"
    return "it does not answer checks in time" if health.active_hc_timeout else "it fails its checks"


def _tally(stats: Collection[_Stat]) -> Tally:
    counts: Counter[str] = Counter()
    hosts: dict[str, list[int]] = {}
    for one in stats:
        name, end = one.name, one.name.rpartition(".")[2]
        if name.startswith("cluster."):
            host = name.partition(";")[0].rpartition("|")[2]
            hosts.setdefault(host, [0, 0])[end == "upstream_rq_5xx"] += one.value
        elif not name.startswith(_NOT_OUT):
            counts[end] += one.value
    times: Counter[float] = Counter()
    for histogram in (each for one in stats for each in one.histograms if not each.name.startswith(_NOT_OUT)):
        times.update({bucket.upper_bound: bucket.cumulative for bucket in histogram.buckets})
    return Tally(
        requests=counts["downstream_rq_completed"],
        errors=counts["downstream_rq_5xx"],
        aborts=counts["aborts_injected"],
        delays=counts["delays_injected"],
        times=tuple(sorted(times.items())),
        hosts=tuple((host, answered, failed) for host, (answered, failed) in sorted(hosts.items())),
    )
