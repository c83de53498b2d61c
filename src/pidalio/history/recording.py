"""How the embedded history writes a revision and drops old ones, inside a transaction that the caller opened.

Invariant: each change keeps what was before it, and a document stays as long as anything names it.
It stands between `sqlite`, which makes it durable, and the tables of `schema`.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from pidalio.errors import Conflict
from pidalio.history.documents import Document, document_of
from pidalio.history.records import Step, Version, compare, head, live, live_version, steps
from pidalio.history.revision import Retention, Revision
from pidalio.model import ObjectRef
from pidalio.store.change import Write


def record(
    database: sqlite3.Connection,
    writes: Sequence[Write],
    made: Revision,
    retention: Retention,
    *,
    complete: bool,
    expected: int | None,
) -> Revision:
    """Write one revision inside an open transaction and return it, or the newest when nothing changed."""
    newest = head(database)
    if expected is not None and expected != newest.number:
        raise Conflict(f"the newest revision is {newest.number}, not {expected}: read again what changed since")
    salt: bytes = database.execute("SELECT value FROM setting WHERE name = 'salt'").fetchone()[0]
    documents = {write.ref: document_of(write, salt) for write in writes if write.object is not None}
    done = tuple(sorted(_changes(database, writes, documents, complete=complete), key=lambda step: step.ref))
    if not done:
        return newest
    number = database.execute(
        "INSERT INTO revision (time, author, message) VALUES (?, ?, ?)", (made.time, made.author, made.message)
    ).lastrowid
    if number is None:
        raise sqlite3.InternalError("no number was given to a revision")
    for step in done:
        _write(database, number, step, documents.get(step.ref))
    prune(database, retention, made.time)
    changes = tuple((step.ref, step.action) for step in done)
    return msgspec.structs.replace(made, number=number, changes=changes)


def prune(database: sqlite3.Connection, retention: Retention, now: float) -> None:
    """Drop what the retention does not keep; the newest revision stays."""
    oldest = now - retention.seconds if retention.seconds is not None else 0.0
    rows = database.execute(
        """SELECT number FROM revision
           WHERE number < (SELECT max(number) FROM revision)
             AND (number <= (SELECT max(number) FROM revision) - ? OR time < ?)""",
        (max(retention.revisions, 1), oldest),
    ).fetchall()
    for (number,) in rows:
        hashes = {version.hash for step in steps(database, number) for version in (step.old, step.new) if version}
        database.execute("DELETE FROM change WHERE revision = ?", (number,))
        database.execute("DELETE FROM revision WHERE number = ?", (number,))
        database.executemany(
            """DELETE FROM blob WHERE hash = ?1
               AND NOT EXISTS (SELECT 1 FROM change WHERE old_hash = ?1)
               AND NOT EXISTS (SELECT 1 FROM change WHERE new_hash = ?1)
               AND NOT EXISTS (SELECT 1 FROM live WHERE hash = ?1)""",
            [(one,) for one in sorted(hashes)],
        )


def _changes(
    database: sqlite3.Connection, writes: Sequence[Write], documents: Mapping[ObjectRef, Document], *, complete: bool
) -> Iterator[Step]:
    if complete:
        new = {write.ref: Version(documents[write.ref].hash, write.owner) for write in writes if write.object}
        yield from compare(live(database), new)
        return
    for write in writes:
        document = documents.get(write.ref)
        after = Version(document.hash, write.owner) if document else None
        before = live_version(database, write.ref)
        if before != after:
            yield Step(write.ref, before, after)


def _write(database: sqlite3.Connection, number: int, step: Step, document: Document | None) -> None:
    name = (step.ref.kind, step.ref.namespace, step.ref.name)
    database.execute(
        "INSERT INTO change VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (number, *name, *_columns(step.old), *_columns(step.new)),
    )
    if step.new is None or document is None:
        database.execute("DELETE FROM live WHERE kind = ? AND namespace = ? AND name = ?", name)
        return
    database.execute("INSERT OR IGNORE INTO blob VALUES (?, ?)", (document.hash, document.body))
    database.execute("INSERT OR REPLACE INTO live VALUES (?, ?, ?, ?, ?, ?)", (*name, *_columns(step.new)))


def _columns(version: Version | None) -> tuple[str | None, str | None, str | None]:
    return (version.hash, version.owner.source, version.owner.unit) if version else (None, None, None)
