"""Turn plain trees into structs by the structs' own type information, finding every mistake at once.

One converter is compiled per type, once. A converter returns the value, or the field's default after noting
what is wrong with which path; so a mistake never hides another.
Source of the leniencies: protobuf's JSON mapping (names in both spellings, numbers as text).
"""

import base64
import binascii
import difflib
import functools
import math
from collections.abc import Callable, Collection
from typing import Any, TypeAlias

import msgspec

from pidalio.api.durations import milliseconds
from pidalio.api.fields import FieldShape, Shape, ShapeKind, fields_of
from pidalio.api.findings import Findings, Trail, path_of
from pidalio.api.scalars import Message

Converter: TypeAlias = Callable[[Any, Trail, Findings], Any]

INT_MIN, INT_MAX = -(2**31), 2**32 - 1


class _Bad:
    """Marks a value that could not be converted."""


BAD: Any = _Bad()


def convert(struct: type[Message], tree: Any, trail: Trail, found: Findings, *, lenient: bool = False) -> Any:
    """Return `tree` as a `struct`, with defaults where `found` says what is wrong; lenient: ignore unknown fields."""
    value = _message(struct, lenient)(tree, trail, found)
    return struct() if value is BAD else value


def nearest(name: str, names: Collection[str]) -> str:
    """Return a hint that names what was probably meant, or nothing."""
    lower = {known.lower(): known for known in names}
    close = difflib.get_close_matches(name.lower(), lower, n=1, cutoff=0.6)
    return f"; did you mean {lower[close[0]]!r}?" if close else ""


@functools.cache
def _message(struct: type[Message], lenient: bool) -> Converter:
    table: dict[str, tuple[FieldShape, Converter]] = {}

    def fill() -> None:
        for field in fields_of(struct):
            entry = (field, _converter(field.shape, lenient))
            table[field.name.rstrip("_")] = entry
            table[field.json] = entry

    def read(tree: Any, trail: Trail, found: Findings) -> Any:
        if not table:
            fill()
        if tree.__class__ is not dict:
            return _wrong(tree, trail, found, "a map of fields")
        values: dict[str, Any] = {}
        for key, member in tree.items():
            entry = table.get(key)
            if entry is None:
                if not lenient:
                    _unknown(key, struct, trail, found)
            elif member is not None:
                field, converter = entry
                if field.name in values:
                    found.error("field-twice", path_of((trail, key)), f"{field.json} is given twice: keep one spelling")
                value = converter(member, (trail, key), found)
                if value is not BAD:
                    values[field.name] = value
        result = struct(**values)
        if struct.oneofs:
            _oneofs(result, trail, found)
        return result

    return read


def _unknown(key: str, struct: type[Message], trail: Trail, found: Findings) -> None:
    names = [field.json for field in fields_of(struct)]
    found.error("unknown-field", path_of((trail, key)), f"{struct.__name__} has no field {key!r}{nearest(key, names)}")


def _oneofs(message: Message, trail: Trail, found: Findings) -> None:
    fields = {field.name: field for field in fields_of(type(message))}
    for group in message.oneofs:
        names = [name for name in group if name != "!"]
        given = [fields[name].json for name in names if getattr(message, name) != fields[name].default]
        if len(given) > 1:
            found.error(
                "oneof-conflict", path_of((trail, given[1])), f"{' and '.join(given)} exclude each other: keep one"
            )
        elif not given and group[0] == "!":
            choices = ", ".join(fields[name].json for name in names)
            found.error("missing-field", path_of(trail), f"one of {choices} is needed")


@functools.cache
def _converter(shape: Shape, lenient: bool) -> Converter:
    if shape.kind is ShapeKind.MESSAGE:
        return _message(shape.type, lenient)
    if shape.kind is ShapeKind.ENUM:
        return _enum(shape.type)
    if shape.kind is ShapeKind.LIST and shape.item:
        return _list(_converter(shape.item, lenient))
    if shape.kind is ShapeKind.MAP and shape.item:
        return _map(_converter(shape.item, lenient), holds_messages=shape.item.kind is ShapeKind.MESSAGE)
    return _SCALARS[shape.kind]


def _list(item: Converter) -> Converter:
    def read(tree: Any, trail: Trail, found: Findings) -> Any:
        if tree.__class__ is not list:
            return _wrong(tree, trail, found, "a list")
        values = [item(member, (trail, index), found) for index, member in enumerate(tree)]
        return tuple([value for value in values if value is not BAD])

    return read


def _map(item: Converter, *, holds_messages: bool) -> Converter:
    def read(tree: Any, trail: Trail, found: Findings) -> Any:
        if tree.__class__ is not dict:
            return _wrong(tree, trail, found, "a map")
        pairs = []
        for key, member in tree.items():
            # A null condition means "present" to Istio, like an empty one.
            value = item({} if member is None and holds_messages else member, (trail, key), found)
            if value is not BAD:
                pairs.append((key, value))
        pairs.sort(key=_key)
        return tuple(pairs)

    return read


def _key(pair: tuple[str, Any]) -> str:
    return pair[0]


