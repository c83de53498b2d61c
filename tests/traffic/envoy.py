"""A real Envoy that runs on plans, by the same function that writes users' static files.

Only two things are added: listeners move to an address of this test's own, and each writes an access log for us.
"""

import itertools
import json
import os
import random
import shutil
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from pidalio.envoy.bootstrap import admin, node
from pidalio.envoy.executable import find_envoy
from pidalio.envoy.protos import to_dict
from pidalio.envoy.static import static_bootstrap
from pidalio.ir import Inspector, ListenerPlan, ProxyPlans

LOG_ID = "x-log-id"
_FIRST_PORT = 15_000
_LOG_FORMAT = {
    "id": f"%REQ({LOG_ID})%",
    "route": "%ROUTE_NAME%",
    "cluster": "%UPSTREAM_CLUSTER_RAW%",
    "flags": "%RESPONSE_FLAGS%",
    "details": "%RESPONSE_CODE_DETAILS%",
    "status": "%RESPONSE_CODE%",
    "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
    "peer": "%DOWNSTREAM_REMOTE_ADDRESS%",
}


def own_address() -> str:
    """Return a loopback address that no other test uses: nobody listens there on the first port."""
    while True:
        address = f"127.{random.randint(100, 250)}.{random.randint(1, 254)}.{random.randint(1, 254)}"
        with socket.socket() as probe:
            if probe.connect_ex((address, _FIRST_PORT)) != 0:
                return address


def relocated(plans: ProxyPlans, address: str) -> ProxyPlans:
    """Return `plans` with every listener that binds on its own port of `address`.

    The destination of a redirected connection comes from the PROXY protocol instead of the system.
    """
    listeners = (
        msgspec.structs.replace(
            each, address=address, port=_FIRST_PORT + position, inspectors=tuple(map(_told, each.inspectors))
        )
        if each.bind
        else each
        for position, each in enumerate(plans.listeners)
    )
    return msgspec.structs.replace(plans, listeners=tuple(listeners))


def _told(inspector: Inspector) -> Inspector:
    return Inspector.PROXY_PROTOCOL if inspector is Inspector.ORIGINAL_DST else inspector


@dataclass
class RunningEnvoy:
    plans: ProxyPlans
    process: subprocess.Popen = field(init=False)
    folder: Path = field(init=False)
    _read: int = 0
    _log: dict[str, dict[str, Any]] = field(default_factory=dict)
    _ids: Any = field(default_factory=itertools.count)

    def start(self) -> "RunningEnvoy":
        self.folder = Path(tempfile.mkdtemp(prefix="pdt", dir="/tmp"))
        self.plans = relocated(self.plans, own_address())
        config = self.folder / "envoy.json"
        config.write_text(json.dumps(self._bootstrap()))
        arguments = ["--disable-hot-restart", "--concurrency", "1", "--file-flush-interval-msec", "5", "-l", "warning"]
        with (self.folder / "stderr").open("wb") as errors:
            self.process = subprocess.Popen(
                [find_envoy(), "-c", config, *arguments], stdin=subprocess.DEVNULL, stdout=errors, stderr=errors
            )
        try:
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        self.process.kill()
        self.process.wait(10)
        if not os.environ.get("KEEP"):
            shutil.rmtree(self.folder)

    def address(self, listener: ListenerPlan | str) -> tuple[str, int]:
        """Return where `listener` (of the plans as given) listens now."""
        name = listener if isinstance(listener, str) else listener.name
        found = next(each for each in self.plans.listeners if each.name == name)
        return found.address, found.port

    def next_id(self) -> str:
        return f"{next(self._ids)}"

    def logged(self, identity: str, seconds: float = 10) -> dict[str, Any]:
        """Return the access-log entry of one request, which is written shortly after its response."""
        until = time.monotonic() + seconds
        while identity not in self._log and time.monotonic() < until:
            with (self.folder / "access.log").open() as file:
                file.seek(self._read)
                for line in file.read().splitlines(keepends=True):
                    if not line.endswith("\n"):
                        break
                    self._read += len(line.encode())
                    entry = json.loads(line)
                    self._log[str(entry["id"] or entry["peer"])] = entry
            if identity not in self._log:
                time.sleep(0.005)  # the log is written by another process
        return self._log[identity]

    def _bootstrap(self) -> dict[str, Any]:
        message = static_bootstrap(
            self.plans, node("test", "test", locality=self.plans.locality), admin(str(self.folder / "admin"))
        )
        written = to_dict(message)
        log = {
            "name": "envoy.access_loggers.file",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
                "path": str(self.folder / "access.log"),
                "log_format": {"json_format": _LOG_FORMAT},
            },
        }
        for listener in written["static_resources"]["listeners"]:
            for chain in [*listener.get("filter_chains", ()), listener.get("default_filter_chain")]:
                if chain:
                    chain["filters"][0]["typed_config"].setdefault("access_log", []).append(log)
        return written

    def _wait_until_ready(self) -> None:
        addresses = {(each.address, each.port) for each in self.plans.listeners if each.bind}
        until = time.monotonic() + 30
        while addresses:
            if self.process.poll() is not None or time.monotonic() > until:
                raise AssertionError(f"Envoy did not start:\n{(self.folder / 'stderr').read_text()[-4000:]}")
            for address in list(addresses):
                with socket.socket() as probe:
                    if probe.connect_ex(address) == 0:
                        addresses.discard(address)
            time.sleep(0.01)  # nothing tells when a listener is bound
