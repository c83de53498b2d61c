"""A real Consul: one server that is its own agent."""

import json
from pathlib import Path
from typing import Any

import httpx

from .authority import Authority
from .process import ServerProcess

ROOT_TOKEN = "4f6a0e52-9b1c-4c57-8a51-0c6d6a1f7d11"  # the administrator's, where tokens are asked for


class ConsulAgent(ServerProcess):
    """Consul on loopback; `memory` is `-dev`, which forgets everything when it ends, `acl` asks everyone for a token.

    With an `authority` it also listens at `secure_url`, for callers with a certificate of it.
    """

    name = "consul"
    ports_needed = 4

    def __init__(
        self,
        folder: Path,
        *,
        datacenter: str = "dc1",
        memory: bool = False,
        acl: bool = False,
        authority: Authority | None = None,
    ) -> None:
        super().__init__(folder)
        self.datacenter, self.memory, self.acl, self.authority = datacenter, memory, acl, authority

    @property
    def secure_url(self) -> str:
        return f"https://127.0.0.1:{self.ports[3]}"

    def command(self) -> list[str | Path]:
        http, server, serf, https = self.ports
        off = dict.fromkeys(("dns", "grpc", "grpc_tls", "https", "serf_wan"), -1)
        told: dict[str, Any] = {
            "datacenter": self.datacenter,
            "node_name": "node-1",
            "bind_addr": "127.0.0.1",
            "client_addr": "127.0.0.1",
            "ports": {"http": http, "server": server, "serf_lan": serf, **off},
            "disable_update_check": True,
            "performance": {"raft_multiplier": 1},
        }
        if not self.memory:
            told |= {"data_dir": str(self.folder / "data"), "server": True, "bootstrap_expect": 1}
        if self.authority:
            certificate, key = self.authority.server("consul")
            told["ports"]["https"] = https
            files = {"ca_file": self.authority.certificate, "cert_file": certificate, "key_file": key}
            told["tls"] = {"https": {**{name: str(path) for name, path in files.items()}, "verify_incoming": True}}
        if self.acl:
            tokens = {"initial_management": ROOT_TOKEN, "agent": ROOT_TOKEN}
            told["acl"] = {"enabled": True, "default_policy": "deny", "tokens": tokens, "policy_ttl": "1s"}
        config = self.folder / "config.json"
        config.write_text(json.dumps(told))
        return [self.home / "consul", "agent", *(["-dev"] if self.memory else []), f"-config-file={config}"]

    async def is_ready(self) -> bool:
        """It has a leader, which is itself, and the catalog holds the agent's node."""
        async with httpx.AsyncClient(headers=self._headers(ROOT_TOKEN)) as http:
            answer = await http.get(f"{self.url}/v1/health/node/node-1")
        return answer.status_code == 200 and any(each["CheckID"] == "serfHealth" for each in answer.json())

    async def call(self, method: str, path: str, body: Any = None, *, token: str = ROOT_TOKEN, **query: str) -> Any:
        """Call the HTTP API, by default as the administrator; return the JSON of the answer."""
        async with httpx.AsyncClient(headers=self._headers(token), timeout=60) as http:
            answer = await http.request(method, self.url + path, json=body, params=query)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    async def token(self, name: str, rules: str) -> str:
        """Return a new token that may do what the rules say: `service_prefix "" { policy = "read" }`."""
        await self.call("PUT", "/v1/acl/policy", {"Name": name, "Rules": rules})
        made = await self.call("PUT", "/v1/acl/token", {"Policies": [{"Name": name}]})
        return made["SecretID"]

    def _headers(self, token: str) -> dict[str, str]:
        return {"X-Consul-Token": token} if self.acl and token else {}
