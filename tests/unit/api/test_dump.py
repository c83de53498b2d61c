"""Dump is the inverse of parse, for every struct of every kind."""

import math

import hypothesis
import pytest
from hypothesis import strategies as st

from pidalio.api import dump, load
from pidalio.api.convert import convert
from pidalio.api.dump import dump_message
from pidalio.api.fields import ShapeKind, fields_of
from pidalio.api.findings import Findings
from pidalio.api.kinds import KINDS
from pidalio.api.yaml_writer import write

words = st.text(alphabet="abc-./*%é", max_size=5)
json_texts = st.sampled_from(['{"a":[1,"b",null]}', "5", '"x"', "true", "[]"])
SCALARS = {
    ShapeKind.STRING: words,
    ShapeKind.BOOL: st.booleans(),
    ShapeKind.INT: st.integers(-(2**31), 2**32 - 1),
    ShapeKind.NUMBER: st.floats(allow_nan=False, allow_infinity=False),
    ShapeKind.DURATION: st.integers(0, 10**10),
    ShapeKind.PERCENT: st.just(0.0) | st.floats(0.0001, 100),
    ShapeKind.BYTES: st.binary(max_size=5),
    ShapeKind.INT_OR_STRING: words,
    ShapeKind.JSON: json_texts,
}


def values(shape, depth):
    if shape.kind is ShapeKind.ENUM:
        return st.sampled_from(list(shape.type))
    if shape.kind is ShapeKind.MESSAGE:
        return messages(shape.type, depth + 1)
    if shape.kind is ShapeKind.LIST:
        return st.lists(values(shape.item, depth), max_size=2).map(tuple)
    if shape.kind is ShapeKind.MAP:
        return st.dictionaries(words, values(shape.item, depth), max_size=2).map(lambda d: tuple(sorted(d.items())))
    return SCALARS[shape.kind]


@st.composite
def messages(draw, struct, depth=0):
    fields = fields_of(struct)
    most = 3 if fields and depth < 6 else 0
    some = st.sampled_from(fields) if fields else st.nothing()
    chosen = draw(st.lists(some, unique_by=lambda field: field.name, max_size=most))
    names = {field.name for field in chosen}
    for group in struct.oneofs:
        names -= set(sorted(names & set(group))[1:])
    return struct(**{field.name: draw(values(field.shape, depth)) for field in chosen if field.name in names})


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_parse_undoes_dump(kind):
    @hypothesis.settings(max_examples=40, deadline=None, suppress_health_check=list(hypothesis.HealthCheck))
    @hypothesis.given(messages(kind.struct))
    def check(message):
        found = Findings()
        assert convert(kind.struct, dump_message(message), None, found, lenient=kind.lenient) == message
        assert [finding for finding in found.found if finding.code != "missing-field"] == []
        hash(message)

    check()


def test_the_floats_that_json_lacks_do_not_occur():
    found = Findings()
    convert(KINDS[1].struct, {"trafficPolicy": {"retryBudget": {"percent": math.nan}}}, None, found)
    assert [finding.code for finding in found.found] == ["out-of-range"]


OBJECTS = {
    "metadata": """\
apiVersion: pidalio.dev/v1
kind: LocalWorkload
metadata: {name: a, namespace: b, labels: {c: d}, annotations: {pidalio.dev/e: f}, creationTimestamp: "2024-01-01T00:00:00Z"}
spec: {command: [x], probe: {httpGet: {port: 80}}}
""",
    "mesh-wide": "{apiVersion: pidalio.dev/v1, kind: MeshConfig, metadata: {name: a}, spec: {connectTimeout: 2s}}",
    "whole": """\
apiVersion: v1
kind: Pod
metadata: {name: a, deletionTimestamp: "2024-01-01T00:00:00Z"}
spec: {containers: [{name: a}]}
status: {podIP: 10.0.0.1}
""",
    "int-or-string": "{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {ports: [{port: 80, targetPort: 8080}]}}",
}


@pytest.mark.parametrize("text", OBJECTS.values(), ids=OBJECTS)
def test_objects_come_back_as_they_were(text):
    found = load(text, "f").parsed[0].object
    assert found is not None
    assert load(write([dump(found)]), "g").parsed[0].object == found


def test_what_is_unset_is_left_out():
    found = load(OBJECTS["whole"], "f").parsed[0].object
    assert dump(found)["status"] == {"podIP": "10.0.0.1"}
    assert dump(found)["metadata"].keys() == {"name", "namespace", "deletionTimestamp"}
