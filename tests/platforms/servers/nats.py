"""A real NATS server, as Cloud Foundry's routers and route emitters use it."""

import asyncio
from pathlib import Path

from .process import ServerProcess


class Nats(ServerProcess):
    """nats-server without persistence; `user` and `password` are asked for where they are given."""

    name = "nats"
    ports_needed = 2

    def __init__(self, folder: Path, *, user: str = "", password: str = "") -> None:
        super().__init__(folder)
        self.user, self.password = user, password

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    @property
    def monitoring(self) -> str:
        """Where it tells of itself over HTTP: `/varz`, `/connz`."""
        return f"http://127.0.0.1:{self.ports[1]}"

    def command(self) -> list[str | Path]:
        auth: list[str | Path] = ["--user", self.user, "--pass", self.password] if self.user else []
        return [self.home / "nats-server", "-a", "127.0.0.1", "-p", str(self.port), "-m", str(self.ports[1]), *auth]

    async def is_ready(self) -> bool:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            return (await reader.readline()).startswith(b"INFO ")
        finally:
            writer.close()
            await writer.wait_closed()
