"""Owns the input tables and their indexes: what can be read, and what counts as having been read.

`Table` and `Index` are declarations without content; a `Database` holds the rows.
Invariant: every read inside a query leaves a cell, also when there was nothing to read,
and a cell is named for exactly what the answer depended on (one row, one index key, or the set of index keys).
"""

from collections.abc import Callable, Hashable, Iterable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec

from pidalio.derive.graph import Cell
from pidalio.derive.members import Members

if TYPE_CHECKING:
    from pidalio.derive.database import Database

K = TypeVar("K", bound=Hashable)
R = TypeVar("R")
I = TypeVar("I", bound=Hashable)  # noqa: E741 - the index key, beside Key and Row

_KEYS = object()  # names the cell of an index's set of keys
_WHOLE = ((),)  # under this one key a table's own index holds every row


class Table(msgspec.Struct, Generic[K, R], eq=False, gc=False):
    """One kind of input: rows of immutable values with `==`, by hashable keys that sort among each other.

    Tables are declared once and never go; untracked by the cycle collector, so that neither are the very many pairs of
    a table and a key.
    """

    name: str
    _whole: Any = None

    def __post_init__(self) -> None:
        self._whole = Index(self.name, self, lambda _key, _row: _WHOLE)

    def __repr__(self) -> str:
        return f"Table({self.name!r})"

    def get(self, world: "Database", key: K) -> R | None:
        """Return the row, or None; the reader wakes when this row changes, comes or goes."""
        content = world.tables[self]
        world.note(content.cells, key)
        row: R | None = content.rows.get(key)
        return row

    def keys(self, world: "Database") -> tuple[K, ...]:
        """Return all keys, sorted; the reader wakes when a row comes or goes, not when one changes."""
        keys: tuple[K, ...] = self._whole.keys(world, ())
        return keys

    def index(self, name: str, function: "Callable[[K, R], Iterable[I]]") -> "Index[I, K, R]":
        """Declare an index: `function(key, row)` is pure and gives the index keys of a row, or none."""
        return Index(f"{self.name}.{name}", self, function)


class Index(Generic[I, K, R]):
    """The keys of a table's rows by what `function` says of them."""

    def __init__(self, name: str, table: Table[K, R], function: Callable[[K, R], Iterable[I]]) -> None:
        self.name = name
        self.table = table
        self.function = function

    def __repr__(self) -> str:
        return f"Index({self.name!r})"

    def keys(self, world: "Database", index_key: I) -> tuple[K, ...]:
        """Return the keys of the rows under `index_key`, sorted; the reader wakes when one comes or goes."""
        content = world.tables[self.table].index(self)
        world.note(content.cells, index_key)
        members = content.members.get(index_key)
        return () if members is None else members.in_order()

    def index_keys(self, world: "Database") -> tuple[I, ...]:
        """Return the index keys that have rows, sorted; the reader wakes when one comes or goes."""
        content = world.tables[self.table].index(self)
        world.note(content.cells, _KEYS)
        return content.index_keys.in_order()


AnyTable = Table[Any, Any]
AnyIndex = Index[Any, Any, Any]


class Rows:
    """The content of one table in one database, and the cells of its readers."""

    __slots__ = ("cells", "indexes", "rows")

    def __init__(self) -> None:
        self.rows: dict[Any, Any] = {}
        self.cells: dict[Hashable, Cell] = {}
        self.indexes: dict[AnyIndex, Entries] = {}

    def index(self, index: AnyIndex) -> "Entries":
        """Return the content of `index`, made from the rows at its first use."""
        entries = self.indexes.get(index)
        if entries is None:
            entries = Entries()
            for key, row in self.rows.items():
                for index_key in dict.fromkeys(index.function(key, row)):
                    entries.flip(index_key, key, present=True)
            self.indexes[index] = entries
        return entries


class Entries:
    """The content of one index in one database, and the cells of its readers."""

    __slots__ = ("cells", "index_keys", "members")

    def __init__(self) -> None:
        self.members: dict[Any, Members] = {}
        self.index_keys = Members()
        self.cells: dict[Hashable, Cell] = {}

    def flip(self, index_key: Hashable, key: Hashable, *, present: bool) -> list[Cell]:
        """Put `key` under `index_key` or take it away; return the cells of what changed."""
        touched: list[Hashable] = [index_key]
        members = self.members.get(index_key)
        if members is None:
            members = self.members[index_key] = Members()
        members.flip(key, present)
        if members.size == present:  # the first one came, or the last one went
            self.index_keys.flip(index_key, present)
            touched.append(_KEYS)
            if not present:
                del self.members[index_key]
        return [self.cells[name] for name in touched if name in self.cells]
