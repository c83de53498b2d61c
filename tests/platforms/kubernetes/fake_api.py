"""An API server of a test: real shapes, lists in pages, watches with bookmarks, and faults on demand."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

from aiohttp import web

Object = dict[str, Any]
ISTIO = ("virtualservices", "destinationrules", "gateways", "serviceentries", "workloadentries", "sidecars")


class FakeApi:
    """Objects by plural; `oldest` is the version from which a watch may begin, `before` is awaited before each answer."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = ""
        self.version = 100
        self.oldest = 0
        self.objects: dict[str, dict[tuple[str, str], Object]] = {}
        self.served: dict[str, set[str]] = {"networking.istio.io/v1": set(ISTIO)}
        self.forbidden: set[str] = set()
        self.asked: list[web.Request] = []
        self.fault: Callable[[web.Request], web.StreamResponse | None] = lambda _request: None
        self.before: Callable[[web.Request], Awaitable[None]] | None = None
        self._log: list[tuple[int, str, bytes]] = []
        self._streams: dict[asyncio.Task[Any], tuple[str, asyncio.Queue[bytes]]] = {}

    @property
    def kubeconfig(self) -> str:
        path = self.folder / "kubeconfig"
        told = {
            "current-context": "test",
            "clusters": [{"name": "test", "cluster": {"server": self.url}}],
            "contexts": [{"name": "test", "context": {"cluster": "test"}}],
        }
        path.write_text(json.dumps(told))
        return str(path)

    def list_count(self, plural: str) -> int:
        return sum(1 for one in self.asked if one.path.endswith("/" + plural) and "watch" not in one.query)

    def watched_from(self, plural: str) -> list[str]:
        asked = (one for one in self.asked if one.path.endswith("/" + plural))
        return [one.query["resourceVersion"] for one in asked if "watch" in one.query]

    async def put(self, plural: str, *objects: Object) -> None:
        """Make objects be, or be different."""
        known = self.objects.setdefault(plural, {})
        for one in objects:
            about = one["metadata"]
            key = about.get("namespace", ""), about["name"]
            self.version += 1
            about["resourceVersion"] = str(self.version)
            self._note(plural, "MODIFIED" if key in known else "ADDED", one)
            known[key] = one

    async def drop(self, plural: str, namespace: str, name: str) -> None:
        one = self.objects[plural].pop((namespace, name))
        self.version += 1
        self._note(plural, "DELETED", {**one, "metadata": {**one["metadata"], "resourceVersion": str(self.version)}})

    def say(self, plural: str, type_: str, said: Object) -> None:
        """Say something in the watches of a kind that run, whatever is true."""
        line = json.dumps({"type": type_, "object": said}).encode() + b"\n"
        for of, queue in self._streams.values():
            if of == plural:
                queue.put_nowait(line)

    def forget(self) -> None:
        """Forget the past, as after a compaction: watches must begin from now on."""
        self._log.clear()
        self.oldest = self.version

    async def hang_up(self) -> None:
        """End every watch hard."""
        for task in list(self._streams):
            task.cancel()
        await asyncio.gather(*self._streams, return_exceptions=True)

    def _note(self, plural: str, type_: str, said: Object) -> None:
        self._log.append((self.version, plural, json.dumps({"type": type_, "object": said}).encode() + b"\n"))
        self.say(plural, type_, said)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        if self.before:
            await self.before(request)
        if fault := self.fault(request):
            return fault
        root, _, plural = request.path.rpartition("/")
        group = root.removeprefix("/apis/").removeprefix("/api/")
        if request.path.startswith("/apis/") and request.path.count("/") == 3:
            return self._kinds(request.path.removeprefix("/apis/"))
        if "/namespaces/" in root:
            group = group.partition("/namespaces/")[0]
        if "." in group and not group.endswith("k8s.io/v1") and plural not in self.served.get(group, ()):
            return status(404, "NotFound", "the server could not find the requested resource")
        if plural in self.forbidden:
            why = f'{plural} is forbidden: User "eve" cannot list resource "{plural}"'
            return status(403, "Forbidden", why)
        return await self._watch(request, plural) if "watch" in request.query else self._page(request, plural)

    def _kinds(self, version: str) -> web.Response:
        if version not in self.served:
            return status(404, "NotFound", "the server could not find the requested resource")
        return web.json_response({"resources": [{"name": one} for one in sorted(self.served[version])]})

    def _page(self, request: web.Request, plural: str) -> web.Response:
        where = request.path.partition("/namespaces/")[2].partition("/")[0]
        label = request.query.get("labelSelector", "").partition("=")
        items = [
            one
            for key, one in sorted(self.objects.get(plural, {}).items())
            if where in ("", key[0]) and (not label[0] or one["metadata"].get("labels", {}).get(label[0]) == label[2])
        ]
        limit, begun = int(request.query.get("limit", "0")), int(request.query.get("continue", "0"))
        page = items[begun : begun + limit] if limit else items
        about = {"resourceVersion": str(self.version)}
        if limit and begun + limit < len(items):
            about["continue"] = str(begun + limit)
        return web.json_response({"metadata": about, "items": page or None})

    async def _watch(self, request: web.Request, plural: str) -> web.StreamResponse:
        stream = web.StreamResponse()
        await stream.prepare(request)
        begun = int(request.query["resourceVersion"])
        if begun < self.oldest:
            await stream.write(json.dumps({"type": "ERROR", "object": gone()}).encode() + b"\n")
            return stream
        queue: asyncio.Queue[bytes] = asyncio.Queue()
        for version, of, line in self._log:
            if of == plural and version > begun:
                queue.put_nowait(line)
        task = asyncio.current_task()
        assert task is not None
        self._streams[task] = plural, queue
        try:
            while True:
                await stream.write(await queue.get())
        finally:
            del self._streams[task]


