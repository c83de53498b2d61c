"""`up` under constant load: an instance that fails its agent's probe leaves every caller's pool, and comes back."""

import sys

import pytest
from tests.e2e.embedded import gateway, load, running, service, until, workload
from tests.e2e.test_up_checks import Instances, until_only
from tests.ports import free_port

from pidalio.model import Health
from pidalio.store import tables

pytestmark = [pytest.mark.envoy, pytest.mark.slow]

PROBE = {"httpGet": {"path": "/healthz", "port": 9080}, "periodSeconds": 1, "failureThreshold": 1}


async def test_what_the_agents_probe_says_holds_for_every_caller_and_costs_no_request(folder):
    instances = Instances(folder.path)
    folder.write("gateway.yaml", *gateway(free_port(), "reviews"))
    folder.write(
        "reviews.yaml",
        service("reviews"),
        *(
            workload("reviews", version, command=[sys.executable, "reviews.py"], probe=PROBE)
            for version in ("v1", "v2")
        ),
    )
    async with running(folder) as mesh, load(mesh.port) as made:

        def health() -> dict[str, Health]:
            world = mesh.control.world
            rows = (tables.WORKLOADS.get(world, key) for key in tables.WORKLOADS.keys(world))
            return {row.name: row.health for row in rows if row}

        await made.from_now_on()
        assert set(made.outcomes) == {"200 reviews v1", "200 reviews v2"}

        instances.answer("v1", 503)
        await until(lambda: health()["reviews-v1-0"] is Health.UNHEALTHY)
        await until_only(made, "200 reviews v2")

        before = made.outcomes["200 reviews v1"]
        instances.answer("v1", 200)
        await until(lambda: made.outcomes["200 reviews v1"] > before)
        assert made.failed == {}
