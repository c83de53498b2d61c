"""Who holds what: the link between the compiler's outputs and the streams that need them.

A change of input comes out of the engine as a few changed groups and resources; this module knows which proxies hold
them and names exactly those to the xDS server. Nothing here compares bytes: streams do, by version.
Invariant: after `apply`, every open view answers as a compile from scratch would (tests/derive/test_product.py).
"""

import contextlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, TypeAlias

from pidalio.derive import Changes, Database, QueriesFailed
from pidalio.envoy.resource import Resource
from pidalio.groups import Group, Members, ResourceKey
from pidalio.model import Proxy
from pidalio.pipeline import groups_of, members, resource_of, type_of

Dirty: TypeAlias = dict[str, set[str]]
Edits: TypeAlias = Mapping[Any, Mapping[Any, Any]]
Outputs: TypeAlias = Mapping[Any, tuple[Any, Any]]
Notify: TypeAlias = Callable[["View", Mapping[str, Collection[str]], int], None]


class Holding:
    """One group as held by at least one view: its resources by name."""

    __slots__ = ("group", "keys", "type_url", "views")

    def __init__(self, group: Group, found: Members) -> None:
        self.group = group
        self.type_url = type_of(group)
        self.keys: dict[str, ResourceKey] = dict(found)
        self.views: set[View] = set()


class View:
    """What one proxy is to hold, always as of the latest generation; proxies that are equal share one."""

    __slots__ = ("_world", "holdings", "proxy")

    def __init__(self, world: Database, proxy: Proxy) -> None:
        self._world = world
        self.proxy = proxy
        self.holdings: dict[str, tuple[Holding, ...]] = {}

    def names(self, type_url: str) -> Collection[str]:
        """Return the names of every resource of the type."""
        held = self.holdings.get(type_url, ())
        if len(held) == 1:
            return held[0].keys.keys()
        return [name for holding in held for name in holding.keys]

    def get(self, type_url: str, name: str) -> Resource | None:
        """Return the resource, or None where the proxy is to hold none of that name."""
        key = self.key(type_url, name)
        return None if key is None else resource_of(self._world, key)

    def key(self, type_url: str, name: str) -> ResourceKey | None:
        """Return what the resource is made from, None where there is none of that name."""
        for holding in self.holdings.get(type_url, ()):
            key = holding.keys.get(name)
            if key is not None:
                return key
        return None


