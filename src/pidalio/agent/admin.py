"""Speak with one Envoy's admin interface over its UNIX socket.

Source of paths and answers: Envoy's administration interface. Nothing else in Pidalio reads these answers' shapes.
"""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import httpx

from pidalio.errors import EnvoyUnresponsive

_ANSWER_WITHIN_SECONDS = 5.0
_APPLIED = (
    r"^(cluster_manager\.cds\.update_success|listener_manager\."
    r"(lds\.update_success|total_listeners_warming|workers_started))$"
)
_OPEN = r"^listener\..*\.downstream_cx_active$"
_OWN = "listener.admin."


class Admin:
    """The admin interface of one Envoy."""

    def __init__(self, socket: Path) -> None:
        self.socket = socket
        self._client = self._new_client()

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
        """Give the connections up; a later question opens new ones."""
        client, self._client = self._client, self._new_client()
        await client.aclose()

    def _new_client(self) -> httpx.AsyncClient:
        transport = httpx.AsyncHTTPTransport(uds=str(self.socket), verify=False)
        return httpx.AsyncClient(
            transport=transport, base_url="http://admin", timeout=_ANSWER_WITHIN_SECONDS, trust_env=False
        )

    async def _post(self, path: str) -> None:
        answer = await self._ask("POST", path)
        if answer.status_code != 200:
            raise EnvoyUnresponsive(f"{path}: {answer.status_code} {answer.text.strip()[:200]}")

    async def _ask(self, method: str, path: str, query: dict[str, str] | None = None) -> httpx.Response:
        try:
            return await self._client.request(method, path, params=query)
        except httpx.HTTPError as error:
            raise EnvoyUnresponsive(f"{method} {path}: {error!r}") from error
