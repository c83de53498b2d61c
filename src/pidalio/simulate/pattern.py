"""String patterns for people, and RE2's global replacement as Envoy uses it."""

from typing import Any

from pidalio.ir import MatchKind, StringPattern
from pidalio.ir.pattern import compiled


def replace_all(expression: str, substitution: str, text: str) -> str:
    r"""Replace every match in `text`; `\0` to `\9` are groups, `\\` a backslash.

    An empty match right after another match is skipped, as RE2's GlobalReplace does.
    """
    pieces: list[str] = []
    end = 0
    matched = False
    for found in compiled(expression).finditer(text):
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
