"""Conditions on one string in one form: literals, and the regex where literals do not say it all."""

import functools

import msgspec

from pidalio.effectiveness.language import ANYTHING, Language, Literal, language
from pidalio.ir import MatchKind, PathKind, PathMatch, StringPattern
from pidalio.ir.pattern import full_match


class Pattern(msgspec.Struct, frozen=True, gc=False):
    """A set of strings: every one of them meets one of `literals`; `regex` decides where it is not empty.

    `samples` are strings that the regex probably matches.
    """

    literals: tuple[Literal, ...]
    regex: str = ""
    samples: tuple[str, ...] = ()

    @property
    def is_exact(self) -> bool:
        """Tell whether the literals say all."""
        return not self.regex

    def may_hold(self, value: str) -> bool:
        """Tell whether `value` meets a literal: False is sure, True only where the literals say all."""
        return any(each.holds(value) for each in self.literals)

    def holds(self, value: str) -> bool:
        """Tell whether `value` is in the set."""
        return full_match(self.regex, value) if self.regex else self.may_hold(value)


ANY = Pattern((ANYTHING,))


@functools.lru_cache(maxsize=16384)
def string_pattern(stated: StringPattern) -> Pattern:
    """Return the strings that a condition of a header or a query parameter accepts."""
    match stated.kind:
        case MatchKind.EXACT:
            return Pattern((Literal(stated.value),))
        case MatchKind.PREFIX:
            return Pattern((Literal(stated.value, is_open=True),))
        case MatchKind.REGEX:
            return _of(stated.value, language(stated.value))
        case MatchKind.PRESENT:
            return ANY


@functools.lru_cache(maxsize=16384)
def path_pattern(stated: PathMatch) -> Pattern:
    """Return the paths that a condition accepts."""
    if stated.kind is PathKind.REGEX:
        return _of(stated.value, language(stated.value))
    text = stated.value
    if stated.ignore_case:
        text = text.lower()
        if not text.isascii():
            return Pattern(())  # a path is ASCII, and nothing else is equal to it but for case
    if stated.kind is PathKind.EXACT:
        return Pattern((Literal(text, any_case=stated.ignore_case),))
    if stated.kind is PathKind.PREFIX:
        return Pattern((Literal(text, is_open=True, any_case=stated.ignore_case),))
    whole = text.rstrip("/")
    below = Literal(f"{whole}/", is_open=True, any_case=stated.ignore_case)
    return Pattern((Literal(whole, any_case=stated.ignore_case), below))


def _of(expression: str, known: Language) -> Pattern:
    return Pattern(known.literals) if known.is_exact else Pattern(known.literals, expression, known.samples)
