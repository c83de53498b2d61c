"""One changed resource to the last acknowledgement of N proxies, beside a bare push of the same bytes.

Both servers live in one process and take turns, so that whatever else the machine does meets both; the proxies live in
a process of their own, each on its own connection. Memory is measured in fresh processes, one for each kind of server.

    python benchmarks/xds_fanout.py [--proxies 500] [--rounds 40] [--services 100]
"""

import argparse
import asyncio
import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import grpc
import uvloop
from grpc import aio

from pidalio.envoy import messages as pb
from pidalio.envoy.resource import Resource, resource
from pidalio.xds import Ads, AdsServer, State, Unobserved
from pidalio.xds.delta import METHOD
from pidalio.xds.server import SERVICE, Transport, transport_options
from pidalio.xds.typeurls import CLUSTER, ENDPOINT, LISTENER, ROUTE, VIRTUAL_HOST

WARM_UP = 3


# What is sent


def host(number: int, version: int) -> Resource:
    """Return a virtual host of about 1 KB."""
    routes = [
        pb.Route(
            name=f"route-{each}-of-service-{number}-version-{version}",
            match=pb.RouteMatch(prefix=f"/{each}"),
            route=pb.RouteAction(cluster=f"outbound|80|v{each}|service-{number}.default.svc.cluster.local"),
        )
        for each in range(8)
    ]
    name = f"80/service-{number}.default.svc.cluster.local:80"
    return resource(VIRTUAL_HOST, name, pb.VirtualHost(name=name, domains=[f"service-{number}"], routes=routes), ())


class World:
    """A target of N services: a cluster, its endpoints and a virtual host each."""

    def __init__(self, services: int) -> None:
        names = [f"outbound|80||service-{number}.default.svc.cluster.local" for number in range(services)]
        made = [resource(CLUSTER, name, pb.Cluster(name=name, type=pb.Cluster.EDS), ()) for name in names]
        made += [resource(ENDPOINT, name, pb.ClusterLoadAssignment(cluster_name=name), ()) for name in names]
        made += [host(number, 0) for number in range(services)]
        made.append(resource(LISTENER, "outbound", pb.Listener(name="outbound"), ()))
        made.append(resource(ROUTE, "80", pb.RouteConfiguration(name="80"), ()))
        self.content: dict[str, dict[str, Resource]] = {}
        for each in made:
            self.put(each)

    def names(self, type_url: str) -> Collection[str]:
        return self.content.get(type_url, {}).keys()

    def get(self, type_url: str, name: str) -> Resource | None:
        return self.content.get(type_url, {}).get(name)

    def put(self, each: Resource) -> None:
        self.content.setdefault(each.type_url, {})[each.name] = each


# The bare server: no protocol, the same bytes


class Bare:
    """Writes one message to every stream and reads one from each, over the same transport with the same options."""

    def __init__(self) -> None:
        self.events: list[asyncio.Event] = []
        self.payload = b""
        self.acked = 0
        self.done = asyncio.Event()

    async def serve(self, _: object, context: Any) -> None:
        await context.read()
        event = asyncio.Event()
        self.events.append(event)
        while True:
            await event.wait()
            event.clear()
            await context.write(self.payload)
            await context.read()
            self.acked += 1
            if self.acked == len(self.events):
                self.done.set()

    async def start(self, address: str) -> None:
        self.server = aio.server(options=transport_options(Transport()))
        handler = grpc.stream_stream_rpc_method_handler(self.serve)
        self.server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {METHOD: handler}),))
        self.server.add_insecure_port(address)
        await self.server.start()

    async def round(self, payload: bytes) -> float:
        self.payload, self.acked = payload, 0
        self.done.clear()
        start = time.perf_counter()
        for event in self.events:
            event.set()
        await self.done.wait()
        return time.perf_counter() - start


# The proxies, in a process of their own


