"""One changed resource to the last acknowledgement of N proxies, beside a bare push of the same bytes.

Both servers live in one process and take turns, so that whatever else the machine does meets both; the proxies live in
a process of their own, each on its own connection. Memory is measured in fresh processes, one for each kind of server.

    python benchmarks/xds_fanout.py [--proxies 500] [--rounds 40] [--services 100] [--json FILE]
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
from collections.abc import Collection
from pathlib import Path
from typing import Any

import grpc
import uvloop
from grpc import aio

from pidalio.envoy import messages as pb
from pidalio.envoy.resource import Resource, resource
from pidalio.xds import Ads, AdsServer
from pidalio.xds.server import METHOD, SERVICE
from pidalio.xds.typeurls import CLUSTER, ENDPOINT, LISTENER, ROUTE, VIRTUAL_HOST

WARM_UP = 3
TARGETS = {"p99": 0.150, "ratio": 1.5, "kilobytes": 60.0}


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
    """Writes one message to every stream and reads one from each."""

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
        self.server = aio.server()
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


async def connected_ads(world: World, address: str, count: int) -> tuple[Ads, AdsServer, subprocess.Popen[bytes]]:
    """Start a server and wait until `count` proxies hold everything."""
    ads = Ads(lambda node, peer: world)
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
    ads, server, ads_proxies = await connected_ads(world, f"unix:{folder}/ads", count)
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
        verdicts = await ads.live(number, 60)
        took = time.perf_counter() - start
        assert len(verdicts) == count
        if number >= WARM_UP + 2:
            figures["bare"].append(seconds)
            figures["ads"].append(took)
            figures["bare_cpu"].append((between - cpu) / count)
            figures["ads_cpu"].append((time.process_time() - between) / count)
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


def table(found: dict[str, Any]) -> str:
    """Return the figures for people, each beside its target."""
    rows = [
        (
            "proxies, services held, bytes of the change",
            f"{found['proxies']}, {found['services']}, {found['bytes']}",
            "",
        ),
        ("change to last ACK, median", f"{found['median'] * 1000:.1f} ms", ""),
        ("change to last ACK, p99", f"{found['p99'] * 1000:.1f} ms", f"≤ {TARGETS['p99'] * 1000:.0f} ms"),
        ("bare push of the same bytes, median", f"{found['bare_median'] * 1000:.1f} ms", ""),
        ("bare push of the same bytes, p99", f"{found['bare_p99'] * 1000:.1f} ms", ""),
        ("ratio of medians", f"{found['ratio']:.2f}", f"≤ {TARGETS['ratio']}"),
        ("server CPU per response and ACK, bare", f"{found['bare_cpu'] * 1e6:.0f} µs", ""),
        ("server CPU per response and ACK", f"{found['cpu'] * 1e6:.0f} µs", ""),
        ("memory per stream, bare", f"{found['bare_kilobytes']:.1f} KB", ""),
        ("memory per stream above the bare one", f"{found['kilobytes']:.1f} KB", f"≤ {TARGETS['kilobytes']:.0f} KB"),
    ]
    return "\n".join(f"{name:<45} {value:>16}  {target}" for name, value, target in rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--proxies", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--services", type=int, default=100)
    parser.add_argument("--json", type=Path)
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
    print(table(found))
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
