"""The shape of every struct, read once from its type annotations.

Parsing, dumping, walking and the JSON Schema all follow these shapes, so that a field is written down
in one place: its struct.
"""

import enum
import functools
import types
import typing
from typing import Any

import msgspec

from pidalio.api.scalars import Message


class ShapeKind(enum.Enum):
    """What a value looks like in JSON."""

    STRING = "string"
    BOOL = "bool"
    INT = "int"
    NUMBER = "number"
    DURATION = "duration"
    PERCENT = "percent"
    BYTES = "bytes"
    INT_OR_STRING = "int-or-string"
    JSON = "json"
    ENUM = "enum"
    MESSAGE = "message"
    LIST = "list"
    MAP = "map"


class Shape(msgspec.Struct, frozen=True):
    """The shape of a value: `type` is the enum or struct, `item` the shape of a list's or map's members."""

    kind: ShapeKind
    type: Any = None
    item: "Shape | None" = None


class FieldShape(msgspec.Struct, frozen=True):
    """One field: its name in Python and in JSON, its shape, and what it holds when unset."""

    name: str
    json: str
    shape: Shape
    default: Any


_PLAIN = {str: ShapeKind.STRING, bool: ShapeKind.BOOL, int: ShapeKind.INT, float: ShapeKind.NUMBER}


@functools.cache
def fields_of(struct: type[msgspec.Struct]) -> tuple[FieldShape, ...]:
    """Return the fields of `struct` in order of declaration."""
    hints = typing.get_type_hints(struct, include_extras=True)
    return tuple(
        FieldShape(field.name, field.encode_name, shape_of(hints[field.name]), field.default)
        for field in msgspec.structs.fields(struct)
    )


def shape_of(hint: Any) -> Shape:
    """Return the shape that a type annotation stands for; raise `TypeError` when it has none."""
    origin = typing.get_origin(hint)
    if origin is typing.Annotated:
        return Shape(ShapeKind(hint.__metadata__[0].extra["scalar"]))
    if origin in (typing.Union, types.UnionType):
        (inner,) = (arm for arm in typing.get_args(hint) if arm is not type(None))
        return shape_of(inner)
    if origin is tuple:
        return _sequence(typing.get_args(hint)[0])
    if hint in _PLAIN:
        return Shape(_PLAIN[hint])
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return Shape(ShapeKind.ENUM, hint)
    if isinstance(hint, type) and issubclass(hint, Message):
        return Shape(ShapeKind.MESSAGE, hint)
    raise TypeError(f"no shape for {hint!r}")


def _sequence(member: Any) -> Shape:
    if typing.get_origin(member) is tuple:
        _, value = typing.get_args(member)
        return Shape(ShapeKind.MAP, item=shape_of(value))
    return Shape(ShapeKind.LIST, item=shape_of(member))