async def proxies(address: str, count: int, *, bare: bool) -> None:
    """Hold `count` streams, each on its own connection, and acknowledge everything."""
    tasks = [asyncio.create_task(proxy(address, f"proxy-{number}", bare=bare)) for number in range(count)]
    await asyncio.gather(*tasks)


async def proxy(address: str, name: str, *, bare: bool) -> None:
    channel = aio.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)])
    call = channel.stream_stream(f"/{SERVICE}/{METHOD}")()
    first = pb.DeltaDiscoveryRequest(type_url=CLUSTER)
    first.node.id = name
    await call.write(first.SerializeToString())
    while (data := await call.read()) is not aio.EOF:  # type: ignore[attr-defined] # missing in the stubs
        message: Any = pb.DeltaDiscoveryResponse.FromString(data)
        answer = pb.DeltaDiscoveryRequest(type_url=message.type_url, response_nonce=message.nonce)
        await call.write(answer.SerializeToString())
        if message.nonce.endswith("-1") and not bare:
            names = [each.name for each in message.resources]
            asked = ((ENDPOINT, names), (LISTENER, ()), (ROUTE, ("80",)), (VIRTUAL_HOST, ()))
            for kind, wanted in asked:
                request = pb.DeltaDiscoveryRequest(type_url=kind, resource_names_subscribe=wanted)
                await call.write(request.SerializeToString())


def spawn(address: str, count: int, *, bare: bool) -> subprocess.Popen[bytes]:
    kind = "bare" if bare else "ads"
    return subprocess.Popen([sys.executable, __file__, "--proxy-process", kind, address, "--proxies", str(count)])


# Measuring


class Acks(Unobserved):
    """Counts acknowledgements."""

    def __init__(self) -> None:
        self.seen, self.wanted = 0, 0
        self.done = asyncio.Event()

    def acked(self, proxy: str, type_url: str, names: Sequence[str], seconds: float, generation: int) -> None:
        self.seen += 1
        if self.seen == self.wanted:
            self.done.set()

    async def all(self, count: int) -> None:
        self.seen, self.wanted = 0, count
        self.done.clear()
        await self.done.wait()


async def connected_ads(
    world: World, address: str, count: int, acks: Acks | None = None
) -> tuple[Ads, AdsServer, subprocess.Popen[bytes]]:
    """Start a server and wait until `count` proxies hold everything."""
    ads = Ads(lambda node, peer: world, events=acks)
    server = AdsServer(ads, address)
    await server.start()
    ads.current(1)
    process = spawn(address, count, bare=False)
    while len(ads.streams()) < count:
        await asyncio.sleep(0.05)
    await ads.live(1, 120)
    return ads, server, process


async def connected_bare(address: str, count: int) -> tuple[Bare, subprocess.Popen[bytes]]:
    bare = Bare()
    await bare.start(address)
    process = spawn(address, count, bare=True)
    while len(bare.events) < count:
        await asyncio.sleep(0.05)
    return bare, process


async def fan_out(folder: str, count: int, rounds: int, services: int) -> dict[str, Any]:
    """Take turns: a bare push and a change, `rounds` times."""
    world = World(services)
    acks = Acks()
    ads, server, ads_proxies = await connected_ads(world, f"unix:{folder}/ads", count, acks)
    bare, bare_proxies = await connected_bare(f"unix:{folder}/bare", count)
    figures: dict[str, list[float]] = {"bare": [], "ads": [], "bare_cpu": [], "ads_cpu": []}
    payload = pb.DeltaDiscoveryResponse.FromString(host(1, 1).body)
    payload.type_url, payload.nonce, payload.system_version_info = VIRTUAL_HOST, "1-10", "10"
    gc.collect()
    gc.freeze()
    for number in range(2, rounds + WARM_UP + 2):
        cpu = time.process_time()
        seconds = await bare.round(payload.SerializeToString())
        between = time.process_time()
        changed = host(1, number)
        world.put(changed)
        start = time.perf_counter()
        ads.changed(world, {VIRTUAL_HOST: [changed.name]}, number)
        ads.current(number)
        await acks.all(count)
        took, cpu_after = time.perf_counter() - start, time.process_time()
        assert all(verdict.state is State.LIVE for verdict in await ads.live(number, 60))
        if number >= WARM_UP + 2:
            figures["bare"].append(seconds)
            figures["ads"].append(took)
            figures["bare_cpu"].append((between - cpu) / count)
            figures["ads_cpu"].append((cpu_after - between) / count)
    for process in (ads_proxies, bare_proxies):
        process.terminate()
        process.wait()
    await server.stop()
    await bare.server.stop(None)
    return {
        "proxies": count,
        "services": services,
        "rounds": rounds,
        "bytes": payload.ByteSize(),
        "bare_median": statistics.median(figures["bare"]),
        "bare_p99": p99(figures["bare"]),
        "median": statistics.median(figures["ads"]),
        "p99": p99(figures["ads"]),
        "ratio": statistics.median(figures["ads"]) / statistics.median(figures["bare"]),
        "bare_cpu": statistics.median(figures["bare_cpu"]),
        "cpu": statistics.median(figures["ads_cpu"]),
    }


