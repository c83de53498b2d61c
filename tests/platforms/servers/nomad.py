"""A real Nomad: one agent that is server and client, whose tasks are Nomad's own mock, so that nothing is run.

As root a client mounts a file system for each task, and each task has a process for its logs: here they have mounts and
process ids of their own, and end with the agent.
"""

import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

import httpx

from .process import PATIENCE, ServerProcess

ROOT_TOKEN = "7b0c9c70-5d39-4d0b-9a6e-3f1c1b0f2a55"  # the administrator's, where tokens are asked for
NOT_HERE = "env_aws,env_gce,env_azure,env_digitalocean,consul,vault,cni,bridge"
APART = ("unshare", "--mount", "--pid", "--fork", "--kill-child=KILL", "--mount-proc")


class NomadAgent(ServerProcess):
    """Nomad on loopback with its data in the test's folder; `acl` asks everyone for a token.

    Mock tasks do not survive a restart of their agent: Nomad starts them anew, and their registrations are others.
    """

    name = "nomad"
    ports_needed = 3

    def __init__(self, folder: Path, *, acl: bool = False) -> None:
        super().__init__(folder)
        self.acl = acl

    def command(self) -> list[str | Path]:
        http, rpc, serf = self.ports
        ports = {"http": http, "rpc": rpc, "serf": serf}
        told = {
            "name": "node-1",
            "datacenter": "dc1",
            "region": "global",
            "bind_addr": "127.0.0.1",
            "data_dir": str(self.folder / "data"),
            "ports": ports,
            "advertise": {name: f"127.0.0.1:{port}" for name, port in ports.items()},
            "disable_update_check": True,
            "leave_on_interrupt": False,
            "acl": {"enabled": self.acl},
            "server": {"enabled": True, "bootstrap_expect": 1, "raft_multiplier": 1},
            "client": {
                "enabled": True,
                "network_interface": "lo",
                "servers": [f"127.0.0.1:{rpc}"],
                "options": {"driver.allowlist": "mock_driver", "fingerprint.denylist": NOT_HERE},
            },
        }
        config = self.folder / "config.json"
        config.write_text(json.dumps(told))
        apart = os.geteuid() == 0 and shutil.which("unshare") is not None
        return [*(APART if apart else ()), self.home / "nomad", "agent", f"-config={config}"]

    async def is_ready(self) -> bool:
        """Its node takes tasks."""
        async with httpx.AsyncClient(headers=self._headers(ROOT_TOKEN)) as http:
            if self.acl and not self.started:
                await http.post(f"{self.url}/v1/acl/bootstrap", json={"BootstrapSecret": ROOT_TOKEN})
            answer = await http.get(f"{self.url}/v1/nodes")
        return answer.status_code == 200 and any(node["Status"] == "ready" for node in answer.json())

    async def call(self, method: str, path: str, body: Any = None, *, token: str = ROOT_TOKEN, **query: str) -> Any:
        """Call the HTTP API, by default as the administrator; return the JSON of the answer."""
        async with httpx.AsyncClient(headers=self._headers(token), timeout=60) as http:
            answer = await http.request(method, self.url + path, json=body, params=query)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    async def token(self, name: str, rules: str) -> str:
        """Return a new token that may do what the rules say: `namespace "default" { policy = "read" }`."""
        await self.call("POST", f"/v1/acl/policy/{name}", {"Name": name, "Rules": rules})
        made = await self.call("POST", "/v1/acl/token", {"Name": name, "Type": "client", "Policies": [name]})
        return made["SecretID"]

    async def run(self, name: str, *, count: int = 1, tags: tuple[str, ...] = (), **service: Any) -> list[Any]:
        """Run a job of so many tasks that register the service of its name; return the registrations."""
        told = {"Name": name, "Provider": "nomad", "PortLabel": "http", "Tags": list(tags), **service}
        resources = {"CPU": 1, "MemoryMB": 10}
        group = {
            "Name": name,
            "Count": count,
            "Networks": [{"Mode": "host", "DynamicPorts": [{"Label": "http"}]}],
            "Services": [told],
            "Tasks": [{"Name": name, "Driver": "mock_driver", "Config": {"run_for": "24h"}, "Resources": resources}],
        }
        job = {"ID": name, "Name": name, "Type": "service", "Datacenters": ["dc1"], "TaskGroups": [group]}
        await self.call("POST", "/v1/jobs", {"Job": job})
        return await self.registered(told["Name"], count)

    async def end(self, job: str) -> None:
        """End a job; its registrations go."""
        await self.call("DELETE", f"/v1/job/{job}", purge="true")

    async def registered(self, service: str, count: int) -> list[Any]:
        """Return a service's registrations once there are so many, by a blocking query."""
        index, end = "1", time.monotonic() + PATIENCE
        async with httpx.AsyncClient(headers=self._headers(ROOT_TOKEN), timeout=60) as http:
            while True:
                query = {"index": index, "wait": "10s"}
                answer = await http.get(f"{self.url}/v1/service/{service}", params=query)
                answer.raise_for_status()
                if len(answer.json()) == count:
                    return answer.json()
                assert time.monotonic() < end, f"{service}: {answer.json()}"
                index = answer.headers["x-nomad-index"]

    def _headers(self, token: str) -> dict[str, str]:
        return {"X-Nomad-Token": token} if self.acl and token else {}
