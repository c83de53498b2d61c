"""A real ZooKeeper keeps nodes and sessions over a restart, and lets a session expire."""

import asyncio

import pytest
from kazoo.client import KazooClient
from kazoo.exceptions import NoNodeError

from .zookeeper import ZooKeeper

pytestmark = pytest.mark.platform("zookeeper")


def client(server, **options):
    return KazooClient(hosts=server.hosts, **options)


def put(server):
    made = client(server)
    made.start(timeout=30)
    try:
        made.create("/services/web/i-1", b"{}", makepath=True)
    finally:
        made.stop()
        made.close()


def read(server, path):
    made = client(server)
    made.start(timeout=30)
    try:
        return made.get(path)[0]
    finally:
        made.stop()
        made.close()


async def test_what_was_written_is_there_after_a_kill(tmp_path):
    async with ZooKeeper(tmp_path) as server:
        await asyncio.to_thread(put, server)
        port = server.port
        await server.restart()
        assert server.port == port
        assert await asyncio.to_thread(read, server, "/services/web/i-1") == b"{}"


async def test_it_speaks_of_itself(tmp_path):
    async with ZooKeeper(tmp_path) as server:
        assert await server.word("ruok") == "imok"
        assert "zk_version" in await server.word("mntr")


async def test_a_missing_node_is_an_answer(tmp_path):
    async with ZooKeeper(tmp_path) as server:
        with pytest.raises(NoNodeError):
            await asyncio.to_thread(read, server, "/nothing")
