"""What one change of the catalog did: edits for the database, writes for the history, reports for the user."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from pidalio.api.object import Object
from pidalio.derive import Table
from pidalio.model import ObjectRef, Report
from pidalio.store.sticky import Layouts


class Owner(msgspec.Struct, frozen=True, order=True):
    """Say who owns an object: a source (`files`, a platform's name, `api`) and its unit: a file's path, or empty.

    Of a platform the unit is its own affair, and users know it by its name.
    """

    source: str
    unit: str = ""

    def __str__(self) -> str:
        if self.source == API:
            return "the API"
        return self.unit or self.source if self.source == FILES else self.source


API: Final = "api"
"""The source of objects that were applied, not read from somewhere."""
FILES: Final = "files"
"""The source whose units are files."""


class Write(msgspec.Struct, frozen=True):
    """One object as it now stands: `object` None means removed; `owner` is who owns (or owned) it.

    `layouts` are those of its sticky rules.
    """

    ref: ObjectRef
    object: Object[Any] | None
    owner: Owner
    layouts: Layouts = ()


class Change(msgspec.Struct, frozen=True):
    """The result of one call of the catalog.

    `edits` is for `Database.apply`: by table and key the new row, None for removed; only what really differs.
    `writes` are the objects whose content or owner changed, for the history; `added`, `changed` and `removed`
    name those whose content did.
    `is_refused` says that nothing at all was done, and `reports` why (only `apply` and `delete` refuse).
    """

    edits: Mapping[Table[Any, Any], Mapping[Any, Any]] = {}
    writes: tuple[Write, ...] = ()
    added: tuple[ObjectRef, ...] = ()
    changed: tuple[ObjectRef, ...] = ()
    removed: tuple[ObjectRef, ...] = ()
    reports: tuple[Report, ...] = ()
    is_refused: bool = False

    @property
    def is_empty(self) -> bool:
        """Tell whether neither the compiler nor the history has anything to learn from it."""
        return not self.edits and not self.writes
