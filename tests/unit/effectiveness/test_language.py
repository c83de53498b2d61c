"""What is read from a regex, held against RE2 itself."""

import hypothesis
import pytest
from hypothesis import strategies as st

from pidalio.effectiveness.language import ANYTHING, Literal, language
from pidalio.ir.pattern import full_match


@pytest.mark.parametrize(
    ("expression", "literals"),
    [
        ("/api/.*", [Literal("/api/", is_open=True)]),
        ("^/api$", [Literal("/api")]),
        ("a|bc", [Literal("a"), Literal("bc")]),
        ("(?i)A[bc]", [Literal("ab", any_case=True), Literal("ac", any_case=True)]),
        ("v[12](/.*)?", [Literal("v1"), Literal("v1/", True), Literal("v2"), Literal("v2/", True)]),
        (r"a\.b\d?", [Literal("a.b"), *(Literal(f"a.b{each}") for each in range(10))]),
        (".*", [ANYTHING]),
        ("(?:a|b){2}", [Literal("aa"), Literal("ab"), Literal("ba"), Literal("bb")]),
        ("a{,2}", [Literal("a{,2}")]),
    ],
)
def test_all_that_it_matches(expression, literals):
    found = language(expression)
    assert found.is_exact
    assert list(found.literals) == sorted(literals)


@pytest.mark.parametrize(
    ("expression", "literals"),
    [
        ("/v[0-9]+/x", [Literal("/v0", True), *(Literal(f"/v{each}", True) for each in range(1, 10))]),
        ("/a.b", [Literal("/a", True)]),
        ("a+", [Literal("a", True)]),
        ("[^/]*x", [ANYTHING]),
        (r"\pN", [ANYTHING]),
        ("a(?i:b)", [ANYTHING]),
        ("a\\b", [ANYTHING]),
    ],
)
def test_how_it_begins(expression, literals):
    found = language(expression)
    assert not found.is_exact
    assert list(found.literals) == sorted(literals)


ATOMS = st.sampled_from(
    ("a", "b", "A", ".", "[ab]", "[^a]", r"\d", r"\.", "1", "/", "[a-c]", r"[\d.]", "-", "{", r"\w")
)
EXPRESSIONS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map("".join),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: f"({'|'.join(parts)})"),
        st.builds(
            lambda part, times: f"(?:{part}){times}", inner, st.sampled_from(("*", "+", "?", "{2}", "{1,3}", "*?"))
        ),
    ),
    max_leaves=8,
)
TEXTS = st.text("abAB1./-{", max_size=6)


@hypothesis.settings(max_examples=200, deadline=None)
@hypothesis.given(st.sampled_from(("", "(?i)", "^")), EXPRESSIONS, st.lists(TEXTS, max_size=12))
def test_never_says_too_little_and_exactly_what_is_exact(flag, expression, texts):
    whole = flag + expression
    found = language(whole)
    for text in (*texts, *found.samples, *(each.text for each in found.literals)):
        may_hold = any(each.holds(text) for each in found.literals)
        matched = full_match(whole, text)
        assert may_hold or not matched
        assert not found.is_exact or may_hold == matched


@hypothesis.settings(max_examples=100, deadline=None)
@hypothesis.given(EXPRESSIONS)
def test_most_samples_match(expression):
    samples = language(expression).samples
    hypothesis.assume(samples)
    assert any(full_match(expression, each) for each in samples)
