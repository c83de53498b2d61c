"""Envoy's CPU per request through our sidecar, against a hand-written configuration with the same filters and log.

Both Envoys run side by side and take turns, so that whatever else the machine does meets both. Only the Envoys' own
processor time counts (user and system, from the operating system). The mesh around the service has a hundred others.

    python benchmarks/envoy_cpu.py [--runs 12] [--requests 3000]
"""

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import yaml

from compiler import mesh_text
from pidalio.cli.compile import static
from pidalio.envoy.access_log import FIELDS
from pidalio.envoy.executable import find_envoy
from pidalio.server.offline import OfflineMesh

RULES = """
apiVersion: v1
kind: Service
metadata: {name: echo}
spec: {ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Endpoints
metadata: {name: echo}
subsets: [{addresses: [{ip: 127.0.0.1}], ports: [{name: http, port: BACKEND}]}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: echo}
spec:
  hosts: [echo]
  http: [{route: [{destination: {host: echo}}]}]
"""
CONNECTIONS = 8
REQUEST = b"GET / HTTP/1.1\r\nhost: echo\r\nuser-agent: bench\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


def by_hand(address: str, port: int, backend: int, log: Path) -> dict[str, Any]:
    """Return what an engineer would write: the same filters, access log and cluster, nothing else."""
    extension = "type.googleapis.com/envoy.extensions"
    log_format = {"json_format": FIELDS, "omit_empty_values": True}
    cache = {"name": "c", "dns_lookup_family": "V4_PREFERRED"}
    filters = [
        ("fault", {"@type": f"{extension}.filters.http.fault.v3.HTTPFault"}),
        ("cors", {"@type": f"{extension}.filters.http.cors.v3.Cors"}),
        (
            "dynamic_forward_proxy",
            {
                "@type": f"{extension}.filters.http.dynamic_forward_proxy.v3.FilterConfig",
                "dns_cache_config": cache,
            },
        ),
        ("router", {"@type": f"{extension}.filters.http.router.v3.Router"}),
    ]
    predicate = {"@type": f"{extension}.retry.host.previous_hosts.v3.PreviousHostsPredicate"}
    retries = {
        "num_retries": 2,
        "retry_on": "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes",
        "retry_host_predicate": [{"name": "envoy.retry_host_predicates.previous_hosts", "typed_config": predicate}],
        "host_selection_retry_max_attempts": 5,
    }
    said = {"config": "/apis/networking.istio.io/v1/namespaces/default/virtual-service/echo", "path": "http[0]"}
    route = {
        "match": {"prefix": "/"},
        "route": {"cluster": "echo", "timeout": "0s", "retry_policy": retries},
        "metadata": {"filter_metadata": {"istio": said}},  # for the log, which is to say the same
    }
    manager = {
        "@type": f"{extension}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "hand",
        "http_filters": [{"name": f"envoy.filters.http.{name}", "typed_config": config} for name, config in filters],
        "route_config": {
            "virtual_hosts": [
                {"name": "echo", "domains": ["echo"], "routes": [route], "include_request_attempt_count": True}
            ]
        },
        "access_log": [
            {
                "name": "envoy.access_loggers.file",
                "typed_config": {
                    "@type": f"{extension}.access_loggers.file.v3.FileAccessLog",
                    "path": str(log),
                    "log_format": log_format,
                },
            }
        ],
        "upgrade_configs": [{"upgrade_type": "websocket"}],
        "normalize_path": True,
        "stream_idle_timeout": "0s",
        "use_remote_address": True,
        "skip_xff_append": True,
    }
    chain = {"filters": [{"name": "http", "typed_config": manager}]}
    bound = {"socket_address": {"address": address, "port_value": port}}
    endpoint = {"endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": backend}}}}
    cluster = {
        "name": "echo",
        "type": "STATIC",
        "lb_policy": "LEAST_REQUEST",
        "load_assignment": {"cluster_name": "echo", "endpoints": [{"lb_endpoints": [endpoint]}]},
    }
    listener = {"name": "hand", "address": bound, "filter_chains": [chain]}
    return {"static_resources": {"listeners": [listener], "clusters": [cluster]}}


