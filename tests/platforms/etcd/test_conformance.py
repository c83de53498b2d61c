"""The common suite on a real etcd."""

import json
from collections.abc import Iterable

import httpx
import pytest
from tests.platforms.conformance import Conformance
from tests.platforms.etcd.keys import put_of, text
from tests.platforms.servers.etcd import Etcd
from tests.platforms.subject import Instance, Put, Subject

from pidalio.model import Health
from pidalio.platforms.etcd import KIND, EtcdSettings
from pidalio.platforms.installed import Configured

pytestmark = pytest.mark.platform("etcd")


class EtcdSubject(Subject):
    def __init__(self, folder) -> None:
        super().__init__(folder)
        self.server = Etcd(folder)
        self.values: dict[str, dict] = {}
        self.http = httpx.AsyncClient(timeout=60)

    @property
    def port(self) -> int:
        return self.server.port

    async def start(self) -> None:
        await self.server.start()

    async def stop(self) -> None:
        await self.http.aclose()
        await self.server.stop()

    def configured(self, port: int) -> Configured:
        return Configured(KIND, EtcdSettings(address=f"http://127.0.0.1:{port}"))

    def hostname(self, service: str) -> str:
        return f"{service}.etcd"

    async def call(self, path: str, body: dict) -> None:
        answer = await self.http.post(f"{self.server.url}/v3/{path}", json=body)
        answer.raise_for_status()

    async def put(self, service: str, name: str, instance: Instance) -> None:
        key, value = self.said(service, name, instance)
        await self.call("kv/put", put_of(key, value))

    def said(self, service: str, name: str, instance: Instance) -> tuple[str, str]:
        key = f"/services/{service}/{name}"
        self.values[key] = {
            "address": instance.address,
            "port": instance.port,
            "labels": {"version": instance.version},
            "locality": f"/{instance.zone}",
        }
        return key, json.dumps(self.values[key])

    async def drop(self, service: str, name: str) -> None:
        await self.call("kv/deleterange", {"key": text(f"/services/{service}/{name}")})

    async def become(self, service: str, name: str, health: Health) -> None:
        key = f"/services/{service}/{name}"
        self.values[key] |= {"health": health.name.lower()}
        await self.call("kv/put", put_of(key, json.dumps(self.values[key])))

    async def fail(self, service: str, name: str) -> None:
        await self.become(service, name, Health.UNHEALTHY)

    async def heal(self, service: str, name: str) -> None:
        await self.become(service, name, Health.HEALTHY)

    async def drain(self, service: str, name: str) -> None:
        await self.become(service, name, Health.DRAINING)

    async def restart_server(self, *, keeps: bool) -> None:
        assert keeps
        await self.server.restart()

    async def empty(self) -> None:
        await self.call("kv/deleterange", {"key": text("/services/"), "range_end": text("/services0")})
        await self.forget()

    async def forget(self) -> None:
        """Let etcd forget how it came to what it has: who missed something must read all anew."""
        for _ in range(2):  # the revision that is compacted at is still to be had
            await self.call("kv/put", put_of("/elsewhere", ""))
        header = (await self.http.post(f"{self.server.url}/v3/kv/range", json={"key": text("/x")})).json()["header"]
        await self.call("kv/compaction", {"revision": header["revision"], "physical": True})

    async def flood(self, orders: Iterable[Put]) -> None:
        some: list[dict] = []
        for order in orders:
            some.append({"request_put": put_of(*self.said(*order))})
            if len(some) == 100:
                await self.call("kv/txn", {"success": some})
                some = []
        await self.call("kv/txn", {"success": some})

    async def malformed(self) -> None:
        await self.call("kv/put", put_of("/services/broken/b1", '{"address": "10.77.9.9", "port": "http"}'))


class TestEtcd(Conformance):
    def make(self, folder) -> Subject:
        return EtcdSubject(folder)
