"""What an API server does not let us write, or fails at: one line each, no storm, and the others are written.

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
    """Two objects and a lease; `denied` are the parts of paths that are refused, `failing` with which code they fail."""

    def __init__(self) -> None:
        self.denied: set[tuple[str, str]] = set()
        self.failing: dict[tuple[str, str], int] = {}
        self.text = ""
        self.hanging = 0
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
        for (one, part), code in self.failing.items():
            if method == one and path.endswith(part):
                said = {"kind": "Status", "message": "failed calling webhook", "code": code}
                return web.json_response(said, status=code)
        if self.text and path.endswith("/networking.istio.io"):
            return web.Response(text=self.text)
        if "/leases" in path:
            if self.hanging:
                self.hanging -= 1
                await asyncio.Event().wait()
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
    runner = web.AppRunner(app, shutdown_timeout=0.1)
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


async def test_a_lease_that_is_not_answered_for_is_asked_for_again_at_once(cluster, running):
    """As on a connection that is half open: nobody waits for it longer than a lease lasts."""
    writer, _ = running
    await until(lambda: writer.versions() is not None)
    cluster.hanging = 1
    await until(lambda: writer.versions() is None)
    assert not cluster.hanging
    await until(lambda: writer.versions() is not None)


async def test_a_server_that_fails_while_its_kinds_are_asked_for_has_them_all_the_same(cluster, running):
    writer, _ = running
    for part in ("/networking.istio.io", "/networking.istio.io/v1"):
        for code in (500, 503):
            cluster.failing = {("GET", part): code}
            cluster.asked.clear()
            cluster.written.clear()
            await until(lambda: writer.versions() is not None)
            writer._forget()
            writer.inform({REF: ObjectStatus(1, True, 1, 1)})
            await until(lambda part=part: cluster.asked["GET", f"/apis{part}"])
            cluster.failing = {}
            await asyncio.wait_for(cluster.written.wait(), 30)


async def test_one_object_that_the_server_fails_at_is_told_and_keeps_no_other_waiting(cluster, running):
    writer, told = running
    cluster.failing = {("PUT", "virtualservices/web/status"): 500}
    await until(lambda: writer.versions() is not None)
    known = ObjectStatus(1, True, 1, 1)
    writer.inform({REF: known, OTHER: known})
    await asyncio.wait_for(cluster.written.wait(), 30)
    await until(told.all)
    ((code, line),) = told.all()
    assert code == "status-not-written"
    assert line == "statuses cannot be written: VirtualService shop/web: failed calling webhook"
    cluster.failing = {}
    await until(lambda: not told.all())
    base = "/apis/networking.istio.io/v1/namespaces/shop"
    assert cluster.asked["PUT", f"{base}/virtualservices/web/status"] > 1
    assert cluster.asked["PUT", f"{base}/destinationrules/web/status"] == 1


async def test_one_object_that_others_change_all_the_time_is_written_once_they_let_it(cluster, running):
    writer, told = running
    cluster.failing = {("PUT", "virtualservices/web/status"): 409}
    await until(lambda: writer.versions() is not None)
    writer.inform({REF: ObjectStatus(1, True, 1, 1)})
    await until(told.all)
    assert "VirtualService shop/web: others change it all the time" in told.all()[0][1]
    cluster.failing = {}
    await asyncio.wait_for(cluster.written.wait(), 30)
    await until(lambda: not told.all())


async def test_all_is_compared_again_however_often_something_changes(cluster, running, monkeypatch):
    monkeypatch.setattr("pidalio.platforms.kubernetes.informing.writer._AGAIN", 0.1)
    writer, _ = running
    await until(lambda: writer.versions() is not None)
    path = "/apis/networking.istio.io/v1/namespaces/shop/virtualservices/web/status"
    async with asyncio.timeout(30):
        while cluster.asked["PUT", path] < 2:
            writer.inform({REF: ObjectStatus(1, True, 1, 1)})
            await asyncio.sleep(0.01)


async def test_an_answer_of_something_else_is_told_and_asked_for_again(cluster, running):
    writer, told = running
    cluster.text = "<html>sign in</html>"
    await until(lambda: writer.versions() is not None)
    writer.inform({REF: ObjectStatus(1, True, 1, 1)})
    await until(lambda: cluster.asked["GET", "/apis/networking.istio.io"] > 1)
    cluster.text = ""
    await asyncio.wait_for(cluster.written.wait(), 30)
    await until(lambda: not told.all())


async def test_a_mistake_of_ours_is_told_and_tried_again(cluster, running, monkeypatch):
    writer, told = running
    monkeypatch.setattr("pidalio.platforms.kubernetes.informing.writer.status_of", None)
    await until(lambda: writer.versions() is not None)
    writer.inform({REF: ObjectStatus(1, True, 1, 1)})
    await until(told.all)
    assert "TypeError" in told.all()[0][1]
    monkeypatch.undo()
    await asyncio.wait_for(cluster.written.wait(), 30)
    await until(lambda: not told.all())
