"""Settings of a control plane in a file: YAML with the names of `ServerSettings` in JSON's spelling, and `platforms`.

Invariant: what a flag says counts instead of what the file says, and every mistake is one line that begins with
`file:line`. Paths in it are relative to the folder that the command runs in, as on its command line.
"""

import functools
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from pidalio.api.convert import nearest
from pidalio.api.names import is_dns_label
from pidalio.api.places import Places, join
from pidalio.api.yaml_reader import read
from pidalio.errors import UsageError
from pidalio.platforms.installed import Configured, check_names, from_tree
from pidalio.settings import ServerSettings, TlsPaths

_FLAG: Final = re.compile(r"--([a-z-]+)")


class _Tls(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """PEM files of this server, and of the CA of its callers."""

    cert: str
    key: str
    ca: str


class _Stated(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a file may say."""

    files: tuple[str, ...] | UnsetType = UNSET
    namespace: str | UnsetType = UNSET
    xds_address: str | UnsetType = UNSET
    api_address: str | UnsetType = UNSET
    tls: _Tls | UnsetType = UNSET
    minimum_healthy: int | UnsetType = UNSET
    start_timeout: float | UnsetType = UNSET
    registrations: str | UnsetType = UNSET
    registration_grace: float | UnsetType = UNSET
    platforms: tuple[dict[str, Any], ...] | UnsetType = UNSET


_NAMES: Final = {one.name: one.encode_name for one in msgspec.structs.fields(_Stated)}


class SettingsFile(msgspec.Struct, frozen=True):
    """What a settings file says: values by the field of `ServerSettings`, the platforms, and where each is written."""

    stated: Mapping[str, Any] = {}
    platforms: tuple[Configured, ...] = ()
    places: Places = Places("", 0)

    def settings(self, folder: Path, flags: Mapping[str, Any]) -> ServerSettings:
        """Return the settings of a control plane, checked; `flags` are those that the user gave."""
        settings = ServerSettings(folder=folder, **{**self.stated, **flags})
        try:
            settings.check()
        except UsageError as error:
            flag = _FLAG.search(str(error))
            field = flag[1].replace("-", "_") if flag else ""
            if field in self.stated and field not in flags:
                raise UsageError(f"{self.places.place(_NAMES[field])}: {error}") from error
            raise
        return settings

    def require_only(self, fields: Collection[str], command: str) -> None:
        """Raise `UsageError` where the file says something that has no meaning for a command."""
        for field in self.stated:
            if field not in fields:
                raise UsageError(f"{self.places.place(_NAMES[field])}: {_NAMES[field]} has no meaning for {command}")


def read_settings(path: Path) -> SettingsFile:
    """Return what a settings file says; raise `UsageError`, one line, for the first mistake."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: it cannot be read: {error.strerror}") from error
    reading = read(data, str(path))
    documents = reading.documents
    for report in (*reading.reports, *(each for one in documents for each in one.reports)):
        raise UsageError(f"{report.place or path}: {report.message}")
    if len(documents) > 1:
        raise UsageError(f"{documents[1].places.place('')}: one document is enough for settings")
    tree = documents[0].tree if documents else {}
    places = documents[0].places if documents else Places(str(path), 1)
    if not isinstance(tree, dict):
        raise UsageError(f"{places.place('')}: settings are a map: write `platforms:` and the like")
    stated = _values(tree, places)
    platforms = _platforms(stated.pop("platforms", ()), places)
    return SettingsFile(stated, platforms, places)


def _values(tree: Mapping[str, Any], places: Places) -> dict[str, Any]:
    """Return the values by the name of their field."""
    known = {encoded: name for name, encoded in _NAMES.items()}
    found: dict[str, Any] = {}
    for key, value in tree.items():
        if key not in known:
            hint = nearest(key, known) or f": there are {', '.join(known)}"
            raise UsageError(f"{places.place(join('', key))}: no setting {key!r}{hint}")
        try:
            one = getattr(msgspec.convert({key: value}, _Stated), known[key])
        except msgspec.ValidationError as error:
            what, _, where = str(error).partition(" - at `$.")
            raise UsageError(f"{places.place(where.removesuffix('`') or key)}: {key}: {what}") from error
        found[known[key]] = TlsPaths(Path(one.cert), Path(one.key), Path(one.ca)) if isinstance(one, _Tls) else one
    if not is_dns_label(found.get("namespace", "default")):
        raise UsageError(f"{places.place('namespace')}: {found['namespace']!r} is no namespace")
    return found


def _place(places: Places, path: str, field: str) -> str:
    return str(places.place(join(path, field) if field else path))


def _platforms(stated: Collection[Mapping[str, Any]], places: Places) -> tuple[Configured, ...]:
    """Return the platforms, in the order in which they are written."""
    found: list[Configured] = []
    for number, one in enumerate(stated):
        path = join("platforms", number)
        found.append(from_tree(one, functools.partial(_place, places, path)))
        try:
            check_names(tuple(found))
        except UsageError as error:
            raise UsageError(f"{places.place(path)}: {error}") from error
    return tuple(found)
