"""Figures of the Kubernetes adapter: a cluster of 10,000 services and 50,000 pods, as a real API server shows it.

Prints one JSON line per figure; `make bench` collects them. The API server is another process that replays the shapes
of a real one: pages of 500 with everything that a real pod has, and watch lines.
"""

import asyncio
import contextlib
import ctypes
import gc
import json
import multiprocessing
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from compiler import figure, proxy
from pidalio.envoy import protos
from pidalio.history import SqliteHistory
from pidalio.pipeline import groups_of, members, resource_of
from pidalio.platforms.following import Follower
from pidalio.platforms.kubernetes import KIND
from pidalio.platforms.kubernetes.adapter import Following
from pidalio.platforms.kubernetes.messages import Event, decoded
from pidalio.platforms.kubernetes.reading.reflector import Reflector
from pidalio.platforms.kubernetes.settings import KubernetesSettings
from pidalio.server.control_plane import ControlPlane
from pidalio.server.platforms import Taking
from pidalio.server.warming import warm
from shapes.kubernetes import POD, SERVICE, SLICE, SLICE_MEMBER

EACH, SPACES, LIMIT = 5, 20, 500
KINDS = {"namespaces", "nodes", "pods", "services", "endpointslices", "ingresses", "ingressclasses"}


# The API server.


def item(plural: str, number: int) -> str:
    """Return one object of a kind."""
    if plural == "nodes":
        return f'{{"metadata":{{"name":"node-{number}","labels":{{"topology.kubernetes.io/zone":"z{number % 3}"}}}}}}'
    if plural == "namespaces":
        return f'{{"metadata":{{"name":"ns{number}","labels":{{}}}}}}'
    if plural == "services":
        return SERVICE % {
            "n": number,
            "ns": number % SPACES,
            "ip": f"10.{96 + (number >> 16)}.{number >> 8 & 255}.{number & 255}",
        }
    if plural == "pods":
        return POD % names(number)
    return slice_of(number)


def names(pod: int) -> dict[str, Any]:
    """Return what differs between pods; those of a service are its number times `EACH`, and the next."""
    of = pod // EACH
    address = f"10.{pod >> 16}.{pod >> 8 & 255}.{pod & 255}"
    return {"n": of, "i": pod, "ns": of % SPACES, "ip": address, "node": pod % 500, "v": pod % 2 + 1, "ready": "true"}


def slice_of(service: int, unready: int = -1) -> str:
    """Return the slice of a service, with one of its endpoints unready."""
    every = [
        SLICE_MEMBER % {**names(service * EACH + one), "ready": "false" if one == unready else "true"}
        for one in range(EACH)
    ]
    return SLICE % {"n": service, "ns": service % SPACES, "members": ",".join(every)}


def serve(services: int, ready: Any) -> None:
    """Serve a cluster of so many services until the process is ended."""
    counts = {"services": services, "pods": services * EACH, "endpointslices": services, "nodes": 500}
    counts["namespaces"] = SPACES
    ending: set[asyncio.Event] = set()

    async def answer(request: web.Request) -> web.StreamResponse:
        plural = request.path.rpartition("/")[2]
        if request.path == "/end":
            for one in ending:
                one.set()
            return web.Response()
        if plural not in KINDS:
            return web.json_response({"code": 404, "message": "not found"}, status=404)
        if "watch" in request.query:
            stream = web.StreamResponse()
            await stream.prepare(request)
            end = asyncio.Event()
            ending.add(end)
            await end.wait()
            ending.discard(end)
            expired = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"}
            await stream.write(json.dumps({"type": "ERROR", "object": expired}).encode() + b"\n")
            return stream
        begun, total = int(request.query.get("continue", "0")), counts.get(plural, 0)
        end_of = min(begun + LIMIT, total)
        items = ",".join(item(plural, number) for number in range(begun, end_of))
        more = f',"continue":"{end_of}"' if end_of < total else ""
        text = f'{{"kind":"List","apiVersion":"v1","metadata":{{"resourceVersion":"1000"{more}}},"items":[{items}]}}'
        return web.Response(body=text.encode(), content_type="application/json")

    async def run() -> None:
        app = web.Application()
        app.router.add_get("/{rest:.*}", answer)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        ready.send(runner.addresses[0][1])
        await asyncio.Event().wait()

    asyncio.run(run())


