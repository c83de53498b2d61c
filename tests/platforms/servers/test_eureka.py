"""A real Eureka takes registrations, tells changes, ends leases, and comes back empty."""

import asyncio
import time

import pytest

from .eureka import EurekaServer

pytestmark = pytest.mark.platform("eureka")


async def instances(server, path="/apps"):
    found = await server.call("GET", path)
    return sorted(
        (instance["instanceId"], instance["actionType"])
        for application in found["applications"].get("application", [])
        for instance in application["instance"]
    )


async def until_instances(server, expected, path="/apps"):
    """Wait for what the server's cache of answers shows a little later."""
    end = time.monotonic() + 60
    while (found := await instances(server, path)) != expected:
        assert time.monotonic() < end, found
        await asyncio.sleep(0.1)


async def test_registrations_come_and_go_as_changes_and_a_kill_forgets_them(tmp_path):
    async with EurekaServer(tmp_path) as server:
        await server.register("WEB", "web-1", "10.0.0.1", 8080, version="v1")
        await until_instances(server, [("web-1", "ADDED")])
        await until_instances(server, [("web-1", "ADDED")], "/apps/delta")
        (application,) = (await server.call("GET", "/apps"))["applications"]["application"]
        assert application["instance"][0]["metadata"] == {"version": "v1"}
        await server.call("DELETE", "/apps/WEB/web-1")
        await until_instances(server, [])
        await until_instances(server, [("web-1", "DELETED")], "/apps/delta")

        await server.register("WEB", "web-2", "10.0.0.2", 8080, lease=1)
        await until_instances(server, [("web-2", "ADDED")])
        await until_instances(server, [])  # nobody renewed it

        await server.register("WEB", "web-3", "10.0.0.3", 8080)
        port = server.port
        await server.restart()
        assert (server.port, await instances(server)) == (port, [])
