"""The run directory is private, short, and owned by one process."""

import os
import stat
import subprocess
import sys

import pytest

from pidalio.agent.run_directory import RunDirectory
from pidalio.errors import PortInUse, UsageError


def test_second_owner_is_refused_and_told_who_holds_it(run_folder):
    with (
        RunDirectory(run_folder / "r"),
        pytest.raises(PortInUse, match=rf"process {os.getpid()}\) runs this mesh"),
    ):
        RunDirectory(run_folder / "r")
    RunDirectory(run_folder / "r").release()


def test_lock_ends_with_its_process(run_folder):
    script = "import sys, os; from pathlib import Path; from pidalio.agent.run_directory import RunDirectory\nr = RunDirectory(Path(sys.argv[1])); os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", script, str(run_folder / "r")], check=False, timeout=30)
    RunDirectory(run_folder / "r").release()


def test_is_private(run_folder):
    with RunDirectory(run_folder / "r") as run:
        assert stat.S_IMODE(run.path.stat().st_mode) == 0o700


def test_link_of_somebody_is_refused(run_folder):
    (run_folder / "r").symlink_to(run_folder)
    with pytest.raises(UsageError, match="not a folder of this user"):
        RunDirectory(run_folder / "r")


def test_socket_paths_fit_and_stay_apart(run_folder):
    with RunDirectory(run_folder / "r") as run:
        assert run.socket("reviews-0.default").name == "reviews-0.default.sock"
        long = {run.socket("x" * 150 + str(number)) for number in range(3)}
        assert len(long) == 3
        assert all(len(os.fsencode(path)) <= 107 for path in long)


def test_stale_socket_is_removed(run_folder):
    with RunDirectory(run_folder / "r") as run:
        run.socket("a").touch()
        assert not run.socket("a").exists()


def test_nothing_is_left_of_what_was_given_up_in_order(run_folder):
    with RunDirectory(run_folder / "r") as run:
        run.file("envoy.json").touch()
        run.socket("a").touch()
    assert not (run_folder / "r").exists()


def test_what_others_put_there_stays(run_folder):
    with RunDirectory(run_folder / "r") as run:
        (run.path / "api.sock").touch()
        run.file("envoy.json").touch()
    assert [path.name for path in (run_folder / "r").iterdir()] == ["api.sock"]
