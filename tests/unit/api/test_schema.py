"""The schemas describe what the parser accepts."""

import json

import pytest

from pidalio.api import document_schema, schemas
from pidalio.api.fields import fields_of
from pidalio.api.kinds import KINDS


def resolve(schema, path):
    """Follow field names through a schema, references and items included."""
    node = schema
    for name in path.split("."):
        node = node["properties"][name]
        node = node.get("items", node)
        if "$ref" in node:
            node = schema["$defs"][node["$ref"].removeprefix("#/$defs/")]
    return node


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_field_is_described_and_every_reference_leads_somewhere(kind):
    schema = schemas()[kind.name]
    text = json.dumps(schema)
    references = {part.split('"')[0] for part in text.split('"#/$defs/')[1:]}
    assert references <= set(schema["$defs"])
    node = schema if kind.whole else resolve(schema, "spec")
    assert {field.json for field in fields_of(kind.struct)} <= set(node["properties"])
    assert schema["description"].endswith(".") or schema["description"].endswith(";") or "," in schema["description"]


def test_forms():
    schema = schemas()["VirtualService"]
    assert schema["properties"]["apiVersion"] == {
        "enum": ["networking.istio.io/v1", "networking.istio.io/v1beta1", "networking.istio.io/v1alpha3"]
    }
    assert resolve(schema, "spec")["additionalProperties"] is False
    assert resolve(schema, "spec.http.timeout")["type"] == "string"
    assert resolve(schema, "spec.http.match.ignoreUriCase") == {"type": "boolean"}
    assert resolve(schema, "spec.http.match.uri")["allOf"][0] == {"not": {"required": ["exact", "prefix"]}}
    assert resolve(schema, "spec.http.mirrorPercentage")["properties"]["value"]["maximum"] == 100
    assert "FORWARD" in resolve(schema, "spec.http.corsPolicy.unmatchedPreflights")["enum"]


def test_annotations_of_ours_have_their_words_where_they_mean_something():
    def named(kind):
        return schemas()[kind]["properties"]["metadata"]["properties"]["annotations"].get("properties", {})

    assert named("Service") == named("ServiceEntry") == named("MeshConfig")
    assert named("Service")["pidalio.dev/resilience"] == {"enum": ["istio", "safe"]}
    assert not named("VirtualService")


def test_kubernetes_kinds_are_open():
    assert "additionalProperties" not in resolve(schemas()["Service"], "spec")
    assert "status" in schemas()["Pod"]["properties"]


def test_references_of_a_document_of_any_kind_lead_somewhere():
    schema = document_schema()
    references = {part.split('"')[0] for part in json.dumps(schema).split('"$ref": "#/')[1:]}
    assert len(references) > len(KINDS)
    for reference in references:
        node = schema
        for name in reference.split("/"):
            node = node[name]
        assert node["type"] == "object"
