"""A small registry over HTTP, in this process: services with instances, and a long poll that tells of changes.

It exists to prove the common suite itself; what it can do wrong is what real ones do.
"""

import asyncio
from typing import Any

from aiohttp import web

Catalog = dict[str, dict[str, dict[str, Any]]]
"""Of each service its instances, by name."""


class Registry:
    """`GET /services?index=N` answers as soon as what it has is not what it had at N."""

    def __init__(self) -> None:
        self.catalog: Catalog = {}
        self.index = 1
        self.port = 0
        self._changed = asyncio.Condition()
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        application = web.Application()
        application.router.add_get("/services", self._services)
        self._runner = web.AppRunner(application, shutdown_timeout=0.01)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def put(self, service: str, name: str, **fields: object) -> None:
        async with self._changed:
            instance = self.catalog.setdefault(service, {}).setdefault(name, {})
            instance.update(fields)
            self._tell()

    async def drop(self, service: str, name: str) -> None:
        async with self._changed:
            del self.catalog[service][name]
            if not self.catalog[service]:
                del self.catalog[service]
            self._tell()

    async def clear(self) -> None:
        async with self._changed:
            self.catalog.clear()
            self._tell()

    def _tell(self) -> None:
        self.index += 1
        self._changed.notify_all()

    async def _services(self, request: web.Request) -> web.Response:
        known = int(request.query.get("index", "0"))
        async with self._changed:
            await self._changed.wait_for(lambda: self.index != known)
            return web.json_response({"index": self.index, "services": self.catalog})
