"""Where the control plane of a folder is found."""

import os
from pathlib import Path

import pytest

from pidalio.errors import ServerUnreachable, UsageError
from pidalio.http import discovery
from pidalio.http.discovery import Pointer
from pidalio.server.serve import _owned

POINTER = Pointer("unix:/run/api.sock", "unix:/run/xds.sock", 7)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return discovery.make_private(discovery.data_directory(tmp_path / "mesh"))


def test_found_from_the_folder_and_from_below_it(data: Path) -> None:
    discovery.publish(data, POINTER)
    below = data.parent / "rules" / "deep"
    below.mkdir(parents=True)
    assert discovery.find(data.parent) == discovery.find(below) == POINTER
    assert (data / "server.json").stat().st_mode & 0o777 == 0o600


def test_not_found_says_what_to_do(data: Path) -> None:
    discovery.publish(data, POINTER)
    discovery.withdraw(data)
    with pytest.raises(ServerUnreachable, match="pidalio up"):
        discovery.find(data.parent)


def test_a_damaged_pointer_is_none(data: Path) -> None:
    (data / "server.json").write_text("{")
    with pytest.raises(ServerUnreachable):
        discovery.find(data.parent)


def test_a_pointer_of_someone_else_is_not_followed(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    discovery.publish(data, POINTER)
    monkeypatch.setattr(os, "getuid", lambda: data.stat().st_uid + 1)
    with pytest.raises(ServerUnreachable):
        discovery.find(data.parent)


def test_sockets_are_short_stable_and_apart(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 100) / ("y" * 100)
    deep.mkdir(parents=True)
    found = discovery.run_directory(deep, {})
    assert found == discovery.run_directory(deep, {})
    assert found != discovery.run_directory(tmp_path, {})
    assert len(str(discovery.socket_path(found, "api"))) <= discovery.LONGEST_SOCKET_PATH


def test_the_users_runtime_folder_is_preferred_unless_it_is_long(tmp_path: Path) -> None:
    assert discovery.run_directory(tmp_path, {"XDG_RUNTIME_DIR": "/tmp"}).parent == Path("/tmp")
    long = tmp_path / ("z" * 60)
    long.mkdir()
    assert long not in discovery.run_directory(tmp_path, {"XDG_RUNTIME_DIR": str(long)}).parents


def test_a_path_that_no_socket_can_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="too long"):
        discovery.socket_path(tmp_path / ("z" * 100), "api")


def test_folders_are_private_and_links_are_refused(tmp_path: Path) -> None:
    made = discovery.make_private(tmp_path / "run")
    assert made.stat().st_mode & 0o777 == 0o700
    (tmp_path / "link").symlink_to(made)
    with pytest.raises(UsageError, match="not a folder of this user"):
        discovery.make_private(tmp_path / "link")


def test_the_token_is_made_once_and_is_private(data: Path) -> None:
    token = discovery.token_of(data)
    assert discovery.token_of(data) == token
    assert len(token) > 30
    assert (data / "token").stat().st_mode & 0o777 == 0o600


def test_a_mesh_that_starts_is_not_taken_for_none(data: Path) -> None:
    with _owned(data), pytest.raises(ServerUnreachable, match=rf"\(process {os.getpid()}\) is starting or ending"):
        discovery.find(data.parent / "below")
    with pytest.raises(ServerUnreachable, match="no mesh runs"):  # the number in the lock is left, its holder is not
        discovery.find(data.parent)
