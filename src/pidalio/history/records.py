"""What the embedded history holds: plain questions to an open database, for one thread.

Invariant: `live` is what the newest revision holds, and every change keeps what was before it, so that each kept
revision can be reckoned back from `live`, whatever was pruned before it.
"""

import sqlite3
import sys
from collections.abc import Iterator, Sequence

import msgspec

from pidalio.errors import NotFound
from pidalio.history.documents import decode
from pidalio.history.revision import Action, Difference, Entry, Revision
from pidalio.model import ObjectRef
from pidalio.store.change import Owner


class Version(msgspec.Struct, frozen=True):
    """One version of an object: the hash of its document, and its owner."""

    hash: str
    owner: Owner


class Step(msgspec.Struct, frozen=True):
    """What a revision did to one object."""

    ref: ObjectRef
    old: Version | None
    new: Version | None

    @property
    def action(self) -> Action:
        """Return what led from `old` to `new`."""
        if self.old is None:
            return Action.ADDED
        if self.new is None:
            return Action.REMOVED
        return Action.MOVED if self.old.hash == self.new.hash else Action.CHANGED


def head(database: sqlite3.Connection) -> Revision:
    """Return the newest revision."""
    found = revisions(database, 1, None)
    return found[0] if found else Revision(0)


def revisions(database: sqlite3.Connection, limit: int, before: int | None) -> tuple[Revision, ...]:
    """Return up to `limit` revisions older than `before`, newest first."""
    rows = database.execute(
        "SELECT number, time, author, message FROM revision WHERE ? IS NULL OR number < ? ORDER BY number DESC LIMIT ?",
        (before, before, limit),
    ).fetchall()
    return tuple(
        Revision(number, when, author, message, tuple((step.ref, step.action) for step in steps(database, number)))
        for number, when, author, message in rows
    )


def revision(database: sqlite3.Connection, number: int) -> Revision:
    """Return one revision; raise `NotFound` for one that is not kept."""
    found = revisions(database, 1, number + 1)
    if not found or found[0].number != number:
        oldest, newest = database.execute("SELECT min(number), max(number) FROM revision").fetchone()
        kept = f"kept are {oldest} to {newest}" if newest else "none was recorded yet"
        raise NotFound(f"revision {number} is not kept: {kept}")
    return found[0]


def steps(database: sqlite3.Connection, number: int) -> tuple[Step, ...]:
    """Return what revision `number` did, in order of objects."""
    return tuple(_steps(database, number - 1, number))


def live(database: sqlite3.Connection) -> dict[ObjectRef, Version]:
    """Return the versions that the newest revision holds, in order of objects."""
    rows = database.execute("SELECT kind, namespace, name, hash, source, unit FROM live ORDER BY kind, namespace, name")
    return {ObjectRef(*row[:3]): Version(row[3], Owner(*row[4:])) for row in rows}


def live_version(database: sqlite3.Connection, ref: ObjectRef) -> Version | None:
    """Return the version of `ref` that the newest revision holds."""
    row = database.execute(
        "SELECT hash, source, unit FROM live WHERE kind = ? AND namespace = ? AND name = ?",
        (ref.kind, ref.namespace, ref.name),
    ).fetchone()
    return Version(row[0], Owner(*row[1:])) if row else None


def versions(database: sqlite3.Connection, number: int) -> dict[ObjectRef, Version]:
    """Return the versions that revision `number` held, in order of objects; 0 is before the first."""
    if number or (head(database).number and not _has(database, 1)):
        revision(database, number)
    found = live(database)
    for step in _steps(database, number, sys.maxsize):
        if step.old is None:
            found.pop(step.ref, None)
        else:
            found[step.ref] = step.old
    return dict(sorted(found.items()))


def entries(database: sqlite3.Connection, found: dict[ObjectRef, Version]) -> tuple[Entry, ...]:
    """Return `found` with its documents."""
    return tuple(_entry(database, ref, version) for ref, version in found.items())


def differences(database: sqlite3.Connection, compared: Sequence[Step]) -> tuple[Difference, ...]:
    """Return `compared` with its documents."""
    return tuple(
        Difference(
            step.ref,
            _entry(database, step.ref, step.old) if step.old else None,
            _entry(database, step.ref, step.new) if step.new else None,
        )
        for step in compared
    )


def compare(old: dict[ObjectRef, Version], new: dict[ObjectRef, Version]) -> tuple[Step, ...]:
    """Return how two states differ, in order of objects."""
    pairs = ((ref, old.get(ref), new.get(ref)) for ref in sorted({**old, **new}))
    return tuple(Step(ref, before, after) for ref, before, after in pairs if before != after)


def _has(database: sqlite3.Connection, number: int) -> bool:
    return database.execute("SELECT 1 FROM revision WHERE number = ?", (number,)).fetchone() is not None


def _steps(database: sqlite3.Connection, after: int, last: int) -> Iterator[Step]:
    """Yield the steps of the revisions after `after` up to `last`, newest revision first, in order of objects."""
    rows = database.execute(
        """SELECT kind, namespace, name, old_hash, old_source, old_unit, new_hash, new_source, new_unit FROM change
           WHERE revision > ? AND revision <= ? ORDER BY revision DESC, kind, namespace, name""",
        (after, last),
    )
    for row in rows:
        yield Step(ObjectRef(*row[:3]), _version(row[3:6]), _version(row[6:9]))


def _version(columns: Sequence[str | None]) -> Version | None:
    digest, source, unit = columns
    return None if digest is None else Version(digest, Owner(source or "", unit or ""))


def _entry(database: sqlite3.Connection, ref: ObjectRef, version: Version) -> Entry:
    row = database.execute("SELECT body FROM blob WHERE hash = ?", (version.hash,)).fetchone()
    if row is None:
        raise sqlite3.DatabaseError(f"the document of {ref} is missing")
    return Entry(ref, version.owner, decode(row[0]))
