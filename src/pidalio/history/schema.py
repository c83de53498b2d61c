"""The file of the embedded history: opened by one process, checked, and laid out.

Invariant: the file is locked for as long as it is open, and every commit is on disk before it returns.
It stands under `records`; failures of SQLite become one line that says what to do.
"""

import os
import secrets
import sqlite3
from pathlib import Path
from typing import Final

from pidalio.errors import HistoryUnavailable

_APPLICATION: Final = 0x50494441  # "PIDA"
_LAYOUT: Final = 1
_TABLES: Final = """
CREATE TABLE setting (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE blob (hash TEXT PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE revision (
  number INTEGER PRIMARY KEY AUTOINCREMENT, time REAL NOT NULL, author TEXT NOT NULL, message TEXT NOT NULL
);
CREATE TABLE change (
  revision INTEGER NOT NULL, kind TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
  old_hash TEXT, old_source TEXT, old_unit TEXT, new_hash TEXT, new_source TEXT, new_unit TEXT,
  PRIMARY KEY (revision, kind, namespace, name)
) WITHOUT ROWID;
CREATE INDEX change_old ON change (old_hash);
CREATE INDEX change_new ON change (new_hash);
CREATE TABLE live (
  kind TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
  hash TEXT NOT NULL, source TEXT NOT NULL, unit TEXT NOT NULL,
  PRIMARY KEY (kind, namespace, name)
) WITHOUT ROWID;
CREATE INDEX live_hash ON live (hash);
"""
_ADVICE: Final = {
    sqlite3.SQLITE_FULL: "the disk is full: free some space; nothing was changed",
    sqlite3.SQLITE_IOERR: "the disk cannot be written: check its space and health; nothing was changed",
    sqlite3.SQLITE_BUSY: "another process uses it: is a second pidalio running here?",
    sqlite3.SQLITE_LOCKED: "another process uses it: is a second pidalio running here?",
    sqlite3.SQLITE_CORRUPT: "it is damaged: move it away, and a new one begins with what the files say",
    sqlite3.SQLITE_NOTADB: "it is no history: move it away or name another file",
    sqlite3.SQLITE_READONLY: "it may not be written: check its permissions",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened: check that its folder exists and may be written",
    sqlite3.SQLITE_PERM: "it may not be opened: check its permissions",
}


def open_database(path: Path, wait: float) -> sqlite3.Connection:
    """Open or make the history at `path`, waiting up to `wait` seconds for another process to let go.

    Raise `HistoryUnavailable` when it is held, damaged, of another program, or cannot be written.
    """
    try:
        _make_file(path)
        database = sqlite3.connect(path, timeout=wait, isolation_level=None)
    except (OSError, sqlite3.Error) as error:
        raise unavailable(path, error) from error
    try:
        _prepare(path, database)
    except (sqlite3.Error, HistoryUnavailable) as error:
        database.close()
        raise unavailable(path, error) from error
    return database


def unavailable(path: Path, error: Exception) -> HistoryUnavailable:
    """Return the one line for a failure of the file at `path`."""
    if isinstance(error, HistoryUnavailable):
        return error
    if isinstance(error, OSError):
        return HistoryUnavailable(f"history {path}: {error.strerror or error}; nothing was changed")
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return HistoryUnavailable(f"history {path}: {_ADVICE.get(code, f'{error}; nothing was changed')}")


def _make_file(path: Path) -> None:
    """Make an empty file that only its owner can read, and make its name durable."""
    if path.exists():
        return
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _prepare(path: Path, database: sqlite3.Connection) -> None:
    database.execute("PRAGMA locking_mode = EXCLUSIVE")
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute("BEGIN EXCLUSIVE")
    application = database.execute("PRAGMA application_id").fetchone()[0]
    layout = database.execute("PRAGMA user_version").fetchone()[0]
    if not database.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
        _lay_out(database)
    elif application != _APPLICATION:
        raise HistoryUnavailable(f"history {path}: {_ADVICE[sqlite3.SQLITE_NOTADB]}")
    elif layout != _LAYOUT:
        raise HistoryUnavailable(f"history {path}: layout {layout} is of another pidalio: use that, or move it away")
    database.execute("COMMIT")
    if database.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
        raise HistoryUnavailable(f"history {path}: {_ADVICE[sqlite3.SQLITE_CORRUPT]}")


def _lay_out(database: sqlite3.Connection) -> None:
    for statement in filter(str.strip, _TABLES.split(";")):
        database.execute(statement)
    database.execute("INSERT INTO setting VALUES ('salt', ?)", (secrets.token_bytes(32),))
    database.execute(f"PRAGMA application_id = {_APPLICATION}")
    database.execute(f"PRAGMA user_version = {_LAYOUT}")
