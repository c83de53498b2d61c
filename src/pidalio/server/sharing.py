"""Where registered instances are kept: in the folder of this control plane, or where all that share them look."""

from pathlib import Path
from typing import Final

from pidalio.errors import UsageError
from pidalio.platforms.etcd.entries import PREFIX, EtcdEntries
from pidalio.platforms.etcd.settings import EtcdSettings
from pidalio.platforms.installed import from_option
from pidalio.platforms.vm import EntryStore, FileStore

_FILE: Final = "registrations.json"


def entry_store(option: str, data: Path, me: str) -> EntryStore:
    """Return the store that `etcd=URL[?FIELD=VALUE&…]` names, else a file in `data`; raise `UsageError` for others.

    `me` is the id of this control plane.
    """
    if not option:
        return FileStore(data / _FILE)
    settings = _settings(option)
    own = settings.prefix != EtcdSettings().prefix
    return EtcdEntries(settings, me, prefix=settings.root() if own else PREFIX)


def _settings(option: str) -> EtcdSettings:
    """Return where entries are shared; raise `UsageError`, one line, for what is no such place."""
    if option.partition("=")[0].partition("?")[0] != "etcd":
        raise UsageError(f"--registrations {option}: instances are shared by etcd: write etcd=http://HOST:2379")
    try:
        settings = from_option(option).settings
    except UsageError as error:
        raise UsageError(str(error).replace("--platform", "--registrations", 1)) from error
    assert isinstance(settings, EtcdSettings)  # noqa: S101 - the kind was asked for by its name
    return settings
