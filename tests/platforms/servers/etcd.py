"""A real etcd: a registry of its own, and Kubernetes' memory."""

from pathlib import Path

import httpx

from .process import ServerProcess


class Etcd(ServerProcess):
    """One etcd 3.6 alone; it answers gRPC and the JSON gateway at `url`."""

    name = "etcd"
    ports_needed = 2

    def command(self) -> list[str | Path]:
        peer = f"http://127.0.0.1:{self.ports[1]}"
        options = {
            "data-dir": self.folder / "data",
            "listen-client-urls": self.url,
            "advertise-client-urls": self.url,
            "listen-peer-urls": peer,
            "initial-advertise-peer-urls": peer,
            "initial-cluster": f"default={peer}",
            "unsafe-no-fsync": "true",
        }
        return [self.home / "etcd", *(f"--{name}={value}" for name, value in options.items())]

    async def is_ready(self) -> bool:
        async with httpx.AsyncClient() as http:
            return (await http.get(f"{self.url}/health")).status_code == 200