def p99(values: list[float]) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * 0.99))]


async def memory(folder: str, kind: str, count: int, services: int) -> float:
    """Return the resident kilobytes per stream of one kind of server."""
    world = World(services)
    gc.collect()
    before = resident()
    if kind == "bare":
        _, process = await connected_bare(f"unix:{folder}/bare", count)
    else:
        _, _, process = await connected_ads(world, f"unix:{folder}/ads", count)
    gc.collect()
    used = (resident() - before) / count
    process.terminate()
    process.wait()
    return used


def resident() -> float:
    """Return this process's resident memory in kilobytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024


def measured_apart(kind: str, count: int, services: int) -> float:
    """Measure memory in a fresh process."""
    arguments = ["--memory-of", kind, "--proxies", str(count), "--services", str(services)]
    answer = subprocess.run([sys.executable, __file__, *arguments], capture_output=True, text=True, check=True)
    return float(answer.stdout.split()[-1])


def figures(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Return one object per figure, as benchmarks/README.md describes them."""
    what = f"{found['proxies']} proxies, {found['bytes']} bytes"
    milliseconds = {name: round(found[name] * 1000, 1) for name in ("median", "p99", "bare_median", "bare_p99")}
    microseconds = {name: round(found[name] * 1e6) for name in ("cpu", "bare_cpu")}
    return [
        {
            "figure": f"one change to last ACK, p99, {what}",
            "unit": "ms",
            "value": milliseconds["p99"],
            "target": 150,
            "detail": {**milliseconds, "rounds": found["rounds"]},
        },
        {
            "figure": f"one change to last ACK, beside a bare push of the same bytes, {what}",
            "unit": "times",
            "value": round(found["ratio"], 2),
            "target": 1.5,
            "detail": {**milliseconds, **{f"{name}_microseconds": value for name, value in microseconds.items()}},
        },
        {
            "figure": f"memory per stream above a bare one, {found['services']} services held",
            "unit": "KB",
            "value": round(found["kilobytes"], 1),
            "target": 60,
            "detail": {"bare": round(found["bare_kilobytes"], 1)},
        },
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--proxies", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--services", type=int, default=100)
    parser.add_argument("--proxy-process", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--memory-of", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.proxy_process:
        kind, address = options.proxy_process
        uvloop.run(proxies(address, options.proxies, bare=kind == "bare"))
        return
    with tempfile.TemporaryDirectory(prefix="xds") as folder:
        if options.memory_of:
            print(uvloop.run(memory(folder, options.memory_of, options.proxies, options.services)))
            return
        found = uvloop.run(fan_out(folder, options.proxies, options.rounds, options.services))
    found["bare_kilobytes"] = measured_apart("bare", options.proxies, options.services)
    found["kilobytes"] = measured_apart("ads", options.proxies, options.services) - found["bare_kilobytes"]
    for each in figures(found):
        print(json.dumps(each))


if __name__ == "__main__":
    main()
