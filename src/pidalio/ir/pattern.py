"""What a string pattern means: comparisons, and RE2 as Envoy uses it for matching whole strings.

RE2 is the engine of Envoy itself; Python's `re` accepts other expressions and means other things by some.
"""

import functools
from typing import Any

import re2

from pidalio.ir.match import MatchKind, StringPattern


@functools.lru_cache(maxsize=4096)
def compiled(expression: str) -> Any:
    """Return the RE2 `expression`, compiled once."""
    options = re2.Options()
    options.log_errors = False
    return re2.compile(expression, options)


def full_match(expression: str, text: str) -> bool:
    """Tell whether the whole of `text` matches the RE2 `expression`."""
    return compiled(expression).fullmatch(text) is not None


def satisfied(pattern: StringPattern, value: str) -> bool:
    """Tell whether `value`, which is present, satisfies `pattern`."""
    match pattern.kind:
        case MatchKind.EXACT:
            return value == pattern.value
        case MatchKind.PREFIX:
            return value.startswith(pattern.value)
        case MatchKind.REGEX:
            return full_match(pattern.value, value)
        case MatchKind.PRESENT:
            return True
