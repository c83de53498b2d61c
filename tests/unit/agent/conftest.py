"""Real processes and real Envoys in temporary folders, on ports that the system gives."""

import asyncio
import shutil
import tempfile
import time
from pathlib import Path

import pytest

from pidalio.agent.processes import Processes
from pidalio.envoy.executable import find_envoy


@pytest.fixture
async def processes(run_folder):  # which is removed after the processes that write there have ended
    started = Processes()
    yield started
    await started.close()


@pytest.fixture(scope="session")
def envoy_executable() -> Path:
    return find_envoy()


@pytest.fixture
def run_folder():
    """A folder whose path is short enough for UNIX sockets."""
    folder = Path(tempfile.mkdtemp(prefix="pd", dir="/tmp"))
    yield folder
    _remove(folder)


def _remove(folder: Path) -> None:
    """Remove the folder; a thread that writes a file there cannot be cancelled, and may still be at it."""
    until = time.monotonic() + 20
    while True:
        try:
            return shutil.rmtree(folder)
        except OSError:
            if time.monotonic() > until:
                raise


async def until(claim, *, seconds: float = 20) -> None:
    """Wait until `claim` (plain or async) holds."""
    async with asyncio.timeout(seconds):
        while True:
            held = claim()
            if asyncio.iscoroutine(held):
                held = await held
            if held:
                return
            await asyncio.sleep(0.01)


async def connects(address: str, port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(address, port)
    except ConnectionRefusedError:
        return False
    writer.close()
    await writer.wait_closed()
    return True


def listener(name: str, address: str, port: int, direction: str = "INBOUND", route: dict | None = None) -> dict:
    route = route or {"direct_response": {"status": 200, "body": {"inline_string": f"<{name}>"}}}
    hcm = {
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": name,
        "route_config": {
            "validate_clusters": False,
            "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, **route}]}],
        },
        "http_filters": [
            {
                "name": "router",
                "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"},
            }
        ],
    }
    return {
        "name": name,
        "traffic_direction": direction,
        "address": {"socket_address": {"address": address, "port_value": port}},
        "filter_chains": [{"filters": [{"name": "hcm", "typed_config": hcm}]}],
    }


def static_bootstrap(admin: Path, listeners: list[dict], clusters: list[dict] = ()) -> dict:
    return {
        "node": {"id": "test", "cluster": "test"},
        "admin": {"address": {"pipe": {"path": str(admin), "mode": 0o600}}},
        "static_resources": {"listeners": listeners, "clusters": list(clusters)},
    }


def cluster_to(name: str, address: str, port: int) -> dict:
    endpoint = {"endpoint": {"address": {"socket_address": {"address": address, "port_value": port}}}}
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
    }
