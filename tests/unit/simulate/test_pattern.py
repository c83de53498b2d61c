import pytest

from pidalio.ir import MatchKind, StringPattern
from pidalio.ir.pattern import full_match, satisfied
from pidalio.simulate.pattern import in_words, replace_all


@pytest.mark.parametrize(
    ("expression", "substitution", "text", "result"),
    [
        ("a*", r"<\0>", "/rr/baac", "<>/<>r<>r<>/<>b<aa>c<>"),
        (r"^/r2/(\w+)/(\w+)", r"/\2/\1/\\", "/r2/a/b/c", "/b/a/\\/c"),
        ("[0-9]+", "N", "/1/22/a", "/N/N/a"),
        ("(x)?b", r"[\1]", "/b/xb", "/[]/[x]"),
        ("z", "y", "/a", "/a"),
        (".*", "x", "/a", "x"),
        ("", "-", "ab", "-a-b-"),
    ],
)
def test_replacement_is_re2s_own(expression, substitution, text, result):
    assert replace_all(expression, substitution, text) == result


def test_a_regex_must_match_the_whole():
    assert full_match("/a", "/a")
    assert not full_match("/a", "/ab")
    assert full_match("(?i)/A.*", "/ab")


@pytest.mark.parametrize(
    ("kind", "value", "text", "holds"),
    [
        (MatchKind.EXACT, "a", "a", True),
        (MatchKind.EXACT, "a", "A", False),
        (MatchKind.PREFIX, "a", "ab", True),
        (MatchKind.PREFIX, "a", "ba", False),
        (MatchKind.REGEX, "a+", "aaa", True),
        (MatchKind.REGEX, "a+", "aab", False),
        (MatchKind.PRESENT, "", "", True),
    ],
)
def test_patterns_compare_one_string(kind, value, text, holds):
    assert satisfied(StringPattern(kind, value), text) is holds


def test_patterns_can_be_read():
    words = [in_words(StringPattern(kind, "v")) for kind in MatchKind]
    assert words == ['is "v"', 'begins with "v"', "matches regex v", "is present"]
