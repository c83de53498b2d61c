"""Zones under `up`: two fronts and two backends in two zones, and who calls whom."""

import asyncio

import pytest
from tests.e2e.embedded import PATIENCE, Caller, gateway, item, running, service, workload
from tests.ports import free_port

pytestmark = [pytest.mark.envoy, pytest.mark.slow]
ZONES = {"v1": "eu/w", "v2": "eu/x"}
HOME = {("v1", "v1"), ("v2", "v2")}
ENOUGH = 60


def write_shop(folder) -> None:
    calls = {"CALLS": "reviews=http://reviews:9080"}
    folder.write("gateway.yaml", *gateway(free_port(), "front"))
    folder.write("front.yaml", service("front"), *(placed("front", each, environment=calls) for each in ZONES))
    folder.write("reviews.yaml", service("reviews"), *(placed("reviews", each) for each in ZONES))


def placed(app: str, version: str, **changes) -> dict:
    return workload(app, version, locality=ZONES[version], **changes)


def zones(**setting) -> dict:
    policy = {"loadBalancer": {"zoneAwareLbSetting": setting}}
    return item("DestinationRule", "reviews", {"host": "reviews", "trafficPolicy": policy})


async def pairs(port: int) -> set[tuple[str, str]]:
    """Return which version called which, over some requests."""
    caller = Caller(port)
    found = set()
    for _ in range(ENOUGH):
        status, answer = await caller.ask()
        assert status == 200, answer
        found.add((answer["version"], answer["calls"][0]["version"]))
    await caller.closed()
    return found


async def until_pairs(port: int, claim) -> None:
    """Wait until the workers of all Envoys have what was acknowledged."""
    async with asyncio.timeout(PATIENCE):
        while not claim(await pairs(port)):
            pass


async def test_instances_stay_in_their_zone_while_a_rule_says_so(folder):
    write_shop(folder)
    async with running(folder) as mesh:
        await until_pairs(mesh.port, lambda found: found > HOME)
        await mesh.edit("zones.yaml", zones(minClusterSize=2))
        await until_pairs(mesh.port, lambda found: found == HOME)
        await mesh.edit("zones.yaml", zones(enabled=False))
        await until_pairs(mesh.port, lambda found: found > HOME)
