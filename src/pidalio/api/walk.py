"""Which fields a user has set: the ground for saying which of them are not yet effective."""

from collections.abc import Iterator
from typing import Any

from pidalio.api.fields import Shape, ShapeKind, fields_of
from pidalio.api.places import join
from pidalio.api.scalars import Message


def set_fields(spec: Message) -> Iterator[tuple[str, str, Any]]:
    """Yield path, pattern and value of each field that is set, parents before their members.

    A path has indexes and keys: `http[0].match[1].headers["x-user"]`; its pattern has none: `http[].match[].headers[]`.
    Members of maps and lists are walked only where they are messages.
    """
    yield from _walk(spec, "", "")


def _walk(message: Message, path: str, pattern: str) -> Iterator[tuple[str, str, Any]]:
    for field in fields_of(type(message)):
        value = getattr(message, field.name)
        if value is None or (value == field.default and field.default is not None):
            continue
        here = f"{path}.{field.json}" if path else field.json
        form = f"{pattern}.{field.json}" if pattern else field.json
        yield here, form, value
        yield from _members(value, field.shape, here, form)


def _members(value: Any, shape: Shape, path: str, pattern: str) -> Iterator[tuple[str, str, Any]]:
    if shape.kind is ShapeKind.MESSAGE:
        yield from _walk(value, path, pattern)
    elif shape.item is not None and shape.item.kind is ShapeKind.MESSAGE:
        pairs = value if shape.kind is ShapeKind.MAP else enumerate(value)
        for key, member in pairs:
            yield from _walk(member, join(path, key), f"{pattern}[]")
