"""What an API server does not let us write: one line each, no storm, and the others are written.

The server here refuses as the real one does (its own words are in `test_status.py`), and counts how often it is asked.
"""

import asyncio
import json
from collections import Counter

import pytest
from aiohttp import web

from pidalio.model import ObjectRef
from pidalio.platforms.informing import ObjectStatus
from pidalio.platforms.kubernetes.connecting import connection
from pidalio.platforms.kubernetes.informing import Election, StatusWriter

REF = ObjectRef("VirtualService", "shop", "web")
OTHER = ObjectRef("DestinationRule", "shop", "web")


class Cluster:
    """Two objects and a lease; `denied` are the parts of paths that are refused."""

    def __init__(self) -> None:
        self.denied: set[tuple[str, str]] = set()
        self.asked: Counter[tuple[str, str]] = Counter()
        self.lease: dict | None = None
        self.written = asyncio.Event()
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        method, path = request.method, request.path
        self.asked[method, path] += 1
        if any(method == one and part in path for one, part in self.denied):
            said = {"kind": "Status", "message": f"not allowed: {method} {path}", "code": 403}
            return web.json_response(said, status=403)
        if "/leases" in path:
            if method != "GET":
                self.lease = {**await request.json()}
                self.lease["metadata"]["resourceVersion"] = str(self.asked.total())
            return web.json_response(self.lease, status=200 if self.lease else 404)
        if path == "/apis/networking.istio.io":
            return web.json_response({"versions": [{"version": "v1"}]})
        if path == "/apis/networking.istio.io/v1":
            names = {"virtualservices": "VirtualService", "destinationrules": "DestinationRule"}
            found = [{"name": name, "kind": kind, "namespaced": True} for name, kind in names.items()]
            return web.json_response({"resources": found + [{"name": f"{name}/status"} for name in names]})
        if "namespaces/shop" in path:
            if path.endswith("/status"):
                self.written.set()
            return web.json_response({"metadata": {"name": "web", "namespace": "shop", "generation": 1}})
        return web.json_response({}, status=404)


class Told:
    def __init__(self) -> None:
        self.topics: dict[str, tuple] = {}

    def tell(self, topic, *reports) -> None:
        self.topics[topic] = reports

    def all(self) -> list[tuple[str, str]]:
        return [(one.code, one.message) for reports in self.topics.values() for one in reports]


@pytest.fixture
async def cluster():
    found = Cluster()
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", found.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield found
    await runner.cleanup()


@pytest.fixture
async def running(cluster, tmp_path):
    path = tmp_path / "config"
    tree = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c"}}],
        "clusters": [{"name": "c", "cluster": {"server": cluster.url}}],
    }
    path.write_text(json.dumps(tree))
    way, told = connection(str(path)), Told()
    writer = StatusWriter(Election("status", "pidalio", duration=1), {}, between=0)
    task = asyncio.create_task(writer.run(way, told))
    yield writer, told
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await way.close()


async def until(holds) -> None:
    async with asyncio.timeout(30):
        while not holds():
            await asyncio.sleep(0.01)


async def test_a_lease_that_is_denied_is_told_and_nothing_is_written(cluster, running):
    writer, told = running
    cluster.denied = {("GET", "/leases")}
    await until(told.all)
    writer.inform({REF: ObjectStatus(1, True, 1, 1)})
    ((code, line),) = told.all()
    assert code == "no-leader"
    assert line == (
        "no status is written: lease pidalio/status: it cannot be read: "
        "not allowed: GET /apis/coordination.k8s.io/v1/namespaces/pidalio/leases/status"
    )
    assert writer.versions() is None
    assert not cluster.written.is_set()
    cluster.denied = set()
    await until(lambda: not told.all())


async def test_a_kind_that_is_denied_is_told_once_and_left_for_a_while(cluster, running):
    writer, told = running
    cluster.denied = {("PUT", "virtualservices/web/status")}
    await until(lambda: writer.versions() is not None)
    for turn in range(5):
        cluster.written.clear()
        known = ObjectStatus(1, True, turn % 2, 1)
        writer.inform({REF: known, OTHER: known})
        await asyncio.wait_for(cluster.written.wait(), 30)
    ((code, line),) = told.all()
    assert code == "status-not-written"
    assert line.startswith(
        "the status of VirtualService objects is not written: no permission to update virtualservices/status: not allowed"
    )
    base = "/apis/networking.istio.io/v1/namespaces/shop"
    assert cluster.asked["PUT", f"{base}/virtualservices/web/status"] == 1
    assert cluster.asked["PUT", f"{base}/destinationrules/web/status"] == 5
