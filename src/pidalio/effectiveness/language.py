"""What a regular expression of RE2 can match, as far as literals say it: the ground on which regexes are decided.

`language` reads an expression and returns literals that stand for it. Invariant: every string the expression matches as
a whole meets one of `literals`; with `is_exact` the reverse holds too, and the expression need not be run at all.
What is not understood stands for "any string", which is always true and decides nothing. `samples` are strings that
probably match; whoever uses one checks it with RE2 itself.
Strings are header values, paths and query values: a line break is in none of them, so that `.` is any character.
Source: RE2's documented syntax.
"""

import functools
import os.path
import re
from collections.abc import Callable, Iterable

import msgspec

_MOST_LITERALS = 64
_MOST_SAMPLES = 12
_MOST_REPEATS = 4
_LARGEST_CLASS = 16
_COUNTED = re.compile(r"\{(\d+)(,(\d*))?\}")
_CLASSES = {
    "d": "0123456789",
    "w": "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_",
    "s": " \t",
}


class Literal(msgspec.Struct, frozen=True, order=True, gc=False):
    """Strings that are `text`, or with `is_open` begin with it; `any_case` ignores case (then `text` is lower-case)."""

    text: str
    is_open: bool = False
    any_case: bool = False

    def holds(self, value: str) -> bool:
        """Tell whether `value` is one of these strings."""
        compared = value.lower() if self.any_case else value
        return compared.startswith(self.text) if self.is_open else compared == self.text


ANYTHING = Literal("", is_open=True)


class Language(msgspec.Struct, frozen=True, gc=False):
    """The strings of an expression: all of them meet one of `literals`, and `is_exact` says that no others do."""

    literals: tuple[Literal, ...]
    is_exact: bool
    samples: tuple[str, ...] = ()


@functools.lru_cache(maxsize=4096)
def language(expression: str) -> Language:
    """Return what is known of the strings that RE2 `expression` matches as a whole."""
    any_case = expression.startswith("(?i)")
    try:
        part = _Reader(expression.removeprefix("(?i)"), any_case=any_case).whole()
    except _NotUnderstoodError:
        return Language((ANYTHING,), is_exact=False)
    literals = {Literal(text.lower() if any_case else text, is_open, any_case) for text, is_open in part.texts}
    return Language(tuple(sorted(literals)), part.is_exact, part.samples)


class _NotUnderstoodError(Exception):
    """The expression uses what is not read here; it may still be a good one."""


class _Part(msgspec.Struct, frozen=True):
    """A piece of an expression: texts (open ones go on with anything), whether they are all, and samples."""

    texts: frozenset[tuple[str, bool]]
    is_exact: bool
    samples: tuple[str, ...]


def _texts(*texts: str) -> _Part:
    return _Part(frozenset((text, False) for text in texts), is_exact=True, samples=texts[:_MOST_SAMPLES])


_NOTHING = _texts("")
_ANY_CHARACTER = _Part(frozenset({("", True)}), is_exact=False, samples=("x", "0"))


def _rest(samples: tuple[str, ...], *, is_exact: bool) -> _Part:
    return _Part(frozenset({("", True)}), is_exact, samples)


def _joined(first: _Part, second: _Part) -> _Part:
    goes_on = second.texts == frozenset({("", True)}) or second.texts == frozenset({("", False)})
    is_exact = first.is_exact and second.is_exact
    found: set[tuple[str, bool]] = set()
    for text, is_open in first.texts:
        if is_open:
            found.add((text, True))
            is_exact = is_exact and goes_on
        else:
            found |= {(text + more, more_open) for more, more_open in second.texts}
    return _bounded(found, is_exact, _crossed(first.samples, second.samples))


