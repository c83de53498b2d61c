"""The simulator against real Envoy on random plans: more than rules can say, on four kinds of listener."""

import random

import pytest
from tests.differential.requests import random_requests
from tests.differential.rules import plans, rule_set
from tests.differential.run import differences, told

SETS_PER_ENVOY = 25


@pytest.mark.envoy
def test_simulator_and_envoy_agree_on_random_plans(batch, seed, backend):
    draw = random.Random(f"{seed}/{batch}")
    sets = [rule_set(draw, number) for number in range(SETS_PER_ENVOY)]
    requests = random_requests(draw, sets)
    found = differences(plans(draw, sets, backend.port), requests, backend)
    assert not found, told(found, f"seed {seed}, batch {batch}", len(requests))
