"""A real Eureka, as Spring Cloud ships it; its registry is in memory, so one that comes back is empty."""

import shutil
from pathlib import Path
from typing import Any

import httpx
import pytest

from .process import ServerProcess

JSON = {"Accept": "application/json"}


class EurekaServer(ServerProcess):
    """One Eureka without peers, whose answers are a second old at most and whose evictions run each second."""

    name = "eureka"

    def __init__(self, folder: Path, *, self_preservation: bool = False) -> None:
        super().__init__(folder)
        java = shutil.which("java")
        if java is None:
            pytest.skip("no java here: install default-jre-headless")
        self.java, self.self_preservation = java, self_preservation

    @property
    def base(self) -> str:
        """Where the registry's own paths begin."""
        return f"{self.url}/eureka"

    def command(self) -> list[str | Path]:
        told = {
            "server.address": "127.0.0.1",
            "server.port": self.port,
            "eureka.instance.hostname": "localhost",
            "eureka.client.service-url.defaultZone": f"{self.base}/",
            "eureka.client.register-with-eureka": "false",
            "eureka.client.fetch-registry": "false",
            "eureka.server.response-cache-update-interval-ms": 500,
            # An answer that was being made while something changed stays in its cache for so long, as it was.
            "eureka.server.response-cache-auto-expiration-in-seconds": 1,
            "eureka.server.eviction-interval-timer-in-ms": 1000,
            "eureka.server.enable-self-preservation": str(self.self_preservation).lower(),
            "eureka.server.wait-time-in-ms-when-sync-empty": 0,
            "spring.main.banner-mode": "off",
        }
        quick = ["-Xmx192m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData"]
        options = [f"--{name}={value}" for name, value in told.items()]
        return [self.java, *quick, "-jar", self.home / "eureka.jar", *options]

    async def is_ready(self) -> bool:
        async with httpx.AsyncClient(headers=JSON) as http:
            return (await http.get(f"{self.base}/apps")).status_code == 200

    async def call(self, method: str, path: str, body: Any = None, **query: str) -> Any:
        """Call a path below `base`; return the JSON of the answer, if there is one."""
        async with httpx.AsyncClient(headers=JSON, timeout=60) as http:
            answer = await http.request(method, self.base + path, json=body, params=query)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    async def register(
        self, app: str, identity: str, address: str, port: int, *, lease: int = 90, **metadata: str
    ) -> None:
        """Register an instance that is up, with a lease of so many seconds."""
        instance = {
            "instanceId": identity,
            "hostName": f"{app.lower()}.local",
            "app": app,
            "ipAddr": address,
            "status": "UP",
            "port": {"$": port, "@enabled": "true"},
            "vipAddress": app.lower(),
            "dataCenterInfo": {"@class": "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo", "name": "MyOwn"},
            "leaseInfo": {"renewalIntervalInSecs": 30, "durationInSecs": lease},
            "metadata": metadata,
        }
        await self.call("POST", f"/apps/{app}", {"instance": instance})
