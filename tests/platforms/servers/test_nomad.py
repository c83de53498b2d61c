"""A real Nomad runs jobs that register services, streams their changes, and has them again after a kill."""

import asyncio
import contextlib
import json
import os
import signal
import time
from pathlib import Path

import httpx
import pytest

from .nomad import NomadAgent

pytestmark = pytest.mark.platform("nomad")


async def test_a_job_registers_its_service_and_its_end_takes_it_away(tmp_path):
    async with NomadAgent(tmp_path) as agent:
        found = await agent.run("web", count=2, tags=("version=v1",))
        assert {(each["ServiceName"], each["JobID"], *each["Tags"]) for each in found} == {("web", "web", "version=v1")}
        assert len({each["Port"] for each in found}) == 2
        await agent.end("web")
        assert await agent.registered("web", 0) == []


async def test_changes_are_streamed(tmp_path):
    async with NomadAgent(tmp_path) as agent, httpx.AsyncClient(timeout=60) as http:
        asked = {"topic": "Service:*", "namespace": "*"}
        async with http.stream("GET", f"{agent.url}/v1/event/stream", params=asked) as stream:
            running = asyncio.create_task(agent.run("web"))
            async for line in stream.aiter_lines():
                if events := json.loads(line).get("Events"):
                    break
        await running
        assert [event["Type"] for event in events] == ["ServiceRegistration"]
        assert events[0]["Payload"]["Service"]["ServiceName"] == "web"


def processes_of(agent):
    """Return the ids of all processes of the agent's session, its tasks' included."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if stat.read_text().rpartition(")")[2].split()[3] == str(agent.pid):
                found.append(stat.parent.name)
    return found


async def test_killed_it_comes_back_with_its_services_and_leaves_nothing(tmp_path):
    async with NomadAgent(tmp_path) as agent:
        await agent.run("web")
        session, running = agent.pid, processes_of(agent)
        assert len(running) > 1
        os.kill(session, signal.SIGKILL)  # not its group: as when the test's process is gone
        end = time.monotonic() + 20
        while left := [each for each in running if each != str(session) and Path("/proc", each).exists()]:
            assert time.monotonic() < end, left
            await asyncio.sleep(0.05)
        port = agent.port
        await agent.restart()
        assert agent.port == port
        (found,) = await agent.registered("web", 1)
        assert found["JobID"] == "web"
    mounts = Path("/proc/mounts")
    assert not mounts.exists() or str(tmp_path) not in mounts.read_text()


async def test_without_a_token_it_refuses(tmp_path):
    async with NomadAgent(tmp_path, acl=True) as agent:
        await agent.run("web")
        reader = await agent.token("reader", 'namespace "default" { capabilities = ["read-job"] }')
        assert len(await agent.call("GET", "/v1/service/web", token=reader)) == 1
        with pytest.raises(httpx.HTTPStatusError, match="403"):
            await agent.call("GET", "/v1/service/web", token="")
        assert await agent.call("GET", "/v1/services", token="", namespace="*") == []
