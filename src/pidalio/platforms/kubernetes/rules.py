"""Rule objects of a cluster: Istio's kinds, ours and Ingress, handed on as they are written.

Invariants: what comes together goes on together; what the history cannot record now is said again until it can.
What the server keeps for itself (managedFields, status, versions) is no part of a rule: our own word in `/status`
changes nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import msgspec

from pidalio.errors import PlatformUnavailable, Unavailable
from pidalio.model import ObjectRef
from pidalio.platforms.adapter import Feed, Tree
from pidalio.platforms.kubernetes.messages import Metadata
from pidalio.platforms.kubernetes.reading.reflector import Items, Key
from pidalio.platforms.kubernetes.reading.resources import Resource
from pidalio.platforms.pausing import Pause

_GATHER: Final = 0.05
"""Seconds for changes that come together."""
_TOGETHER: Final = 1000
"""Objects that are handed on at once."""
_DROPPED: Final = ("managedFields", "resourceVersion", "selfLink", "uid")


class Rules:
    """All rule objects of one cluster, on their way; in `versions` stands which one of each was handed on last."""

    def __init__(self, feed: Feed, versions: dict[ObjectRef, int]) -> None:
        self._feed, self._versions = feed, versions
        self._pending: dict[str, Tree | None] = {}
        self._comes = asyncio.Event()
        self._handing = asyncio.Lock()

    def put(self, unit: str, tree: Tree | None) -> None:
        """Hand on one object soon; None removes it."""
        self._pending[unit] = tree
        self._comes.set()

    async def replace(self, units: Mapping[str, Tree], is_own: Callable[[str], bool]) -> None:
        """Hand on all objects whose units `is_own` tells; raise `PlatformUnavailable` when that cannot be now."""
        async with self._handing:
            for unit in [unit for unit in self._pending if is_own(unit)]:
                del self._pending[unit]
            names = list(units)
            try:
                for begun in range(0, len(names), _TOGETHER):
                    some = {name: units[name] for name in names[begun : begun + _TOGETHER]}
                    await self._feed.objects(some)
                    self._note(some)
                await self._feed.objects({}, complete=lambda unit: is_own(unit) and unit not in units)
                gone = [unit for unit in map(_unit, self._versions) if is_own(unit) and unit not in units]
                self._note(dict.fromkeys(gone))
            except Unavailable as error:
                raise PlatformUnavailable(str(error)) from error

    def _note(self, units: Mapping[str, Tree | None]) -> None:
        """Take note of what the mesh has now."""
        for unit, tree in units.items():
            ref, version = _ref(unit), tree and tree["metadata"].get("generation")
            if isinstance(version, int):
                self._versions[ref] = version
            else:
                self._versions.pop(ref, None)

    async def run(self) -> None:
        """Hand on what comes, until cancelled."""
        now = asyncio.get_running_loop().time
        pause = Pause()
        while True:
            await self._comes.wait()
            await asyncio.sleep(_GATHER)
            begun = now()
            async with self._handing:
                self._comes.clear()
                units, self._pending = self._pending, {}
                try:
                    await self._feed.objects(units)
                    self._note(units)
                    continue
                except Unavailable as error:
                    self._pending = {**units, **self._pending}
                    self._comes.set()
                    wait = pause.after(now() - begun, PlatformUnavailable(str(error)))
            await asyncio.sleep(wait)


class RuleMirror:
    """One kind of rules, in one namespace or everywhere."""

    def __init__(self, rules: Rules, resource: Resource, selects: Callable[[str], bool], namespace: str = "") -> None:
        self._rules, self._resource, self._selects, self._namespace = rules, resource, selects, namespace

    def read(self, item: msgspec.Raw) -> tuple[Metadata, Tree | None]:
        """Return an object as users wrote it."""
        tree: dict[str, Any] = msgspec.json.decode(item, type=dict[str, Any])
        metadata = msgspec.convert(tree.get("metadata"), _Names)
        known = Metadata(metadata.name, metadata.namespace, resource_version=metadata.resource_version)
        if not self._selects(metadata.namespace) and self._resource.namespaced:
            return known, None
        tree.pop("status", None)
        tree.setdefault("apiVersion", f"{self._resource.group}/{self._resource.versions[0]}")
        tree.setdefault("kind", self._resource.kind)
        for one in _DROPPED:
            tree["metadata"].pop(one, None)
        return known, tree

    def refuse(self, key: Key, why: str) -> Any:
        """Hand on what cannot be read as what it is: the catalog keeps the last accepted version, and tells."""
        metadata = {"namespace": key[0], "name": key[1]}
        version = f"{self._resource.group}/{self._resource.versions[0]}"
        return {"apiVersion": version, "kind": self._resource.kind, "metadata": metadata, "spec": why}

    async def prepare(self) -> None:
        """Wait for nothing: rules may come before what they name."""

    def put(self, key: Key, item: Tree | None) -> None:
        """Hand on one object."""
        self._rules.put(self._unit(key), item)

    async def replace(self, items: Items, _again: Callable[[], Awaitable[Items]]) -> None:
        """Hand on all objects of the kind."""
        units = {self._unit(key): item for key, item in items.items() if item is not None}
        await self._rules.replace(units, self._is_own)

    def _unit(self, key: Key) -> str:
        return _unit(ObjectRef(self._resource.kind, *key))

    def _is_own(self, unit: str) -> bool:
        """Tell whether a unit is of the kind, and of the namespace that is read or of one that is not read any more."""
        ref = _ref(unit)
        is_read = self._namespace in ("", ref.namespace)
        return ref.kind == self._resource.kind and (is_read or not self._selects(ref.namespace))


def _unit(ref: ObjectRef) -> str:
    """Return what an object is called among all of its cluster."""
    return f"{ref.kind} {ref.namespace}/{ref.name}"


def _ref(unit: str) -> ObjectRef:
    kind, _, rest = unit.partition(" ")
    return ObjectRef(kind, *rest.split("/", 1))


class _Names(msgspec.Struct, frozen=True, rename="camel"):
    name: str
    namespace: str = ""
    resource_version: str = ""
