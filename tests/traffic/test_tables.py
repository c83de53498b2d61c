"""Every call of the tables, on the simulator and on a real Envoy, with the same expectation."""

import pytest
from tests.traffic.connections import drive_connection, foretold_connection
from tests.traffic.envoy import RunningEnvoy
from tests.traffic.observe import broken_expectations
from tests.traffic.run import compiled, drive, foretold
from tests.traffic.tables import ALL

_CALLS = [
    pytest.param(case, call, id=f"{case.id}-{number}") for case in ALL for number, call in enumerate(case.calls, 1)
]


_CONNECTIONS = [
    pytest.param(case, one, id=f"{case.id}-{number}")
    for case in ALL
    for number, one in enumerate(case.connections, len(case.calls) + 1)
]


@pytest.mark.parametrize(("case", "call"), _CALLS)
def test_simulator_says_what_the_table_says(case, call, backend):
    broken = foretold(compiled(case, backend.port), call, backend.port)
    assert not broken, f"{case.intent}\n{call}\n" + "\n".join(broken)


@pytest.mark.envoy
@pytest.mark.parametrize("case", [pytest.param(case, id=case.id) for case in ALL])
def test_envoy_does_what_the_table_says(case, backend):
    envoy = RunningEnvoy(compiled(case, backend.port)).start()
    told = []
    try:
        for call in case.calls:
            driven = drive(envoy, call, backend)
            broken = broken_expectations(call, driven.outcome)
            broken += [f"differs from the simulator: {each}" for each in driven.differences]
            told += [f"{call}: {each}" for each in broken]
        for one in case.connections:
            told += [f"{one}: {each}" for each in drive_connection(envoy, one, backend.port)]
    finally:
        envoy.stop()
    assert not told, f"{case.intent}\n" + "\n".join(told)


@pytest.mark.parametrize(("case", "one"), _CONNECTIONS)
def test_simulator_says_what_the_table_says_of_connections(case, one, backend):
    broken = foretold_connection(compiled(case, backend.port), one, backend.port)
    assert not broken, f"{case.intent}\n{one}\n" + "\n".join(broken)


def test_there_are_enough_calls():
    assert len(_CALLS) + len(_CONNECTIONS) >= 150
