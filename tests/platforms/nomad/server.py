"""A Nomad of the tests: services, nodes, checks and the event stream over HTTP, as the real one writes them.

Each stream begins with the last events before it. It leaves out jobs, allocations, ACLs (but for what may be refused),
blocking queries and paging.
"""

import asyncio
import json
from collections import deque
from typing import Any, Self

from aiohttp import web


def registration(service: str, number: int, **changes: Any) -> dict[str, Any]:
    """Return a registration as Nomad writes one."""
    tree = {
        "ID": f"_nomad-task-{number}-{service}-http",
        "ServiceName": service,
        "Namespace": "default",
        "NodeID": f"node-{number}",
        "Datacenter": "dc1",
        "JobID": "shop",
        "AllocID": f"alloc-{number}",
        "Tags": ["version=v1"],
        "Address": f"10.0.0.{number}",
        "Port": 20000 + number,
        "CreateIndex": 1,
        "ModifyIndex": 1,
    }
    return {**tree, **changes}


class Nomad:
    """Serves `services` and `nodes`; `put` and `drop` are told to the streams, `refuses` are paths that get 403.

    What `/v1/services` and `/v1/service/NAME` answer is made, and waits for the event that `gates` has for `services` or
    `service`; `waits` says that one does.
    """

    def __init__(self) -> None:
        self.services: dict[str, dict[str, Any]] = {}
        self.nodes: dict[str, dict[str, Any]] = {}
        self.checks: dict[str, dict[str, Any]] = {}
        self.refuses: set[str] = set()
        self.leader = True
        self.index = 1
        self.asked: list[str] = []
        self.port = 0
        self.gates: dict[str, asyncio.Event] = {}
        self.waits = asyncio.Event()
        self._streams: set[asyncio.Queue[bytes | None]] = set()
        self._told: deque[bytes] = deque(maxlen=100)

    async def __aenter__(self) -> Self:
        routes = web.Application()
        routes.router.add_get("/v1/services", self._services)
        routes.router.add_get("/v1/service/{name}", self._service)
        routes.router.add_get("/v1/nodes", self._nodes)
        routes.router.add_get("/v1/event/stream", self._stream)
        routes.router.add_get("/v1/client/allocation/{id}/checks", self._checks)
        self._runner = web.AppRunner(routes, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{self.port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self.cut()
        await self._runner.cleanup()

    def put(self, one: dict[str, Any]) -> None:
        self.services[one["ID"]] = one
        self.tell("Service", "ServiceRegistration", {"Service": one}, one["ID"])

    def drop(self, one: dict[str, Any]) -> None:
        self.tell("Service", "ServiceDeregistration", {"Service": self.services.pop(one["ID"])})

    def node(self, number: int, status: str) -> None:
        tree = {"ID": f"node-{number}", "Status": status, "Datacenter": "dc2"}
        self.nodes[tree["ID"]] = tree
        self.tell("Node", "NodeEvent", {"Node": tree})

    def tell(self, topic: str, kind: str, payload: Any, key: str = "k") -> None:
        self.index += 1
        event = {"Topic": topic, "Type": kind, "Key": key, "Index": self.index, "Payload": payload}
        line = json.dumps({"Index": self.index, "Events": [event]}).encode()
        self._told.append(line)
        self.send(line)

    def send(self, line: bytes) -> None:
        for queue in self._streams:
            queue.put_nowait(line + b"\n")

    def cut(self) -> None:
        """End all streams."""
        for queue in self._streams:
            queue.put_nowait(None)

    def _answer(self, request: web.Request, value: Any) -> web.Response:
        self.asked.append(request.path_qs)
        if any(request.path.startswith(path) for path in self.refuses):
            return web.Response(status=403, text="Permission denied")
        if not self.leader and "stale" not in request.query:
            return web.Response(status=500, text="No cluster leader")
        return web.json_response(value, headers={"X-Nomad-Index": str(self.index)})

    async def _services(self, request: web.Request) -> web.Response:
        names: dict[str, set[str]] = {}
        for one in self.services.values():
            names.setdefault(one["Namespace"], set()).add(one["ServiceName"])
        listed = [
            {"Namespace": space, "Services": [{"ServiceName": name, "Tags": []} for name in sorted(found)]}
            for space, found in names.items()
        ]
        return await self._at_gate("services", self._answer(request, listed))

    async def _service(self, request: web.Request) -> web.Response:
        name, space = request.match_info["name"], request.query["namespace"]
        found = [one for one in self.services.values() if (one["ServiceName"], one["Namespace"]) == (name, space)]
        return await self._at_gate("service", self._answer(request, found))

    async def _at_gate(self, kind: str, answer: web.Response) -> web.Response:
        if gate := self.gates.get(kind):
            self.waits.set()
            await gate.wait()
        return answer

    async def _nodes(self, request: web.Request) -> web.Response:
        return self._answer(request, list(self.nodes.values()))

    async def _checks(self, request: web.Request) -> web.Response:
        return self._answer(request, self.checks.get(request.match_info["id"], {}))

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        if "Node:*" in request.query.getall("topic") and "/v1/nodes" in self.refuses:
            return web.Response(status=403, text="Permission denied")
        stream = web.StreamResponse(headers={"Content-Type": "application/json"})
        await stream.prepare(request)
        await stream.write(b"{}\n")
        queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        for line in self._told:
            queue.put_nowait(line + b"\n")
        self._streams.add(queue)
        try:
            while (line := await _next(queue)) is not None:
                await stream.write(line)
        finally:
            self._streams.discard(queue)
        return stream


async def _next(queue: asyncio.Queue[bytes | None]) -> bytes | None:
    """Return the next line to send: a heartbeat when there is nothing to tell for a while."""
    try:
        return await asyncio.wait_for(queue.get(), 0.3)
    except TimeoutError:
        return b"{}\n"
