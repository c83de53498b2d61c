"""Read kubeconfig: one file or several, merged as kubectl does it, and the context that is meant.

Invariant: every mistake is one line with the file, and with its line where YAML itself is wrong.
Source of the rule: Kubernetes' "Organizing Cluster Access Using kubeconfig Files": the first file to set a value or a
name wins; paths are relative to the file that states them; files of a list that do not exist are passed over.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from pidalio.api.yaml_reader import read
from pidalio.errors import PlatformUnavailable
from pidalio.platforms.kubernetes.connecting.target import Cluster, Plugin, Target, User

_PATHS_OF_CLUSTER: Final = ("certificate_authority",)
_PATHS_OF_USER: Final = ("token_file", "client_certificate", "client_key")
_T = TypeVar("_T", bound=msgspec.Struct)


class _Context(msgspec.Struct, frozen=True):
    cluster: str = ""
    user: str = ""
    namespace: str = ""


class _Entry(msgspec.Struct, frozen=True):
    name: str
    cluster: dict[str, Any] | None = None
    user: dict[str, Any] | None = None
    context: dict[str, Any] | None = None


class _File(msgspec.Struct, frozen=True, rename="kebab"):
    current_context: str | None = ""
    clusters: list[_Entry] | None = None
    users: list[_Entry] | None = None
    contexts: list[_Entry] | None = None


class _Merged:
    """All files together: each part with the file that states it."""

    def __init__(self) -> None:
        self.current = ""
        self.clusters: dict[str, tuple[Path, Any]] = {}
        self.users: dict[str, tuple[Path, Any]] = {}
        self.contexts: dict[str, tuple[Path, Any]] = {}

    def add(self, path: Path, file: _File) -> None:
        self.current = self.current or file.current_context or ""
        for one in file.clusters or ():
            self.clusters.setdefault(one.name, (path, one.cluster or {}))
        for one in file.users or ():
            self.users.setdefault(one.name, (path, one.user or {}))
        for one in file.contexts or ():
            self.contexts.setdefault(one.name, (path, one.context or {}))


def chosen(files: Sequence[Path], context: str = "") -> Target:
    """Return what `context` (empty: the current one) of `files` means; raise `PlatformUnavailable`, one line."""
    there = [path for path in files if path.exists()] if len(files) > 1 else list(files)
    if not there:
        raise _wrong(f"no kubeconfig: none of {', '.join(map(str, files))} exists")
    merged = _Merged()
    for path in there:
        merged.add(path, _read(path))
    return _target(merged, context, ", ".join(map(str, there)))


def _read(path: Path) -> _File:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise _wrong(f"kubeconfig {path} cannot be read: {error.strerror}") from error
    reading = read(data, str(path))
    reports = (*reading.reports, *(report for one in reading.documents for report in one.reports))
    if reports:
        first = reports[0]
        line = f":{first.place.line}" if first.place else ""
        raise _wrong(f"kubeconfig {path}{line}: {first.message}")
    if not reading.documents:
        raise _wrong(f"kubeconfig {path} is empty")
    if len(reading.documents) > 1:
        raise _wrong(f"kubeconfig {path} has several YAML documents: there is one in a kubeconfig")
    return _converted(reading.documents[0].tree, _File, f"kubeconfig {path}")


def _target(merged: _Merged, context: str, files: str) -> Target:
    name = context or merged.current
    if not name:
        raise _wrong(f"kubeconfig {files} has no current-context: state one of {_names(merged.contexts)}")
    path, tree = _named(merged.contexts, name, f"kubeconfig {files}: no context")
    stated = _converted(tree, _Context, f"kubeconfig {path}: context {name}")
    said = f"kubeconfig {path}: context {name}"
    where, tree = _named(merged.clusters, stated.cluster, f"{said}: no cluster")
    cluster = _converted(tree, Cluster, f"kubeconfig {where}: cluster {stated.cluster}")
    if not cluster.server.startswith(("https://", "http://")):
        shown = f"{cluster.server!r} is not a URL" if cluster.server else "is missing"
        raise _wrong(f"kubeconfig {where}: cluster {stated.cluster}: server {shown}: write https://HOST:PORT")
    user = User()
    place = where
    if stated.user:
        place, tree = _named(merged.users, stated.user, f"{said}: no user")
        user = _converted(tree, User, f"kubeconfig {place}: user {stated.user}")
        _check_user(user, f"kubeconfig {place}: user {stated.user}")
    return Target(
        said,
        _absolute(cluster, where, _PATHS_OF_CLUSTER),
        _plugged(_absolute(user, place, _PATHS_OF_USER), place),
        stated.namespace or "default",
    )


def _check_user(user: User, said: str) -> None:
    if user.auth_provider is not None:
        raise _wrong(f"{said}: auth-provider was removed from Kubernetes in 1.26: use an exec plugin, or a token")
    if user.impersonated:
        raise _wrong(f"{said}: acting as another user (as: {user.impersonated}) is not supported: use its credentials")
    if bool(user.client_certificate or user.client_certificate_data) != bool(user.client_key or user.client_key_data):
        raise _wrong(f"{said}: client-certificate and client-key go together")
    if user.exec is not None and user.exec.interactive_mode == "Always":
        raise _wrong(f"{said}: {user.exec.command} needs a terminal (interactiveMode: Always), and there is none")


def _absolute(value: _T, file: Path, fields: Sequence[str]) -> _T:
    """Return `value` with its paths relative to the folder of the file that states them."""
    paths = {name: str(file.parent / getattr(value, name)) for name in fields if getattr(value, name)}
    return msgspec.structs.replace(value, **paths)


def _plugged(user: User, file: Path) -> User:
    """Return `user` with the command of its plugin as a path where it is one, not a name to be searched."""
    if user.exec is None or "/" not in user.exec.command:
        return user
    plugin: Plugin = msgspec.structs.replace(user.exec, command=str(file.parent / user.exec.command))
    return msgspec.structs.replace(user, exec=plugin)


def _named(known: dict[str, tuple[Path, Any]], name: str, missing: str) -> tuple[Path, Any]:
    if name not in known:
        raise _wrong(f"{missing} {name!r}: there are {_names(known)}")
    return known[name]


def _names(known: dict[str, Any]) -> str:
    return ", ".join(sorted(known)) or "none"


def _converted(tree: Any, type_: type[_T], said: str) -> _T:
    # null means the same as a field that is not there, as everywhere in Kubernetes
    stated = {key: value for key, value in tree.items() if value is not None} if isinstance(tree, dict) else tree
    try:
        return msgspec.convert(stated, type_)
    except msgspec.ValidationError as error:
        raise _wrong(f"{said}: {error}") from error


def _wrong(message: str) -> PlatformUnavailable:
    return PlatformUnavailable(message, is_lasting=True)
