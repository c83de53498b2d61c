import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from pidalio.api.yaml_reader import read
from pidalio.api.yaml_writer import write

from .test_yaml_reader import trees

TRICKY = ["0E0", "0o17", "yes", "1:30", "2001-12-14", "~", "", "0x1F", "1_000", ".inf", "5.", "null", "on", "=", "<<"]


def read_back(text):
    reading = read(text, "f")
    assert reading.reports == ()
    return [document.tree for document in reading.documents]


@pytest.mark.parametrize("text", TRICKY)
def test_text_stays_text_for_both_versions_of_yaml(text):
    written = write([{"a": text}])
    assert read_back(written) == [{"a": text}]
    assert yaml.safe_load(written) == {"a": text}


@given(trees.filter(lambda tree: tree is not None))
@example({"a": "x\n\ty\n", "b": [[], {}], "<<": "c"})
@example({"a": 10**30, "b": 1e-7, "c": -0.0, "d": 1e22})
def test_what_is_written_is_read(tree):
    assert read_back(write([tree])) == [tree]


@given(st.lists(st.dictionaries(st.sampled_from("abc"), st.integers(), min_size=1), min_size=2, max_size=3))
def test_documents(many):
    assert read_back(write(many)) == many


def test_keys_keep_their_order_and_shared_values_are_repeated():
    shared = {"x": 1}
    assert write([{"b": shared, "a": shared}]) == "b:\n  x: 1\na:\n  x: 1\n"