class Distribution:
    """All open views of one world; `notify(view, dirty names by type, generation)` tells who needs what."""

    def __init__(self, world: Database, notify: Notify) -> None:
        self.world = world
        self._notify = notify
        self._views: dict[Proxy, View] = {}
        self._holdings: dict[Group, Holding] = {}
        self._holders: dict[Any, tuple[Holding, ...]] = {}

    def open(self, proxy: Proxy) -> View:
        """Return the view of `proxy`, compiled up to date."""
        view = self._views.get(proxy)
        if view is None:
            view = self._views[proxy] = View(self.world, proxy)
            self._hold(view, groups_of(self.world, proxy))
        return view

    def retain(self, views: Collection[View]) -> None:
        """Close every view but `views`, and forget every memoised answer that none of them needs."""
        kept = set(views)
        for view in [one for one in self._views.values() if one not in kept]:
            del self._views[view.proxy]
            self._hold(view, ())
        roots: list[tuple[Any, tuple[Any, ...]]] = [(groups_of, (proxy,)) for proxy in self._views]
        roots += [(members, (group,)) for group in self._holdings]
        roots += [(resource_of, (key,)) for key in self._holders]
        self.world.collect(roots)

    def views(self) -> Collection[View]:
        """Return every open view."""
        return self._views.values()

    def apply(self, edits: Edits) -> Changes:
        """Change the inputs, and tell every view that is concerned.

        When a query raises, all that did change is told first; then `QueriesFailed` goes on to the caller.
        """
        try:
            changes, failure = self.world.apply(edits), None
        except QueriesFailed as raised:
            changes, failure = raised.changes, raised
        dirty: dict[View, Dirty] = defaultdict(lambda: defaultdict(set))
        if changes.outputs is None:
            self._look_at_everything(dirty)
        else:
            self._look_at(changes.outputs, dirty)
        for view, names in dirty.items():
            self._notify(view, names, changes.generation)
        if failure is not None:
            raise failure
        return changes

    @contextlib.contextmanager
    def trial(self, edits: Edits) -> Iterator[dict[View, Dirty]]:
        """Compile with `edits` inside the `with` block, and take them back after it; yield what changes for whom."""
        inverse = {table: {key: table.get(self.world, key) for key in rows} for table, rows in edits.items()}
        try:
            yield self._foreseen(self.world.apply(edits).outputs or {})
        finally:
            self.world.apply(inverse)

    def _foreseen(self, outputs: Outputs) -> dict[View, Dirty]:
        """Return what `outputs` would change for whom; nothing that views hold is touched."""
        dirty: dict[View, Dirty] = defaultdict(lambda: defaultdict(set))
        for (query, (key,)), (old, new) in outputs.items():
            if query is members and key in self._holdings:
                before, after = dict(old), dict(new)
                names = [name for name in before.keys() | after.keys() if before.get(name) != after.get(name)]
                self._mark(self._holdings[key], names, dirty)
            elif query is groups_of and key in self._views:
                for group in set(old).difference(new):
                    dirty[self._views[key]][type_of(group)].update(self._holdings[group].keys)
                for group in set(new).difference(old):
                    dirty[self._views[key]][type_of(group)].update(dict(members(self.world, group)))
            elif query is resource_of:
                for holding in self._holders.get(key, ()):
                    self._mark(holding, ((new or old).name,), dirty)
        return dirty

    def _look_at(self, outputs: Outputs, dirty: dict[View, Dirty]) -> None:
        for (query, (key,)), (_, new) in outputs.items():
            if query is members and key in self._holdings:
                self._change_members(self._holdings[key], new, dirty)
        for (query, (key,)), (_, new) in outputs.items():
            if query is groups_of and key in self._views:
                self._change_groups(self._views[key], new, dirty)
        for (query, (key,)), (old, new) in outputs.items():
            if query is resource_of:
                resource: Resource = new or old
                for holding in self._holders.get(key, ()):
                    self._mark(holding, (resource.name,), dirty)

    def _look_at_everything(self, dirty: dict[View, Dirty]) -> None:
        for holding in list(self._holdings.values()):
            self._change_members(holding, members(self.world, holding.group), dirty)
        for view in list(self._views.values()):
            self._change_groups(view, groups_of(self.world, view.proxy), dirty)
            for held in view.holdings.values():
                for holding in held:
                    dirty[view][holding.type_url].update(holding.keys)

    def _change_members(self, holding: Holding, found: Members, dirty: dict[View, Dirty]) -> None:
        new = dict(found)
        old, holding.keys = holding.keys, new
        changed = [name for name, key in old.items() if new.get(name) != key]
        changed += [name for name in new if name not in old]
        for name in changed:
            if name in old:
                self._let_go(holding, old[name])
        for name in changed:
            if name in new:
                self._take(holding, new[name])
        self._mark(holding, changed, dirty)

    def _change_groups(self, view: View, groups: tuple[Group, ...], dirty: dict[View, Dirty]) -> None:
        before = {holding for held in view.holdings.values() for holding in held}
        gone = [(holding, list(holding.keys)) for holding in before]
        self._hold(view, groups)
        after = {holding for held in view.holdings.values() for holding in held}
        for holding, names in gone:
            if holding not in after:
                dirty[view][holding.type_url].update(names)
        for holding in after - before:
            dirty[view][holding.type_url].update(holding.keys)

    @staticmethod
    def _mark(holding: Holding, names: Collection[str], dirty: dict[View, Dirty]) -> None:
        if names:
            for view in holding.views:
                dirty[view][holding.type_url].update(names)

    def _hold(self, view: View, groups: tuple[Group, ...]) -> None:
        """Make `view` hold exactly `groups`."""
        before = [holding for held in view.holdings.values() for holding in held]
        by_type: dict[str, tuple[Holding, ...]] = {}
        for group in groups:
            holding = self._holdings.get(group) or self._new(group)
            holding.views.add(view)
            by_type[holding.type_url] = (*by_type.get(holding.type_url, ()), holding)
        view.holdings = by_type
        kept = {id(holding) for held in by_type.values() for holding in held}
        for holding in before:
            if id(holding) not in kept:
                holding.views.discard(view)
                if not holding.views:
                    self._drop(holding)

    def _new(self, group: Group) -> Holding:
        holding = self._holdings[group] = Holding(group, members(self.world, group))
        for key in holding.keys.values():
            self._take(holding, key)
        return holding

    def _take(self, holding: Holding, key: ResourceKey) -> None:
        holders = self._holders.get(key, ())
        if holding not in holders:
            self._holders[key] = (*holders, holding)

    def _drop(self, holding: Holding) -> None:
        del self._holdings[holding.group]
        for key in holding.keys.values():
            self._let_go(holding, key)

    def _let_go(self, holding: Holding, key: ResourceKey) -> None:
        holders = tuple(one for one in self._holders.get(key, ()) if one is not holding)
        if holders:
            self._holders[key] = holders
        else:
            self._holders.pop(key, None)
