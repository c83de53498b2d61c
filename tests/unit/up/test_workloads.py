"""Working directories are meant from the file that says them."""

from pathlib import Path

from pidalio.api.local_workload import LocalWorkload
from pidalio.api.object import Meta, Object
from pidalio.up.workloads import with_working_directories


def located(written: str, file: str, root: Path) -> str:
    source = Object("LocalWorkload", "pidalio.dev/v1", Meta("default", "a"), LocalWorkload(working_directory=written))
    (found,) = with_working_directories([source], lambda _: file, root)
    return found.spec.working_directory


def test_from_the_folder_of_the_file(tmp_path):
    file = str(tmp_path / "mesh" / "a.yaml")
    assert located("..", file, Path("/elsewhere")) == str(tmp_path)
    assert located("", file, Path("/elsewhere")) == str(tmp_path / "mesh")


def test_file_named_relative_to_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert located("app", "mesh/a.yaml", Path("/elsewhere")) == str(tmp_path / "mesh" / "app")


def test_without_a_file_from_the_root(tmp_path):
    assert located("app", "", tmp_path) == str(tmp_path / "app")


def test_absolute_one_stays(tmp_path):
    assert located("/srv/app", "mesh/a.yaml", tmp_path) == "/srv/app"
