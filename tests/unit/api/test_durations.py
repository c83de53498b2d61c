import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pidalio.api.durations import milliseconds, text_of

GOOD = {
    "1s": 1000,
    "1.5s": 1500,
    "0s": 0,
    "0": 0,
    "0.001s": 1,
    "250ms": 250,
    "5m": 300_000,
    "1h30m": 5_400_000,
    "24h": 86_400_000,
    "1000us": 1,
    "1000000ns": 1,
    "1.000000s": 1000,
    ".5s": 500,
    "1.s": 1000,
    "+1s": 1000,
}
BAD = [
    "",
    "1",
    "s",
    "1.0001s",
    "1us",
    "-1s",
    "1 s",
    "1s ",
    "five",
    "1d",
    "1e3s",
    "infs",
    "+",
    "--1s",
    "99999999999999h",
]


@pytest.mark.parametrize(("text", "value"), GOOD.items())
def test_reads(text, value):
    assert milliseconds(text) == value


@pytest.mark.parametrize("text", BAD)
def test_refuses(text):
    with pytest.raises(ValueError):
        milliseconds(text)


@given(st.integers(0, 10**12))
def test_text_is_the_inverse(duration):
    assert milliseconds(text_of(duration)) == duration


@given(st.text(max_size=20))
def test_any_other_text_is_a_value_error(text):
    with contextlib.suppress(ValueError):
        assert milliseconds(text) >= 0
