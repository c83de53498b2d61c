"""A Eureka of the tests: `/apps` and `/apps/delta` over HTTP as the real one answers them.

It leaves out leases, heartbeats, eviction, self-preservation, peers and the response cache (answers are fresh).
"""

import json
from typing import Any, Self

from aiohttp import web

from pidalio.platforms.eureka.registry import answer, hash_of


def instance(app: str, number: int, **changes: Any) -> dict[str, Any]:
    """Return an instance as Eureka writes one."""
    tree = {
        "instanceId": f"h{number}:{app.lower()}:8080",
        "hostName": f"h{number}.local",
        "app": app,
        "ipAddr": f"10.0.0.{number}",
        "status": "UP",
        "overriddenstatus": "UNKNOWN",
        "port": {"$": 8080, "@enabled": "true"},
        "securePort": {"$": 8443, "@enabled": "false"},
        "countryId": 1,
        "dataCenterInfo": {"@class": "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo", "name": "MyOwn"},
        "leaseInfo": {"renewalIntervalInSecs": 30, "durationInSecs": 90},
        "metadata": {"version": "v1", "zone": "z1"},
        "vipAddress": app.lower(),
        "secureVipAddress": app.lower(),
        "lastUpdatedTimestamp": "1",
        "lastDirtyTimestamp": "1",
        "actionType": "ADDED",
    }
    return {**tree, **changes}


def applications(*instances: dict[str, Any], hashcode: str = "") -> bytes:
    """Return an answer with these instances."""
    by_app: dict[str, list[dict[str, Any]]] = {}
    for one in instances:
        by_app.setdefault(one["app"], []).append(one)
    found: dict[str, Any] = {"versions__delta": "1", "apps__hashcode": hashcode}
    if by_app:
        found["application"] = [{"name": app, "instance": members} for app, members in by_app.items()]
    return json.dumps({"applications": found}).encode()


class Eureka:
    """Serves `instances`, and `changes` since everything was asked for as a delta; `status` other than 200 refuses all."""

    def __init__(self) -> None:
        self.instances: dict[str, dict[str, Any]] = {}
        self.changes: list[dict[str, Any]] = []
        self.status = 200
        self.delta_status = 200
        self.wrong_hash = False
        self.asked: list[str] = []
        self.port = 0
        self.time = 1_000
        self.old: bytes | None = None

    async def __aenter__(self) -> Self:
        routes = web.Application()
        routes.router.add_get("/eureka/apps", self._apps)
        routes.router.add_get("/eureka/apps/delta", self._apps_delta)
        self._runner = web.AppRunner(routes, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{self.port}/eureka"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    def put(self, one: dict[str, Any]) -> None:
        """Add or change an instance."""
        one = {**one, "lastUpdatedTimestamp": str(self._tick())}
        known = one["instanceId"] in self.instances
        self.instances[one["instanceId"]] = one
        self.changes.append({**one, "actionType": "MODIFIED" if known else "ADDED"})

    def drop(self, one: dict[str, Any]) -> None:
        """Remove an instance."""
        stamp = {"actionType": "DELETED", "lastUpdatedTimestamp": str(self._tick())}
        self.changes.append({**self.instances.pop(one["instanceId"]), **stamp})

    def _tick(self) -> int:
        """Return the server's time of a change."""
        self.time += 1
        return self.time

    def _hash(self) -> str:
        found = answer(applications(*self.instances.values()))
        return "UP_999_" if self.wrong_hash else hash_of(one for _, one in found.entries)

    async def _apps(self, _request: web.Request) -> web.Response:
        self.asked.append("apps")
        if self.status != 200:
            return web.Response(status=self.status)
        self.changes.clear()
        return web.Response(body=applications(*self.instances.values(), hashcode=self._hash()))

    async def _apps_delta(self, _request: web.Request) -> web.Response:
        self.asked.append("delta")
        if self.status != 200 or self.delta_status != 200:
            return web.Response(status=self.status if self.status != 200 else self.delta_status)
        body = applications(*self.changes, hashcode=self._hash()) if self.old is None else self.old
        return web.Response(body=body)

    def freeze_delta(self) -> None:
        """Answer questions for changes as now, whatever changes: a cache that is not emptied."""
        self.old = applications(*self.changes, hashcode=self._hash())
