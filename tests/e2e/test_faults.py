"""A fault campaign ends when the control plane does, however that ends, and costs no request that it was not about.

Everything is a process as users start it: `pidalio serve` with an agent for each proxy, and `pidalio up`.
"""

import asyncio
import contextlib
import json
import os
import signal
import sys

import pytest
from tests.e2e.commands import pidalio, processes_in
from tests.e2e.embedded import gateway, load, service, subsets, until
from tests.e2e.embedded import workload as local_workload
from tests.e2e.test_control_plane_restart import workload
from tests.ports import free_port

pytestmark = [
    pytest.mark.envoy,
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="needs an address for each agent"),
]
# Half of the requests fail while it lasts: that so many in a row succeed by chance is less likely than 1e-30.
CALM = 100


def storm(host: str = "reviews") -> tuple[str, ...]:
    return ("fault", "start", "storm", "--host", host, "--abort", "503", "--abort-percent", "50", "--lease", "2s")


@pytest.fixture
def port(folder):
    (folder.path / "mesh").mkdir()
    number = free_port()
    folder.write("mesh/gateway.yaml", *gateway(number, "front"))
    folder.write("mesh/services.yaml", service("front"), service("reviews"), subsets("reviews", "v1", "v2"))
    yield number
    folder.forget_sockets("ingressgateway.default", "front-v1-0.default", "reviews-v1-0.default")


@contextlib.asynccontextmanager
async def agents(folder):
    subnet = f"127.{os.getpid() % 200 + 20}.{free_port() % 250}"
    async with (
        pidalio("agent", "--gateway", "istio=ingressgateway", folder=folder.path) as edge,
        workload(folder, "front", "v1", f"{subnet}.1", CALLS="reviews=http://reviews:9080") as front,
        workload(folder, "reviews", "v1", f"{subnet}.2") as reviews,
    ):
        for agent in (edge, front, reviews):
            await agent.prints("ready: ")
        yield


async def done(folder, *arguments: str) -> str:
    """Run a command to its end, which is a good one, and return what it printed."""
    async with pidalio(*arguments, folder=folder.path) as command:
        assert await command.ends() == 0, command.output
        return command.output


async def told_of(folder, aborts: int = 1, *, within: float = 0) -> dict:
    """Wait until proxies told that so many requests were aborted, and return what they told of the newest campaign.

    Nearly all were answered within `within` ms or more: Envoy brings times up to date after counts.
    """
    async with asyncio.timeout(60):
        while True:
            effect = json.loads(await done(folder, "fault", "list", "-o", "json"))[0].get("effect")
            during = effect["during"] if effect else {"aborts": 0}
            if during["aborts"] >= aborts and (during["mostWithin"] or 0) >= within:
                return effect


async def storms(made) -> None:
    """Wait until requests fail, and only by the fault; those that failed since `made` was calm count.

    A campaign of a few seconds may be over before the command that started it has ended.
    """
    await until(lambda: made.failed)
    await made.more()
    assert {key.partition(" ")[0] for key in made.failed} == {"503"}, made.outcomes


async def calms(made) -> None:
    """Wait until requests fail no more."""
    async with asyncio.timeout(60):
        while True:
            made.outcomes.clear()
            await made.more(CALM)
            if not made.failed:
                return


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM], ids=["killed", "hangs", "stopped"])
async def test_it_ends_when_the_control_plane_does(folder, port, end):
    async with pidalio("serve", "mesh", folder=folder.path) as control:
        await control.prints("ready: ")
        async with agents(folder), load(port) as made:
            await made.from_now_on()
            told = await done(folder, *storm())
            assert "1 proxy will do so" not in told  # the gateway is a caller too
            assert "stop within 2 s when the control plane is gone" in told
            await storms(made)
            effect = await told_of(folder)
            assert effect["during"]["aborts"] > 0
            control.signal(end)
            await calms(made)
            if end == signal.SIGSTOP:  # it comes back as it was, and goes on
                control.signal(signal.SIGCONT)
                await storms(made)
                await done(folder, "fault", "stop", "storm")
                await calms(made)
                return
            await control.ends()
            async with pidalio("serve", "mesh", folder=folder.path) as back:
                await back.prints("ready: ")
                listed = await done(folder, "fault", "list")
                assert "over " in listed
                assert "the control plane " in listed
                assert " left" not in listed
                made.outcomes.clear()
                await made.more(CALM)
                assert made.failed == {}


async def test_it_is_told_what_it_did_to_calls(folder, port):
    folder.write("more.yaml", local_workload("front"))
    slow = ("--delay", "100ms", "--delay-percent", "50")
    async with pidalio("up", ".", folder=folder.path) as up, contextlib.AsyncExitStack() as stack:
        await up.prints("ready: 1 workloads, 2 proxies")
        made = await stack.enter_async_context(load(port))
        await made.from_now_on()
        await asyncio.sleep(11)  # so that agents looked twice: what was before is what they counted, and told nobody
        made.outcomes.clear()
        await done(folder, *storm("front"), *slow)
        await storms_for(made, 100)
        await told_of(folder)  # an agent looks now and then: what ends before it looked is told of by nobody
        await done(folder, "fault", "stop", "storm")
        await calms_after(made)
        lost = sum(made.failed.values())
        await stack.aclose()  # what is calm is over, too: its calls would be most of those that are timed
        effect = await told_of(folder, lost, within=100)
    before, during = effect["before"], effect["during"]
    assert (before["errors"], before["aborts"], before["delays"]) == (0, 0, 0)
    assert before["requests"] > 0
    assert before["hostRequests"] > 0
    assert (during["aborts"], during["errors"], during["hostErrors"]) == (lost, lost, 0)
    assert during["delays"] > 0


async def storms_for(made, count: int) -> None:
    await until(lambda: sum(made.failed.values()) >= count)


async def calms_after(made) -> None:
    """Wait until no more fails, and keep what was counted."""
    async with asyncio.timeout(60):
        while True:
            before = sum(made.failed.values())
            await made.more(CALM)
            if sum(made.failed.values()) == before:
                return


async def test_with_up_it_starts_stops_and_runs_out_and_nothing_else_is_lost(folder, port):
    calls = {"CALLS": "reviews=http://reviews:9080 ratings=http://ratings:9080"}
    folder.write("more.yaml", service("ratings"), local_workload("front", environment=calls))
    folder.write("instances.yaml", local_workload("reviews"), local_workload("ratings"))
    async with pidalio("up", ".", folder=folder.path) as up:
        await up.prints("ready: 3 workloads, 4 proxies")
        async with load(port, "/ratings") as others, load(port, "/reviews") as made:
            await made.from_now_on()
            await others.from_now_on()
            assert "storm would abort 50 % with 503" in await done(folder, *storm(), "--dry-run")
            await made.more()
            assert made.failed == {}
            await done(folder, *storm())
            await storms(made)
            assert "storm" in await done(folder, "fault", "list")
            explained = await done(folder, "explain", "--from", "front-v1-0", "GET", "http://reviews:9080/")
            assert "fault injected by FaultCampaign storm" in explained
            await done(folder, "fault", "stop", "storm")
            await calms(made)
            await done(folder, *storm(), "--for", "3s")
            await storms(made)
            await calms(made)
            assert "its time was over" in await done(folder, "fault", "list")
            assert others.failed == {}
        up.signal(signal.SIGKILL)
        await up.ends()
        # Under `up` the Envoys end with the process that runs them: no proxy is left that could go on with a fault.
        await until(lambda: not [line for line in processes_in(folder.path).values() if "envoy" in line])
