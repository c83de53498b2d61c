"""A small Cloud Controller and UAA: what the adapter asks, with pages, tokens that expire, and answers that refuse.

Left out: filters, rights by space, errors as CF's JSON, everything that writes, and processes but for their stats.
"""

import asyncio
import base64
from collections.abc import Mapping
from typing import Any, Self

from aiohttp import web

CLIENT, SECRET = "mesh", "s3cret"


class Controller:
    """An asynchronous context manager; `refuses` is a status that the API answers instead, `asked` what was asked.

    While `flows` is not set, what it answers about apps is on its way.
    """

    def __init__(self, page: int = 2) -> None:
        self.page = page
        self.routes: list[dict[str, Any]] = []
        self.apps: dict[str, dict[str, Any]] = {}
        self.stats: dict[str, list[dict[str, Any]]] = {}
        self.refuses = 0
        self.life = 600
        self.tokens: list[str] = []
        self.asked: list[str] = []
        self.flows = asyncio.Event()
        self.flows.set()

    async def __aenter__(self) -> Self:
        application = web.Application()
        application.add_routes(
            [
                web.get("/", self._root),
                web.post("/uaa/oauth/token", self._token),
                web.get("/v3/routes", self._routes),
                web.get("/v3/apps", self._apps),
                web.get("/v3/processes/{guid}/stats", self._stats),
            ]
        )
        self._runner = web.AppRunner(application, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    def route(self, url: str, **weights: int | None) -> None:
        """Add a route, or replace it; its destinations are apps, each with its weight or none."""
        self.routes = [one for one in self.routes if one["url"] != url]
        made = [
            {"guid": f"{url}-{app}", "app": {"guid": app, "process": {"type": "web"}}, "weight": weight, "port": 8080}
            for app, weight in weights.items()
        ]
        self.routes.append({"guid": url, "protocol": "http", "url": url, "destinations": made})

    def app(self, guid: str, name: str, **labels: str) -> None:
        """Add an app, or replace it, in the one space that there is."""
        self.apps[guid] = {
            "guid": guid,
            "name": name,
            "metadata": {"labels": labels, "annotations": {}},
            "relationships": {"space": {"data": {"guid": "space-1"}}},
        }

    def running(self, process: str, *guids: str, routable: bool = True) -> None:
        """Say which instances of a process run."""
        self.stats[process] = [
            {"type": "web", "index": number, "state": "RUNNING", "routable": routable, "instance_guid": guid}
            for number, guid in enumerate(guids)
        ]

    async def _root(self, _: web.Request) -> web.Response:
        return web.json_response({"links": {"self": {"href": self.url}, "uaa": {"href": f"{self.url}/uaa"}}})

    async def _token(self, request: web.Request) -> web.Response:
        wanted = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        form = await request.post()
        if request.headers.get("Authorization") != f"Basic {wanted}" or form.get("grant_type") != "client_credentials":
            return web.json_response({"error": "unauthorized"}, status=401)
        self.tokens.append(f"token-{len(self.tokens)}")
        return web.json_response({"access_token": self.tokens[-1], "expires_in": self.life, "token_type": "bearer"})

    def _refusal(self, request: web.Request) -> web.Response | None:
        self.asked.append(request.path)
        if self.refuses:
            return web.json_response({"errors": [{"title": "no"}]}, status=self.refuses, headers={"Retry-After": "1"})
        if not self.tokens or request.headers.get("Authorization") != f"bearer {self.tokens[-1]}":
            return web.json_response({"errors": [{"title": "CF-InvalidAuthToken"}]}, status=401)
        return None

    async def _routes(self, request: web.Request) -> web.Response:
        return self._refusal(request) or self._paged(request, self.routes)

    async def _apps(self, request: web.Request) -> web.Response:
        answer = self._refusal(request) or self._paged(request, list(self.apps.values()), _INCLUDED)
        await self.flows.wait()
        return answer

    def _paged(self, request: web.Request, every: list[Any], included: Mapping[str, Any] | None = None) -> web.Response:
        number = int(request.query.get("page", "1"))
        begin = (number - 1) * self.page
        more = {"href": f"{self.url}{request.path}?page={number + 1}"} if begin + self.page < len(every) else None
        body = {"pagination": {"next": more}, "resources": every[begin : begin + self.page]}
        return web.json_response(body | ({"included": included} if included else {}))

    async def _stats(self, request: web.Request) -> web.Response:
        if refusal := self._refusal(request):
            return refusal
        found = self.stats.get(request.match_info["guid"])
        if found is None:
            return web.json_response({"errors": [{"title": "CF-ResourceNotFound"}]}, status=404)
        return web.json_response({"resources": found})


_SPACE = {"guid": "space-1", "name": "dev", "relationships": {"organization": {"data": {"guid": "org-1"}}}}
_INCLUDED = {"spaces": [_SPACE], "organizations": [{"guid": "org-1", "name": "acme"}]}
