"""Who contributes which row: objects and platforms side by side, and one effective row for each key.

Invariant: the effective row of a key is that of its first contributor in a fixed order (objects by kind, namespace
and name, then platforms by name), whatever the order in which they came.
It stands between the catalog's live objects and the database's input tables.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

from pidalio.derive import Table
from pidalio.model import ObjectRef
from pidalio.store.journal import Journal

AnyTable: TypeAlias = Table[Any, Any]
Rows: TypeAlias = Mapping[AnyTable, Mapping[Any, Any]]
Contributor: TypeAlias = tuple[int, str, str, str]
"""Rank (0 object, 1 platform), then kind, namespace and name, or the platform's name."""
Slot: TypeAlias = tuple[AnyTable, Any]
"""A table and a key in it."""


def object_contributor(ref: ObjectRef) -> Contributor:
    """Return the place of `ref` in the order of contributors."""
    return (0, ref.kind, ref.namespace, ref.name)


def feed_contributor(source: str) -> Contributor:
    """Return the place of the platform `source` in the order of contributors."""
    return (1, source, "", "")


class Contributions:
    """Hold every contributor's rows and collect what changes for the database."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._rows: dict[Contributor, dict[Slot, Any]] = {}
        self._holders: dict[Slot, tuple[Contributor, ...]] = {}
        self._former: dict[Slot, Any] = {}
        self._same: dict[tuple[Contributor, ...], tuple[Contributor, ...]] = {}  # platforms: few, of very many slots

    def replace(self, contributor: Contributor, rows: Rows) -> None:
        """Make `rows` all that `contributor` contributes."""
        new = {(table, key): row for table, by_key in rows.items() for key, row in by_key.items()}
        for slot in [slot for slot in self._rows.get(contributor, ()) if slot not in new]:
            self._put(contributor, slot, None)
        for slot, row in new.items():
            self._put(contributor, slot, row)

    def update(self, contributor: Contributor, rows: Rows) -> None:
        """Change the named rows of `contributor`; None removes one."""
        for table, by_key in rows.items():
            for key, row in by_key.items():
                self._put(contributor, (table, key), row)

    def of(self, contributor: Contributor) -> Mapping[Slot, Any]:
        """Return all that `contributor` contributes."""
        return self._rows.get(contributor, {})

    def collect(self) -> dict[AnyTable, dict[Any, Any]]:
        """Return what changed since the last call, by table and key (None: removed), and start anew."""
        edits: dict[AnyTable, dict[Any, Any]] = {}
        for (table, key), former in self._former.items():
            row = self._effective((table, key))
            if row != former:
                edits.setdefault(table, {})[key] = row
        self._former = {}
        return edits

    def _put(self, contributor: Contributor, slot: Slot, row: Any | None) -> None:
        own = self._rows.get(contributor, {})
        if own.get(slot) == row:
            return
        self._former.setdefault(slot, self._effective(slot))
        if contributor not in self._rows:
            self._journal.put(self._rows, contributor, own)
        self._journal.put(own, slot, row)
        holders = set(self._holders.get(slot, ()))
        holders.discard(contributor) if row is None else holders.add(contributor)
        who = tuple(sorted(holders))
        if who and who[0][0]:
            who = self._same.setdefault(who, who)
        self._journal.put(self._holders, slot, who or None)
        if not own:
            self._journal.put(self._rows, contributor, None)

    def _effective(self, slot: Slot) -> Any | None:
        holders = self._holders.get(slot)
        return self._rows[holders[0]][slot] if holders else None
