"""An object as users wrote it: metadata and a typed spec, free of places and of what changes nothing.

Two objects are equal when they mean the same: line numbers, comments, kubectl's bookkeeping and foreign
annotations are not part of the value.
"""

from typing import Generic, TypeVar

import msgspec

from pidalio.model import Labels, ObjectRef

Spec = TypeVar("Spec")


class Meta(msgspec.Struct, frozen=True):
    """Metadata that has meaning.

    `created` is an RFC 3339 stamp, empty for "as old as all others"; `deleting` tells that the platform is
    removing the object (a pod that drains). `annotations` are only those that mean something to us.
    """

    namespace: str
    name: str
    labels: Labels = ()
    annotations: Labels = ()
    created: str = ""
    deleting: bool = False


class Object(msgspec.Struct, Generic[Spec], frozen=True):
    """One object; `spec` is the struct of its kind, `api_version` the group with its newest version."""

    kind: str
    api_version: str
    meta: Meta
    spec: Spec

    @property
    def ref(self) -> ObjectRef:
        """Return the object's name."""
        return ObjectRef(self.kind, self.meta.namespace, self.meta.name)
