"""Revisions of what users wrote, durable before they are acknowledged: SQLite here, etcd behind the same interface."""

from pidalio.history.replay import Replay, Restoration, replay, restoration
from pidalio.history.revision import Action, Difference, Entry, History, Retention, Revision
from pidalio.history.sqlite import SqliteHistory

__all__ = [
    "Action",
    "Difference",
    "Entry",
    "History",
    "Replay",
    "Restoration",
    "Retention",
    "Revision",
    "SqliteHistory",
    "replay",
    "restoration",
]
