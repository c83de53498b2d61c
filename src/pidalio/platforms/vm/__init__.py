"""Instances on machines of any kind, which register themselves: by a lease, or by the stream of their proxy."""

from pidalio.platforms.vm.entry import KIND, SOURCE, Bound, Entry, EntryStore, Seen, Stored, Superseded
from pidalio.platforms.vm.file_store import FileStore
from pidalio.platforms.vm.held import Times
from pidalio.platforms.vm.registrations import LONGEST, Registrations

__all__ = [
    "KIND",
    "LONGEST",
    "SOURCE",
    "Bound",
    "Entry",
    "EntryStore",
    "FileStore",
    "Registrations",
    "Seen",
    "Stored",
    "Superseded",
    "Times",
]
