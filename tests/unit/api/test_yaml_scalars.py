import math

import pytest

from pidalio.api.yaml_scalars import resolve, resolve_tagged

VALUES = {
    "": None,
    "~": None,
    "null": None,
    "true": True,
    "False": False,
    "yes": "yes",
    "no": "no",
    "on": "on",
    "off": "off",
    "y": "y",
    "0": 0,
    "-12": -12,
    "+7": 7,
    "017": 17,
    "0o17": 15,
    "0x1F": 31,
    "0b1": "0b1",
    "1_000": "1_000",
    "1:30": "1:30",
    "12:30:45": "12:30:45",
    "2001-12-14": "2001-12-14",
    "1.5": 1.5,
    ".5": 0.5,
    "5.": 5.0,
    "1e3": 1000.0,
    "1e": "1e",
    ".": ".",
    "-": "-",
    "-x": "-x",
    "nUll": "nUll",
    ".inf": math.inf,
    "-.Inf": -math.inf,
    "1.2.3": "1.2.3",
    "v1": "v1",
    "=": "=",
    "5m": "5m",
}


@pytest.mark.parametrize(("text", "value"), VALUES.items(), ids=[repr(text) for text in VALUES])
def test_follows_the_core_schema(text, value):
    assert resolve(text) == value
    assert type(resolve(text)) is type(value)


def test_not_a_number():
    assert math.isnan(resolve(".nan"))


def test_endless_digits_are_cheap():
    assert resolve("9" * 10_000) == math.inf
    assert resolve("0x" + "f" * 10_000) == "0x" + "f" * 10_000


@pytest.mark.parametrize(("text", "tag"), [("x", "int"), ("1", "bool"), ("1", "null"), ("yes", "bool"), ("1.5", "int")])
def test_a_tag_must_fit(text, tag):
    with pytest.raises(ValueError):
        resolve_tagged(text, f"tag:yaml.org,2002:{tag}")
