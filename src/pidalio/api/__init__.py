"""What users write: Istio's kinds, Kubernetes' own and ours, as typed, frozen, hashable structs.

`load` reads files and API bodies, `dump` is its inverse, `schemas` describes the kinds for editors.
The structs live in one module per kind (`pidalio.api.virtual_service`, ...).
"""

from pidalio.api.dump import dump
from pidalio.api.load import Loaded, load
from pidalio.api.object import Meta, Object
from pidalio.api.parse import Parsed, Skipped, parse
from pidalio.api.places import Places
from pidalio.api.schema import document_schema, schemas
from pidalio.api.walk import set_fields

__all__ = [
    "Loaded",
    "Meta",
    "Object",
    "Parsed",
    "Places",
    "Skipped",
    "document_schema",
    "dump",
    "load",
    "parse",
    "schemas",
    "set_fields",
]
