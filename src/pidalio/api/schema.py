"""JSON Schema of every kind, out of the structs: for editors, and for the HTTP API's description.

A schema is stricter than the parser: it knows only the JSON names, and numbers only as numbers.
"""

import inspect
import itertools
from typing import Any

from pidalio.api.fields import FieldShape, Shape, ShapeKind, fields_of
from pidalio.api.kinds import KINDS, Kind
from pidalio.api.resilience import ANNOTATED_KINDS, WORDS
from pidalio.api.scalars import Message

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_SCALARS: dict[ShapeKind, dict[str, Any]] = {
    ShapeKind.STRING: {"type": "string"},
    ShapeKind.BOOL: {"type": "boolean"},
    ShapeKind.INT: {"type": "integer"},
    ShapeKind.NUMBER: {"type": "number"},
    ShapeKind.DURATION: {"type": "string", "pattern": r"^((\d+(\.\d*)?|\.\d+)(h|m|s|ms|us|µs|ns))+$|^0$"},
    ShapeKind.PERCENT: {
        "type": "object",
        "properties": {"value": {"type": "number", "minimum": 0, "maximum": 100}},
        "additionalProperties": False,
    },
    ShapeKind.BYTES: {"type": "string", "contentEncoding": "base64"},
    ShapeKind.INT_OR_STRING: {"type": ["integer", "string"]},
    ShapeKind.JSON: {},
}
_TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}


def schemas() -> dict[str, dict[str, Any]]:
    """Return the schema of each kind by name, each complete in itself."""
    return {kind.name: schema(kind) for kind in KINDS}


def document_schema() -> dict[str, Any]:
    """Return the schema of a document of any kind: what an editor checks a file of several documents against."""
    defined: dict[str, dict[str, Any]] = {}
    for kind in KINDS:
        messages: dict[str, dict[str, Any]] = {}
        body = object_schema(kind, f"#/$defs/{kind.name}/$defs/", messages)
        defined[kind.name] = {"title": kind.name, **body, "$defs": messages}
    return {"$schema": DIALECT, "anyOf": [{"$ref": f"#/$defs/{name}"} for name in defined], "$defs": defined}


def schema(kind: Kind) -> dict[str, Any]:
    """Return the schema of one kind, with the messages it uses under `$defs`."""
    messages: dict[str, dict[str, Any]] = {}
    body = object_schema(kind, "#/$defs/", messages)
    return {"$schema": DIALECT, "title": kind.name, **body, "$defs": messages}


def object_schema(kind: Kind, prefix: str, messages: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return the schema of an object whose messages are referred to by `prefix`, and add those to `messages`."""
    if kind.whole:
        members = {field.json: _of(field.shape, prefix, messages, open_=True) for field in fields_of(kind.struct)}
    else:
        members = {"spec": _message(kind.struct, prefix, messages, open_=kind.lenient)}
    versions = [f"{kind.group}/{version}" if kind.group else version for version in kind.versions]
    return {
        "description": _sentence(kind.struct),
        "type": "object",
        "required": ["apiVersion", "kind", "metadata"],
        "properties": {
            "apiVersion": {"enum": versions},
            "kind": {"const": kind.name},
            "metadata": {
                "type": "object",
                "required": ["name"],
                "properties": {
                    "name": {"type": "string"},
                    "namespace": {"type": "string"},
                    "labels": _TEXTS,
                    "annotations": _annotations(kind),
                },
            },
            **members,
        },
    }


def _annotations(kind: Kind) -> dict[str, Any]:
    """Return texts by name, of which ours have their words where they mean something."""
    if kind.name not in ANNOTATED_KINDS:
        return _TEXTS
    return _TEXTS | {"properties": {name: {"enum": list(words)} for name, words in WORDS.items()}}


def _message(struct: type[Message], prefix: str, messages: dict[str, dict[str, Any]], *, open_: bool) -> dict[str, Any]:
    name = struct.__name__ + ("Spec" if any(kind.struct is struct for kind in KINDS) else "")
    if name not in messages:
        messages[name] = {}
        fields = fields_of(struct)
        messages[name].update(
            description=_sentence(struct),
            type="object",
            properties={field.json: _of(field.shape, prefix, messages, open_=open_) for field in fields},
            **_exclusions(struct, fields),
            **({} if open_ else {"additionalProperties": False}),
        )
    return {"$ref": prefix + name}


def _exclusions(struct: type[Message], fields: tuple[FieldShape, ...]) -> dict[str, Any]:
    names = {field.name: field.json for field in fields}
    pairs = [
        [names[one], names[other]]
        for group in struct.oneofs
        for one, other in itertools.combinations((name for name in group if name != "!"), 2)
    ]
    return {"allOf": [{"not": {"required": pair}} for pair in pairs]} if pairs else {}


def _of(shape: Shape, prefix: str, messages: dict[str, dict[str, Any]], *, open_: bool) -> dict[str, Any]:
    if shape.kind is ShapeKind.MESSAGE:
        return _message(shape.type, prefix, messages, open_=open_)
    if shape.kind is ShapeKind.ENUM:
        return {"enum": [member.name for member in shape.type]}
    if shape.item is None:
        return _SCALARS[shape.kind]
    member = _of(shape.item, prefix, messages, open_=open_)
    if shape.kind is ShapeKind.LIST:
        return {"type": "array", "items": member}
    return {"type": "object", "additionalProperties": member}


def _sentence(struct: type[Message]) -> str:
    return inspect.cleandoc(struct.__doc__ or "").partition("\n")[0].replace("`", "")