def ours(address: str, port: int, backend: int, log: Path) -> dict[str, Any]:
    """Return what the compiler makes for a sidecar that sees a hundred other services."""
    mesh = OfflineMesh.from_text(mesh_text(100) + "\n---\n" + RULES.replace("BACKEND", str(backend)))
    proxy = mesh.proxy(f"sidecar~{address}~bench.default~default.svc.cluster.local", None, f"{address}:{port}")
    return yaml.safe_load(static(mesh, msgspec.structs.replace(proxy, access_log=str(log))))


def own_address() -> str:
    """Return a loopback address that nobody else uses: derived from this process."""
    return f"127.{os.getpid() // 250 % 250 + 2}.{os.getpid() % 250 + 1}.1"


@contextlib.contextmanager
def running(config: dict[str, Any], folder: Path, name: str) -> Iterator[int]:
    """Run an Envoy on `config`; yield its process id."""
    file = folder / f"{name}.json"
    file.write_text(json.dumps(config))
    command = [find_envoy(), "-c", file, "--disable-hot-restart", "--concurrency", "1", "--log-level", "error"]
    process = subprocess.Popen(command, cwd=folder)
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait(10)


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer every request with the same few bytes."""
    with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(ANSWER)
    writer.close()


async def connect(address: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to an Envoy that may still be starting."""
    for _ in range(200):
        with contextlib.suppress(ConnectionError):
            return await asyncio.open_connection(address, port)
        await asyncio.sleep(0.05)
    raise SystemExit(f"nothing listens on {port}")


async def ask(address: str, port: int, count: int) -> None:
    """Send `count` requests over one connection; every answer must be 200."""
    reader, writer = await connect(address, port)
    for _ in range(count):
        writer.write(REQUEST)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise SystemExit(head.decode())
        await reader.readexactly(2)
    writer.close()


def cpu(process: int) -> float:
    """Return the processor seconds that all threads of a process have used."""
    threads = Path(f"/proc/{process}/task").iterdir()
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9


async def measure(runs: int, requests: int) -> list[tuple[float, float]]:
    """Return microseconds per request of ours and of the hand-written one, run by run."""
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    backend = server.sockets[0].getsockname()[1]
    result = []
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        address, ports = own_address(), (15001, 15002)
        configs = (
            ours(address, ports[0], backend, folder / "ours.log"),
            by_hand(address, ports[1], backend, folder / "hand.log"),
        )
        processes = [
            stack.enter_context(running(config, folder, f"envoy-{number}")) for number, config in enumerate(configs)
        ]
        for number in range(runs + 1):
            used = []
            for port, process in zip(ports, processes, strict=True):
                before = cpu(process)
                await asyncio.gather(*(ask(address, port, requests // CONNECTIONS) for _ in range(CONNECTIONS)))
                used.append((cpu(process) - before) / (requests // CONNECTIONS * CONNECTIONS) * 1e6)
            if number:  # the first warms up
                result.append((used[0], used[1]))
    server.close()
    return result


def main() -> None:
    """Print the figures."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--runs", type=int, default=12)
    arguments.add_argument("--requests", type=int, default=3000)
    chosen = arguments.parse_args()
    found = asyncio.run(measure(chosen.runs, chosen.requests))
    ratio = statistics.median(one / other for one, other in found)
    detail = f"{chosen.runs} interleaved runs of {chosen.requests} requests"
    print(
        json.dumps(
            {
                "figure": "Envoy CPU per request, ours over hand-written",
                "unit": "x",
                "value": round(ratio, 3),
                "target": 1.05,
                "detail": detail,
            }
        )
    )
    print(
        json.dumps(
            {
                "figure": "Envoy CPU per request through our sidecar",
                "unit": "µs",
                "value": round(statistics.median(one for one, _ in found), 1),
                "detail": detail,
            }
        )
    )


if __name__ == "__main__":
    main()
