"""Which kinds of platform there are: those that come with Pidalio, and those that other packages bring.

A package brings one by an entry point of the group `pidalio.platforms` whose value is a `Kind`. Nothing is imported
before it is asked for by name. `--platform KIND[=VALUE][?field=value&…]` and a list in a settings file mean the same.
"""

import importlib
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec

from pidalio.api.convert import nearest
from pidalio.errors import UsageError
from pidalio.platforms.adapter import Adapter, AdapterSettings, Kind

GROUP: Final = "pidalio.platforms"
_OWN: Final[Mapping[str, str]] = {
    "cloudfoundry": "pidalio.platforms.cloudfoundry",
    "consul": "pidalio.platforms.consul",
    "etcd": "pidalio.platforms.etcd",
    "eureka": "pidalio.platforms.eureka",
    "kubernetes": "pidalio.platforms.kubernetes",
    "mesos": "pidalio.platforms.mesos",
    "nomad": "pidalio.platforms.nomad",
    "zookeeper": "pidalio.platforms.zookeeper",
}
"""Module of each kind that comes with Pidalio; its `KIND` is what is meant."""
_NONE: Final[Mapping[str, str]] = {
    "files": "files are named as PATHS, without --platform",
    "vm": "machines register themselves, without --platform (`pidalio agent --group`)",
}
"""What needs no platform, and how it comes into the mesh."""


class Configured(msgspec.Struct, frozen=True):
    """One platform that is to be followed."""

    kind: Kind
    settings: AdapterSettings

    @property
    def name(self) -> str:
        """Return what it is called in status and reports."""
        return self.settings.name or self.kind.name

    def adapter(self) -> Adapter:
        """Return its adapter."""
        return self.kind.build(self.settings)


def names() -> tuple[str, ...]:
    """Return the names of all kinds, sorted."""
    return tuple(sorted({*_OWN, *(one.name for one in entry_points(group=GROUP))}))


def kind_named(name: str) -> Kind:
    """Return a kind; raise `UsageError` when there is none of that name, or it cannot be loaded."""
    if name in _OWN:
        found: object = importlib.import_module(_OWN[name]).KIND
    else:
        entries = tuple(entry_points(group=GROUP, name=name))
        if not entries:
            hint = _NONE.get(name, f"there are {', '.join(names())}")
            raise UsageError(f"no kind of platform {name!r}: {hint}")
        try:
            found = entries[0].load()
        except Exception as error:  # what another package does at import is not known
            raise UsageError(f"platform {name}: {entries[0].value} cannot be loaded: {error!r}") from error
    if not isinstance(found, Kind):
        raise UsageError(f"platform {name}: the entry point is no pidalio.platforms.adapter.Kind")
    return found


def from_option(text: str) -> Configured:
    """Return what `KIND[=VALUE][?field=value&…]` means; raise `UsageError`, one line, for anything else.

    The value ends at the first `?`; those that follow are part of a field.
    """
    head, _, query = text.partition("?")
    name, equals, value = head.partition("=")
    kind = kind_named(name)
    fields: dict[str, Any] = {}
    for field, stated in parse_qsl(query, keep_blank_values=True):
        if field in fields:
            raise UsageError(f"--platform {text}: {field} is stated twice")
        fields[field] = stated
    if equals:
        fields[kind.main] = value
    return _configured(kind, fields, lambda _: f"--platform {text}")


def from_tree(tree: Mapping[str, Any], where: Callable[[str], str]) -> Configured:
    """Return what a map of a settings file means (`kind`, and the fields of its settings).

    Raise `UsageError`, one line that begins with `where(field)`: the place of a field ("" for all of the map).
    """
    stated = dict(tree)
    name = stated.pop("kind", None)
    if not isinstance(name, str):
        raise UsageError(f"{where('kind')}: kind is missing: one of {', '.join(names())}")
    try:
        kind = kind_named(name)
    except UsageError as error:
        raise UsageError(f"{where('kind')}: {error}") from error
    return _configured(kind, stated, where)


def _configured(kind: Kind, fields: Mapping[str, Any], where: Callable[[str], str]) -> Configured:
    known = [one.encode_name for one in msgspec.structs.fields(kind.settings)]
    for field in fields:
        if field not in known:
            near = nearest(field, known) or f": there are {', '.join(known)}"
            raise UsageError(f"{where(field)}: {kind.name}: no field {field!r}{near}")
    try:
        settings = msgspec.convert(dict(fields), kind.settings, strict=False)
    except msgspec.ValidationError as error:
        what, _, path = str(error).partition(" - at `$.")
        field = path.removesuffix("`")
        raise UsageError(f"{where(field)}: {kind.name}: {f'{field}: ' if field else ''}{what}") from error
    try:
        settings.check()
    except UsageError as error:
        raise UsageError(f"{where(str(error).partition(':')[0])}: {kind.name}: {error}") from error
    return Configured(kind, settings)


def check_names(platforms: tuple[Configured, ...]) -> None:
    """Raise `UsageError` when two platforms have one name, or one that means something else already."""
    seen: set[str] = {"files", "api", "agents", "local"}
    for one in platforms:
        if one.name in seen:
            raise UsageError(f"two platforms are called {one.name!r}: give one of them another `name`")
        seen.add(one.name)
