"""What a run says of real servers: skipped with a hint, counted by name, and failed when none was used."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
TESTS = "tests/platforms/servers/test_nats.py"


def run(*arguments, **environment):
    """Run pytest as `make` does; return its exit status and what it printed."""
    surroundings = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    surroundings.pop("PIDALIO_PLATFORMS", None)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    done = subprocess.run(
        command, cwd=ROOT, env=surroundings | environment, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout


def test_elsewhere_they_skip_with_the_name_of_the_target():
    status, said = run(TESTS)
    assert status == 0
    assert "a real server (nats): `make test-platforms` runs it" in said
    assert "real servers of platforms" not in said


@pytest.mark.parametrize("workers", [(), ("-n2",)], ids=["alone", "workers"])
def test_a_run_for_real_servers_that_used_none_fails(tmp_path, workers):
    status, said = run(TESTS, *workers, PIDALIO_PLATFORMS="1", PIDALIO_SERVERS=str(tmp_path))
    assert status == 1
    assert "no real nats here: `make test-platforms` builds one" in said
    assert "nats: 5 skipped" in said
    assert "no real server was used" in said


def test_a_run_without_tests_of_servers_is_judged_by_its_own(tmp_path):
    partition = "tests/platforms/servers/test_partition.py"
    assert run(partition, PIDALIO_PLATFORMS="1", PIDALIO_SERVERS=str(tmp_path))[0] == 0


@pytest.mark.platform("nats")
@pytest.mark.parametrize("workers", [(), ("-n2",)], ids=["alone", "workers"])
def test_servers_that_were_used_are_counted(workers):
    status, said = run(TESTS, *workers, "-k", "password or paused", PIDALIO_PLATFORMS="1")
    assert status == 0
    assert "nats: 2 passed" in said
