"""What a mesh is started with, and what one line refuses before anything is started."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from pidalio.envoy.executable import check_version, find_envoy
from pidalio.errors import UsageError
from pidalio.platforms.files.finding import Root, find
from pidalio.platforms.installed import Configured


class MeshOptions(msgspec.Struct, frozen=True):
    """What to run: `paths` are files and folders, `folder` is whose `.pidalio` keeps the data.

    `envoy` names an executable (empty: `find_envoy`), which may be of any version with `any_version`;
    `drain` is how long callers are given at the end, in seconds. `platforms` are followed beside the files;
    `minimum_healthy` and `start_timeout` are those of `ServerSettings`.
    """

    paths: tuple[str, ...] = (".",)
    folder: Path = Path()
    namespace: str = "default"
    envoy: str = ""
    any_version: bool = False
    drain: float = 2.0
    platforms: tuple[Configured, ...] = ()
    minimum_healthy: int = 20
    start_timeout: float = 10.0


def require_files(paths: Sequence[str]) -> None:
    """Raise `UsageError` where a path does not exist, or no file of the mesh is under any."""
    for path in paths:
        if not path or not Path(path).exists():
            what = f"{path or repr(path)}: no such file or folder"
            raise UsageError(f"{what}: name what holds the mesh, or make one: pidalio init")
    if not find([Root.of(path) for path in paths]).files:
        raise UsageError(f"no YAML files in {', '.join(paths)}: make a first mesh with `pidalio init`")


def usable_envoy(options: MeshOptions) -> Path:
    """Return the executable; raise `EnvoyError` when there is none, or one of another version."""
    executable = find_envoy(options.envoy).absolute()
    if not options.any_version:
        check_version(executable)
    return executable
