"""Every field of every kind, read off the structs of the API, and objects that differ from one another in one field.

A pattern is a path without indexes (`http[].match[].headers[].exact`); a value of an enum is part of it
(`outboundTrafficPolicy.mode=ALLOW_ANY`), but for the one that stands for "unset".
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from pidalio.api.fields import FieldShape, Shape, ShapeKind, fields_of
from pidalio.api.kinds import BY_NAME
from pidalio.api.names import is_address
from pidalio.api.object import Meta, Object
from pidalio.api.scalars import Message

KINDS = tuple(BY_NAME)
_ONE: dict[ShapeKind, Any] = {
    ShapeKind.STRING: "x",
    ShapeKind.BOOL: True,
    ShapeKind.INT: 1,
    ShapeKind.NUMBER: 1.0,
    ShapeKind.DURATION: 1000,
    ShapeKind.PERCENT: 1.0,
    ShapeKind.BYTES: b"x",
    ShapeKind.INT_OR_STRING: "1",
    ShapeKind.JSON: "{}",
}
_WORDS = ("TCP", "UDP", "HTTP", "NOT_FOUND")
"""Texts that some fields take where they take no other."""


def patterns(kind: str) -> Iterator[tuple[str, Object[Any]]]:
    """Yield the pattern of each field of a kind, with an object that sets it (and what it is inside of) alone."""
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
        yield field.json, _ONE[shape.kind]


def _members(name: str, shape: Shape) -> Iterator[tuple[str, Any]]:
    assert shape.item is not None
    of_messages = shape.item.kind is ShapeKind.MESSAGE
    first = shape.item.type() if of_messages else _ONE[shape.item.kind]
    yield name, _container(shape, first)
    if of_messages:
        for inner, value in _specs(shape.item.type):
            yield f"{name}[].{inner}", _container(shape, value)


def _container(shape: Shape, value: Any) -> tuple[Any, ...]:
    return (("x", value),) if shape.kind is ShapeKind.MAP else (value,)


def is_set(item: Object[Any], pattern: str) -> bool:
    """Tell whether an object sets the field somewhere, to the value that the pattern may name."""
    return next(mutants(item, pattern), None) is not None


def mutants(item: Object[Any], pattern: str) -> Iterator[Object[Any]]:
    """Yield `item` without the field, and with another value of it, for each place in which it is set."""
    path, _, value = pattern.partition("=")
    for spec in _changed(item.spec, path, value):
        yield msgspec.structs.replace(item, spec=spec)


def _changed(spec: Message, path: str, value: str) -> Iterator[Message]:
    name, _, rest = path.partition(".")
    field = next(one for one in fields_of(type(spec)) if one.json == name.removesuffix("[]"))
    held = getattr(spec, field.name)
    if held is None or (held == field.default and field.default is not None):
        return
    if not rest:
        if not value or held.value == value:
            yield from (msgspec.structs.replace(spec, **{field.name: other}) for other in _others(held, field))
    elif not name.endswith("[]"):
        for other in _changed(held, rest, value):
            yield msgspec.structs.replace(spec, **{field.name: other})
    else:
        for index, member in enumerate(held):
            is_map = field.shape.kind is ShapeKind.MAP
            for other in _changed(member[1] if is_map else member, rest, value):
                changed = (member[0], other) if is_map else other
                yield msgspec.structs.replace(spec, **{field.name: (*held[:index], changed, *held[index + 1 :])})


def _others(held: Any, field: FieldShape) -> Iterator[Any]:
    """Yield what a field may hold instead: nothing, then other values of its kind."""
    shape = field.shape
    yield field.default
    if shape.kind is ShapeKind.LIST and shape.item is not None:
        for index, member in enumerate(held):
            yield (*held[:index], *held[index + 1 :])
            yield from ((*held[:index], other, *held[index + 1 :]) for other in _scalars(member, shape.item))
    elif shape.kind is ShapeKind.MAP and shape.item is not None:
        for index, (key, member) in enumerate(held):
            yield (*held[:index], *held[index + 1 :])
            yield from ((*held[:index], (key, other), *held[index + 1 :]) for other in _scalars(member, shape.item))
    else:
        yield from _scalars(held, shape)


def _scalars(held: Any, shape: Shape) -> Iterator[Any]:
    if shape.kind is ShapeKind.ENUM:
        yield from (member for member in shape.type if member is not held)
    elif shape.kind is ShapeKind.BOOL:
        yield not held
    elif shape.kind in (ShapeKind.STRING, ShapeKind.INT_OR_STRING):
        yield f"{held}x"
        if is_address(str(held)):
            yield "192.0.2.77"
        yield from (word for word in _WORDS if word != held)
    elif shape.kind in (ShapeKind.INT, ShapeKind.DURATION, ShapeKind.NUMBER, ShapeKind.PERCENT):
        yield held + 1
        yield held / 2 if isinstance(held, float) else held // 2
