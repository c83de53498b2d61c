"""String patterns, and RE2 as Envoy uses it: whole-string matches and global replacement.

RE2 is the engine of Envoy itself; Python's `re` accepts other expressions and means other things by some.
"""

import functools
from typing import Any

import re2

from pidalio.ir import MatchKind, StringPattern


@functools.lru_cache(maxsize=4096)
def _compiled(expression: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    return re2.compile(expression, options)


def full_match(expression: str, text: str) -> bool:
    """Tell whether the whole of `text` matches the RE2 `expression`."""
    return _compiled(expression).fullmatch(text) is not None


def replace_all(expression: str, substitution: str, text: str) -> str:
    r"""Replace every match in `text`; `\0` to `\9` are groups, `\\` a backslash.

    An empty match right after another match is skipped, as RE2's GlobalReplace does.
    """
    pieces: list[str] = []
    end = 0
    matched = False
    for found in _compiled(expression).finditer(text):
        if found.start() == found.end() and matched and found.start() == end:
            continue
        pieces += (text[end : found.start()], _expanded(substitution, found))
        end = found.end()
        matched = True
    return "".join(pieces) + text[end:]


def _expanded(substitution: str, found: Any) -> str:
    pieces: list[str] = []
    characters = iter(substitution)
    for character in characters:
        if character != "\\":
            pieces.append(character)
            continue
        escaped = next(characters, "")
        pieces.append((found.group(int(escaped)) or "") if escaped.isdigit() else escaped)
    return "".join(pieces)


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


def in_words(pattern: StringPattern) -> str:
    """Return what `pattern` asks for, to be read after a subject: `is "x"`, `begins with "x"`."""
    match pattern.kind:
        case MatchKind.EXACT:
            return f'is "{pattern.value}"'
        case MatchKind.PREFIX:
            return f'begins with "{pattern.value}"'
        case MatchKind.REGEX:
            return f"matches regex {pattern.value}"
        case MatchKind.PRESENT:
            return "is present"
