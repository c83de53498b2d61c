"""The environment that `make` builds: what is said when it cannot, and that a killed build is mended."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).resolve().parents[3] / "scripts" / "setup_venv.py"


@pytest.fixture
def setup(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("setup_venv", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / "requirements.lock").write_text("# nothing is needed\n")
    (tmp_path / "pyproject.toml").write_text("")
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "LOCK", tmp_path / "requirements.lock")
    return module


class Commands:
    """Stands for the commands that the script runs: all succeed, unless one is told to fail."""

    def __init__(self, failing: str = "", output: str = "") -> None:
        self.ran: list[list[str]] = []
        self.failing, self.output = failing, output

    def __call__(self, command: list[str]) -> tuple[int, str]:
        self.ran.append(command)
        if "venv" in command:
            python = Path(command[-1]) / "bin" / "python"
            python.parent.mkdir()
            python.touch()
        failed = self.failing != "" and self.failing in command
        return (1, self.output) if failed else (0, "")

    def count(self, word: str) -> int:
        return sum(word in command for command in self.ran)


def test_built_once_and_then_left_alone(setup: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    commands = Commands()
    monkeypatch.setattr(setup, "run", commands)
    assert setup.main(".venv") == 0
    assert setup.main(".venv") == 0
    assert commands.count("venv") == 1
    assert commands.count("--require-hashes") == 1


def test_changed_lock_is_installed_into_the_same_environment(
    setup: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    commands = Commands()
    monkeypatch.setattr(setup, "run", commands)
    setup.main(".venv")
    (tmp_path / "requirements.lock").write_text("# something is needed\n")
    assert setup.main(".venv") == 0
    assert commands.count("venv") == 1
    assert commands.count("--require-hashes") == 2


def test_killed_build_is_thrown_away(setup: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    half_built = tmp_path / ".venv"
    (half_built / "bin").mkdir(parents=True)
    (half_built / "bin" / "python").touch()
    (half_built / "half-written").touch()
    (half_built / ".building").touch()
    monkeypatch.setattr(setup, "run", Commands())
    assert setup.main(".venv") == 0
    assert not (half_built / "half-written").exists()
    assert not (half_built / ".building").exists()
    assert (half_built / ".stamp").exists()


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("WARNING: ... NewConnectionError ...\nERROR: none\n", "no package index gave what is needed"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES\n\n", "THESE PACKAGES DO NOT MATCH THE HASHES"),
    ],
    ids=["offline", "hashes"],
)
def test_failed_install_is_one_line(
    setup: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    output: str,
    said: str,
) -> None:
    monkeypatch.chdir(setup.ROOT)
    monkeypatch.setattr(setup, "run", Commands("--require-hashes", output))
    assert setup.main(".venv") == 1
    _, last = capsys.readouterr().err.splitlines()
    assert said in last
    assert (setup.ROOT / ".venv" / "install.log").read_text() == output


def test_old_python_is_refused_in_one_line(
    setup: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    assert setup.main(".venv") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "is Python 3.9: install Python 3.11 or newer" in line


def test_missing_venv_module_is_refused_in_one_line(
    setup: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(setup.importlib.util, "find_spec", lambda name: None if name == "ensurepip" else object())
    assert setup.main(".venv") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "apt-get install python3-venv" in line