def _crossed(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    longest = max(len(first), len(second), 1)
    paired = [first[at % len(first)] + second[at % len(second)] for at in range(longest) if first and second]
    crossed = [one + two for one in first for two in second]
    return tuple(dict.fromkeys((*paired, *crossed)))[:_MOST_SAMPLES]


def _either(parts: Iterable[_Part]) -> _Part:
    several = tuple(parts)
    samples = [each.samples[at] for at in range(_MOST_SAMPLES) for each in several if at < len(each.samples)]
    found = {text for each in several for text in each.texts}
    return _bounded(found, all(each.is_exact for each in several), tuple(dict.fromkeys(samples))[:_MOST_SAMPLES])


def _bounded(texts: set[tuple[str, bool]], is_exact: bool, samples: tuple[str, ...]) -> _Part:
    if len(texts) <= _MOST_LITERALS:
        return _Part(frozenset(texts), is_exact, samples)
    shared = os.path.commonprefix([text for text, _ in texts])  # noqa: RUF071 - character by character is what is meant
    return _Part(frozenset({(shared, True)}), is_exact=False, samples=samples)


def _repeated(part: _Part, least: int, most: int | None) -> _Part:
    if most is not None and most <= _MOST_REPEATS:
        return _either(_times(part, count) for count in range(least, most + 1))
    if least > _MOST_REPEATS:
        return _rest((), is_exact=False)
    twice = _joined(part, part).samples
    more = _rest(("", *part.samples, *twice)[:_MOST_SAMPLES], is_exact=part is _ANY_CHARACTER and most is None)
    return _joined(_times(part, least), more)


def _times(part: _Part, count: int) -> _Part:
    result = _NOTHING
    for _ in range(count):
        result = _joined(result, part)
    return result


class _Reader:
    """Reads one expression from left to right."""

    def __init__(self, text: str, *, any_case: bool) -> None:
        self._text = text
        self._at = 0
        self._any_case = any_case

    def whole(self) -> _Part:
        self._take("^")
        part = self._alternatives()
        if self._at < len(self._text):
            raise _NotUnderstoodError
        return part

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _take(self, wanted: str) -> bool:
        if not self._text.startswith(wanted, self._at):
            return False
        self._at += len(wanted)
        return True

    def _next(self) -> str:
        found = self._peek()
        if not found:
            raise _NotUnderstoodError
        self._at += 1
        return found

    def _alternatives(self) -> _Part:
        parts = [self._sequence()]
        while self._take("|"):
            parts.append(self._sequence())
        return parts[0] if len(parts) == 1 else _either(parts)

    def _sequence(self) -> _Part:
        result = _NOTHING
        while self._peek() not in ("", "|", ")"):
            if self._peek() == "$" and self._at == len(self._text) - 1:
                self._at += 1
                break
            result = _joined(result, self._quantified())
        return result

    def _quantified(self) -> _Part:
        part = self._atom()
        while True:
            counted = _COUNTED.match(self._text, self._at)
            if self._take("*"):
                part = _repeated(part, 0, None)
            elif self._take("+"):
                part = _repeated(part, 1, None)
            elif self._take("?"):
                part = _repeated(part, 0, 1)
            elif counted:
                self._at = counted.end()
                least = int(counted[1])
                most = least if counted[2] is None else int(counted[3]) if counted[3] else None
                if most is not None and most < least:
                    raise _NotUnderstoodError
                part = _repeated(part, least, most)
            else:
                return part
            self._take("?")

    def _atom(self) -> _Part:
        character = self._next()
        read: Callable[[], _Part] | None = {"(": self._group, "[": self._class, "\\": self._escape}.get(character)
        if read:
            return read()
        if character == ".":
            return _ANY_CHARACTER
        if character in "^$*+?|)":
            raise _NotUnderstoodError
        return self._character(character)

    def _character(self, character: str) -> _Part:
        if self._any_case and not character.isascii():
            raise _NotUnderstoodError
        return _texts(character)

    def _group(self) -> _Part:
        if self._take("?") and not self._take(":"):
            self._take("P")
            name = re.compile(r"<\w+>").match(self._text, self._at)
            if name is None:
                raise _NotUnderstoodError
            self._at = name.end()
        part = self._alternatives()
        if not self._take(")"):
            raise _NotUnderstoodError
        return part

    def _escape(self) -> _Part:
        character = self._next()
        if character in _CLASSES:
            return _one_of(_CLASSES[character], is_whole=character == "d")
        if character.isalnum() or not character.isascii():
            raise _NotUnderstoodError
        return _texts(character)

    def _class(self) -> _Part:
        is_negated = self._take("^")
        members: set[str] = set()
        is_whole = True
        while not self._take("]") or not members:
            first = self._member(members)
            is_whole = is_whole and first != "\\s"
            if self._peek() == "-" and self._text[self._at + 1 : self._at + 2] not in ("]", "") and len(first) == 1:
                self._at += 1
                last = self._next()
                if last in "\\[" or len(first) != 1 or ord(last) < ord(first):
                    raise _NotUnderstoodError
                members |= {chr(code) for code in range(ord(first), ord(last) + 1)}
        if is_negated:
            usual = "xX0/-_a"
            return _Part(frozenset({("", True)}), False, tuple(each for each in usual if each not in members)[:3])
        return _one_of("".join(sorted(members)), is_whole=is_whole)

    def _member(self, members: set[str]) -> str:
        """Read one member of a class into `members`; return it, or the letter of a class that stands for several."""
        character = self._next()
        if character == "]" and not members:
            raise _NotUnderstoodError
        if character == "[":
            raise _NotUnderstoodError
        if character == "\\":
            character = self._next()
            if character in _CLASSES:
                members |= set(_CLASSES[character])
                return f"\\{character}"
            if character.isalnum():
                raise _NotUnderstoodError
        if self._any_case and not character.isascii():
            raise _NotUnderstoodError
        members.add(character)
        return character


def _one_of(members: str, *, is_whole: bool) -> _Part:
    if is_whole and len(members) <= _LARGEST_CLASS:
        return _texts(*members)
    ends = dict.fromkeys((members[:1], members[-1:], members[len(members) // 2 : len(members) // 2 + 1]))
    return _Part(frozenset({("", True)}), is_exact=False, samples=tuple(ends))
