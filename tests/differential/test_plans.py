"""The simulator against real Envoy on random plans and requests.

`PIDALIO_DIFFERENTIAL_SEED` repeats a run, `PIDALIO_DIFFERENTIAL_SETS` sets how many rule sets there are.
"""

import os
import random

import pytest
from tests.differential.rules import any_request, plans, request_for, rule_set
from tests.differential.run import differences

SETS = int(os.environ.get("PIDALIO_DIFFERENTIAL_SETS", "100"))
REQUESTS_PER_SET = 50
SETS_PER_ENVOY = 25


@pytest.mark.envoy
@pytest.mark.parametrize("batch", range(SETS // SETS_PER_ENVOY))
def test_simulator_and_envoy_agree_on_random_plans(batch, seed, backend):
    draw = random.Random(f"{seed}/{batch}")
    sets = [rule_set(draw, number) for number in range(SETS_PER_ENVOY)]
    requests = []
    for hosts in sets:
        routed = [host for host in hosts if host.routes]
        for position in range(REQUESTS_PER_SET):
            made = position % 2 and routed
            requests.append(request_for(draw, draw.choice(routed)) if made else any_request(draw, hosts))
    found = differences(plans(draw, sets, backend.port), requests, backend)
    told = "\n\n".join(str(each) for each in found[:5])
    assert not found, f"seed {seed}, batch {batch}: {len(found)} of {len(requests)} requests differ\n{told}"
