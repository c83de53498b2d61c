"""Durations in text: `"1.5s"`, and the units that Istio's users write (`"5m"`, `"250ms"`, `"1h30m"`)."""

import re
from fractions import Fraction

_UNITS = {
    "h": Fraction(3_600_000),
    "m": Fraction(60_000),
    "s": Fraction(1000),
    "ms": Fraction(1),
    "us": Fraction(1, 1000),
    "µs": Fraction(1, 1000),
    "ns": Fraction(1, 1_000_000),
}
_PART = re.compile(r"(\d{1,15}(?:\.\d{0,15})?|\.\d{1,15})(ms|us|µs|ns|h|m|s)")
_LIMIT = 3_155_760_000_000
"""A hundred years: the seconds of more than 136 do not fit into 32 bits, which Envoy's keep-alive has."""


def milliseconds(text: str) -> int:
    """Return `text` in whole milliseconds; raise `ValueError` with what to do about it."""
    if text == "0":
        return 0
    rest, total = text.lstrip("+"), Fraction(0)
    if rest.startswith("-"):
        raise ValueError("a duration cannot be negative")
    while rest:
        part = _PART.match(rest)
        if part is None:
            raise ValueError('write a duration as a number with a unit, e.g. "1.5s" or "250ms"')
        total += Fraction(part[1].rstrip(".")) * _UNITS[part[2]]
        rest = rest[part.end() :]
    if not text.strip("+"):
        raise ValueError('write a duration as a number with a unit, e.g. "1.5s" or "250ms"')
    if total.denominator != 1:
        raise ValueError("a duration must be in whole milliseconds")
    if total > _LIMIT:
        raise ValueError("a duration cannot be longer than 100 years")
    return int(total)


def text_of(duration: int) -> str:
    """Return `duration` (milliseconds) as protobuf's JSON writes it: `"1.5s"`."""
    seconds, rest = divmod(duration, 1000)
    return f"{seconds}.{rest:03d}".rstrip("0") + "s" if rest else f"{seconds}s"