def gone() -> Object:
    return {"kind": "Status", "status": "Failure", "reason": "Expired", "code": 410, "message": "too old: 1 (2)"}


def status(code: int, reason: str, message: str, **more: Any) -> web.Response:
    return web.json_response(
        {"kind": "Status", "code": code, "reason": reason, "message": message, **more}, status=code
    )


@contextlib.asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[FakeApi]:
    api = FakeApi(folder)
    app = web.Application()
    app.router.add_get("/{rest:.*}", api.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    api.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield api
    finally:
        await api.hang_up()
        await runner.cleanup()


def service(name: str, namespace: str = "shop", **spec: Any) -> Object:
    port = {"name": "http", "port": 80, "targetPort": 8080, "protocol": "TCP"}
    told = {"type": "ClusterIP", "clusterIP": "10.96.0.10", "ports": [port], "selector": {"app": name}, **spec}
    return {"metadata": {"name": name, "namespace": namespace}, "spec": told, "status": {"loadBalancer": {}}}


def pod(name: str, address: str, *, uid: str = "", namespace: str = "shop", labels=None, **spec: Any) -> Object:
    return {
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": uid or f"uid-{name}",
            "labels": {"app": "web", "version": "v1"} if labels is None else labels,
        },
        "spec": {"nodeName": "node-a", "serviceAccountName": "web", "containers": [], **spec},
        "status": {
            "phase": "Running",
            "podIP": address,
            "podIPs": [{"ip": address}],
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    }


def member(pod_name: str, address: str, *, uid: str = "", **more: Any) -> Object:
    target = {"kind": "Pod", "namespace": "shop", "name": pod_name, "uid": uid or f"uid-{pod_name}"}
    return {
        "addresses": [address],
        "conditions": {"ready": True, "serving": True, "terminating": False},
        "nodeName": "node-a",
        "targetRef": target,
        **more,
    }


def slice_(
    name: str, *members: Object, of: str = "web", port: int = 8080, namespace: str = "shop", **more: Any
) -> Object:
    return {
        "metadata": {"name": name, "namespace": namespace, "labels": {"kubernetes.io/service-name": of}},
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": port, "protocol": "TCP"}],
        "endpoints": list(members) or None,
        **more,
    }