def _enum(words: Any) -> Converter:
    members = {member.name: member for member in words}

    def read(tree: Any, trail: Trail, found: Findings) -> Any:
        if tree.__class__ is not str:
            return _wrong(tree, trail, found, f"one of {', '.join(members)}")
        if tree not in members:
            message = f"{tree!r} is not one of {', '.join(members)}{nearest(tree, members)}"
            return _bad("unknown-value", trail, found, message)
        return members[tree]

    return read


def _string(tree: Any, trail: Trail, found: Findings) -> Any:
    if tree.__class__ is str:
        return tree
    if isinstance(tree, bool | int | float):
        text = str(tree).lower() if isinstance(tree, bool) else str(tree)
        return _bad("wrong-type", trail, found, f'{_name(tree)} where text is expected: put it in quotes ("{text}")')
    return _wrong(tree, trail, found, "text")


def _bool(tree: Any, trail: Trail, found: Findings) -> Any:
    return tree if tree.__class__ is bool else _wrong(tree, trail, found, "true or false")


def _int(tree: Any, trail: Trail, found: Findings) -> Any:
    value = tree
    if value.__class__ is not int:
        value = _whole(tree)
    if value is None:
        return _wrong(tree, trail, found, "a whole number")
    if not INT_MIN <= value <= INT_MAX:
        return _bad("out-of-range", trail, found, f"{value} is outside {INT_MIN}..{INT_MAX}")
    return value


def _whole(tree: Any) -> int | None:
    """Return the number that a text (`"80"`) or a float (`80.0`) stands for, or None."""
    is_text = tree.__class__ is str and tree.removeprefix("-").isdecimal() and len(tree) <= 12
    is_float = tree.__class__ is float and tree.is_integer()
    return int(tree) if is_text or is_float else None


def _number(tree: Any, trail: Trail, found: Findings) -> Any:
    value = tree
    if tree.__class__ is str:
        try:
            value = float(tree)
        except ValueError:
            return _wrong(tree, trail, found, "a number")
    if value.__class__ is bool or not isinstance(value, int | float):
        return _wrong(tree, trail, found, "a number")
    value = float(value)
    return value if math.isfinite(value) else _bad("out-of-range", trail, found, f"{value} is not a finite number")


def _duration(tree: Any, trail: Trail, found: Findings) -> Any:
    if isinstance(tree, int | float) and tree.__class__ is not bool:
        return _bad("wrong-type", trail, found, f'{tree} has no unit: write "{tree}s" for seconds')
    if tree.__class__ is not str:
        return _wrong(tree, trail, found, 'a duration such as "1.5s"')
    try:
        return milliseconds(tree)
    except ValueError as error:
        return _bad("bad-duration", trail, found, f"{tree!r}: {error}")


def _percent(tree: Any, trail: Trail, found: Findings) -> Any:
    if tree.__class__ is not dict:
        return _wrong(tree, trail, found, "a map with the field 'value', e.g. {value: 12.5}")
    for key in tree:
        if key != "value":
            found.error("unknown-field", path_of((trail, key)), f"Percent has no field {key!r}; it has 'value'")
    value = _number(tree.get("value") or 0, (trail, "value"), found)
    if value is BAD:
        return BAD
    if value != 0 and not 0.0001 <= value <= 100:
        return _bad("bad-percent", (trail, "value"), found, f"{value} is neither 0 nor between 0.0001 and 100")
    return value


def _bytes(tree: Any, trail: Trail, found: Findings) -> Any:
    if tree.__class__ is not str:
        return _wrong(tree, trail, found, "base64 text")
    try:
        return base64.b64decode(tree, validate=True)
    except (binascii.Error, ValueError):
        return _bad("bad-base64", trail, found, "this is not base64: use 'string' for plain text")


def _int_or_string(tree: Any, trail: Trail, found: Findings) -> Any:
    if tree.__class__ is int:
        return str(tree)
    return tree if tree.__class__ is str else _wrong(tree, trail, found, "a number or a name")


def _json(tree: Any, _trail: Trail, _found: Findings) -> Any:
    return msgspec.json.encode(tree, order="deterministic").decode()


_SCALARS: dict[ShapeKind, Converter] = {
    ShapeKind.STRING: _string,
    ShapeKind.BOOL: _bool,
    ShapeKind.INT: _int,
    ShapeKind.NUMBER: _number,
    ShapeKind.DURATION: _duration,
    ShapeKind.PERCENT: _percent,
    ShapeKind.BYTES: _bytes,
    ShapeKind.INT_OR_STRING: _int_or_string,
    ShapeKind.JSON: _json,
}


def _bad(code: str, trail: Trail, found: Findings, message: str) -> Any:
    found.error(code, path_of(trail), message)
    return BAD


def _wrong(tree: Any, trail: Trail, found: Findings, wanted: str) -> Any:
    return _bad("wrong-type", trail, found, f"{_name(tree)} where {wanted} is expected")


def _name(tree: Any) -> str:
    names = {dict: "a map", list: "a list", bool: "true or false", int: "a number", float: "a number", str: "text"}
    return names.get(type(tree), "nothing")
