"""Our kinds as Kubernetes keeps them: a CustomResourceDefinition each, out of the same structs as everything else.

Invariant: every schema is structural (a type at each level, nothing referred to), so that the API server itself finds
unknown fields and wrong types. Only kinds that make sense in a cluster are defined; Istio's come with Istio.
Source of the rules: Kubernetes' "Extend the Kubernetes API with CustomResourceDefinitions".
"""

from typing import Any, Final

from pidalio.api.kinds import KINDS, OWN_GROUP, Kind
from pidalio.api.schema import schema

_NOT_HERE: Final = ("LocalWorkload",)
"""What is run on the machine of who writes it."""
_SHORT: Final = {"HealthCheck": ["hc"]}
_TEXT: Final = {"type": "string"}
_NUMBER: Final = {"x-kubernetes-int-or-string": True}
_TIME: Final = {"type": "string", "format": "date-time"}
_CONDITION: Final = {
    "type": "object",
    "required": ["type", "status"],
    "properties": {
        "type": _TEXT,
        "status": _TEXT,
        "reason": _TEXT,
        "message": _TEXT,
        "lastTransitionTime": _TIME,
        "observedGeneration": _NUMBER,
    },
}
_MESSAGE: Final = {
    "type": "object",
    "properties": {
        "level": {"type": "string", "enum": ["UNKNOWN", "ERROR", "WARNING", "INFO"]},
        "type": {"type": "object", "properties": {"name": _TEXT, "code": _TEXT}},
    },
}
_STATUS: Final = {
    "description": "What became of it, as pidalio get shows it; written by the control plane.",
    "type": "object",
    "properties": {
        "conditions": {"type": "array", "items": _CONDITION},
        "validationMessages": {"type": "array", "items": _MESSAGE},
        "observedGeneration": _NUMBER,
    },
}
_COLUMNS: Final = [
    *(
        {"name": name, "type": "string", "jsonPath": f'.status.conditions[?(@.type=="{name}")].status'}
        for name in ("Compiled", "Effective", "Conflicts")
    ),
    {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
]


def definitions() -> tuple[dict[str, Any], ...]:
    """Return the CustomResourceDefinitions of our kinds, as plain trees."""
    return tuple(_definition(kind) for kind in KINDS if kind.group == OWN_GROUP and kind.name not in _NOT_HERE)


def _definition(kind: Kind) -> dict[str, Any]:
    plural = f"{kind.name.lower()}s"
    names = {"kind": kind.name, "listKind": f"{kind.name}List", "plural": plural, "singular": kind.name.lower()}
    short = {"shortNames": _SHORT[kind.name]} if kind.name in _SHORT else {}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{kind.group}"},
        "spec": {
            "group": kind.group,
            "names": {**names, **short, "categories": ["pidalio"]},
            "scope": "Cluster" if kind.cluster_wide else "Namespaced",
            "versions": [_version(kind, name, is_stored=number == 0) for number, name in enumerate(kind.versions)],
        },
    }


def _version(kind: Kind, name: str, *, is_stored: bool) -> dict[str, Any]:
    whole = schema(kind)
    spec = _structural(whole["properties"]["spec"], whole["$defs"], ())
    body = {
        "description": whole["description"],
        "type": "object",
        "properties": {
            "apiVersion": _TEXT,
            "kind": _TEXT,
            "metadata": {"type": "object"},
            "spec": spec,
            "status": _STATUS,
        },
    }
    return {
        "name": name,
        "served": True,
        "storage": is_stored,
        "schema": {"openAPIV3Schema": body},
        "subresources": {"status": {}},
        "additionalPrinterColumns": _COLUMNS,
    }


def _structural(node: dict[str, Any], messages: dict[str, Any], inside: tuple[str, ...]) -> dict[str, Any]:
    """Return a schema without references; what contains itself is any object where it does so."""
    if "$ref" in node:
        name = node["$ref"].rpartition("/")[2]
        if name in inside:
            return {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
        return _structural(messages[name], messages, (*inside, name))
    if not node:
        return {"x-kubernetes-preserve-unknown-fields": True}
    if isinstance(node.get("type"), list):
        return dict(_NUMBER)
    made = {key: value for key, value in node.items() if key not in ("additionalProperties", "contentEncoding")}
    made.setdefault("type", "string")  # the words of an enumeration
    if "contentEncoding" in node:
        made["format"] = "byte"
    if "properties" in node:
        made["properties"] = {name: _structural(one, messages, inside) for name, one in node["properties"].items()}
    if isinstance(node.get("additionalProperties"), dict):
        made["additionalProperties"] = _structural(node["additionalProperties"], messages, inside)
    if "items" in node:
        made["items"] = _structural(node["items"], messages, inside)
    return made
