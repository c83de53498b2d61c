"""Objects back to trees, as protobuf's JSON writes them: the inverse of `parse`.

Unset fields are left out, durations are `"1.5s"`, maps are maps. Kubernetes kinds without `spec` are dumped whole.
"""

import base64
from typing import Any

import msgspec

from pidalio.api.durations import text_of
from pidalio.api.fields import Shape, ShapeKind, fields_of
from pidalio.api.kinds import BY_NAME
from pidalio.api.object import Meta, Object
from pidalio.api.scalars import Message


def dump(found: Object[Any]) -> dict[str, Any]:
    """Return the tree of an object: apiVersion, kind, metadata, spec."""
    head: dict[str, Any] = {"apiVersion": found.api_version, "kind": found.kind, "metadata": _meta(found.meta)}
    body = dump_message(found.spec)
    return {**head, **body} if BY_NAME[found.kind].whole else {**head, "spec": body}


def dump_message(message: Message) -> dict[str, Any]:
    """Return the fields of `message` that are set."""
    tree: dict[str, Any] = {}
    for field in fields_of(type(message)):
        value = getattr(message, field.name)
        if value is not None and (value != field.default or field.default is None):
            tree[field.json] = _value(value, field.shape)
    return tree


def _meta(meta: Meta) -> dict[str, Any]:
    tree: dict[str, Any] = {"name": meta.name}
    if meta.namespace:
        tree["namespace"] = meta.namespace
    if meta.labels:
        tree["labels"] = dict(meta.labels)
    if meta.annotations:
        tree["annotations"] = dict(meta.annotations)
    if meta.created:
        tree["creationTimestamp"] = meta.created
    if meta.deleting:
        tree["deletionTimestamp"] = meta.created or "1970-01-01T00:00:00Z"
    return tree


def _value(value: Any, shape: Shape) -> Any:
    item = shape.item
    match shape.kind:
        case ShapeKind.MESSAGE:
            return dump_message(value)
        case ShapeKind.LIST if item:
            return [_value(member, item) for member in value]
        case ShapeKind.MAP if item:
            return {key: _value(member, item) for key, member in value}
        case ShapeKind.ENUM:
            return value.name
        case ShapeKind.DURATION:
            return text_of(value)
        case ShapeKind.PERCENT:
            return {"value": value}
        case ShapeKind.BYTES:
            return base64.b64encode(value).decode()
        case ShapeKind.JSON:
            return msgspec.json.decode(value)
        case _:
            return value
