"""A real NATS server starts, answers, and comes back where it was."""

import asyncio
import contextlib
import json
import os

import httpx
import pytest

from .nats import Nats
from .process import DidNotStart

pytestmark = pytest.mark.platform("nats")


class Client:
    """As much of NATS' protocol as these tests speak."""

    def __init__(self, server, **options):
        self.server, self.options = server, {"verbose": False, **options}
        self.reader = self.writer = None

    async def __aenter__(self):
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.server.port)
        assert (await self.line()).startswith("INFO ")
        self.send(f"CONNECT {json.dumps(self.options)}", "PING")
        return self

    async def __aexit__(self, *_):
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()

    def send(self, *lines):
        self.writer.write("".join(f"{line}\r\n" for line in lines).encode())

    async def line(self):
        return (await asyncio.wait_for(self.reader.readline(), 20)).decode().strip()


async def published(server):
    """Send one message from one client to another; return what arrived."""
    async with Client(server) as one, Client(server) as other:
        assert await one.line() == await other.line() == "PONG"
        one.send("SUB router.* 1", "PING")
        assert await one.line() == "PONG"
        other.send("PUB router.register 2", "{}")
        return await one.line(), await one.line()


async def test_it_carries_messages_and_comes_back_at_its_port(tmp_path):
    async with Nats(tmp_path) as server:
        assert await published(server) == ("MSG router.register 1 2", "{}")
        port, pid = server.port, server.pid
        await server.restart()
        assert (server.port, server.pid != pid) == (port, True)
        assert await published(server) == ("MSG router.register 1 2", "{}")
        async with httpx.AsyncClient() as http:
            assert (await http.get(f"{server.monitoring}/varz")).json()["port"] == port


async def test_killed_it_refuses_and_nothing_of_it_is_left(tmp_path):
    async with Nats(tmp_path) as server:
        pid = server.pid
        await server.kill()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", server.port)
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
        await server.start()
        pid = server.pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_paused_it_takes_connections_and_says_nothing(tmp_path):
    async with Nats(tmp_path) as server:
        server.pause()
        client = Client(server)
        arriving = asyncio.create_task(client.__aenter__())
        done, _ = await asyncio.wait({arriving}, timeout=0.3)
        assert not done
        assert client.writer is not None  # it is connected
        server.resume()
        await arriving
        assert await client.line() == "PONG"
        await client.__aexit__()


async def test_it_asks_for_a_password(tmp_path):
    async with Nats(tmp_path, user="router", password="secret") as server:
        async with Client(server, user="router", **{"pass": "wrong"}) as stranger:
            assert "Authorization Violation" in await stranger.line()
        async with Client(server, user="router", **{"pass": "secret"}) as friend:
            assert await friend.line() == "PONG"


async def test_one_that_does_not_start_says_why(tmp_path):
    server = Nats(tmp_path, user="router")
    server.command = lambda: [server.home / "nats-server", "-c", "no-such-file"]
    with pytest.raises(DidNotStart, match="no-such-file"):
        await server.start()
    assert server.process is None
