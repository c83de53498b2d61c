"""Zones on a real Envoy, switched on and off and followed live, over both variants of the protocol."""

import asyncio
import contextlib

import httpx
import pytest
from tests.xds.steered import PATIENCE, Steered
from tests.xds.test_envoy_state import REVIEWS, Run

from pidalio.envoy import messages as pb
from pidalio.model import Locality, ObjectRef

pytestmark = pytest.mark.envoy
VARIANTS = {"delta": pb.ApiConfigSource.DELTA_GRPC, "state-of-the-world": pb.ApiConfigSource.GRPC}
ENOUGH = 40
"""So many answers in a row from one of two instances are no chance: below 1e-12."""
HOME, AWAY = (200, "home"), (200, "away")


def shop(**instances: int) -> str:
    places = {"home": "eu/w", "away": "eu/x"}
    listed = ", ".join(
        f"{{address: 127.0.0.1, ports: {{main: {port}}}, locality: {places[name]}}}" for name, port in instances.items()
    )
    return f"""
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: reviews}}
spec:
  hosts: [{REVIEWS}]
  ports: [{{number: 80, name: main, protocol: HTTP}}]
  resolution: STATIC
  endpoints: [{listed}]
---
"""


def callers(**addresses: str) -> str:
    """Return the service that calls, with an instance in zone w, named `w`, and so on."""
    found = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: web}
spec:
  hosts: [web.example]
  ports: [{number: 80, name: main, protocol: HTTP}]
  resolution: STATIC
  workloadSelector: {labels: {app: web}}
---
"""
    for zone, address in addresses.items():
        found += f"""
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {{name: web-{zone}}}
spec: {{address: {address}, labels: {{app: web}}, locality: eu/{zone}}}
---
"""
    return found


def zones(setting: str) -> str:
    return f"""
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: reviews}}
spec: {{host: {REVIEWS}, trafficPolicy: {{loadBalancer: {{zoneAwareLbSetting: {{{setting}}}}}}}}}
---
"""


ON, OFF = zones("enabled: true, minClusterSize: 2"), zones("enabled: false")


class Caller:
    """Asks without a pause, and knows what it got since it last looked."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.got: list[tuple[int, str]] = []

    async def ask_on(self) -> None:
        while True:
            self.got.append(await self.run.get(REVIEWS))

    async def stays_home(self) -> None:
        await self._until(lambda: self.got[-ENOUGH:] == [HOME] * ENOUGH)

    async def goes_everywhere(self) -> None:
        await self._until(lambda: {HOME, AWAY} <= set(self.got[-ENOUGH:]))

    async def _until(self, claim) -> None:
        self.got.clear()
        async with asyncio.timeout(PATIENCE):
            while not claim():
                await asyncio.sleep(0.005)
        assert set(self.got) <= {HOME, AWAY}


@pytest.fixture(params=VARIANTS)
async def run(tmp_path, request):
    async with Steered(tmp_path) as steered:
        run = Run(tmp_path, steered)
        run.variant = VARIANTS[request.param]
        try:
            run.shop = shop(**dict([await run.backend("home"), await run.backend("away")]))
            await steered.announce(run.shop + callers(w=run.address, x="10.0.0.2"))
            yield run
        finally:
            await run.stop()


@contextlib.asynccontextmanager
async def calling(run):
    caller = Caller(run)
    task = asyncio.create_task(caller.ask_on())
    try:
        yield caller
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def answer(run) -> tuple[int, str] | None:
    """Return what a call gets, None while nothing listens."""
    try:
        return await run.get(REVIEWS)
    except httpx.TransportError:
        return None


async def started(run) -> None:
    run.start_envoy(run.variant, Locality("eu", "w"))
    await run.steered.connected()
    async with asyncio.timeout(PATIENCE):
        while await answer(run) not in (HOME, AWAY):
            await asyncio.sleep(0.005)


async def test_they_are_switched_on_and_off_without_a_lost_request(run):
    await started(run)
    steered = run.steered
    async with calling(run) as caller:
        await caller.goes_everywhere()
        before = len(steered.log.lines)
        await steered.apply(ON)
        await caller.stays_home()
        told = {name for line in steered.pushed(before) for name in line[1:]}
        assert told >= {"local_cluster", f"outbound|80||{REVIEWS}"}
        assert not {name for name in told if "web.example" in name}
        await steered.apply(OFF)
        await caller.goes_everywhere()


async def test_they_follow_the_callers_own_instances(run):
    await run.steered.announce(ON)
    await started(run)
    steered = run.steered
    async with calling(run) as caller:
        await caller.stays_home()
        before = len(steered.log.lines)
        deleted = await steered.control.delete([ObjectRef("WorkloadEntry", "default", "web-x")], author="test")
        assert not deleted.is_refused
        await steered.live()
        await caller.goes_everywhere()
        told = {name for line in steered.pushed(before) for name in line[1:]}
        assert told == {"local_cluster", "outbound|80||web.example"}
        await steered.apply(callers(x="10.0.0.2"))
        await caller.stays_home()


async def test_a_restarted_control_plane_sends_nothing_again(run):
    await run.steered.announce(ON)
    await started(run)
    async with calling(run) as caller:
        await caller.stays_home()
        before = len(run.steered.log.lines)
        await run.steered.stop()
        await caller.stays_home()
        await run.steered.serve()
        await run.steered.connected()
        await caller.stays_home()
        assert run.steered.pushed(before) == []


async def test_an_envoy_starts_before_its_control_plane(run):
    await run.steered.announce(ON)
    await run.steered.stop()
    run.start_envoy(run.variant, Locality("eu", "w"))
    async with asyncio.timeout(PATIENCE):
        while not (run.folder / "admin").exists():
            await asyncio.sleep(0.01)
    await run.steered.serve()
    await run.steered.connected()
    async with asyncio.timeout(PATIENCE):
        while await answer(run) not in (HOME, AWAY):
            await asyncio.sleep(0.01)
    async with calling(run) as caller:
        await caller.stays_home()
