import json
import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pidalio.api.yaml_reader import Bounds, read


def only(text):
    reading = read(text, "f.yaml")
    assert [report.line() for report in reading.reports] == []
    (document,) = reading.documents
    return document


TREES = {
    "block": ("a:\n  b: [1, x]\nc: null\n", {"a": {"b": [1, "x"]}, "c": None}),
    "json": ('{"a": {"b": [1, true, null, 1.5, "é"]}}', {"a": {"b": [1, True, None, 1.5, "é"]}}),
    "json-with-tabs": ('{\n\t"a": 1,\n\t"b":[2]\n}', {"a": 1, "b": [2]}),
    "literal": ("a: |\n  x\n  y\n", {"a": "x\ny\n"}),
    "quoted-number": ("a: '5'", {"a": "5"}),
    "alias": ("a: &x [1, {b: c}]\nd: *x", {"a": [1, {"b": "c"}], "d": [1, {"b": "c"}]}),
    "alias-of-scalar": ("a: &x 5\nb: *x", {"a": 5, "b": 5}),
    "merge-key": ("a: &a {b: 1, c: 2}\nd:\n  <<: *a\n  c: 3", {"a": {"b": 1, "c": 2}, "d": {"c": 3, "b": 1}}),
    "merge-list": ("a: &a {b: 1}\nd: {<<: [*a, {c: 2, b: 5}]}", {"a": {"b": 1}, "d": {"b": 1, "c": 2}}),
    "merge-key-in-quotes-is-text": ("a: {'<<': {b: 1}}", {"a": {"<<": {"b": 1}}}),
    "keys-are-text": ("80: a\ntrue: b\n1.0: c", {"80": "a", "true": "b", "1.0": "c"}),
    "core-tags": ("a: !!str 5\nb: !!int '7'\nc: !!float 1\nd: ! x", {"a": "5", "b": 7, "c": 1.0, "d": "x"}),
    "byte-order-mark": ("\ufeffa: 1", {"a": 1}),
    "empty-containers": ("a: {}\nb: []", {"a": {}, "b": []}),
}


@pytest.mark.parametrize(("text", "tree"), TREES.values(), ids=TREES)
def test_reads_trees(text, tree):
    document = only(text)
    assert document.tree == tree
    assert document.reports == ()


def test_documents_are_separate_and_empty_ones_left_out():
    reading = read("# nothing\n---\na: &x 1\n---\n---\nb: 2\n...\n", "f.yaml")
    assert [document.tree for document in reading.documents] == [{"a": 1}, {"b": 2}]


def test_lines_are_those_of_the_keys():
    document = only("# head\na:\n  b:\n  - x\n  - c: 1\n    d: |\n      text\n'e f': {g: 2}\n")
    assert dict(document.places.items()) == {
        "": 2,
        "a": 2,
        "a.b": 3,
        "a.b[0]": 4,
        "a.b[1]": 5,
        "a.b[1].c": 5,
        "a.b[1].d": 6,
        '["e f"]': 8,
        '["e f"].g': 8,
    }


BROKEN = {
    "nested-brackets": ("[" * 100_000, "too-deep", 1),
    "nested-braces": ("{a: " * 100_000, "too-deep", 1),
    "nested-blocks": ("\n".join(" " * i + "a:" for i in range(300)), "too-deep", 101),
    "bytes": (b"x" * 50_000_000, "too-large", 1),
    "values": ("[" + "1," * 1_000_001 + "]", "too-large", 1),
    "not-utf8": (b"a: 1\nb: \xff\xfe\n", "not-utf8", 2),
    "utf16": ("a: 1".encode("utf-16"), "not-utf8", 1),
    "surrogate": ("a: \ud800", "not-utf8", 1),
    "tab": ("a:\n\tb: 1\n", "bad-yaml", 2),
    "unclosed-quote": ("a: 'x\nb: 1\n", "bad-yaml", 3),
    "unclosed-bracket": ("a: [1\nb: 2", "bad-yaml", 2),
    "colon-in-text": ("a: b: c", "bad-yaml", 1),
    "control-character": ("a: 1\nb: \x00", "bad-yaml", 2),
    "unknown-alias": ("a: *b", "bad-yaml", 1),
    "alias-to-itself": ("a: &a [*a]", "bad-yaml", 1),
    "key-is-a-list": ("? [a]\n: b", "bad-yaml", 1),
    "key-is-an-alias": ("a: &b c\n*b : d", "bad-yaml", 2),
    "version": ("%YAML 3.0\n---\na: 1", "bad-yaml", 1),
    "surrogate-escape": ('a: "\\ud800"', "bad-yaml", 1),
    "alias-bomb": (
        "a0: &a0 [x,x,x,x,x,x,x,x,x]\n"
        + "".join(f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12)),
        "alias-bomb",
        6,
    ),
}


