"""A real ZooKeeper, alone."""

import asyncio
import shutil
from pathlib import Path

import pytest

from .process import ServerProcess


class ZooKeeper(ServerProcess):
    """One ZooKeeper 3.8; sessions of 400 ms and more are granted, so that a test can let one expire."""

    name = "zookeeper"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        java = shutil.which("java")
        if java is None:
            pytest.skip("no java here: install default-jre-headless")
        self.java = java

    @property
    def hosts(self) -> str:
        """What clients connect to."""
        return f"127.0.0.1:{self.port}"

    def command(self) -> list[str | Path]:
        config = self.folder / "zoo.cfg"
        told = {
            "tickTime": 200,
            "maxSessionTimeout": 60_000,
            "dataDir": self.folder / "data",
            "clientPort": self.port,
            "clientPortAddress": "127.0.0.1",
            "admin.enableServer": "false",
            "4lw.commands.whitelist": "ruok,srvr,mntr",
            "maxClientCnxns": 0,
        }
        config.write_text("".join(f"{name}={value}\n" for name, value in told.items()))
        quick = ["-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData"]
        quick.append("-Dzookeeper.forceSync=no")
        main = "org.apache.zookeeper.server.quorum.QuorumPeerMain"
        return [self.java, *quick, "-cp", f"{self.home}/jars/*", main, config]

    async def is_ready(self) -> bool:
        """It answers that it serves, which it does a little after it accepts connections."""
        return "Mode: standalone" in await self.word("srvr")

    async def word(self, word: str) -> str:
        """Ask one of ZooKeeper's four-letter words."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(word.encode())
            return (await reader.read()).decode()
        finally:
            writer.close()
            await writer.wait_closed()
