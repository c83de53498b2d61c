"""The few parts of an object that writing its status needs."""

from collections.abc import Mapping
from typing import Any

import msgspec

from pidalio.model import ObjectRef
from pidalio.platforms.kubernetes.informing.resources import Resource


class Meta(msgspec.Struct, frozen=True, rename="camel"):
    """Which object, and which version of it."""

    name: str
    namespace: str = ""
    resource_version: str = ""
    generation: int = 0


class Item(msgspec.Struct, frozen=True):
    """An object with the status that it has."""

    metadata: Meta
    status: dict[str, Any] | None = None


class Rest(msgspec.Struct, frozen=True):
    """Where a list goes on, "" at its end."""

    next: str = msgspec.field(default="", name="continue")


class Page(msgspec.Struct, frozen=True):
    """One page of a list."""

    metadata: Rest
    items: list[Item] | None = None


def with_status(resource: Resource, ref: ObjectRef, item: Item, status: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is sent to replace the status of exactly the version `item`; the server keeps the rest."""
    meta = {"name": ref.name, "resourceVersion": item.metadata.resource_version}
    if resource.namespaced:
        meta["namespace"] = ref.namespace
    return {"apiVersion": resource.api_version, "kind": ref.kind, "metadata": meta, "status": status}