@pytest.mark.parametrize(("text", "code", "line"), BROKEN.values(), ids=BROKEN)
def test_a_broken_text_is_one_report_with_its_line(text, code, line):
    (report,) = read(text, "f.yaml").reports
    assert (report.code, report.place.file, report.place.line) == (code, "f.yaml", line)
    assert "\n" not in report.line()


def test_documents_before_the_break_are_kept():
    reading = read("a: 1\n---\nb: [\n", "f.yaml")
    assert [document.tree for document in reading.documents] == [{"a": 1}]
    assert len(reading.reports) == 1


ADVICE = {
    "tab": ("a:\n\tb: 1\n", "indent with spaces, not tabs"),
    "quote": ("a: 'x\nb: 1\n", "close the quote"),
    "colon": ("a: b: c", "in quotes"),
    "indentation": ("a:\n  b: 1\n c: 2\n", "check the indentation"),
}


@pytest.mark.parametrize(("text", "advice"), ADVICE.values(), ids=ADVICE)
def test_says_what_to_do(text, advice):
    (report,) = read(text, "f.yaml").reports
    assert advice in report.message


INSIDE = {
    "duplicate-key": ("a:\n  b: 1\n  b: 2", "duplicate-key", 3, {"a": {"b": 1}}),
    "duplicate-map": ("a: {b: 1}\na: {c: 2}", "duplicate-key", 2, {"a": {"b": 1}}),
    "python-tag": ("a: !!python/object:os.system x", "unknown-tag", 1, {"a": "x"}),
    "own-tag": ("a: !vault [x]", "unknown-tag", 1, {"a": ["x"]}),
    "tag-that-does-not-fit": ("a: !!int x", "unknown-tag", 1, {"a": "x"}),
    "merge-of-a-scalar": ("a: {<<: 5, b: 1}", "bad-yaml", 1, {"a": {"b": 1}}),
}


@pytest.mark.parametrize(("text", "code", "line", "tree"), INSIDE.values(), ids=INSIDE)
def test_mistakes_inside_a_document_do_not_end_it(text, code, line, tree):
    document = only(text)
    (report,) = document.reports
    assert (report.code, report.place.line, document.tree) == (code, line, tree)


def test_a_report_without_file_has_no_place():
    (report,) = read("[", "").reports
    assert report.place is None


def test_bounds_are_the_callers():
    assert read("[1, [2]]", "f", Bounds(depth=2)).reports == ()
    assert read("[1, [2]]", "f", Bounds(depth=1)).reports[0].code == "too-deep"
    assert read("[1, 2]", "f", Bounds(nodes=2)).reports[0].code == "too-large"
    assert read("12345", "f", Bounds(file_bytes=4)).reports[0].code == "too-large"


@given(st.binary(max_size=200))
@example(b"%TAG ! tag:x\n---\n!a b")
@example(b"- \xc2\x85x")
def test_random_bytes_never_raise(data):
    read(data, "f.yaml")


@given(st.text(alphabet=string.ascii_letters[:4] + "&*:!<>|-?[]{},'\"#%@`\n\t 01.~\\", max_size=60))
def test_random_yaml_never_raises(text):
    read(text, "f.yaml")


leaves = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
# U+2028 and U+2029 are line breaks in YAML 1.1, within quotes too
words = st.text(
    alphabet=st.characters(codec="utf-8", exclude_characters="\x7f\u2028\u2029", exclude_categories=["Cs", "Cc"])
)
trees = st.recursive(
    leaves | words, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4), max_leaves=20
)


@given(trees.filter(lambda tree: tree is not None))
def test_reads_all_of_json(tree):
    assert only(json.dumps(tree, ensure_ascii=False)).tree == tree


def test_line_breaks_of_unicode_are_read_where_they_are_escaped():
    tree = {"\u2028": "a \u2029 b"}
    assert only(json.dumps(tree)).tree == tree
    assert read(json.dumps(tree, ensure_ascii=False), "f").reports
