"""Every field of every kind that is compiled, read off the structs of the API."""

import enum
from collections.abc import Iterator
from typing import Any

import msgspec

from pidalio.api.fields import FieldShape, Shape, ShapeKind, fields_of
from pidalio.api.kinds import BY_NAME
from pidalio.api.object import Meta, Object
from pidalio.api.scalars import Message

KINDS = (
    "VirtualService",
    "DestinationRule",
    "Gateway",
    "ServiceEntry",
    "WorkloadEntry",
    "Sidecar",
    "MeshConfig",
    "LocalWorkload",
)
_SCALARS = {
    ShapeKind.STRING: "x",
    ShapeKind.BOOL: True,
    ShapeKind.INT: 1,
    ShapeKind.NUMBER: 1.0,
    ShapeKind.DURATION: 1,
    ShapeKind.PERCENT: 1.0,
    ShapeKind.BYTES: b"x",
    ShapeKind.INT_OR_STRING: "1",
    ShapeKind.JSON: "{}",
}


def patterns(kind: str) -> Iterator[tuple[str, Object[Any]]]:
    """Yield the pattern of each field of a kind, with an object that sets it (and what it is inside of) alone.

    An enum yields a pattern for each of its members but the default: `outboundTrafficPolicy.mode=ALLOW_ANY`.
    """
    for pattern, spec in _specs(BY_NAME[kind].struct):
        yield pattern, Object(kind, BY_NAME[kind].api_version, Meta("default", "one"), spec)


def _specs(struct: type[Message]) -> Iterator[tuple[str, Message]]:
    for field in fields_of(struct):
        for pattern, value in _values(field):
            yield pattern, msgspec.structs.replace(struct(), **{field.name: value})


def _values(field: FieldShape) -> Iterator[tuple[str, Any]]:
    shape = field.shape
    if shape.kind is ShapeKind.ENUM:
        for member in shape.type:
            if member is not field.default:
                yield f"{field.json}={member.value}", member
    elif shape.kind is ShapeKind.MESSAGE:
        yield field.json, shape.type()
        yield from ((f"{field.json}.{inner}", value) for inner, value in _specs(shape.type))
    elif shape.kind in (ShapeKind.LIST, ShapeKind.MAP):
        yield from _members(field.json, shape)
    else:
        yield field.json, _SCALARS[shape.kind]


def _members(name: str, shape: Shape) -> Iterator[tuple[str, Any]]:
    assert shape.item is not None
    of_messages = shape.item.kind is ShapeKind.MESSAGE
    first = shape.item.type() if of_messages else _SCALARS[shape.item.kind]
    yield name, _container(shape, first)
    if of_messages:
        for inner, value in _specs(shape.item.type):
            yield f"{name}[].{inner}", _container(shape, value)


def _container(shape: Shape, value: Any) -> tuple[Any, ...]:
    return (("x", value),) if shape.kind is ShapeKind.MAP else (value,)


def without(spec: Message, pattern: str) -> Iterator[Message]:
    """Yield `spec` without the field `pattern`, once for each place in which it is set."""
    name, _, rest = pattern.partition(".")
    listed, name = name.endswith("[]"), name.removesuffix("[]")
    field = next(one for one in fields_of(type(spec)) if one.json == name)
    value = getattr(spec, field.name)
    if not rest:
        if value != field.default:
            yield msgspec.structs.replace(spec, **{field.name: field.default})
    elif not listed:
        for less in without(value, rest) if value is not None else ():
            yield msgspec.structs.replace(spec, **{field.name: less})
    else:
        for index, member in enumerate(value):
            inner = member[1] if field.shape.kind is ShapeKind.MAP else member
            for less in without(inner, rest):
                changed = (member[0], less) if field.shape.kind is ShapeKind.MAP else less
                yield msgspec.structs.replace(spec, **{field.name: (*value[:index], changed, *value[index + 1 :])})


def is_enum(value: object) -> bool:
    return isinstance(value, enum.Enum)
