"""The API described by OpenAPI 3.1, made from the table of operations and the structs that they really use.

Invariant: there is no second description to keep in step: a field that is added to a struct is described.
"""

import functools
import inspect
import re
from importlib.metadata import version
from typing import Any

import msgspec

from pidalio.http.operations import OPERATIONS, Operation
from pidalio.http.wire import ErrorAnswer
from pidalio.http.writing import FILES

_REF = "#/components/schemas/{name}"
_TEXTS = ("application/yaml", "text/plain")
_PARAMETER = re.compile(r"{(\w+)}")


@functools.cache
def document() -> dict[str, Any]:
    """Return the OpenAPI document."""
    bodies = [one.body for one in OPERATIONS if one.body] + [one.answer for one in OPERATIONS] + [ErrorAnswer]
    unique = list(dict.fromkeys(bodies))
    references, components = msgspec.json.schema_components(unique, ref_template=_REF)
    refer = dict(zip(unique, references, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for one in OPERATIONS:
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one, refer)
    paths["/metrics"] = {"get": _plain("metrics", "Return the figures for Prometheus.", "text/plain")}
    paths["/openapi.json"] = {"get": _plain("openapi", "Return this document.", "application/json")}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Pidalio", "version": version("pidalio"), "summary": "The API of a control plane."},
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}, {}],
    }


def _operation(one: Operation, refer: dict[Any, dict[str, Any]]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": one.run.__name__,
        "summary": _sentence(one.run),
        "parameters": [*_path_parameters(one), *_query_parameters(one)],
        "responses": {
            "200": {"description": "done", "content": {"application/json": {"schema": refer[one.answer]}}},
            "default": {
                "description": "nothing was done",
                "content": {"application/json": {"schema": refer[ErrorAnswer]}},
            },
        },
    }
    if one.body:
        content: dict[str, Any] = {FILES if one.text else "application/json": {"schema": refer[one.body]}}
        if one.text:
            content |= {kind: {"schema": {"type": "string"}} for kind in _TEXTS}
        described["requestBody"] = {"required": True, "content": content}
    if one.open:
        described["security"] = [{}]
    return described


def _path_parameters(one: Operation) -> list[dict[str, Any]]:
    names = _PARAMETER.findall(one.path)
    return [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]


def _query_parameters(one: Operation) -> list[dict[str, Any]]:
    if one.query is None:
        return []
    _, components = msgspec.json.schema_components([one.query], ref_template=_REF)
    schema = components[one.query.__name__]
    required = schema.get("required", ())
    return [
        {"name": name, "in": "query", "required": name in required, "schema": shape}
        for name, shape in schema["properties"].items()
    ]


def _plain(name: str, summary: str, media_type: str) -> dict[str, Any]:
    content = {"description": "done", "content": {media_type: {"schema": {}}}}
    return {"operationId": name, "summary": summary, "responses": {"200": content}}


def _sentence(run: Any) -> str:
    return (inspect.getdoc(run) or "").partition("\n")[0]
