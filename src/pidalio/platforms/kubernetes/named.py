"""Services, nodes and namespaces of a cluster: what callers name, where pods are, and which of them are read."""

from collections.abc import Awaitable, Callable, Collection
from typing import Any

import msgspec

from pidalio.api.object import Object
from pidalio.api.parse import Skipped, parse
from pidalio.api.places import Places
from pidalio.api.yaml_reader import Document
from pidalio.derive import Table
from pidalio.model import NETWORK
from pidalio.platforms.adapter import Feed, Rows
from pidalio.platforms.kubernetes.cluster import SYSTEM, Changed, Cluster
from pidalio.platforms.kubernetes.messages import Families, Head, Metadata, decoded
from pidalio.platforms.kubernetes.mirrors import RowMirror, Selects
from pidalio.platforms.kubernetes.reading.reflector import Items, Key
from pidalio.platforms.turns import Turns
from pidalio.store import tables
from pidalio.store.kubernetes_rows import service_rows


class Declared(msgspec.Struct, frozen=True, gc=False):
    """A service as it is kept: its row, where that goes, and the families of its addresses.

    A second name that stands for nothing has no row.
    """

    table: Table[Any, Any]
    key: tables.ServiceKey
    row: Any
    families: tuple[str, ...]


class Services(RowMirror):
    """Services become services, or second names of others."""

    kind = "Service"
    tables = (tables.SERVICES, tables.ALIASES)

    def __init__(self, cluster: Cluster, feed: Feed, selects: Selects, namespace: str = "") -> None:
        super().__init__(cluster, feed, selects, namespace)
        self._known: dict[Key, Declared] = {}

    def read(self, item: msgspec.Raw) -> tuple[Metadata, Declared | None]:
        """Return a service as it is kept; raise `ValueError` for what it must not hold."""
        tree = msgspec.json.decode(item)
        parsed = parse(Document({"apiVersion": "v1", **tree, "kind": "Service"}, Places("", 0), ()))
        metadata = msgspec.convert(tree.get("metadata", {}), Metadata)
        if isinstance(parsed, Skipped) or parsed.object is None:
            wrong = () if isinstance(parsed, Skipped) else parsed.reports
            raise ValueError("; ".join(f"{one.path}: {one.message}" for one in wrong))
        families = msgspec.convert(tree.get("spec") or {}, Families).ip_families
        read: tuple[Metadata, Declared | None] = self._read(metadata, self._declared(parsed.object, families))
        if parsed.reports and read[1] is not None:
            self.tell((metadata.namespace, metadata.name), *parsed.reports)
        return read

    def _declared(self, item: Object[Any], families: tuple[str, ...]) -> Declared:
        origin = self._cluster.origin
        for table, rows in service_rows(item, origin.domain, f"{origin.platform}/{item.ref}").items():
            for key, row in rows.items():
                return Declared(table, key, row, families)
        return Declared(tables.ALIASES, (item.meta.name, item.meta.namespace, ""), None, families)

    def kept(self, key: Key) -> Declared | None:
        """Return a service."""
        return self._known.get(key)

    def keys(self) -> Collection[Key]:
        """Return all services."""
        return self._known.keys()

    def take(self, key: Key, item: Declared | None) -> Changed:
        """Take over a service; one that became something else is that alone."""
        former = self._known.pop(key, None)
        rows: Changed = {former.table: {former.key: None}} if former else {}
        if item is not None:
            self._known[key] = item
            rows.setdefault(item.table, {})[item.key] = item.row
        self._cluster.put_families(key, item.families if item else ())
        return rows

    async def rows(self, items: Items) -> Rows:
        """Return the rows of all services."""
        rows: Changed = {table: {} for table in self.tables}
        turns = Turns()
        for one in items.values():
            rows[one.table][one.key] = one.row
            await turns.give()
        return rows


class Nodes(RowMirror):
    """Nodes say where their pods are."""

    kind = "Node"

    def __init__(self, cluster: Cluster, feed: Feed, selects: Selects) -> None:
        super().__init__(cluster, feed, selects)
        self._known: dict[Key, dict[str, str]] = {}

    def read(self, item: msgspec.Raw) -> tuple[Metadata, dict[str, str]]:
        """Return the labels of a node."""
        metadata = decoded(item, Head).metadata
        self.mend((metadata.namespace, metadata.name))
        return metadata, metadata.labels

    def kept(self, key: Key) -> dict[str, str] | None:
        """Return the labels of a node."""
        return self._known.get(key)

    def keys(self) -> Collection[Key]:
        """Return all nodes."""
        return self._known.keys()

    def take(self, key: Key, item: dict[str, str] | None) -> Changed:
        """Take over the labels of a node."""
        if item is None:
            self._known.pop(key, None)
        else:
            self._known[key] = item
        return self._cluster.put_node(key[1], item)


class Namespaces(Nodes):
    """Namespaces say which of them are read, and in which network the cluster is; `chosen` hears of another choice."""

    kind = "Namespace"

    def __init__(self, cluster: Cluster, feed: Feed, chosen: Callable[[frozenset[str]], None]) -> None:
        super().__init__(cluster, feed, lambda _: True)
        self._chosen = chosen

    def take(self, key: Key, item: dict[str, str] | None) -> Changed:
        """Take over the labels of a namespace."""
        if item is None:
            self._known.pop(key, None)
        else:
            self._known[key] = item
        return self._cluster.put_network((item or {}).get(NETWORK, "")) if key[1] == SYSTEM else {}

    def put(self, key: Key, item: Any) -> None:
        """Take over a namespace."""
        super().put(key, item)
        self._chosen(frozenset(name for _, name in self._known))

    async def replace(self, items: Items, again: Callable[[], Awaitable[Items]]) -> None:
        """Take over all namespaces."""
        await super().replace(items, again)
        self._chosen(frozenset(name for _, name in self._known))
