"""Our kinds as Kubernetes keeps them: structural, complete, and the file in `examples` is the present one."""

from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from pidalio.api.definitions import definitions
from pidalio.api.fields import fields_of
from pidalio.api.kinds import BY_NAME
from pidalio.cli import main

EXAMPLE = Path(__file__).parents[3] / "examples" / "kubernetes" / "crds.yaml"


def spec_of(definition) -> dict:
    return definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]


def nodes(schema, path="spec"):
    yield path, schema
    for name, one in schema.get("properties", {}).items():
        yield from nodes(one, f"{path}.{name}")
    for part in ("items", "additionalProperties"):
        if part in schema:
            yield from nodes(schema[part], f"{path}[]")


def test_the_example_is_what_the_command_prints():
    printed = CliRunner().invoke(main, ["schema", "--crds"])
    assert printed.exit_code == 0
    assert EXAMPLE.read_text().partition("\n")[2] == printed.output, (
        "pidalio schema --crds changed: see the file's head"
    )
    assert list(yaml.safe_load_all(EXAMPLE.read_text())) == list(definitions())


def test_a_kind_and_the_definitions_exclude_each_other():
    result = CliRunner().invoke(main, ["schema", "HealthCheck", "--crds"])
    assert result.exit_code == 2
    assert "leave KIND out" in result.output


def test_kinds_of_a_cluster_are_defined():
    assert [one["spec"]["names"]["kind"] for one in definitions()] == ["MeshConfig", "HealthCheck"]
    assert [one["spec"]["scope"] for one in definitions()] == ["Cluster", "Namespaced"]


@pytest.mark.parametrize("definition", definitions(), ids=lambda one: one["spec"]["names"]["kind"])
def test_every_level_has_a_type_and_nothing_is_referred_to(definition):
    schema = spec_of(definition)
    kind = BY_NAME[definition["spec"]["names"]["kind"]]
    assert {field.json for field in fields_of(kind.struct)} == set(schema["properties"])
    for path, node in nodes(schema):
        free = node.get("x-kubernetes-preserve-unknown-fields") or node.get("x-kubernetes-int-or-string")
        assert isinstance(node.get("type"), str) or free, path
        assert "$ref" not in node, path
        assert not ("properties" in node and "additionalProperties" in node), path
    assert definition["spec"]["versions"][0]["subresources"] == {"status": {}}
