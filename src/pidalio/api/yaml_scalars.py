"""What a plain YAML scalar means: the core schema of YAML 1.2.

`yes`, `no`, `on`, `off`, dates and `1:30` stay text; `0o17` is octal and `017` is seventeen.
Source of the rules: YAML 1.2.2, section 10.3.
"""

import re
from typing import TypeAlias

Scalar: TypeAlias = str | int | float | bool | None

_WORDS: dict[str, Scalar] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}
_LEADS = frozenset("0123456789+-.~nNtTfF")
_DECIMAL = re.compile(r"[-+]?[0-9]+\Z")
_BASED = re.compile(r"0(?:o[0-7]+|x[0-9a-fA-F]+)\Z")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_DIGITS_MAX = 40

CORE_TAGS = {
    "tag:yaml.org,2002:str",
    "tag:yaml.org,2002:int",
    "tag:yaml.org,2002:float",
    "tag:yaml.org,2002:bool",
    "tag:yaml.org,2002:null",
}


def resolve(text: str) -> Scalar:
    """Return the value of the plain scalar `text`."""
    if text and text[0] not in _LEADS:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _DECIMAL.match(text):
        return int(text) if len(text) <= _DIGITS_MAX else float(text)
    if _BASED.match(text):
        return int(text, 0) if len(text) <= _DIGITS_MAX else text
    if _FLOAT.match(text):
        return float(text)
    return text


def resolve_tagged(text: str, tag: str) -> Scalar:
    """Return the value of `text` under an explicit core `tag`; raise `ValueError` when it does not fit."""
    if tag == "tag:yaml.org,2002:str":
        return text
    value = resolve(text)
    if tag == "tag:yaml.org,2002:float" and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    wanted = {"int": int, "float": float, "bool": bool, "null": type(None)}[tag.rpartition(":")[2]]
    if type(value) is not wanted:
        raise ValueError(text)
    return value
