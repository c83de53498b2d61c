"""No input raises: trees of the right shape with wrong values everywhere, by the structs' own types."""

import json

import hypothesis
import pytest
from hypothesis import strategies as st

from pidalio.api import load
from pidalio.api.fields import ShapeKind, fields_of
from pidalio.api.kinds import KINDS

WORDS = [
    "",
    "a",
    "*",
    "*.a.com",
    "a/b",
    "~",
    ".",
    "1.2.3.4",
    "10.0.0.0/8",
    "unix:///s",
    "%",
    "(",
    "1s",
    "-1s",
    "POST",
    "80",
    "\n",
    "é",
    "http",
]
ANYTHING = st.sampled_from(
    [None, True, 0, -1, 5, 1.5, 2**40, [], {}, [None], {"a": None}, {"value": 5}, {"value": "x"}]
) | st.sampled_from(WORDS)


def trees(shape, depth=0):
    """Trees that mostly fit `shape`, so that validation is reached, and sometimes do not."""
    if depth > 8:
        return ANYTHING
    if shape.kind is ShapeKind.ENUM:
        return st.sampled_from([*(member.name for member in shape.type), "NONSENSE", 3])
    if shape.kind is ShapeKind.MESSAGE:
        return messages(shape.type, depth + 1)
    if shape.kind is ShapeKind.LIST:
        return st.lists(trees(shape.item, depth), max_size=2)
    if shape.kind is ShapeKind.MAP:
        return st.dictionaries(st.sampled_from(WORDS), trees(shape.item, depth), max_size=2)
    fitting = {
        ShapeKind.STRING: st.sampled_from(WORDS),
        ShapeKind.BOOL: st.booleans(),
        ShapeKind.INT: st.sampled_from([0, 1, -1, 80, 500, 70000]),
        ShapeKind.DURATION: st.sampled_from(["0s", "1s", "0.5s", "1h"]),
        ShapeKind.PERCENT: st.sampled_from([{}, {"value": 50}]),
    }
    return fitting.get(shape.kind, ANYTHING)


@st.composite
def messages(draw, struct, depth=0):
    fields = fields_of(struct)
    some = st.sampled_from(fields) if fields else st.nothing()
    chosen = draw(st.lists(some, unique_by=lambda field: field.name, max_size=4 if fields else 0))
    return {
        field.json: draw(ANYTHING if draw(st.integers(0, 15)) == 7 else trees(field.shape, depth)) for field in chosen
    }


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_wrong_values_are_reports(kind):
    @hypothesis.settings(max_examples=60, deadline=None, suppress_health_check=list(hypothesis.HealthCheck))
    @hypothesis.given(messages(kind.struct), st.booleans())
    def check(spec, is_null):
        head = {"apiVersion": kind.api_version, "kind": kind.name, "metadata": None if is_null else {"name": "a"}}
        tree = {**spec, **head} if kind.whole else {**head, "spec": spec}
        (parsed,) = load(json.dumps(tree), "f.json").parsed
        assert (parsed.object is None) == any(report.severity > 1 for report in parsed.reports)
        assert all(report.place for report in parsed.reports)

    check()


@hypothesis.given(
    st.recursive(
        ANYTHING,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["apiVersion", "kind", "metadata", "items", "spec", "v1", "List"]), inner, max_size=4
            )
        ),
    )
)
def test_documents_of_any_form(tree):
    load(json.dumps(tree), "f.json")
