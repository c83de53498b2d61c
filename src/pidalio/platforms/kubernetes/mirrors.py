"""What each kind of a cluster becomes: one mirror for each, between its reflector and the follower.

Invariant: a complete list is judged by the follower first (it may be suspicious) and taken over then; what waits for it
sees the cluster as it was.
"""

from collections.abc import Awaitable, Callable, Collection
from typing import Any

import msgspec

from pidalio.derive import Table
from pidalio.model import ObjectRef, Report, Severity
from pidalio.platforms.adapter import Feed, Rows
from pidalio.platforms.kubernetes.cluster import Changed, Cluster, Instance, Slice
from pidalio.platforms.kubernetes.messages import EndpointSlice, Metadata, Pod, decoded
from pidalio.platforms.kubernetes.reading.reflector import Items, Key
from pidalio.platforms.turns import Turns
from pidalio.store import tables

Selects = Callable[[str], bool]
"""Tells whether a namespace is read."""


class RowMirror:
    """What mirrors of kinds that become rows have in common, for one namespace or all.

    `before` is awaited before all is read. `tables` are those whose rows a kind makes, and `place` is where the keys of
    these have the namespace.
    """

    kind: str
    tables: Collection[Table[Any, Any]] = ()
    place = 1

    def __init__(
        self,
        cluster: Cluster,
        feed: Feed,
        selects: Selects,
        namespace: str = "",
        before: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._cluster, self._feed, self._selects, self._namespace = cluster, feed, selects, namespace
        self._before = before
        self._wrong = cluster.wrong.setdefault(self.kind, set())

    def kept(self, key: Key) -> Any:
        """Return what is kept of an object."""
        raise NotImplementedError

    def keys(self) -> Collection[Key]:
        """Return the keys of all objects that are kept."""
        raise NotImplementedError

    def take(self, key: Key, item: Any) -> Changed:
        """Take over one object; return the rows that this changes."""
        raise NotImplementedError

    async def rows(self, items: Items) -> Rows:
        """Return all rows of this kind as `items` would have them."""
        raise NotImplementedError

    async def prepare(self) -> None:
        """Wait for what must be known before."""
        if self._before is not None:
            await self._before()

    def put(self, key: Key, item: Any) -> None:
        """Take over one object; None removes it."""
        self._feed.change(self.take(key, item))
        if item is None:
            self.mend(key)

    async def replace(self, items: Items, again: Callable[[], Awaitable[Items]]) -> None:
        """Take over all that there is."""
        there = items
        items = _kept(items)
        if self.tables:

            async def once_more() -> Rows:
                nonlocal items, there
                there = await again()
                items = _kept(there)
                return await self.rows(items)

            where = self._is_of_namespace if self._namespace else None
            await self._feed.complete(await self.rows(items), once_more, within=self.tables, where=where)
        turns = Turns()
        for key in [key for key in self.keys() if key not in items and self._namespace in ("", key[0])]:
            self._change_others(self.take(key, None))
            await turns.give()
        for key, item in items.items():
            self._change_others(self.take(key, item))
            await turns.give()
        for key in [key for key in self._wrong if key not in there and self._namespace in ("", key[0])]:
            self.mend(key)

    def _change_others(self, rows: Changed) -> None:
        """Say what a complete list changed beside its own rows, which the follower has."""
        if others := {table: by_key for table, by_key in rows.items() if table not in self.tables and by_key}:
            self._feed.change(others)

    def _is_of_namespace(self, key: Any) -> bool:
        """Tell whether a row is of the namespace that is read, or of one that is not read any more."""
        namespace = key[self.place]
        return namespace == self._namespace or not self._selects(namespace)

    def refuse(self, key: Key, why: str) -> Any:
        """Take note that an object cannot be read; what was known of it stays."""
        if not self._selects(key[0]):
            self.mend(key)
            return None
        message = f"this {self.kind} cannot be read: {why}; what was known of it stays in force"
        self.tell(key, Report(Severity.ERROR, "kubernetes-malformed", message, self.ref(key)))
        return self.kept(key)

    def tell(self, key: Key, *reports: Report) -> None:
        """Make `reports` all that stands about an object."""
        self._wrong.add(key)
        self._feed.tell(self._topic(key), *reports)

    def mend(self, key: Key) -> None:
        """Take note that nothing is wrong with an object."""
        if key in self._wrong:
            self._wrong.discard(key)
            self._feed.tell(self._topic(key))

    def ref(self, key: Key) -> ObjectRef:
        """Return the name of an object."""
        return ObjectRef(self.kind, *key)

    def _topic(self, key: Key) -> str:
        return str(self.ref(key))

    def _read(self, metadata: Metadata, item: Any) -> tuple[Metadata, Any]:
        self.mend((metadata.namespace, metadata.name))
        return metadata, item if self._selects(metadata.namespace) else None


def _kept(items: Items) -> Items:
    return {key: item for key, item in items.items() if item is not None}


class Pods(RowMirror):
    """Pods become instances."""

    kind = "Pod"
    tables = (tables.WORKLOADS,)
    place = 0

    def read(self, item: msgspec.Raw) -> tuple[Metadata, Instance | None]:
        """Return a pod as it is kept."""
        pod = decoded(item, Pod)
        return self._read(pod.metadata, self._cluster.instance(pod))

    def kept(self, key: Key) -> Instance | None:
        """Return a pod."""
        known = self._cluster.pods.get(key)
        return known if known is not None and known.is_there else None

    def keys(self) -> Collection[Key]:
        """Return all pods."""
        return [key for key, pod in self._cluster.pods.items() if pod.is_there]

    def take(self, key: Key, item: Instance | None) -> Changed:
        """Take over a pod."""
        return self._cluster.put_pod(key, item)

    async def rows(self, items: Items) -> Rows:
        """Return the rows of all pods."""
        rows: dict[Any, Any] = {}
        turns = Turns()
        for key, item in items.items():
            rows[self._cluster.workload_key(key)] = item.row
            await turns.give()
        return {tables.WORKLOADS: rows}

    async def replace(self, items: Items, again: Callable[[], Awaitable[Items]]) -> None:
        """Take over all pods; where their nodes are counts afterwards."""
        with self._cluster.judged():
            await super().replace(items, again)


class Slices(RowMirror):
    """Slices become endpoints; before, pods are to be up to date, so that few endpoints wait for theirs."""

    kind = "EndpointSlice"
    tables = (tables.ENDPOINTS,)
    _stamp = -1

    def read(self, item: msgspec.Raw) -> tuple[Metadata, Slice | None]:
        """Return a slice as it is kept."""
        said = decoded(item, EndpointSlice)
        metadata, kept = self._read(said.metadata, self._cluster.slice(said))
        if said.address_type == "FQDN" and kept is not None:
            key = (metadata.namespace, metadata.name)
            message = "addresses that are names (addressType FQDN) are not used: write a ServiceEntry with them"
            self.tell(key, Report(Severity.WARNING, "kubernetes-names", message, self.ref(key)))
        return metadata, kept

    def kept(self, key: Key) -> Slice | None:
        """Return a slice."""
        return self._cluster.slices.get(key)

    def keys(self) -> Collection[Key]:
        """Return all slices."""
        return self._cluster.slices.keys()

    def put(self, key: Key, item: Slice | None) -> None:
        """Take over a slice."""
        super().put(key, item and self._cluster.made(key, item))

    def take(self, key: Key, item: Slice | None) -> Changed:
        """Take over a slice that was made when the cluster had our stamp, or was made just now."""
        return self._cluster.put_slice(key, item)

    async def rows(self, items: Items) -> Rows:
        """Return the rows of all slices, made as their pods are known now."""
        self._stamp = self._cluster.stamp
        turns = Turns()
        rows: dict[Any, Any] = {}
        for key, item in items.items():
            made = items[key] = self._cluster.made(key, item)
            rows[self._cluster.endpoints_key(key, made.service)] = made.row
            await turns.give()
        return {tables.ENDPOINTS: rows}

    async def replace(self, items: Items, again: Callable[[], Awaitable[Items]]) -> None:
        """Take over all slices; where pods changed while they were judged, they are made once more."""
        with self._cluster.judged():
            await super().replace(items, again)
        if self._stamp != self._cluster.stamp:
            self._cluster.spoil()