@contextlib.contextmanager
def cluster(services: int) -> Iterator[str]:
    """Run an API server in a process of its own; yield its URL."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(services, theirs), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}"
    finally:
        process.kill()
        process.join()


# The control plane.


class Measured(ControlPlane):
    """Counts the bytes that are ready for its one proxy, which is no stream."""

    sent = 0
    pushes = 0

    def collect(self) -> None:
        """Keep the view although no stream holds it."""

    def _notify(self, view: Any, dirty: Any, generation: int) -> None:
        self.pushes += 1
        for type_url, found in dirty.items():
            for name in found:
                one = view.get(type_url, name)
                self.sent += len(one.body) if one else 0


class Held:
    """How long the event loop was held at most, in seconds of its own work: others have this machine, too."""

    def __init__(self) -> None:
        self.most = 0.0

    async def watch(self) -> None:
        """Look all the time."""
        while True:
            begun = time.thread_time()
            await asyncio.sleep(0.001)
            self.most = max(self.most, time.thread_time() - begun)


def resident() -> int:
    """Return how much memory is in use, in bytes, without what is free but not given back."""
    gc.collect()
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


@contextlib.asynccontextmanager
async def followed(url: str, folder: Path) -> AsyncIterator[tuple[Measured, Follower]]:
    """Follow the cluster; yield when it was read once."""
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(
        json.dumps(
            {
                "current-context": "it",
                "clusters": [{"name": "it", "cluster": {"server": url}}],
                "contexts": [{"name": "it", "context": {"cluster": "it"}}],
            }
        )
    )
    history = await SqliteHistory.open(folder / "history.db")
    control = Measured(history)
    adapter = KIND.build(KubernetesSettings(kubeconfig=str(kubeconfig)))
    taking = Taking(control, lambda _: None)
    follower = Follower("kubernetes", "kubernetes", adapter, taking, file=folder / "known.jsonl")
    running = asyncio.create_task(follower.run())
    try:
        await follower.wait_ready()
        yield control, follower
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await history.close()


def streams() -> dict[str, Reflector]:
    """Return the streams of the cluster that is followed, by kind."""
    found = next(one for one in gc.get_objects() if isinstance(one, Following))
    return {one.resource.plural: one for one in found._streams}


def events(follower: Follower, stream: Reflector, services: int) -> list[float]:
    """Return the milliseconds of each of 400 endpoint events, from watch line to bytes ready."""
    times = []
    for number in range(400):
        service = number // 2 * 37 % services
        said = slice_of(service, unready=number % 2)
        begun = time.perf_counter()
        say(stream, said)
        follower._gathering.carry_now()
        times.append((time.perf_counter() - begun) * 1000)
    return times


def say(stream: Reflector, said: str) -> None:
    """Have a stream take a watch line."""
    stream._take(decoded(f'{{"type":"MODIFIED","object":{said}}}\n'.encode(), Event), "")


async def relist(url: str, followed_kinds: list[Reflector]) -> float:
    """Have everything listed anew; return how long the loop was held at most, in milliseconds."""
    listed = [0 for _ in followed_kinds]
    for number, one in enumerate(followed_kinds):
        _count(one, listed, number)
    held = Held()
    watching = asyncio.create_task(held.watch())
    async with aiohttp.ClientSession() as client:
        await client.get(f"{url}/end")
    while not all(listed):
        await asyncio.sleep(0.05)
    await asyncio.sleep(1)
    watching.cancel()
    return held.most * 1000


def _count(stream: Reflector, listed: list[int], number: int) -> None:
    real = stream._list

    async def counted(path: str) -> None:
        await real(path)
        listed[number] += 1

    stream._list = counted  # type: ignore[method-assign]


async def measure(services: int) -> dict[str, float]:
    """Return the figures of a cluster of so many services."""
    found: dict[str, float] = {}
    protos.prepare()
    with cluster(services) as url, tempfile.TemporaryDirectory() as name:
        before = resident()
        held = Held()
        watching = asyncio.create_task(held.watch())
        begun = time.perf_counter()
        async with followed(url, Path(name)) as (control, follower):
            found["synced"] = time.perf_counter() - begun
            await asyncio.sleep(5)  # until it is written to disk, too
            watching.cancel()
            found["held"] = held.most * 1000
            found["memory"] = (resident() - before) / (services * EACH)
            standing = follower.standing()
            assert (standing.services, standing.instances) == (services, services * EACH), standing
            sidecar = proxy(0)
            await warm(control.world, sidecar)
            control.distribution.open(sidecar)
            control.pushes = 0
            for group in groups_of(control.world, sidecar):
                for _, key in members(control.world, group):
                    resource_of(control.world, key)
            kinds = streams()
            gc.collect()
            gc.freeze()
            slices = kinds["endpointslices"]
            times = events(follower, slices, services)
            found["event"] = statistics.median(times)
            found["p99"] = sorted(times)[int(len(times) * 0.99)]
            assert control.pushes == len(times), control.pushes
            for number in range(400):  # as the server says it again
                say(slices, slice_of(number // 2 * 37 % services))
            follower._gathering.carry_now()
            await asyncio.sleep(15)
            control.sent = 0
            found["relist held"] = await relist(url, [kinds[one] for one in ("pods", "services", "endpointslices")])
            found["relist"] = control.sent
            gc.unfreeze()
    return found


def main() -> None:
    """Print every figure."""
    large = 10_000 if "--quick" not in sys.argv else 2_000
    many = asyncio.run(measure(large))
    few = asyncio.run(measure(1_000))
    size = f"{large:,} services, {large * EACH:,} pods"
    figure(f"a cluster of {size}: until synced", many["synced"], "s")
    figure(f"a cluster of {size}: memory per pod, with all that belongs to it", many["memory"] / 1024, "KiB", "2")
    figure(f"a cluster of {size}: the event loop held at most while it is read", many["held"], "ms", "50")
    figure(f"one endpoint event, {large:,} services: watch line to bytes ready", many["event"], "ms", "1")
    figure(f"one endpoint event, {large:,} services: p99", many["p99"], "ms")
    figure("one endpoint event, 1,000 services: watch line to bytes ready", few["event"], "ms", "1")
    figure(f"one endpoint event, {large:,} against 1,000 services", many["event"] / few["event"], "x", "1.5")
    figure(f"a relist of {size} without a change: bytes sent", many["relist"], "bytes", "0")
    figure(f"a relist of {size}: the event loop held at most", many["relist held"], "ms", "50")


if __name__ == "__main__":
    main()
