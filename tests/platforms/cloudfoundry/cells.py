"""The cells of a Cloud Foundry as NATS hears them: each registers its instances again and again, as route emitters do.

Messages have the fields of route-emitter's. Left out: jitter, and that an unregistration is said several times.
"""

import asyncio
import contextlib
import json
from typing import Any, Self

from nats.aio.client import Client

INTERVAL = 0.4
THRESHOLD = 3.0
"""Seconds between registrations, and until one that is not repeated is forgotten: 20 and 120 on a real platform."""


def message(host: str, address: str, port: int, *, guid: str = "", app: str = "", **fields: Any) -> dict[str, Any]:
    """Return a registration of an instance that serves `host` (`app.example.com/path`), with its tags in `tags`."""
    tags = {"component": "route-emitter", "process_type": "web", **fields.pop("tags", {})}
    return {
        "host": address,
        "port": port,
        "uris": [host],
        "app": app,
        "private_instance_id": guid,
        "private_instance_index": "0",
        "isolation_segment": "",
        "availability_zone": "",
        "route_service_url": "",
        "tags": tags,
        **fields,
    }


class Cells:
    """An asynchronous context manager; what it registers outlives the server, as instances do."""

    def __init__(self, url: str, interval: float = INTERVAL) -> None:
        self.url, self.interval = url, interval
        self.messages: dict[str, dict[str, Any]] = {}
        self.kind = "router"
        self.client: Client
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self.connect()
        self._task = asyncio.create_task(self._repeat())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        with contextlib.suppress(Exception):
            await self.client.close()

    async def connect(self) -> None:
        """Connect to the server that there is now."""
        self.client = Client()
        await self.client.connect(self.url, allow_reconnect=False)

    async def register(self, name: str, body: dict[str, Any]) -> None:
        """Register an instance now, and again and again."""
        self.messages[name] = body
        await self.say(f"{self.kind}.register", body)

    async def unregister(self, name: str) -> None:
        """Take an instance back."""
        await self.say(f"{self.kind}.unregister", self.messages.pop(name))

    async def say(self, subject: str, body: Any) -> None:
        """Say one thing, and wait until the server has it."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        await self.client.publish(subject, data)
        await self.client.flush()

    async def _repeat(self) -> None:
        while True:
            await asyncio.sleep(self.interval)
            if not self.client.is_connected:
                continue
            for body in list(self.messages.values()):
                with contextlib.suppress(Exception):
                    await self.client.publish(f"{self.kind}.register", json.dumps(body).encode())
