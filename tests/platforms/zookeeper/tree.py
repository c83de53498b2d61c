"""What registers instances in a ZooKeeper, as applications do: nodes that live as long as their session."""

import asyncio
import json
from typing import Self

from kazoo.client import KazooClient
from kazoo.exceptions import NodeExistsError, NoNodeError

BASE = "/discovery"


class Registrar:
    """A client with a session of its own; blocking calls run in threads."""

    def __init__(self, hosts: str) -> None:
        self.client = KazooClient(hosts, timeout=10)

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self.client.start, 30)
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self._end)

    def _end(self) -> None:
        self.client.stop()
        self.client.close()

    async def put(self, service: str, node: str, tree: object, *, ephemeral: bool = True) -> None:
        data = tree if isinstance(tree, bytes) else json.dumps(tree).encode()
        await asyncio.to_thread(self.client.retry, self._put, f"{BASE}/{service}/{node}", data, ephemeral)

    def _put(self, path: str, data: bytes, ephemeral: bool) -> None:
        try:
            self.client.create(path, data, ephemeral=ephemeral, makepath=True)
        except NodeExistsError:
            self.client.set(path, data)

    async def drop(self, path: str) -> None:
        await asyncio.to_thread(self.client.retry, self._drop, f"{BASE}/{path}")

    def _drop(self, path: str) -> None:
        try:
            self.client.delete(path, recursive=True)
        except NoNodeError:
            return


def curator(name: str, address: str, port: int, **payload: str) -> dict:
    """Return an instance as Apache Curator writes one."""
    return {
        "name": name,
        "id": f"{name}-{address}",
        "address": address,
        "port": port,
        "sslPort": None,
        "payload": {"@class": "org.example.Details", "metadata": payload},
        "registrationTimeUTC": 1,
        "serviceType": "DYNAMIC",
        "uriSpec": None,
        "enabled": True,
    }
